import { describe, expect, it } from 'vitest';
import { configDump, envoyConfig } from '../../../src/parse/readers/envoy-config.ts';
import { clusterElement, dump, listener, meshTls, printed, section } from '../envoy-dump.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const file = {
  path: 'proxies/shop/cart-7d9f/config_dump?include_eds',
  params: { namespace: 'shop', pod: 'cart-7d9f' },
};
const cart = { namespace: 'shop', pod: 'cart-7d9f' };
const read = (value: unknown, options?: Parameters<typeof runReader>[3]) =>
  runReader(envoyConfig, printed(value), file, options);

describe('a config dump of Envoy', () => {
  it('says who the proxy is, from the bootstrap', () => {
    const [proxy] = factsOf(read(dump()), 'proxy');
    expect(proxy).toMatchObject({
      proxy: cart,
      type: 'sidecar',
      ip: '10.244.0.121',
      istioVersion: '1.29.6',
      envoyVersion: '1.37.0',
      revision: 'asm-1-29',
      clusterId: 'Kubernetes',
      meshId: 'cluster.local',
      serviceAccount: 'cart',
      workload: 'cart',
      interceptionMode: 'REDIRECT',
      labels: { app: 'cart' },
      at: { file: file.path, pointer: '/configs/0/bootstrap/node/id' },
    });
  });

  it('names a loose file after the node in its bootstrap', () => {
    const artifacts = runReader(envoyConfig, printed(dump()), { path: 'dump.json' });
    expect(factsOf(artifacts, 'cluster-config').map(({ proxy }) => proxy)).toEqual([cart, cart, cart]);
  });

  it('tells what each cluster was told to do', () => {
    const [agent, subset, whole] = factsOf(read(dump()), 'cluster-config');
    expect(agent).toMatchObject({ name: 'xds-grpc', direction: 'other', type: 'STATIC', tls: 'none', warming: false });
    expect(subset).toEqual({
      proxy: cart,
      name: 'outbound|80|v1|reviews.shop.svc.cluster.local',
      direction: 'outbound',
      port: 80,
      subset: 'v1',
      host: 'reviews.shop.svc.cluster.local',
      type: 'EDS',
      tls: 'istio-mutual',
      sni: 'outbound_.80_.v1_.reviews.shop.svc.cluster.local',
      connectTimeoutMs: 10_000,
      outlierDetection: { consecutive_5xx: 5 },
      limits: { connections: 100 },
      config: '/apis/networking.istio.io/v1/namespaces/shop/destination-rule/reviews',
      warming: false,
      at: { file: file.path, pointer: '/configs/1/dynamic_active_clusters/0' },
    });
    expect(whole?.tls).toBe('auto');
  });

  it('tells TLS to an outside host from TLS of the mesh', () => {
    const tls = {
      name: 'envoy.transport_sockets.tls',
      typed_config: { sni: 'payments.example', common_tls_context: {} },
    };
    const clusters = [clusterElement('outbound|443||payments.example', { transport_socket: tls })];
    const artifacts = read({ configs: [section('Clusters', { dynamic_active_clusters: clusters })] });
    expect(factsOf(artifacts, 'cluster-config')[0]).toMatchObject({ tls: 'tls', sni: 'payments.example' });
  });

  it('lists the targets of each virtual host', () => {
    const [route] = factsOf(read(dump()), 'route');
    expect(route).toMatchObject({ name: '80', at: { pointer: '/configs/5/dynamic_route_configs/0' } });
    expect(route?.virtualHosts).toEqual([
      {
        name: 'reviews.shop.svc.cluster.local:80',
        domains: ['reviews', 'reviews.shop.svc.cluster.local'],
        clusters: ['outbound|80|v1|reviews.shop.svc.cluster.local', 'outbound|80|v2|reviews.shop.svc.cluster.local'],
        routes: 1,
        configs: ['/apis/networking.istio.io/v1/namespaces/shop/virtual-service/reviews'],
      },
      { name: 'block_all', domains: ['*'], clusters: [], routes: 1, configs: [], directResponse: 502 },
    ]);
  });

  it('tells of a listener its chains, their TLS and the secrets they ask for', () => {
    const chain = {
      filter_chain_match: { server_names: ['shop.example'], transport_protocol: 'tls', destination_port: 8443 },
      filters: [
        {
          name: 'envoy.filters.network.http_connection_manager',
          typed_config: {
            rds: { route_config_name: 'https.443.https.shop' },
            http_filters: [{ name: 'envoy.filters.http.router' }],
          },
        },
      ],
      transport_socket: {
        name: 'envoy.transport_sockets.tls',
        typed_config: {
          require_client_certificate: false,
          common_tls_context: { tls_certificate_sds_secret_configs: [{ name: 'kubernetes://shop-tls' }] },
        },
      },
    };
    const gateway = { name: '0.0.0.0_443', active_state: { listener: listener('0.0.0.0_443', 443, [chain]) } };
    expect(factsOf(read(dump(gateway)), 'listener')[2]).toMatchObject({
      name: '0.0.0.0_443',
      address: '0.0.0.0',
      port: 443,
      direction: 'OUTBOUND',
      warming: false,
      chains: [
        {
          destinationPort: 8443,
          serverNames: ['shop.example'],
          transport: 'tls',
          tls: 'simple',
          secrets: ['kubernetes://shop-tls'],
          filters: ['envoy.filters.network.http_connection_manager', 'envoy.filters.http.router'],
          routeConfig: 'https.443.https.shop',
        },
      ],
      at: { pointer: '/configs/3/dynamic_listeners/1' },
    });
  });

  it('tells one refusal once, though Envoy lists it twice', () => {
    const details = 'script load error: [string "function envoy_on_request(handle)..."]:3: \')\' expected';
    const failed = listener('virtualInbound', 15006);
    const named = {
      name: 'virtualInbound',
      active_state: { listener: failed },
      error_state: { failed_configuration: failed, last_update_attempt: '2026-11-25T08:47:06.420Z', details },
    };
    const unnamed = { error_state: { failed_configuration: failed, details } };
    for (const order of [
      [named, unnamed],
      [unnamed, named],
    ]) {
      const artifacts = read(dump(...order));
      const at = `/configs/3/dynamic_listeners/${order.indexOf(named) + 1}/error_state/details`;
      expect(factsOf(artifacts, 'rejection')).toEqual([
        {
          proxy: cart,
          type: 'listener',
          name: 'virtualInbound',
          details,
          time: '2026-11-25T08:47:06.420Z',
          at: { file: file.path, pointer: at },
        },
      ]);
    }
  });

  it('tells what waits: listeners, clusters and secrets', () => {
    const value = dump({
      name: '0.0.0.0_443',
      warming_state: { listener: listener('0.0.0.0_443', 443), last_updated: '2026-11-25T08:50:53Z' },
    });
    value.configs.push(
      section('Clusters', { dynamic_warming_clusters: [clusterElement('outbound|80||cart.shop.svc.cluster.local')] }),
      section('Secrets', {
        dynamic_warming_secrets: [
          {
            name: 'kubernetes://shop-tls',
            version_info: 'uninitialized',
            last_updated: '2026-11-25T08:50:53.534Z',
            secret: { name: 'kubernetes://shop-tls' },
          },
        ],
      }),
    );
    const artifacts = read(value);
    expect(factsOf(artifacts, 'warming').map(({ type, name, time, at }) => [type, name, time, at.pointer])).toEqual([
      ['listener', '0.0.0.0_443', '2026-11-25T08:50:53.000Z', '/configs/3/dynamic_listeners/1/warming_state'],
      [
        'cluster',
        'outbound|80||cart.shop.svc.cluster.local',
        '2026-11-25T08:46:51.300Z',
        '/configs/7/dynamic_warming_clusters/0/cluster/name',
      ],
      ['secret', 'kubernetes://shop-tls', '2026-11-25T08:50:53.534Z', '/configs/8/dynamic_warming_secrets/0/name'],
    ]);
    expect(factsOf(artifacts, 'proxy-secret').at(-1)).toMatchObject({ state: 'warming', kind: 'certificate' });
    expect(factsOf(artifacts, 'listener').at(-1)).toMatchObject({ name: '0.0.0.0_443', warming: true });
    expect(factsOf(artifacts, 'cluster-config').at(-1)).toMatchObject({ warming: true });
  });

  it('reads the certificates of its secrets', () => {
    const artifacts = read(dump());
    expect(factsOf(artifacts, 'certificate')).toEqual([
      {
        proxy: cart,
        use: 'root',
        name: 'ROOTCA',
        serial: '74c48769af92be81249ca808c306ba14',
        subject: 'O=cluster.local',
        issuer: 'O=cluster.local',
        sans: [],
        from: '2026-11-25T08:00:05.000Z',
        until: '2036-11-22T08:00:05.000Z',
        at: { file: file.path, pointer: '/configs/6/dynamic_active_secrets/0' },
      },
    ]);
  });

  it('lets no private key into a fact', () => {
    const key = Buffer.from('-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----').toString('base64');
    const secrets = [
      { name: 'default', secret: { name: 'default', tls_certificate: { private_key: { inline_bytes: key } } } },
    ];
    const artifacts = read({ configs: [section('Secrets', { dynamic_active_secrets: secrets })] });
    expect(factsOf(artifacts, 'proxy-secret')).toHaveLength(1);
    expect(JSON.stringify(artifacts)).not.toContain(key.slice(0, 20));
    expect(JSON.stringify(artifacts)).not.toContain('PRIVATE KEY');
  });

  it('counts what the proxy has to hold', () => {
    const [size] = factsOf(read(dump()), 'config-size');
    const counts = { clusters: 3, outboundClusters: 2, listeners: 2, routes: 1, endpoints: 3 };
    expect(size).toMatchObject({ ...counts, bytes: printed(dump()).length });
  });

  it('says which facets were looked at even where they hold nothing', () => {
    const [seen] = factsOf(read(dump()), 'seen');
    expect(seen?.kinds).toEqual(
      expect.arrayContaining(['rejection', 'warming', 'cluster-config', 'listener', 'route']),
    );
  });

  it('gives the same facts for any chunks and for compact, camelCase and oddly indented JSON', () => {
    const facts = (text: string, chunkBytes: number) =>
      runReader(envoyConfig, text, file, { chunkBytes }).filter(({ kind }) => kind !== 'config-size');
    const expected = facts(printed(dump()), 1 << 20);
    for (const chunkBytes of [1, 2, 3, 7, 64, 1000]) expect(facts(printed(dump()), chunkBytes)).toEqual(expected);
    for (const text of [
      JSON.stringify(dump()),
      JSON.stringify(dump(), null, 4),
      JSON.stringify(dump(), null, '\t'),
      printed(dump()).replaceAll('\n', '\r\n'),
      // Closing brackets where no printer puts them.
      printed(dump()).replaceAll(/\n\s*([}\]])/g, '$1'),
      printed(dump()).replaceAll(/\n +/g, '\n  '),
    ]) {
      expect(facts(text, 100)).toEqual(expected);
    }
    const camel = printed(dump()).replaceAll(/"([a-z0-9]+(?:_[a-z0-9]+)+)":/g, (_, key: string) => {
      return `"${key.replaceAll(/_([a-z0-9])/g, (__, letter: string) => letter.toUpperCase())}":`;
    });
    const plain = facts(camel, 1 << 20).map(({ kind }) => kind);
    expect(plain).toEqual(expected.map(({ kind }) => kind));
  });

  it('keeps what came before the place where the file breaks off, and says so once', () => {
    const text = printed(dump());
    const whole = runReader(envoyConfig, text, file);
    const clusters = factsOf(whole, 'cluster-config');
    for (let cut = 1; cut < text.length - 2; cut += 97) {
      for (const complete of [true, false]) {
        const artifacts = runReader(envoyConfig, text.slice(0, cut), file, { complete, chunkBytes: 511 });
        const gaps = factsOf(artifacts, 'gap');
        expect(gaps.map(({ reason }) => reason)).toEqual(['truncated']);
        const kept = factsOf(artifacts, 'cluster-config');
        expect(kept).toEqual(clusters.slice(0, kept.length));
        expect(factsOf(artifacts, 'config-size')).toEqual([]);
      }
    }
  });

  it('does not claim to have looked at listeners that were cut off', () => {
    const text = printed(dump());
    const artifacts = runReader(envoyConfig, text.slice(0, text.indexOf('dynamic_listeners')), file);
    const kinds = factsOf(artifacts, 'seen').flatMap(({ kinds }) => kinds);
    expect(kinds).toContain('cluster-config');
    expect(kinds).not.toContain('rejection');
    expect(kinds).not.toContain('warming');
  });

  it('says where a broken value stands and reads on behind it', () => {
    const text = printed(dump()).replace('"connect_timeout": "10s"', '"connect_timeout": 10s');
    const artifacts = runReader(envoyConfig, text, file);
    expect(factsOf(artifacts, 'gap')).toMatchObject([
      { reason: 'malformed', detail: expect.stringContaining('/configs/1/static_clusters/0/cluster') },
    ]);
    expect(factsOf(artifacts, 'cluster-config')).toHaveLength(2);
    expect(factsOf(artifacts, 'route')).toHaveLength(1);
  });

  it('reads the first of two dumps in one file and says that there is more', () => {
    const once = runReader(envoyConfig, printed(dump()), file);
    const twice = runReader(envoyConfig, printed(dump()) + printed(dump()), file);
    expect(factsOf(twice, 'cluster-config')).toEqual(factsOf(once, 'cluster-config'));
    expect(factsOf(twice, 'gap').map(({ reason }) => reason)).toEqual(['malformed']);
  });

  it.each([
    ['404 page not found\n', 'not-available'],
    ['<html><body>Bad gateway</body></html>', 'not-available'],
    ['', 'not-available'],
    ['Failed to convert protobuf message to JSON string: no such type', 'not-available'],
    ['{"kind":"List"}', 'unrecognised'],
  ])('answers %j with one gap', (text, reason) => {
    for (const reader of [envoyConfig, configDump]) {
      expect(runReader(reader, text, file)).toMatchObject([{ kind: 'gap', value: { reason } }]);
    }
  });

  it('survives damage', () => {
    survivesDamage(envoyConfig, printed(dump()), file);
  });

  it('shares nothing between proxies but what is equal', () => {
    const other = { path: 'proxies/shop/payments-1/config_dump', params: { namespace: 'shop', pod: 'payments-1' } };
    const name = 'outbound|80||reviews.shop.svc.cluster.local';
    const of = (more: object) => ({
      configs: [section('Clusters', { dynamic_active_clusters: [clusterElement(name, more)] })],
    });
    const tls = (more: object) =>
      factsOf(runReader(envoyConfig, printed(of(more)), other), 'cluster-config').map(({ tls, proxy }) => [
        tls,
        proxy.pod,
      ]);
    expect(tls({ transport_socket: meshTls })).toEqual([['istio-mutual', 'payments-1']]);
    expect(tls({})).toEqual([['none', 'payments-1']]);
    expect(tls({ transport_socket: meshTls })).toEqual([['istio-mutual', 'payments-1']]);
  });
});
