import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measure } from './measure.ts';

// What the report says of the mesh; the rest says how the archive was packed and where the bytes were.
const parts = [
  'verdict',
  'about',
  'coverage',
  'diagnoses',
  'notChecked',
  'failedRules',
  'clear',
  'gaps',
  'proxies',
] as const;

/** The status of an analysis of an archive that was not whole. */
export const partial = 4;

/** Hashes of one report's parts, to compare with those of the same files read another way. */
export interface Findings {
  readonly label: string;
  readonly status: number;
  readonly stderr: string;
  /** Ids of the causes, most important first. */
  readonly causes: readonly string[];
  readonly gaps: number;
  readonly hashes: Readonly<Record<string, string>>;
}

/** Analyses an archive to JSON and hashes what was found. */
export async function findingsOf(label: string, command: readonly string[]): Promise<Findings> {
  const folder = await mkdtemp(join(tmpdir(), 'meshtriage-bench-'));
  const file = join(folder, 'report.json');
  try {
    const run = await measure([...command, '--format', 'json', '-o', file]);
    if (run.status !== 0 && run.status !== partial)
      return { label, status: run.status, stderr: run.stderr, causes: [], gaps: 0, hashes: {} };
    const report = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    const hash = (value: unknown): string =>
      createHash('sha256')
        .update(JSON.stringify(value) ?? 'absent')
        .digest('hex')
        .slice(0, 16);
    return {
      label,
      status: run.status,
      stderr: run.stderr,
      causes: causesOf(report['diagnoses']),
      gaps: Array.isArray(report['gaps']) ? report['gaps'].length : 0,
      hashes: Object.fromEntries(parts.map((part) => [part, hash(report[part])])),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function causesOf(diagnoses: unknown): string[] {
  if (!Array.isArray(diagnoses)) return [];
  return diagnoses.map((diagnosis: { cause?: { id?: unknown } }) => String(diagnosis.cause?.id));
}

/** The parts in which a report differs from the first; none when they agree. */
export function differences(first: Findings, other: Findings): string[] {
  if (other.status !== 0) return [`status ${other.status}`];
  return parts.filter((part) => first.hashes[part] !== other.hashes[part]);
}
