import { availableParallelism } from 'node:os';
import { examine } from './catalog/examine.ts';
import { builtInRules } from './catalog/index.ts';
import type { AnyRule, Finding, Outcome } from './catalog/rule.ts';
import { diagnose } from './diagnosis/diagnose.ts';
import { namespacesOf } from './diagnosis/scope.ts';
import { UserError } from './errors.ts';
import { type Archive, defaultLimits, type Limits } from './input/archive.ts';
import { openArchive } from './input/open.ts';
import { type MeshBuilder, meshBuilder } from './model/build.ts';
import { apart, identityOf } from './model/clusters-apart.ts';
import type { Mesh } from './model/mesh.ts';
import type { Artifact } from './parse/artifact.ts';
import type { Gap } from './parse/facts.ts';
import { maskedPath } from './parse/mask-files.ts';
import { prefixesOf, type ReadSummary, read } from './parse/read.ts';
import type { ReadContext } from './parse/reader.ts';
import { crewFor } from './parse/threads.ts';
import { cite } from './report/cite.ts';
import type { Report } from './report/report.ts';
import { toReport } from './report/to-report.ts';
import { version } from './version.ts';

/** What a caller may ask of an analysis. */
export interface Options {
  /** Bounds on what is read; see `defaultLimits`. */
  readonly limits?: Partial<Limits>;
  /**
   * Threads in all, the one that reads the archive among them; 1 does everything on the main thread. Never more than cores, nor
   * than 4: one thread unpacks, more than three cannot be fed, and each costs memory.
   */
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

const mostJobs = 4;

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
  const rules = chosen(builtInRules, options);
  const { archives, summaries, mesh, gaps } = await observe(paths, rules, options);
  refuseForeign(archives, summaries, mesh);

  const total = {
    entries: summaries.flatMap(({ files }) => files).length,
    bytes: summaries.reduce((sum, { bytes }) => sum + bytes, 0),
  };
  options.progress?.({ stage: 'judging', ...total });
  const outcomes = within(examine(mesh, rules), options.namespaces);
  const diagnoses = diagnose(outcomes, rules, mesh);
  const report = toReport({ archives, summaries, mesh, rules, outcomes, diagnoses, gaps, version });

  options.progress?.({ stage: 'quoting', ...total });
  return cite(report, archives);
}

/** What one pass over the archives shows, before any judgement. */
export interface Observed {
  readonly archives: readonly Archive[];
  readonly summaries: readonly ReadSummary[];
  readonly mesh: Partial<Mesh>;
  readonly gaps: readonly Gap[];
}

/** Reads archives into one mesh. Throws UserError when a path cannot be opened. */
export async function observe(
  paths: readonly string[],
  rules: readonly AnyRule[],
  options: Options = {},
): Promise<Observed> {
  const limits = { ...defaultLimits, ...options.limits };
  const archives: Archive[] = [];
  for (const path of paths) {
    const archive = await openArchive(path, limits, options.stdin);
    archives.push({ ...archive, name: maskedPath(archive.name) });
  }
  const context: ReadContext = {
    signatures: rules.flatMap(({ signatures }) => signatures ?? []),
    lineBytes: limits.lineBytes,
  };

  const builder = meshBuilder();
  const summaries: ReadSummary[] = [];
  /** What each archive says, where there are several: they may be of different clusters. */
  const held: Artifact[][] = archives.map(() => []);
  const several = archives.length > 1;
  const crew = crewFor(
    Math.min(options.jobs ?? mostJobs, mostJobs, availableParallelism()),
    archives.reduce((sum, { bytes }) => sum + bytes, 0),
    context,
  );
  try {
    const prefixes = prefixesOf(archives);
    const progress =
      options.progress &&
      ((entries: number, bytes: number, entry: string) =>
        options.progress?.({ stage: 'reading', entries, bytes, entry }));
    for (const [index, archive] of archives.entries()) {
      const own = held[index];
      const take = several && own !== undefined ? (artifact: Artifact): void => void own.push(artifact) : builder.add;
      summaries.push(await read(archive, crew, take, { prefix: prefixes[index] ?? '', progress }));
    }
  } finally {
    await crew.close();
  }
  const conflicts = several ? addOneCluster(archives, held, builder) : [];
  const left = new Set(conflicts.map(({ index }) => index));
  const judged = summaries.map((summary, index) => (left.has(index) ? leftOut(summary) : summary));
  const newest = judged
    .flatMap((summary, index) => (left.has(index) ? [] : (summary.newest ?? [])))
    .toSorted()
    .at(-1);
  const { mesh, gaps } = builder.build(newest === undefined ? {} : { newest });
  return { archives, summaries: judged, mesh, gaps: [...conflicts.map(({ gap }) => gap), ...gaps] };
}

