import type { Archive, EntryHeader, EntrySink } from '../input/archive.ts';
import { canonicalName, innermostPath } from '../input/path.ts';
import type { Artifact } from './artifact.ts';
import { layouts } from './layouts.ts';
import { mask } from './mask.ts';
import { maskedPath } from './mask-files.ts';
import { matchPath } from './path-pattern.ts';
import type { Parser, ReadContext, Reader, SourceFile } from './reader.ts';
import { recogniseByContent } from './recognise.ts';

/** One file of the archive and what became of it. */
export interface FileRead {
  readonly path: string;
  /** Unpacked bytes that were read. */
  readonly bytes: number;
  /** Reader's name, or `none`. */
  readonly reader: string;
  readonly status: 'read' | 'partial' | 'unrecognised' | 'ignored';
  /** Facts taken from it. */
  readonly facts: number;
}

/** What one pass over an archive delivered beside its artifacts. */
export interface ReadSummary {
  readonly files: readonly FileRead[];
  readonly bytes: number;
  /** Newest modification time of the entries, ISO 8601 UTC. */
  readonly newest?: string;
  /** False when the container itself was cut, a limit was hit or something of it could not be read. */
  readonly complete: boolean;
}

/** How an archive is read among others. */
export interface ReadOptions {
  /** Stands before every path in facts, so that places in several archives of one ticket stay apart; see `prefixesOf`. */
  readonly prefix?: string;
  readonly progress?: ((entries: number, bytes: number, entry: string) => void) | undefined;
}

/** What stands before the paths of each archive: nothing for a single one, `name!/` for several, numbered where names repeat. */
export function prefixesOf(archives: readonly Archive[]): readonly string[] {
  if (archives.length < 2) return archives.map(() => '');
  return archives.map(({ name }, index) => {
    const before = archives.slice(0, index).filter((other) => other.name === name).length;
    return before === 0 ? `${name}!/` : `${name}#${before + 1}!/`;
  });
}

/** Where artifacts go; called in the order of the archive's entries. */
export type TakeArtifact = (artifact: Artifact) => void;

/** One file on its way through its reader, wherever that runs. */
export interface Reading extends EntrySink {
  /** Settles once the reader has seen the last byte. */
  readonly done: Promise<Finished>;
}

/** What a reader made of one file. */
export interface Finished {
  readonly reader: string;
  readonly artifacts: readonly Artifact[];
  readonly recognised: boolean;
}

/** Runs readers: on this thread, or on others. */
export interface Crew {
  start(reader: string, file: SourceFile): Reading;
  /** A promise while too much is in flight. */
  ready(): Promise<void> | undefined;
  close(): Promise<void>;
}

const route = (path: string): { readonly reader: Reader | undefined; readonly params: SourceFile['params'] } => {
  const canonical = canonicalName(innermostPath(path));
  for (const layout of layouts) {
    for (const [pattern, reader] of layout) {
      const params = matchPath(pattern, canonical);
      if (params !== undefined) return { reader, params };
    }
  }
  return { reader: undefined, params: {} };
};

/** Readers by name, so that a name is all that crosses to a thread. */
export const readersByName: ReadonlyMap<string, Reader> = new Map(
  layouts.flatMap((layout) => layout.map(([, reader]) => [reader.name, reader] as const)),
);

/** The name under which a file without a known path is sent to a crew: it is recognised by content. */
export const byContent = 'by-content';

/**
 * Reads an archive once, forward. Each file goes to the reader of its path, one without a known path to the reader its content
 * calls for. Artifacts are delivered in the order of the entries, whatever the crew. Never throws for bad input.
 */
