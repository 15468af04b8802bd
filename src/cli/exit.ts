import type { Severity } from '../catalog/rule.ts';
import type { JudgedFinding } from '../diagnosis/diagnose.ts';
import type { UserError } from '../errors.ts';
import type { Report } from '../report/report.ts';

/** What the command ends with; the same for every format. */
export const exitStatus = { clean: 0, findings: 1, usage: 2, unreadable: 3, partial: 4 } as const;

/** Severities by weight, for `--fail-on` and `--min-severity`. */
export const severities = ['info', 'warning', 'error'] as const satisfies readonly Severity[];

/** True where a severity reaches a threshold. */
export const reaches = (severity: Severity, threshold: Severity): boolean =>
  severities.indexOf(severity) >= severities.indexOf(threshold);

/** Every finding of a report: causes and what they explain. */
export const findingsOf = ({ diagnoses }: Pick<Report, 'diagnoses'>): readonly JudgedFinding[] =>
  diagnoses.flatMap(({ cause, consequences }) => [cause, ...consequences]);

/** The exit status of an analysis: findings outweigh an archive that was read in part. */
export function statusOf(report: Report, failOn: Severity | 'never'): number {
  if (failOn !== 'never') {
    if (findingsOf(report).some(({ severity }) => reaches(severity, failOn))) return exitStatus.findings;
  }
  return report.coverage.complete ? exitStatus.clean : exitStatus.partial;
}

/** The exit status of an error meant for people: the archive is at fault, or the way the command was called. */
export const statusOfError = (error: UserError): number =>
  error.code.startsWith('ARCHIVE_') ? exitStatus.unreadable : exitStatus.usage;

/** The last part of `--help`. */
export const exitStatusHelp = `
Exit status (the same for every format):
  0  analysed; nothing at or above --fail-on
  1  analysed; something at or above --fail-on
  2  wrong use: an unknown flag, rule or format, a report that cannot be written
  3  the archive cannot be analysed, or meshtriage itself failed
  4  analysed in part (archive cut short, a limit hit, an unreadable file) and nothing at or above --fail-on`;