/** Gives the builder what the archives of one cluster say, and says of the others that they were left out. */
function addOneCluster(
  archives: readonly Archive[],
  held: readonly (readonly Artifact[])[],
  builder: MeshBuilder,
): readonly { readonly index: number; readonly gap: Gap }[] {
  const { together, others } = apart(held.map(identityOf));
  for (const index of together) for (const artifact of held[index] ?? []) builder.add(artifact);
  const names = together.map((index) => archives[index]?.name).join(', ');
  return others.map(({ index, because }) => {
    const file = archives[index]?.name ?? '';
    const detail = `it shows another cluster than ${names} (${because}) and is left out; analyze it on its own: meshtriage analyze ${file}`;
    return { index, gap: { file, reason: 'conflict', detail } };
  });
}

/** The files of an archive that was read, and judged to be of another cluster. */
const leftOut = (summary: ReadSummary): ReadSummary => ({
  ...summary,
  files: summary.files.map((file) => ({ ...file, status: 'ignored', facts: 0 })),
});

function chosen(rules: readonly AnyRule[], { only, skip }: Options): readonly AnyRule[] {
  return rules.filter(({ id }) => (only === undefined || only.includes(id)) && !skip?.includes(id));
}

/** Keeps what concerns the namespaces asked for, and what concerns the whole mesh. */
function within(outcomes: readonly Outcome[], namespaces: readonly string[] | undefined): readonly Outcome[] {
  if (namespaces === undefined || namespaces.length === 0) return outcomes;
  return outcomes.map((outcome): Outcome => {
    if (outcome.status !== 'found') return outcome;
    const [first, ...others] = outcome.finding.occurrences.filter(
      ({ scope }) => namespacesOf(scope)?.some((name) => namespaces.includes(name)) ?? true,
    );
    if (first === undefined) return { rule: outcome.rule, status: 'clear' };
    const finding: Finding = { ...outcome.finding, occurrences: [first, ...others] };
    return { ...outcome, finding };
  });
}

/** An archive of something else is said to be so, rather than reported on with nothing found. */
function refuseForeign(archives: readonly Archive[], summaries: readonly ReadSummary[], mesh: Partial<Mesh>): void {
  const telling: readonly (readonly unknown[] | undefined)[] = [
    mesh.proxies,
    mesh.revisions,
    mesh.config,
    mesh.logFiles,
    mesh.clusters,
    mesh.clusterConfigs,
    mesh.sync,
    mesh.analysis,
    mesh.collections,
    mesh.certificates,
    mesh.metrics,
    mesh.meshConfigs,
    mesh.tags,
    mesh.injectionChecks,
    mesh.appliedPolicies,
    mesh.azureErrors,
    mesh.managedClusters,
    // A table tells too little of its pods to say that none has a sidecar.
    mesh.podRows,
    mesh.versions?.filter(({ component }) => component !== 'kubernetes' && component !== 'kubectl'),
  ];
  if (telling.some((facts) => facts !== undefined && facts.length > 0)) return;
  const files = summaries.flatMap((summary) => summary.files);
  const names = archives.map(({ name }) => name).join(', ');
  const expected = "expected an istioctl bug-report, or output of istioctl, kubectl or Envoy's admin port";
  if (archives.length === 1 && archives[0]?.format === 'file' && files[0]?.status === 'unrecognised')
    throw new UserError('ARCHIVE_UNRECOGNISED', `${names}: no archive, and no text that any reader knows; ${expected}`);
  const some = files.slice(0, 3).map(({ path }) => path);
  const found =
    files.length === 0
      ? 'it holds no files'
      : `it holds ${files.length} file${files.length === 1 ? '' : 's'} (${some.join(', ')}${files.length > 3 ? ', …' : ''})`;
  throw new UserError('ARCHIVE_UNRECOGNISED', `${names}: nothing of Istio in it: ${found}; ${expected}`);
}
