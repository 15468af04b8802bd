import { describe, expect, it } from 'vitest';
import { withPrintedTimes } from '../../src/model/event-times.ts';
import type { KubeEvent } from '../../src/parse/facts.ts';

const event: KubeEvent = {
  type: 'Normal',
  reason: 'ScalingReplicaSet',
  message: 'Scaled down replica set istiod-7df6dbb7bd from 2 to 0',
  count: 1,
  object: { kind: 'Deployment', namespace: 'istio-system', name: 'istiod' },
  first: '2026-11-25T09:28:00.000Z',
  last: '2026-11-25T09:29:00.000Z',
  printed: '2026-11-25T09:30:00Z',
  at: { file: 'events.txt', line: 2 },
};

describe('events of a table', () => {
  it('are dated by the logs where the table is a copy that was made later', () => {
    expect(withPrintedTimes([event], { time: '2026-11-25T08:50:00Z', source: 'logs' })).toMatchObject([
      { first: '2026-11-25T08:48:00.000Z', last: '2026-11-25T08:49:00.000Z' },
    ]);
  });

  it('keep their times where logs may just have been quiet, or do not tell the time', () => {
    expect(withPrintedTimes([event], { time: '2026-11-25T09:20:00Z', source: 'logs' })).toEqual([event]);
    expect(withPrintedTimes([event], { time: '2026-11-25T08:50:00Z', source: 'file times' })).toEqual([event]);
  });

  it('keep times that were written out', () => {
    const { printed, ...dated } = event;
    expect(printed).toBeDefined();
    expect(withPrintedTimes([dated], { time: '2026-11-25T08:50:00Z', source: 'logs' })).toEqual([dated]);
  });
});
