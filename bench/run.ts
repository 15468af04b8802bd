import { spawnSync } from 'node:child_process';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { differences, type Findings, findingsOf, partial } from './agreement.ts';
import { ensureArchive, type GeneratedArchive } from './generate.ts';
import { canTell, measure, median, type Run } from './measure.ts';
import { type Size, sizes } from './sizes.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const data = fileURLToPath(new URL('../data/', import.meta.url));
const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** What fails a run with `--gate`. */
const gates = { ratio: 2, rss: 800e6, size: 'M' };

const usage = `usage: npm run bench -- [options]
  --size S|M|L|XL   sizes to measure, repeatable (default: S and M)
  --runs 5          runs after one warm-up
  --variants        check that the findings are the same in every container format
  --gate            end with 1 when M takes more than ${gates.ratio} x gzip or ${gates.rss / 1e6} MB, or findings differ; one retry
  --micro           measure single readers in memory instead
`;

interface Candidate {
  readonly name: string;
  readonly command: readonly string[];
}

interface Measured {
  readonly name: string;
  readonly runs: readonly Run[];
  /** Why it was given up. */
  readonly failure: string | undefined;
}

function candidates(file: string, folder: string): Candidate[] {
  const quoted = `'${file.replaceAll("'", "'\\''")}'`;
  const analyze = (jobs?: number): string[] => [
    ...[process.execPath, cli, 'analyze', file, '-o', join(folder, 'report.html'), '--quiet', '--fail-on', 'never'],
    ...(jobs === undefined ? [] : ['--jobs', `${jobs}`]),
  ];
  const igzip = spawnSync('igzip', ['--version'], { stdio: 'ignore' }).error === undefined;
  return [
    { name: 'gzip -dc | wc -c', command: ['sh', '-c', `gzip -dc ${quoted} | wc -c`] },
    ...(igzip ? [{ name: 'igzip -dc | wc -c', command: ['sh', '-c', `igzip -dc ${quoted} | wc -c`] }] : []),
    { name: 'extract only', command: [process.execPath, join(here, 'extract.js'), file] },
    { name: 'analyze --jobs 1', command: analyze(1) },
    { name: 'analyze --jobs 2', command: analyze(2) },
    { name: 'analyze', command: analyze() },
  ];
}

