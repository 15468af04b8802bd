import { describe, expect, it } from 'vitest';
import type { LogSignature } from '../../../src/parse/reader.ts';
import { istiodLog } from '../../../src/parse/readers/istiod-log.ts';
import { readLog, staysTheSameInAnyChunks } from '../read-log.ts';
import { factsOf, survivesDamage } from '../run-reader.ts';

const container = (
  minute: string,
) => `2026/11/25 09:${minute}:20 INFO GOMEMLIMIT is updated package=github.com/KimMachineGun/automemlimit/memlimit
2026-11-25T09:${minute}:20.178461Z	info	FLAG: --caCertFile=""
2026-11-25T09:${minute}:20.178504Z	info	FLAG: --help="false"
2026-11-25T09:${minute}:20.178508Z	info	FLAG: --registries="[Kubernetes]"
2026-11-25T09:${minute}:20.215404Z	info	model	reloading network gateways
2026-11-25T09:${minute}:20.215921Z	error	failed to create discovery service: failed to create CA: the cert does not match the key
Error: failed to create discovery service: failed to create CA: the cert does not match the key
`;
const banner = '========= Previous log present (appended at the end) =========\n\n';
const log = `${banner}${container('40')}\n\n========= Previous log =========\n\n${container('05')}`;

const signatures: readonly LogSignature[] = [
  { id: 'ca', log: 'istiod', contains: 'failed to create CA', matching: /failed to create CA: (?<why>[^\n]*)/ },
];

describe('the log of istiod', () => {
  it('followed by that of the previous container is put back in order', () => {
    const artifacts = readLog('istiod', log, { signatures });
    expect(factsOf(artifacts, 'log-file')).toMatchObject([
      {
        hasPrevious: true,
        lines: 20,
        entries: 12,
        first: '2026-11-25T09:05:20.000Z',
        last: '2026-11-25T09:40:20.215Z',
        marks: [
          { what: 'container-start', time: '2026-11-25T09:40:20.000Z', line: 3 },
          { what: 'container-start', time: '2026-11-25T09:05:20.000Z', line: 14 },
          { what: 'previous-container', time: '2026-11-25T09:05:20.215Z', line: 12 },
        ],
      },
    ]);
    expect(factsOf(artifacts, 'log-hits')).toMatchObject([
      {
        captures: { why: 'the cert does not match the key' },
        count: 2,
        level: 'error',
        first: '2026-11-25T09:05:20.215Z',
        last: '2026-11-25T09:40:20.215Z',
        perMinute: { '2026-11-25T09:05': 1, '2026-11-25T09:40': 1 },
      },
    ]);
    expect(factsOf(artifacts, 'log-hits')[0]?.samples.map(({ line }) => line)).toEqual([8, 19]);
  });

  it('may stop in a panic, whose time is that of the line before', () => {
    const panic = `${container('40')}panic: runtime error: invalid memory address\n\ngoroutine 1 [running]:\nmain.main()\n\t/work/main.go:12 +0x1d\n`;
    const found = readLog('istiod', panic, { signatures: [{ id: 'panic', log: 'istiod', contains: 'panic: ' }] });
    expect(factsOf(found, 'log-hits')).toMatchObject([{ level: 'fatal', count: 1, first: '2026-11-25T09:40:20.215Z' }]);
  });

  it('takes the year of a klog line from its neighbours, or from the file', () => {
    const klog = 'E1125 09:41:00.789012       1 reflector.go:138] failed to list *v1.Secret: forbidden\n';
    const secret: LogSignature[] = [{ id: 'list', log: 'istiod', contains: 'failed to list' }];
    const hit = (text: string, modified?: string) =>
      factsOf(
        readLog('istiod', text, { signatures: secret, ...(modified === undefined ? {} : { modified }) }),
        'log-hits',
      )[0];
    expect(hit(container('40') + klog)).toMatchObject({ level: 'error', first: '2026-11-25T09:41:00.789Z' });
    expect(hit(klog, '2025-12-01T00:00:00Z')).toMatchObject({ first: '2025-11-25T09:41:00.789Z' });
    expect(hit(klog)?.first).toBeUndefined();
  });

  it('in JSON gives labels behind the message', () => {
    const line =
      '{"level":"error","time":"2026-11-25T09:40:20.178461Z","scope":"ads","msg":"failed to push","err":"no such file","n":3}\n';
    const found = readLog('istiod', line, {
      signatures: [
        { id: 'push', log: 'istiod', contains: 'failed to push', matching: /\tads\tfailed to push\t(?<labels>.*)/ },
      ],
    });
    expect(factsOf(found, 'log-hits')).toMatchObject([
      { level: 'error', captures: { labels: 'err=no such file n=3' } },
    ]);
  });

  it('says the same in chunks of any size, and survives damage of any kind', () => {
    staysTheSameInAnyChunks('istiod', log, { signatures });
    survivesDamage(istiodLog, log, { params: { namespace: 'istio-system', pod: 'istiod-1' } });
  });
});
