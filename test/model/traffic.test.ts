import { describe, expect, it } from 'vitest';
import {
  destinationOf,
  destinationOfSni,
  failuresByDestination,
  hasEnded,
  ipOf,
  isRare,
  portOf,
  succeeded,
} from '../../src/model/traffic.ts';
import type { AccessGroup, Service } from '../../src/parse/facts.ts';

const cart = { namespace: 'shop', pod: 'cart-1' };
const reviews = 'outbound|80||reviews.shop.svc.cluster.local';

/** Requests of cart to reviews from one minute and second to another. */
function group(parts: Partial<AccessGroup> = {}): AccessGroup {
  const { first = '2026-05-01T10:00:00.000Z', count = 1 } = parts;
  return {
    proxy: cart,
    file: 'proxies/shop/cart-1/istio-proxy.log',
    direction: 'outbound',
    tcp: false,
    code: 200,
    flags: [],
    details: 'via_upstream',
    reason: '',
    cluster: reviews,
    authority: '',
    upstreamHost: '',
    local: '',
    peer: '',
    sni: '',
    route: '',
    count,
    first,
    last: first,
    duration: { max: 1, sum: 1 },
    samples: [],
    perMinute: { [first.slice(0, 16)]: count },
    ...parts,
  };
}
const refused = (parts: Partial<AccessGroup> = {}) => group({ code: 503, flags: ['UF'], details: '', ...parts });
const isRefused = ({ flags }: AccessGroup) => flags.includes('UF');

const service = (name: string, namespace: string): Service => ({
  meta: { name, namespace, labels: {}, annotations: {}, owners: [] },
  at: { file: 'cluster/k8s-resources' },
  type: 'ClusterIP',
  clusterIPs: [],
  ports: [],
  loadBalancerIPs: [],
});

describe('the destination of an access line', () => {
  it('is its cluster', () => {
    expect(destinationOf(group({ cluster: 'outbound|80|v2|reviews.shop.svc.cluster.local' }), [])).toEqual({
      host: 'reviews.shop.svc.cluster.local',
      port: 80,
      subset: 'v2',
    });
  });

  it('is the name the client sent, at a server', () => {
    const line = group({
      direction: 'inbound',
      cluster: 'inbound|8080||',
      authority: 'reviews',
      sni: 'outbound_.80_.v1_.reviews.shop.svc.cluster.local',
    });
    expect(destinationOf(line, [])).toEqual({ host: 'reviews.shop.svc.cluster.local', port: 80, subset: 'v1' });
  });

  it('is in the inbound cluster before Istio 1.10', () => {
    const line = group({ direction: 'inbound', cluster: 'inbound|9080|http|reviews.shop.svc.cluster.local' });
    expect(destinationOf(line, [])).toEqual({ host: 'reviews.shop.svc.cluster.local', port: 9080, subset: '' });
  });

  it('is the host asked for where no cluster was found', () => {
    const line = group({ cluster: '', authority: 'reviews:8080', local: '10.0.0.1:80' });
    expect(destinationOf(line, [service('reviews', 'shop')])).toEqual({
      host: 'reviews.shop.svc.cluster.local',
      port: 8080,
      subset: '',
    });
    expect(destinationOf(group({ cluster: '', sni: 'api.example.com', local: '10.0.0.1:443' }), [])).toEqual({
      host: 'api.example.com',
      port: 443,
      subset: '',
    });
  });

  it('has no service port when a server saw only its own', () => {
    const line = group({
      direction: 'inbound',
      cluster: 'inbound|8080||',
      authority: 'reviews',
      local: '10.0.0.9:8080',
    });
    expect(destinationOf(line, [service('reviews', 'shop')]).port).toBeUndefined();
  });
});

it('reads names that are no name of the mesh as undefined', () => {
  expect(destinationOfSni('api.example.com')).toBeUndefined();
  expect(destinationOfSni('outbound_.80_._.payments.shop.svc.cluster.local')?.subset).toBe('');
});

it('splits addresses of both families', () => {
  expect([ipOf('10.0.0.1:80'), ipOf('[fd00::1]:80')]).toEqual(['10.0.0.1', 'fd00::1']);
  expect([portOf('10.0.0.1:80'), portOf('[fd00::1]:80'), portOf('reviews'), portOf('fd00::1')]).toEqual([
    80,
    80,
    undefined,
    undefined,
  ]);
});

