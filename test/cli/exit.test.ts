import { describe, expect, it } from 'vitest';
import type { Severity } from '../../src/catalog/rule.ts';
import { withoutBelow } from '../../src/cli/analyze.ts';
import { statusOf, statusOfError } from '../../src/cli/exit.ts';
import type { Diagnosis, JudgedFinding } from '../../src/diagnosis/diagnose.ts';
import { UserError } from '../../src/errors.ts';
import type { Report } from '../../src/report/report.ts';

const finding = (severity: Severity) => ({ id: `${severity}-of-cart`, severity }) as JudgedFinding;

const diagnosis = (cause: Severity, ...consequences: Severity[]) =>
  ({ cause: finding(cause), consequences: consequences.map(finding) }) as unknown as Diagnosis;

const report = (complete: boolean, ...diagnoses: Diagnosis[]) =>
  ({
    coverage: { complete },
    verdict: { sentence: 'Three causes.', detail: 'Present.' },
    diagnoses,
  }) as unknown as Report;

describe('the exit status of an analysis', () => {
  it.each([
    ['nothing found', report(true), 'error', 0],
    ['an error', report(true, diagnosis('error')), 'error', 1],
    ['a warning below the threshold', report(true, diagnosis('warning')), 'error', 0],
    ['a warning at the threshold', report(true, diagnosis('warning')), 'warning', 1],
    ['an error that a warning explains', report(true, diagnosis('warning', 'error')), 'error', 1],
    ['an error and --fail-on never', report(true, diagnosis('error')), 'never', 0],
    ['a partial archive', report(false), 'error', 4],
    ['a partial archive with an error', report(false, diagnosis('error')), 'error', 1],
    ['a partial archive and --fail-on never', report(false, diagnosis('error')), 'never', 4],
  ] as const)('with %s', (_, given, failOn, status) => {
    expect(statusOf(given, failOn)).toBe(status);
  });

  it('tells a bad archive from wrong use', () => {
    expect(statusOfError(new UserError('ARCHIVE_NOT_FOUND', ''))).toBe(3);
    expect(statusOfError(new UserError('RULE_UNKNOWN', ''))).toBe(2);
    expect(statusOfError(new UserError('OUTPUT_UNWRITABLE', ''))).toBe(2);
  });
});

describe('leaving lower findings out', () => {
  it('says how many, and keeps a cause of something that is shown', () => {
    const given = report(true, diagnosis('info', 'error', 'info'), diagnosis('warning'), diagnosis('error', 'warning'));
    const shown = withoutBelow(given, 'error');
    expect(shown.diagnoses).toEqual([diagnosis('info', 'error'), diagnosis('error')]);
    expect(shown.verdict).toEqual({
      sentence: 'Three causes.',
      detail: 'Present. Left out: 3 findings below severity error.',
    });
  });

  it('changes nothing where nothing is lower', () => {
    const given = report(true, diagnosis('error'));
    expect(withoutBelow(given, 'warning')).toBe(given);
  });
});
