import type { Options } from '../analyze.ts';
import type { Gap } from '../parse/facts.ts';
import type { FileRead } from '../parse/read.ts';
import { clip, counted, grouped } from '../report/format.ts';
import { exitStatus } from './exit.ts';

/** The flags of `inspect`. */
export interface InspectFlags {
  readonly json?: boolean;
  readonly jobs?: number;
}

/** One file as `inspect` shows it. */
interface Inspected extends FileRead {
  /** What of it was not understood. */
  readonly gaps: readonly Omit<Gap, 'file'>[];
}

const certainty: Readonly<Record<FileRead['by'], string>> = {
  path: 'path',
  content: 'content',
  name: 'command line',
  none: '-',
};

/** Gaps shown of one file. */
const shownGaps = 5;

/** `inspect ARCHIVE...`: prints what each file was taken for, and what was not understood. Judges nothing. */
export async function runInspect(paths: readonly string[], flags: InspectFlags): Promise<number> {
  const { observe } = await import('../analyze.ts');
  const { builtInRules } = await import('../catalog/index.ts');
  const options: Options = { stdin: process.stdin, ...(flags.jobs === undefined ? {} : { jobs: flags.jobs }) };
  const { summaries, gaps } = await observe(paths, builtInRules, options);

  const byFile = new Map<string, Omit<Gap, 'file'>[]>();
  for (const { file, ...gap } of gaps) byFile.set(file, [...(byFile.get(file) ?? []), gap]);
  const read = summaries.flatMap(({ files }) => files);
  const files = read.map((file): Inspected => ({ ...file, gaps: byFile.get(file.path) ?? [] }));
  const known = new Set(read.map(({ path }) => path));
  const others = gaps.filter(({ file }) => !known.has(file));
  const complete = summaries.every((summary) => summary.complete);

  process.stdout.write(
    flags.json ? `${JSON.stringify({ schema: 1, complete, files, gaps: others }, null, 2)}\n` : listOf(files, others),
  );
  return complete ? exitStatus.clean : exitStatus.partial;
}

function listOf(files: readonly Inspected[], others: readonly Gap[]): string {
  const lines: string[] = [];
  for (const file of files) {
    lines.push(clip(file.path, 1000));
    if (file.status === 'unrecognised') lines.push('  UNRECOGNISED');
    else {
      const facts = file.facts === 0 ? 'no facts' : counted(file.facts, 'fact');
      const whose = file.owner === undefined ? '' : ` of ${clip(file.owner, 300)}`;
      const part = file.status === 'partial' ? ', read in part' : '';
      lines.push(
        `  ${clip(file.title, 300)} (${clip(file.reader, 300)}), by its ${certainty[file.by]}; ${facts}${whose}${part}`,
      );
    }
    const gaps = file.gaps.filter(({ reason }) => file.status !== 'unrecognised' || reason !== 'unrecognised');
    for (const gap of gaps.slice(0, shownGaps)) lines.push(`  ! ${gapText(gap)}`);
    if (gaps.length > shownGaps) lines.push(`  ! ${counted(gaps.length - shownGaps, 'more gap')}, see --json`);
  }
  for (const gap of others) lines.push(clip(gap.file, 1000), `  ! ${gapText(gap)}`);
  const count = (what: (file: Inspected) => boolean): string => grouped(files.filter(what).length);
  const gaps = files.reduce((sum, file) => sum + file.gaps.length, others.length);
  lines.push(
    `${counted(files.length, 'file')}: known by path ${count(({ by }) => by === 'path')}, by content ${count(({ by }) => by === 'content')}, by command line ${count(({ by }) => by === 'name')}, unrecognised ${count(({ status }) => status === 'unrecognised')}; ${counted(gaps, 'gap')}`,
  );
  return `${lines.join('\n')}\n`;
}

const gapText = ({ reason, detail, line }: Omit<Gap, 'file'>): string =>
  `${line === undefined ? '' : `line ${grouped(line)}: `}${reason}: ${clip(detail.replace(/\s+/g, ' '), 400)}`;