/** Runs all candidates in turn, again and again, so that a slow minute of the machine hits each of them. */
async function interleaved(size: Size, archive: GeneratedArchive, runs: number): Promise<Measured[]> {
  const folder = await mkdtemp(join(tmpdir(), 'meshtriage-bench-'));
  try {
    const list = candidates(archive.file, folder).map((candidate) => ({
      ...candidate,
      runs: [] as Run[],
      failure: undefined as string | undefined,
    }));
    for (let round = 0; round <= runs; round += 1) {
      for (const candidate of list) {
        if (candidate.failure !== undefined) continue;
        const run = await measure(candidate.command);
        if (run.status !== 0) candidate.failure = `status ${run.status}: ${headOf(run.stderr)}`;
        if (round === 0 || run.status !== 0) continue;
        candidate.runs.push(run);
        await record(size, archive, candidate.name, round, run);
      }
    }
    return list;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function record(size: Size, archive: GeneratedArchive, name: string, round: number, run: Run): Promise<void> {
  const line = {
    at: new Date().toISOString(),
    node: process.version,
    cores: availableParallelism(),
    size: size.name,
    archive: archive.sha256.slice(0, 16),
    packedBytes: archive.packedBytes,
    unpackedBytes: archive.bytes,
    entries: archive.entries,
    candidate: name,
    run: round,
    wall: run.wall,
    user: run.user,
    system: run.system,
    rss: run.rss,
  };
  await appendFile(join(here, 'results.ndjson'), `${JSON.stringify(line)}\n`);
}

function table(measured: readonly Measured[]): string {
  const fastest = (name: string): number =>
    Math.min(...(measured.find((one) => one.name === name)?.runs ?? []).map((run) => run.wall));
  const gzip = fastest('gzip -dc | wc -c');
  const extract = fastest('extract only');
  const cell = (text: string, width: number): string => text.padStart(width);
  const number = (value: number | undefined, digits = 2): string => (value === undefined ? '-' : value.toFixed(digits));
  let text = `${'command'.padEnd(20)}${['min s', 'median s', 'cpu s', 'x gzip', 'x extract', 'RSS MB'].map((title) => cell(title, 10)).join('')}\n`;
  for (const { name, runs, failure } of measured) {
    if (failure !== undefined) {
      text += `${name.padEnd(20)}  ${failure}\n`;
      continue;
    }
    const walls = runs.map((run) => run.wall);
    const least = Math.min(...walls);
    const cpu = canTell ? Math.min(...runs.map((run) => (run.user ?? 0) + (run.system ?? 0))) : undefined;
    const rss = canTell ? Math.max(...runs.map((run) => run.rss ?? 0)) / 1e6 : undefined;
    const cells = [
      number(least),
      number(median(walls)),
      number(cpu),
      number(least / gzip),
      number(least / extract),
      number(rss, 0),
    ];
    text += `${name.padEnd(20)}${cells.map((one) => cell(one, 10)).join('')}\n`;
  }
  return text;
}

/** Sentences about what is over the limits; none when all is well. */
function overLimits(size: Size, measured: readonly Measured[]): string[] {
  const failures = measured.flatMap(({ name, failure }) => (failure === undefined ? [] : [`${name}: ${failure}`]));
  if (size.name !== gates.size || failures.length > 0) return failures;
  const gzip = Math.min(...(measured[0]?.runs ?? []).map((run) => run.wall));
  return measured
    .filter(({ name }) => name.startsWith('analyze'))
    .flatMap(({ name, runs }) => {
      const ratio = Math.min(...runs.map((run) => run.wall)) / gzip;
      const rss = Math.max(...runs.map((run) => run.rss ?? 0));
      return [
        ...(ratio > gates.ratio ? [`${name} takes ${ratio.toFixed(2)} x gzip, more than ${gates.ratio}`] : []),
        ...(rss > gates.rss ? [`${name} takes ${(rss / 1e6).toFixed(0)} MB, more than ${gates.rss / 1e6}`] : []),
      ];
    });
}

async function agreement(size: Size, withVariants: boolean): Promise<string[]> {
  const { file } = await ensureArchive(data, size, 'tar.gz');
  const analyze = (path: string, jobs: number): string[] => [
    ...[process.execPath, cli, 'analyze', path, '--quiet', '--fail-on', 'never', '--jobs', `${jobs}`],
  ];
  const first = await findingsOf('--jobs 1', analyze(file, 1));
  if (first.status !== 0) return [`no findings to compare: status ${first.status}, ${headOf(first.stderr)}`];
  const others: Findings[] = [];
  for (const jobs of [2, 4]) others.push(await findingsOf(`--jobs ${jobs}`, analyze(file, jobs)));
  if (withVariants) {
    for (const variant of ['tar', 'zip', 'directory'] as const) {
      const made = await ensureArchive(data, size, variant);
      others.push(await findingsOf(variant, analyze(made.file, 2)));
    }
    const cut = await findingsOf('cut at 60 %', analyze((await ensureArchive(data, size, 'cut')).file, 2));
    console.log(`  cut at 60 %: status ${cut.status}, ${cut.gaps} gaps, causes ${cut.causes.join(', ') || 'none'}`);
    if (cut.status !== partial || cut.gaps === 0) {
      return [`cut at 60 %: status ${cut.status} and ${cut.gaps} gaps, expected ${partial} and at least 1`];
    }
  }
  console.log(`  causes: ${first.causes.join(', ') || 'none'}`);
  return others.flatMap((other) => {
    const parts = differences(first, other);
    return parts.length === 0 ? [] : [`${other.label} differs from --jobs 1 in ${parts.join(', ')}`];
  });
}

/** The first two lines of what a failed command wrote, on one. */
function headOf(stderr: string): string {
  return stderr.trim().split('\n').slice(0, 2).join(' ');
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      size: { type: 'string', multiple: true, default: ['S', 'M'] },
      runs: { type: 'string', default: '5' },
      variants: { type: 'boolean', default: false },
      gate: { type: 'boolean', default: false },
      micro: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  if (values.micro) {
    await import('./micro.ts').then(({ micro }) => micro());
    return 0;
  }
  if (!canTell) console.log('/usr/bin/time is missing: no processor time, no memory.');
  const runs = Number(values.runs);
  const failed: string[] = [];
  for (const name of values.size) {
    const size = sizes[name];
    if (size === undefined || !(runs >= 1)) {
      console.error(usage);
      return 2;
    }
    const archive = await ensureArchive(data, size, 'tar.gz');
    const mega = (bytes: number): string => (bytes / 1e6).toFixed(1);
    console.log(
      `\n${name}: ${archive.entries} files, ${mega(archive.bytes)} MB, packed ${mega(archive.packedBytes)} MB`,
    );
    let measured = await interleaved(size, archive, runs);
    let over = overLimits(size, measured);
    if (values.gate && over.length > 0) {
      console.log(`${table(measured)}  once more, because ${over.join('; ')}`);
      measured = await interleaved(size, archive, runs);
      over = overLimits(size, measured);
    }
    console.log(table(measured));
    const differing = await agreement(size, values.variants);
    console.log(differing.length === 0 ? '  the findings agree' : `  ${differing.join('\n  ')}`);
    failed.push(...over, ...differing);
  }
  for (const sentence of failed) console.log(`failed: ${sentence}`);
  return values.gate && failed.length > 0 ? 1 : 0;
}

process.exitCode = await main();
