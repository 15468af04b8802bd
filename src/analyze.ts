import type { Limits } from './input/archive.ts';
import type { Report } from './report/report.ts';

/** What a caller may ask of an analysis. */
export interface Options {
  /** Bounds on what is read; see `defaultLimits`. */
  readonly limits?: Partial<Limits>;
  /** Worker threads beside the main one: 1 reads everything on the main thread. Default: cores, at most 4. */
  readonly jobs?: number;
  /** Rule ids to check; all when absent. */
  readonly only?: readonly string[];
  /** Rule ids to leave out. */
  readonly skip?: readonly string[];
  /** Findings whose scope names another namespace are left out. */
  readonly namespaces?: readonly string[];
  /** Where `-` reads from. */
  readonly stdin?: NodeJS.ReadableStream;
  /** Called now and then while reading: for a progress line. */
  readonly progress?: (progress: Progress) => void;
}

/** How far the analysis is. Bytes are unpacked bytes. */
export interface Progress {
  readonly stage: 'reading' | 'judging' | 'quoting';
  readonly entries: number;
  readonly bytes: number;
  /** Path of the entry being read. */
  readonly entry?: string;
}

/**
 * Diagnoses one archive, or several that belong to one ticket.
 * Throws UserError when a path cannot be opened or holds nothing of Istio; whatever else is wrong becomes a gap.
 */
export async function analyze(paths: readonly string[], options: Options = {}): Promise<Report> {
  throw new Error(`not built yet: ${paths.length} ${Object.keys(options).length}`);
}
