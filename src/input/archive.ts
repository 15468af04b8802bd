/** Bounds on what is read. Each one that is hit becomes a gap of the report, never an exception. */
export interface Limits {
  /** Unpacked bytes over all entries. */
  readonly totalBytes: number;
  /** Number of entries. */
  readonly entries: number;
  /** Unpacked bytes of one entry; the rest of a longer entry is not read. */
  readonly entryBytes: number;
  /** Unpacked bytes per packed byte over the whole archive, checked once more than 64 MiB came out. */
  readonly ratio: number;
  /** Archives within archives. 0 opens none. */
  readonly nesting: number;
  /** Bytes of one line that are matched; the rest of a longer line is not looked at. */
  readonly lineBytes: number;
}

export const defaultLimits: Limits = {
  totalBytes: 64 * 2 ** 30,
  entries: 1_000_000,
  entryBytes: 4 * 2 ** 30,
  ratio: 1000,
  nesting: 2,
  lineBytes: 64 * 1024,
};

/** What is known about one file of an archive before its bytes. */
export interface EntryHeader {
  /** Normalised: `/` as separator, no leading `./`, no escape, the archive's root folder dropped. */
  readonly path: string;
  /** Unpacked bytes as declared by the container; -1 when it does not say. */
  readonly size: number;
  /** Modification time, ISO 8601 UTC, when the container has one. */
  readonly modified?: string;
}

/** Takes the bytes of one entry. `push` may keep the chunk only until it returns; `end` is called once, also when cut short. */
export interface EntrySink {
  push(chunk: Uint8Array): void;
  /** `complete` is false when the entry was cut: a truncated container or a limit. */
  end(complete: boolean): void;
}

/** Why something of the container itself could not be read. */
export interface ContainerGap {
  readonly file: string;
  readonly reason: 'truncated' | 'malformed' | 'too-large' | 'skipped';
  readonly detail: string;
}

/**
 * Visits an archive: `entry` is called for each file in stored order and answers with where its bytes go, or undefined
 * to skip them; `gap` for whatever could not be read. `ready`, when given, is awaited between chunks so that a visitor that
 * hands work to threads can hold the reader back. Returning `stop` from `entry` ends the visit.
 */
export interface ArchiveVisitor {
  entry(header: EntryHeader): EntrySink | 'stop' | undefined;
  gap(gap: ContainerGap): void;
  ready?(): Promise<void> | undefined;
}

export type ArchiveFormat = 'tar.gz' | 'tar' | 'zip' | 'directory' | 'file' | 'file.gz';

/** A support archive. It can be visited more than once; each visit reads it again. */
export interface Archive {
  /** Base name of the file or folder, `standard input` for a stream. */
  readonly name: string;
  readonly format: ArchiveFormat;
  /** Packed bytes; for a directory the sum of its files. */
  readonly bytes: number;
  visit(visitor: ArchiveVisitor): Promise<void>;
}
