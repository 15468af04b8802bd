import { describe, expect, it } from 'vitest';
import { operatorLog } from '../../../src/parse/readers/operator-log.ts';
import { readLog, staysTheSameInAnyChunks } from '../read-log.ts';
import { factsOf, survivesDamage } from '../run-reader.ts';

// The operator prints each message a second time, without time and level.
const log = `2023-11-25T08:40:12.500000Z	error	installer	failed to update resource with server-side apply
failed to update resource with server-side apply
2023-11-25T08:40:13.500000Z	info	installer	Reconciling IstioOperator
Reconciling IstioOperator
`;

describe('the log of the operator', () => {
  it('counts a message once though it is printed twice', () => {
    const signatures = [{ id: 'apply', log: 'operator', contains: 'failed to update resource' }] as const;
    const artifacts = readLog('operator', log, { signatures });
    expect(factsOf(artifacts, 'log-hits')).toMatchObject([{ count: 1, level: 'error', log: 'operator' }]);
    expect(factsOf(artifacts, 'log-file')).toMatchObject([{ log: 'operator', lines: 4, entries: 2 }]);
  });

  it('says the same in chunks of any size, and survives damage of any kind', () => {
    staysTheSameInAnyChunks('operator', log);
    survivesDamage(operatorLog, log);
  });
});