describe('failures', () => {
  it('are gathered by destination, most first, over all proxies', () => {
    const found = failuresByDestination(
      [
        refused({ count: 2 }),
        refused({ count: 3, proxy: { namespace: 'shop', pod: 'cart-2' } }),
        refused({ count: 9, cluster: 'outbound|80||payments.shop.svc.cluster.local' }),
        group(),
      ],
      [],
      isRefused,
    );
    expect(found.map(({ host, count, proxies }) => [host, count, proxies.length])).toEqual([
      ['payments.shop.svc.cluster.local', 9, 1],
      ['reviews.shop.svc.cluster.local', 5, 2],
    ]);
  });

  it('are counted among all requests of the same minutes', () => {
    const [found] = failuresByDestination(
      [
        refused({ count: 2, first: '2026-05-01T10:05:01.000Z', last: '2026-05-01T10:06:00.000Z' }),
        group({
          count: 1000,
          perMinute: { '2026-05-01T10:04': 500, '2026-05-01T10:05': 300, '2026-05-01T10:06': 200 },
        }),
        group({ count: 70, cluster: 'outbound|80||payments.shop.svc.cluster.local' }),
      ],
      [],
      isRefused,
    );
    expect(found?.among).toBe(502);
    expect(found && isRare(found)).toBe(true);
  });

  it('are no rarity when the destination is down for a short while', () => {
    expect(isRare({ count: 5, among: 5 })).toBe(false);
    expect(isRare({ count: 3, among: 300 })).toBe(false);
    expect(isRare({ count: 3, among: 301 })).toBe(true);
  });

  it('are a rarity when there were only one or two', () => {
    expect(isRare({ count: 2, among: 2 })).toBe(true);
  });

  it('can be gathered by what a rule takes for the destination', () => {
    const found = failuresByDestination(
      [refused(), refused({ cluster: 'outbound|8080||reviews.shop.svc.cluster.local' })],
      [],
      isRefused,
      (line) => ({ ...destinationOf(line, []), port: undefined }),
    );
    expect(found).toHaveLength(1);
  });
});

describe('failures are over', () => {
  const failed = [refused({ count: 10, first: '2026-05-01T10:00:00.000Z', last: '2026-05-01T10:00:09.000Z' })];
  const later = (time: string, parts: Partial<AccessGroup> = {}) => group({ ...parts, last: time });

  it('when the same proxy reached the destination for a while afterwards', () => {
    expect(hasEnded(failed, [...failed, later('2026-05-01T10:00:30.000Z')], [])).toBe(true);
  });

  it('not when it only just did', () => {
    expect(hasEnded(failed, [...failed, later('2026-05-01T10:00:12.000Z')], [])).toBe(false);
  });

  it('not when another proxy, another host or another port did', () => {
    const others = [
      later('2026-05-01T10:05:00.000Z', { proxy: { namespace: 'shop', pod: 'cart-2' } }),
      later('2026-05-01T10:05:00.000Z', { cluster: 'outbound|80||payments.shop.svc.cluster.local' }),
      later('2026-05-01T10:05:00.000Z', { cluster: 'outbound|8080||reviews.shop.svc.cluster.local' }),
    ];
    expect(hasEnded(failed, [...failed, ...others], [])).toBe(false);
  });

  it('not when every proxy but one recovered', () => {
    const both = [...failed, refused({ ...failed[0], proxy: { namespace: 'shop', pod: 'cart-2' } })];
    expect(hasEnded(both, [...both, later('2026-05-01T10:05:00.000Z')], [])).toBe(false);
  });

  it('only after a long quiet time when they were sporadic', () => {
    const sporadic = [refused({ count: 3, first: '2026-05-01T08:00:00.000Z', last: '2026-05-01T10:00:00.000Z' })];
    expect(hasEnded(sporadic, [...sporadic, later('2026-05-01T10:30:00.000Z')], [])).toBe(false);
    expect(hasEnded(sporadic, [...sporadic, later('2026-05-01T14:00:00.000Z')], [])).toBe(true);
  });

  it('when a server reached its application again', () => {
    const inbound = { direction: 'inbound', cluster: 'inbound|8080||' } as const;
    const own = [refused(inbound)];
    expect(hasEnded(own, [...own, later('2026-05-01T10:05:00.000Z', inbound)], [])).toBe(true);
  });
});

it('counts an answer below 400 and a plain TCP connection as success', () => {
  expect(
    [
      group(),
      group({ code: 404 }),
      group({ code: 0, tcp: true }),
      group({ code: 0, tcp: true, flags: ['UH'] }),
      group({ code: 0, flags: ['DC'] }),
    ].map(succeeded),
  ).toEqual([true, false, true, false, false]);
});
