import type { Archive, EntryHeader, EntrySink } from '../input/archive.ts';
import { canonicalName, innermostPath } from '../input/path.ts';
import type { Artifact } from './artifact.ts';
import type { ProxyRef } from './facts.ts';
import { layouts } from './layouts.ts';
import { mask } from './mask.ts';
import { maskedPath } from './mask-files.ts';
import { matchPath } from './path-pattern.ts';
import type { Parser, ReadContext, Reader, SourceFile } from './reader.ts';
import { type ChosenBy, type LooseParser, openLoose, type Taken } from './sections.ts';

/** One file of the archive and what became of it. */
export interface FileRead {
  readonly path: string;
  /** Unpacked bytes that were read. */
  readonly bytes: number;
  /** Reader's name, or `none`; several, comma-separated, for a file of several outputs. */
  readonly reader: string;
  /** What the file was taken for, for people; '' where no reader knows it. */
  readonly title: string;
  /** What told the reader: the path in a known layout, the content, or the command that the file is named after or holds. */
  readonly by: ChosenBy;
  /** Pod the facts are about, `namespace/pod`; the first ones where they are several. Absent where nothing names one. */
  readonly owner?: string;
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
  readonly title: string;
  readonly by: ChosenBy;
  readonly artifacts: readonly Artifact[];
  readonly recognised: boolean;
  /** The reader, or the thread it ran on, failed: something of the file is missing. */
  readonly broken?: boolean;
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
const readersByName: ReadonlyMap<string, Reader> = new Map(
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
    files.push({ path: file.path, bytes: 0, reader: 'none', title: '', by: 'none', status: 'ignored', facts: 0 });
    let size = 0;
    let whole = true;
    const finish = async (before: Promise<void>): Promise<void> => {
      const finished = await reading.done;
      await before;
      for (const artifact of finished.artifacts) take(artifact);
      if (finished.broken) complete = false;
      files[index] = {
        path: file.path,
        bytes: size,
        reader: finished.reader,
        title: finished.title,
        by: finished.by,
        ...ownerOf(finished.artifacts),
        status: !finished.recognised ? 'unrecognised' : whole && !finished.broken ? 'read' : 'partial',
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

/** The pods that facts of a file are about. */
function ownerOf(artifacts: readonly Artifact[]): { readonly owner?: string } {
  const owners = new Set<string>();
  for (const { kind, value } of artifacts) {
    // What istiod says of its proxies is no fact of theirs.
    if (kind === 'sync' || kind === 'connection') continue;
    const whose: ProxyRef | undefined =
      kind === 'log-file' ? value.pod : 'proxy' in value && typeof value.proxy === 'object' ? value.proxy : undefined;
    if (whose === undefined || whose.pod === '') continue;
    owners.add(whose.namespace === '' ? whose.pod : `${whose.namespace}/${whose.pod}`);
    if (owners.size > mostOwners) break;
  }
  const shown = [...owners].slice(0, mostOwners).join(', ');
  return owners.size === 0 ? {} : { owner: owners.size > mostOwners ? `${shown}, …` : shown };
}

const mostOwners = 3;

/** Opens a reader by name on this thread. A reader that throws is our bug: it costs its file, not the analysis. */
export function startReading(name: string, file: SourceFile, context: ReadContext): Reading {
  const artifacts: Artifact[] = [];
  const emit = (artifact: Artifact): void => void artifacts.push(artifact);
  const reader = readersByName.get(name);
  let parser: Parser | undefined;
  let loose: LooseParser | undefined;
  let failed = false;
  const taken = (): Taken => loose?.taken() ?? (reader === undefined ? nobody : { readers: [reader], by: 'path' });
  const namesOf = ({ readers }: Taken): string => readers.map((each) => each.name).join(', ') || 'none';
  const fail = (error: unknown): void => {
    failed = true;
    const reason = error instanceof Error ? error.message : String(error);
    const last = taken().readers.at(-1)?.name ?? name;
    emit({
      kind: 'gap',
      value: {
        file: file.path,
        reason: 'malformed',
        detail: `the reader ${last} failed and read no further: ${reason}`,
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
  attempt(() => {
    if (reader === undefined) loose = openLoose(file, context, emit);
    parser = loose ?? reader?.open(file, context, emit);
  });

  let settle: (finished: Finished) => void = () => undefined;
  const done = new Promise<Finished>((resolve) => {
    settle = resolve;
  });
  return {
    done,
    push: (chunk) => attempt(() => parser?.push(chunk)),
    end(complete) {
      attempt(() => parser?.end(complete));
      const found = taken();
      if (found.readers.length === 0 && !failed) {
        emit({
          kind: 'gap',
          value: {
            file: file.path,
            reason: 'unrecognised',
            detail: 'no reader knows this file by its path or its content',
          },
        });
      }
      settle({
        reader: namesOf(found),
        title: found.readers.map(({ title }) => title).join(', '),
        by: found.by,
        artifacts,
        recognised: found.readers.length > 0,
        ...(failed ? { broken: true } : {}),
      });
    },
  };
}

const nobody: Taken = { readers: [], by: 'none' };
