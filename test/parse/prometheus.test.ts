import { describe, expect, it } from 'vitest';
import { parseSample, sampleName } from '../../src/parse/prometheus.ts';

describe('a line of the Prometheus text format', () => {
  it.each([
    ['envoy_server_live{} 1', { name: 'envoy_server_live', labels: {}, value: 1 }],
    ['envoy_server_live 1 1700000000000', { name: 'envoy_server_live', labels: {}, value: 1 }],
    [
      'pilot_proxy_convergence_time_bucket{type="a b",le="+Inf"} 1.5e+06',
      { name: 'pilot_proxy_convergence_time_bucket', labels: { type: 'a b', le: '+Inf' }, value: 1_500_000 },
    ],
    ['x{path="C:\\\\a \\"q\\" {1}\\n"} -2', { name: 'x', labels: { path: 'C:\\a "q" {1}\n' }, value: -2 }],
    ['x +Inf', { name: 'x', labels: {}, value: Infinity }],
    ['x NaN', { name: 'x', labels: {}, value: Number.NaN }],
  ])('%s', (line, sample) => {
    expect(parseSample(line)).toEqual(sample);
  });

  it.each(['# TYPE x counter', '', 'x', 'x{a="1} 2', 'x{} one', '<html>', 'x{} 1.2.3'])('%j is no sample', (line) => {
    expect(parseSample(line)).toBeUndefined();
  });

  it('has its name before the labels', () => {
    expect(sampleName('envoy_server_live{} 1')).toBe('envoy_server_live');
    expect(sampleName('up 1')).toBe('up');
    expect(sampleName('# TYPE up gauge')).toBe('');
  });
});
