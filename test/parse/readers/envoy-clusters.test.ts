import { describe, expect, it } from 'vitest';
import { envoyClusters } from '../../../src/parse/readers/envoy-clusters.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const file = { path: 'proxies/shop/cart-7d9f/clusters', params: { namespace: 'shop', pod: 'cart-7d9f' } };
const cart = { namespace: 'shop', pod: 'cart-7d9f' };
const at = (line: number) => ({ file: file.path, line });

/** The rows of a host as Envoy 1.37 prints them. */
function host(cluster: string, address: string, values: Record<string, string | number> = {}): string[] {
  const rows = {
    cx_active: 0,
    cx_connect_fail: 0,
    cx_total: 0,
    rq_active: 0,
    rq_error: 0,
    rq_success: 0,
    rq_timeout: 0,
    rq_total: 0,
    hostname: '',
    health_flags: 'healthy',
    weight: 1,
    region: 'westeurope',
    zone: 'westeurope-1',
    sub_zone: '',
    canary: false,
    priority: 0,
    success_rate: -1,
    local_origin_success_rate: -1,
    ...values,
  };
  return Object.entries(rows).map(([key, value]) => `${cluster}::${address}::${key}::${value}`);
}

/** The rows of a cluster before its hosts. */
function cluster(name: string, connections = 4294967295, outlier = false): string[] {
  return [
    `${name}::observability_name::${name};`,
    ...(outlier ? [`${name}::outlier::success_rate_average::-1`] : []),
    `${name}::default_priority::max_connections::${connections}`,
    `${name}::default_priority::max_pending_requests::4294967295`,
    `${name}::default_priority::max_requests::4294967295`,
    `${name}::default_priority::max_retries::4294967295`,
    `${name}::high_priority::max_connections::1024`,
    `${name}::high_priority::max_retries::3`,
    `${name}::added_via_api::true`,
    `${name}::eds_service_name::${name}`,
  ];
}

const reviews = 'outbound|80|v1|reviews.shop.svc.cluster.local';
const payments = 'outbound|443||payments.example';
const text = `${[
  ...cluster(reviews, 100, true),
  ...host(reviews, '10.244.0.7:8080', {
    cx_active: 1,
    cx_connect_fail: 2,
    cx_total: 3,
    rq_error: 5,
    rq_success: 7,
    rq_timeout: 4,
    rq_total: 12,
  }),
  ...host(reviews, '[fd00::7]:8080', { health_flags: '/failed_outlier_check/failed_eds_health' }),
  ...cluster(payments),
  ...host(payments, '203.0.113.9:443', { hostname: 'payments.example', region: '', zone: '' }),
  ...cluster('BlackHoleCluster'),
  'xds-grpc::default_priority::max_connections::100000',
  'xds-grpc::added_via_api::false',
  ...host('xds-grpc', './etc/istio/proxy/XDS', { region: '', zone: '' }),
].join('\n')}\n`;

const read = (input: string, options?: Parameters<typeof runReader>[3]) =>
  runReader(envoyClusters, input, file, options);

