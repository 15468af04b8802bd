import { describe, expect, it } from 'vitest';
import { denialsOf } from '../../../src/catalog/security/denials.ts';
import type { AccessGroup } from '../../../src/parse/facts.ts';

const line = (over: Partial<AccessGroup>): AccessGroup => ({
  proxy: { namespace: 'shop', pod: 'cart-1' },
  file: 'proxies/shop/cart-1/istio-proxy.log',
  direction: 'outbound',
  tcp: false,
  code: 200,
  flags: [],
  details: 'via_upstream',
  reason: '',
  cluster: 'outbound|80||payments.shop.svc.cluster.local',
  authority: 'payments',
  upstreamHost: '10.0.0.9:8080',
  local: '10.1.0.1:80',
  peer: '10.0.0.5',
  sni: '',
  route: 'default',
  count: 1,
  first: '2026-05-01T10:00:00Z',
  last: '2026-05-01T10:00:30Z',
  duration: { max: 1, sum: 1 },
  samples: [],
  perMinute: {},
  ...over,
});

const denied = [
  line({ code: 403, count: 20 }),
  line({
    proxy: { namespace: 'shop', pod: 'payments-1' },
    direction: 'inbound',
    code: 403,
    details: 'rbac_access_denied_matched_policy[none]',
    cluster: 'inbound|8080||',
    local: '10.0.0.9:8080',
    upstreamHost: '',
    sni: 'outbound_.80_._.payments.shop.svc.cluster.local',
    count: 20,
  }),
];
const pods = (
  [
    ['cart-1', '10.0.0.5'],
    ['payments-1', '10.0.0.9'],
  ] as const
).map(([pod, ip]) => ({
  namespace: 'shop',
  pod,
  type: 'sidecar' as const,
  workload: pod.replace('-1', ''),
  ips: [ip],
  labels: {},
  at: { file: 'server_info' },
}));
const partial = (served: AccessGroup) =>
  denialsOf({ access: [...denied, served], proxies: pods }).map((denial) => denial.partial);

describe('denials', () => {
  it('are partial where the caller went on to succeed more often than it was denied', () => {
    const served = line({
      count: 90,
      last: '2026-05-01T10:05:00Z',
      perMinute: { '2026-05-01T10:01': 45, '2026-05-01T10:05': 45 },
    });
    expect(partial(served)).toEqual([true]);
  });

  it('concern the whole caller where it succeeded before them, however often', () => {
    const served = line({
      count: 5000,
      first: '2026-05-01T08:00:00Z',
      last: '2026-05-01T10:00:01Z',
      perMinute: { '2026-05-01T08:00': 2500, '2026-05-01T09:59': 2495, '2026-05-01T10:00': 5 },
    });
    expect(partial(served)).toEqual([false]);
  });
});
