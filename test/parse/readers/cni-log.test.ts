import { describe, expect, it } from 'vitest';
import { cniLog } from '../../../src/parse/readers/cni-log.ts';
import { readLog, staysTheSameInAnyChunks } from '../read-log.ts';
import { factsOf, survivesDamage } from '../run-reader.ts';

// Lines of the plugin come over a socket with their original time: the second is older than the first.
const log = `2026-11-25T08:40:12.500000Z	info	cni-agent	Starting CNI node agent
2026-11-25T08:40:11.345678Z	info	cni-plugin	skipping pod, not part of mesh	pod=shop/reviews-1
2026-11-25T08:40:13.500000Z	error	cni-agent	failed to add pod to ztunnel	ns=shop name=cart-1
`;

describe('the log of istio-cni', () => {
  it('begins and ends with its oldest and newest entry', () => {
    const signatures = [
      { id: 'add', log: 'cni', contains: 'failed to add pod', matching: /ns=(?<namespace>\S+) name=(?<pod>\S+)/ },
    ] as const;
    const artifacts = readLog('cni', log, { signatures, params: { pod: 'istio-cni-node-5g7hj' } });
    expect(factsOf(artifacts, 'log-file')).toMatchObject([
      {
        log: 'cni',
        pod: { namespace: '', pod: 'istio-cni-node-5g7hj' },
        first: '2026-11-25T08:40:11.345Z',
        last: '2026-11-25T08:40:13.500Z',
      },
    ]);
    expect(factsOf(artifacts, 'log-hits')).toMatchObject([
      { level: 'error', captures: { namespace: 'shop', pod: 'cart-1' } },
    ]);
  });

  it('says the same in chunks of any size, and survives damage of any kind', () => {
    staysTheSameInAnyChunks('cni', log);
    survivesDamage(cniLog, log);
  });
});