describe('the text of /clusters', () => {
  it('tells members, health, counters and limits of each cluster', () => {
    const artifacts = read(text);
    expect(factsOf(artifacts, 'gap')).toEqual([]);
    expect(factsOf(artifacts, 'seen')).toEqual([{ kinds: ['cluster'], at: { file: file.path } }]);
    const [first, second, third, fourth] = factsOf(artifacts, 'cluster');
    expect(first).toEqual({
      proxy: cart,
      name: reviews,
      direction: 'outbound',
      port: 80,
      subset: 'v1',
      host: 'reviews.shop.svc.cluster.local',
      limits: { connections: 100 },
      addedViaApi: true,
      at: at(1),
      endpoints: [
        {
          address: '10.244.0.7:8080',
          healthy: true,
          flags: [],
          cxActive: 1,
          cxTotal: 3,
          cxConnectFail: 2,
          rqTotal: 12,
          rqError: 5,
          rqSuccess: 7,
          rqTimeout: 4,
          locality: 'westeurope/westeurope-1',
          at: at(11),
        },
        {
          address: '[fd00::7]:8080',
          healthy: false,
          flags: ['failed_outlier_check', 'failed_eds_health'],
          cxActive: 0,
          cxTotal: 0,
          cxConnectFail: 0,
          rqTotal: 0,
          rqError: 0,
          rqSuccess: 0,
          rqTimeout: 0,
          locality: 'westeurope/westeurope-1',
          at: at(38),
        },
      ],
    });
    expect(text.split('\n')[37]).toContain('health_flags::/failed_outlier_check');
    expect(second).toMatchObject({ limits: {}, endpoints: [{ hostname: 'payments.example' }], at: at(47) });
    expect(second?.endpoints[0]).not.toHaveProperty('locality');
    expect(third).toMatchObject({ name: 'BlackHoleCluster', direction: 'other', endpoints: [] });
    expect(fourth).toMatchObject({
      name: 'xds-grpc',
      addedViaApi: false,
      limits: { connections: 100_000 },
      endpoints: [{ address: './etc/istio/proxy/XDS', healthy: true }],
    });
  });

  it('gives the same facts for any chunks, line ends and a byte order mark', () => {
    const expected = read(text);
    for (const chunkBytes of [1, 2, 5, 13, 100, 1001]) expect(read(text, { chunkBytes })).toEqual(expected);
    expect(read(text.replaceAll('\n', '\r\n'), { chunkBytes: 77 })).toEqual(expected);
    expect(read(`\uFEFF${text}`)).toEqual(expected);
    expect(read(text.trimEnd())).toEqual(expected);
  });

  it('reads a host of two priorities as two endpoints', () => {
    const rows = [
      ...cluster(reviews),
      ...host(reviews, '10.0.0.7:80', { rq_total: 1 }),
      ...host(reviews, '10.0.0.7:80', { rq_total: 2 }),
    ];
    const [only] = factsOf(read(`${rows.join('\n')}\n`), 'cluster');
    expect(only?.endpoints.map(({ rqTotal }) => rqTotal)).toEqual([1, 2]);
  });

  it('reads names and addresses that hold `::`', () => {
    const name = 'outbound|80||[fd00::1]';
    const rows = [
      ...cluster('outbound|80||'),
      ...cluster(name),
      ...host(name, '[::1]:80'),
      ...host(name, 'envoy://main_internal/[fd00::7]:80'),
    ];
    const clusters = factsOf(read(`${rows.join('\n')}\n`), 'cluster');
    expect(clusters.map((each) => [each.name, each.endpoints.map(({ address }) => address)])).toEqual([
      ['outbound|80||', []],
      [name, ['[::1]:80', 'envoy://main_internal/[fd00::7]:80']],
    ]);
  });

  it('reads hosts without the rows of their cluster, as grep leaves them', () => {
    const rows = text.split('\n').filter((row) => row.includes('::health_flags::'));
    const clusters = factsOf(read(`${rows.join('\n')}\n`), 'cluster');
    expect(clusters.map(({ name, endpoints }) => [name, endpoints.map(({ flags }) => flags.length)])).toEqual([
      [reviews, [0, 2]],
      [payments, [0]],
      ['xds-grpc', [0]],
    ]);
  });

  it('passes over keys of newer versions', () => {
    const rows = [
      ...cluster(reviews),
      `${reviews}::shiny::1`,
      ...host(reviews, '10.0.0.7:80', { rq_total: 3, shiny: 1 }),
    ];
    const [only] = factsOf(read(`${rows.join('\n')}\n`), 'cluster');
    expect(only?.endpoints.map(({ rqTotal }) => rqTotal)).toEqual([3]);
  });

  it('leaves out the last cluster of a file that breaks off, rather than half of its hosts', () => {
    const clusters = factsOf(read(text), 'cluster');
    for (let cut = 1; cut < text.length; cut += 61) {
      const artifacts = read(text.slice(0, cut), { complete: false });
      expect(factsOf(artifacts, 'gap').map(({ reason }) => reason)).toEqual(['truncated']);
      const kept = factsOf(artifacts, 'cluster');
      expect(kept).toEqual(clusters.slice(0, kept.length));
      expect(kept.length).toBeLessThan(clusters.length);
    }
  });

  it('sees by itself that a host is cut in the middle', () => {
    const cut = text.slice(0, text.lastIndexOf('XDS::rq_total') + 8);
    const artifacts = read(cut);
    expect(factsOf(artifacts, 'gap')).toMatchObject([{ reason: 'truncated' }]);
    expect(factsOf(artifacts, 'cluster').map(({ name }) => name)).not.toContain('xds-grpc');
  });

  it('reads the first of two answers in one file and says that there are more', () => {
    const artifacts = read(text + text);
    expect(factsOf(artifacts, 'cluster')).toEqual(factsOf(read(text), 'cluster'));
    expect(factsOf(artifacts, 'gap')).toMatchObject([{ reason: 'malformed', line: text.split('\n').length }]);
  });

  it('names the first row that is none', () => {
    const gaps = factsOf(read(`Defaulted container "cart"\n${text}`), 'gap');
    expect(gaps).toMatchObject([{ reason: 'malformed', line: 1 }]);
  });

  it.each([
    ['404 page not found\n', 'not-available'],
    ['', 'not-available'],
    ['\n\n', 'not-available'],
    ['<!DOCTYPE html><html></html>', 'not-available'],
    ['hello\nworld\n', 'unrecognised'],
  ])('answers %j with one gap', (input, reason) => {
    expect(read(input)).toMatchObject([{ kind: 'gap', value: { reason } }]);
  });

  it('does not keep a row without end', () => {
    const artifacts = read(`${text}${'x'.repeat(200_000)}\n`, { chunkBytes: 10_000 });
    expect(factsOf(artifacts, 'cluster')).toHaveLength(4);
    expect(factsOf(artifacts, 'gap')).toMatchObject([{ reason: 'malformed', line: text.split('\n').length }]);
  });

  it('survives damage', () => {
    survivesDamage(envoyClusters, text, file);
  });
});

