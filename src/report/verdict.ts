import type { Diagnosis } from '../diagnosis/diagnose.ts';
import type { Capture } from '../model/mesh.ts';
import { counted, grouped } from './format.ts';
import type { Report } from './report.ts';

/**
 * What the archive shows, in one sentence and a few more. Never "healthy": where nothing matched it says so, with what was
 * checked and what was not.
 */
export function verdictOf(
  diagnoses: readonly Diagnosis[],
  coverage: Report['coverage'],
  capture: Capture,
): Report['verdict'] {
  const errors = diagnoses.filter(({ cause }) => cause.severity === 'error');
  const warnings = diagnoses.filter(({ cause }) => cause.severity === 'warning');
  const unchecked = `${coverage.rulesChecked} rules were checked, ${coverage.rulesNotChecked} could not be for want of their files.`;
  const partial = coverage.complete ? '' : ' The archive is partial: what was cut off is not judged.';
  const [first] = errors;
  if (first === undefined) {
    const others = warnings.length === 0 ? 'No warning either.' : `${counted(warnings.length, 'warning')} to look at.`;
    return {
      sentence: 'No rule for a present fault matched.',
      detail: `${others} ${unchecked}${partial} What no rule looks for, and what the archive does not hold, is not judged.`,
    };
  }
  const failed = errors.reduce((sum, { failedRequests }) => sum + failedRequests, 0);
  const subject =
    first.cause.subjects.length > 2 ? `${first.cause.subjects.length} objects` : first.cause.subjects.join(' and ');
  const causes = errors.length === 1 ? 'One cause' : `${words[errors.length] ?? errors.length} causes`;
  const does =
    failed === 0
      ? errors.length === 1
        ? 'was found'
        : 'were found'
      : `${errors.length === 1 ? 'explains' : 'explain'} ${grouped(failed)} failed ${failed === 1 ? 'request or connection' : 'requests or connections'}`;
  const sentence = `${causes} ${does}${errors.length === 1 ? ': ' : '; first: '}${lowerFirst(first.cause.title)}, ${subject}.`;
  const state = errors.every((diagnosis) => diagnosis.state === 'present')
    ? `Present when the archive was made${capture.time === undefined ? '' : ` (${capture.time.replace('T', ' ').replace(/\.\d+Z$/, 'Z')})`}. `
    : '';
  return {
    sentence,
    detail: `${state}${warnings.length === 0 ? '' : `${counted(warnings.length, 'further warning')}. `}${unchecked}${partial}`,
  };
}

/** Titles begin with a capital; names of the field (`DestinationRule`, `CSR`) keep theirs. */
const lowerFirst = (title: string): string =>
  /^[A-Z][a-z]+\b/.test(title) ? title[0]?.toLowerCase() + title.slice(1) : title;

const words = ['', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine', 'Ten'];
