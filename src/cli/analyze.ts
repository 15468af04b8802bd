import type { Options, Progress } from '../analyze.ts';
import type { Severity } from '../catalog/rule.ts';
import { UserError } from '../errors.ts';
import type { Limits } from '../input/archive.ts';
import { counted, visible } from '../report/format.ts';
import type { Format } from '../report/render.ts';
import type { Report } from '../report/report.ts';
import { findingsOf, reaches, statusOf } from './exit.ts';
import { nearest } from './near.ts';
import { checkTargets, type Target, targetsOf, writeDocument } from './output.ts';
import { progressLine } from './progress.ts';
import { wantsColor } from './terminal.ts';

/** The flags of `analyze` as commander hands them over. */
export interface AnalyzeFlags {
  readonly output?: readonly string[];
  readonly format?: readonly Format[];
  readonly failOn: Severity | 'never';
  readonly minSeverity: Severity;
  readonly only?: readonly string[];
  readonly skip?: readonly string[];
  readonly namespace?: readonly string[];
  readonly jobs?: number;
  readonly quiet?: boolean;
  readonly color: boolean;
  readonly maxTotal: number;
  readonly maxEntries: number;
  readonly maxEntry: number;
  readonly maxRatio: number;
  readonly maxNesting: number;
  readonly maxLine: number;
}

/** `analyze ARCHIVE...`: writes the report in the formats asked for and returns the exit status. */
export async function runAnalyze(paths: readonly string[], flags: AnalyzeFlags): Promise<number> {
  const targets = targetsOf(flags.output ?? [], flags.format ?? []);
  checkInputs(paths);
  checkTargets(targets, paths);
  await checkRules([...(flags.only ?? []), ...(flags.skip ?? [])]);

  const { analyze } = await import('../analyze.ts');
  const line = progressLine(process.stderr, flags.quiet ?? false);
  let report: Report;
  try {
    report = await analyze(paths, optionsOf(flags, line && ((progress) => line.show(progress))));
  } finally {
    line?.erase();
  }

  const shown = withoutBelow(report, flags.minSeverity);
  for (const { file, format } of targets) {
    const document = await draw(shown, { file, format }, flags.color);
    if (file === '-') process.stdout.write(document);
    else writeDocument(file, document);
  }
  const files = targets.filter(({ file }) => file !== '-');
  if (files.length > 0 && !flags.quiet) {
    const written = files.map(({ file, format }) => `${format} report: ${file}\n`);
    process.stderr.write(`${visible(report.verdict.sentence)}\n${written.join('')}`);
  }
  return statusOf(report, flags.failOn);
}

function checkInputs(paths: readonly string[]): void {
  if (paths.indexOf('-') !== paths.lastIndexOf('-')) throw new UserError('USAGE', 'standard input (-) is named twice');
}

async function checkRules(ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const { builtInRules } = await import('../catalog/index.ts');
  const known = builtInRules.map(({ id }) => id);
  const unknown = ids.find((id) => !known.includes(id));
  if (unknown !== undefined) throw unknownRule(unknown, known);
}

/** The error for a rule id that does not exist, with the ids that may have been meant. */
export function unknownRule(id: string, known: readonly string[]): UserError {
  const near = nearest(id, known);
  const advice =
    near.length > 0 ? `did you mean ${near.join(' or ')}?` : `'meshtriage rules' lists all ${known.length}`;
  return new UserError('RULE_UNKNOWN', `no rule is named '${id}'; ${advice}`);
}

function optionsOf(flags: AnalyzeFlags, progress: ((progress: Progress) => void) | undefined): Options {
  const limits: Limits = {
    totalBytes: flags.maxTotal,
    entries: flags.maxEntries,
    entryBytes: flags.maxEntry,
    ratio: flags.maxRatio,
    nesting: flags.maxNesting,
    lineBytes: flags.maxLine,
  };
  return {
    limits,
    stdin: process.stdin,
    ...(flags.jobs === undefined ? {} : { jobs: flags.jobs }),
    ...(flags.only ? { only: flags.only } : {}),
    ...(flags.skip ? { skip: flags.skip } : {}),
    ...(flags.namespace ? { namespaces: flags.namespace } : {}),
    ...(progress ? { progress } : {}),
  };
}

/**
 * The report as the documents show it: findings below a severity are left out, and it says how many; a cause stays while
 * something it explains is shown. The verdict and the exit status are of the whole.
 */
export function withoutBelow(report: Report, severity: Severity): Report {
  const diagnoses = report.diagnoses
    .map((diagnosis) => ({
      ...diagnosis,
      consequences: diagnosis.consequences.filter((finding) => reaches(finding.severity, severity)),
    }))
    .filter(({ cause, consequences }) => consequences.length > 0 || reaches(cause.severity, severity));
  const hidden = findingsOf(report).length - findingsOf({ diagnoses }).length;
  if (hidden === 0) return report;
  const detail = `${report.verdict.detail} Left out: ${counted(hidden, 'finding')} below severity ${severity}.`;
  return { ...report, diagnoses, verdict: { ...report.verdict, detail } };
}

async function draw(report: Report, { file, format }: Target, color: boolean): Promise<string> {
  if (format === 'text' && file === '-') {
    const { renderText } = await import('../report/text.ts');
    const { isTTY, columns } = process.stdout;
    return renderText(report, { color: wantsColor(color, isTTY, process.env), width: (isTTY && columns) || 100 });
  }
  const { render } = await import('../report/render.ts');
  return render(report, format);
}