export async function read(
  archive: Archive,
  crew: Crew,
  take: TakeArtifact,
  { prefix = '', progress }: ReadOptions = {},
): Promise<ReadSummary> {
  const files: FileRead[] = [];
  let bytes = 0;
  let newest: string | undefined;
  let complete = true;
  // Artifacts are folded in entry order: each file waits for the one before it.
  let previous: Promise<void> = Promise.resolve();

  const entry = (header: EntryHeader): EntrySink => {
    const path = maskedPath(header.path);
    const { reader, params } = route(path);
    const file: SourceFile = {
      path: prefix + path,
      params,
      size: header.size,
      ...(header.modified === undefined ? {} : { modified: header.modified }),
    };
    if (header.modified !== undefined && (newest === undefined || header.modified > newest)) newest = header.modified;
    const reading = crew.start(reader?.name ?? byContent, file);
    const index = files.length;
    files.push({ path: file.path, bytes: 0, reader: 'none', status: 'ignored', facts: 0 });
    let size = 0;
    let whole = true;
    const finish = async (before: Promise<void>): Promise<void> => {
      const finished = await reading.done;
      await before;
      for (const artifact of finished.artifacts) take(artifact);
      files[index] = {
        path: file.path,
        bytes: size,
        reader: finished.reader,
        status: !finished.recognised ? 'unrecognised' : whole ? 'read' : 'partial',
        facts: finished.artifacts.filter(({ kind }) => kind !== 'gap' && kind !== 'seen').length,
      };
    };
    previous = finish(previous);
    return {
      push(chunk) {
        size += chunk.length;
        bytes += chunk.length;
        reading.push(chunk);
        progress?.(files.length, bytes, path);
      },
      end(entire) {
        whole = entire;
        if (!entire) complete = false;
        reading.end(entire);
      },
    };
  };

  await archive.visit({
    entry,
    gap(gap) {
      // What is left out on purpose (resource forks of a Mac, links) does not make an archive partial.
      if (gap.reason !== 'skipped') complete = false;
      take({ kind: 'gap', value: { ...gap, file: prefix + maskedPath(gap.file), detail: mask(gap.detail) } });
    },
    ready: () => crew.ready(),
  });
  await previous;
  return { files, bytes, complete, ...(newest === undefined ? {} : { newest }) };
}

/** Runs every reader on the calling thread. */
export function ownCrew(context: ReadContext): Crew {
  return {
    start: (name, file) => startReading(name, file, context),
    ready: () => undefined,
    close: () => Promise.resolve(),
  };
}

/** Opens a reader by name on this thread. A reader that throws is our bug: it costs its file, not the analysis. */
export function startReading(name: string, file: SourceFile, context: ReadContext): Reading {
  const artifacts: Artifact[] = [];
  const emit = (artifact: Artifact): void => void artifacts.push(artifact);
  const reader = readersByName.get(name);
  let parser: Parser | undefined;
  let took = reader;
  let failed = false;
  const fail = (error: unknown): void => {
    failed = true;
    const reason = error instanceof Error ? error.message : String(error);
    emit({
      kind: 'gap',
      value: {
        file: file.path,
        reason: 'malformed',
        detail: `the reader ${took?.name ?? name} failed and read no further: ${reason}`,
      },
    });
  };
  const attempt = (work: () => void): void => {
    if (failed) return;
    try {
      work();
    } catch (error) {
      fail(error);
    }
  };

  // A file without a known path waits for enough of its content to be recognised by.
  const head: Uint8Array[] = [];
  let headBytes = 0;
  let decided = reader !== undefined;
  const decide = (): void => {
    decided = true;
    took = recogniseByContent(Buffer.concat(head));
    if (took === undefined) {
      head.length = 0;
      return;
    }
    parser = took.open(file, context, emit);
    for (const chunk of head.splice(0)) parser.push(chunk);
  };
  if (reader !== undefined) attempt(() => (parser = reader.open(file, context, emit)));

  let settle: (finished: Finished) => void = () => undefined;
  const done = new Promise<Finished>((resolve) => {
    settle = resolve;
  });
  return {
    done,
    push(chunk) {
      attempt(() => {
        if (decided) {
          parser?.push(chunk);
          return;
        }
        head.push(chunk);
        headBytes += chunk.length;
        if (headBytes >= headNeeded) decide();
      });
    },
    end(complete) {
      attempt(() => {
        if (!decided) decide();
        parser?.end(complete);
      });
      if (took === undefined && !failed) {
        emit({
          kind: 'gap',
          value: {
            file: file.path,
            reason: 'unrecognised',
            detail: 'no reader knows this file by its path or its content',
          },
        });
      }
      settle({ reader: took?.name ?? 'none', artifacts, recognised: took !== undefined });
    },
  };
}

/** Enough to see a list's first item behind a long licence header or a prompt. */
const headNeeded = 64 * 1024;
