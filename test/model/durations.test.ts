import { expect, it } from 'vitest';
import { durationMs, spoken } from '../../src/model/durations.ts';

it('reads durations as Istio and Kubernetes write them', () => {
  expect(['0.5s', '200ms', '1m30s', '1h', '0s'].map(durationMs)).toEqual([500, 200, 90_000, 3_600_000, 0]);
});

it('takes nothing else for a duration', () => {
  expect(['', '5', '5 s', '-1s', 's', 5, undefined].map(durationMs)).toEqual(Array(7).fill(undefined));
});

it('says durations to people', () => {
  expect([0.4, 38, 500, 2000, 15_000, 300_000].map(spoken)).toEqual(['0 ms', '38 ms', '0.5 s', '2 s', '15 s', '5 min']);
});