const statuses = {
  cluster_statuses: [
    {
      name: reviews,
      added_via_api: true,
      circuit_breakers: {
        thresholds: [
          { max_connections: 100, max_requests: 4294967295 },
          { priority: 'HIGH', max_retries: 3 },
        ],
      },
      host_statuses: [
        {
          address: { socket_address: { address: '10.244.0.7', port_value: 8080 } },
          stats: [
            { value: '3', name: 'cx_total' },
            { name: 'rq_error' },
            { type: 'GAUGE', value: '1', name: 'cx_active' },
          ],
          health_status: { eds_health_status: 'HEALTHY', failed_outlier_check: true },
          locality: { region: 'westeurope', zone: 'westeurope-1' },
        },
      ],
    },
  ],
};

describe('the JSON of /clusters', () => {
  it('says what the text says', () => {
    const artifacts = read(JSON.stringify(statuses, null, 1), { chunkBytes: 11 });
    expect(factsOf(artifacts, 'cluster')).toMatchObject([
      {
        name: reviews,
        subset: 'v1',
        limits: { connections: 100 },
        addedViaApi: true,
        at: { pointer: '/cluster_statuses/0' },
        endpoints: [
          {
            address: '10.244.0.7:8080',
            healthy: false,
            flags: ['failed_outlier_check'],
            cxTotal: 3,
            cxActive: 1,
            locality: 'westeurope/westeurope-1',
            at: { pointer: '/cluster_statuses/0/host_statuses/0' },
          },
        ],
      },
    ]);
  });

  it('may be the bare camelCase list of istioctl', () => {
    const list = [{ name: payments, addedViaApi: true, hostStatuses: [{ address: { pipe: { path: '/x' } } }] }];
    const [only] = factsOf(read(JSON.stringify(list)), 'cluster');
    expect(only).toMatchObject({ name: payments, addedViaApi: true, endpoints: [{ address: '/x', healthy: true }] });
    expect(only?.endpoints[0]?.at.pointer).toBe('/0/hostStatuses/0');
  });

  it('survives damage', () => {
    survivesDamage(envoyClusters, JSON.stringify(statuses, null, 1), file);
  });
});
