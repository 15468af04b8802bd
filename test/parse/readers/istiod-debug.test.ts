import { describe, expect, it } from 'vitest';
import { istiodDebug } from '../../../src/parse/readers/istiod-debug.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const of = (endpoint: string) => ({
  path: `istio/istio-system/istiod-6f4/debug/${endpoint}`,
  params: { namespace: 'istio-system', pod: 'istiod-6f4', endpoint },
});
const run = (endpoint: string, body: unknown) =>
  runReader(istiodDebug, typeof body === 'string' ? body : `${JSON.stringify(body)}\n`, of(endpoint));

const nonce = (text: string): string => `2026-11-25T08:47:06Z/${text}`;
const type = (name: string): string => `type.googleapis.com/envoy.config.${name}`;

/** Cut from a mesh of 1.29: one proxy refused a listener, one gateway has no routes. */
const syncz = [
  {
    cluster_id: 'Kubernetes',
    proxy: 'cart-7d9.shop',
    proxy_type: 'sidecar',
    istio_version: '1.29.6',
    cluster_sent: nonce('a'),
    cluster_acked: nonce('a'),
    listener_sent: nonce('b'),
    route_sent: nonce('c'),
    route_acked: nonce('old'),
    endpoint_sent: nonce('d'),
    endpoint_acked: nonce('d'),
    resources: {
      [type('cluster.v3.Cluster')]: { sent: nonce('a'), acked: nonce('a'), sentTime: '2026-11-25T08:47:07.93Z' },
      [type('endpoint.v3.ClusterLoadAssignment')]: { sent: nonce('d'), acked: nonce('d') },
      [type('listener.v3.Listener')]: {
        sent: nonce('b'),
        sentTime: '2026-11-25T08:47:08.1Z',
        lastError: 'Error adding/updating listener(s) virtualInbound: no field with name x',
      },
      [type('route.v3.RouteConfiguration')]: { sent: nonce('c'), acked: nonce('old') },
    },
  },
  {
    proxy: 'web-1.shop-ingress',
    proxy_type: 'router',
    istio_version: '1.29.6',
    resources: { [type('cluster.v3.Cluster')]: { sentTime: '0001-01-01T00:00:00Z' } },
  },
  { proxy: 'test-1.default', proxy_type: 'sidecar', istio_version: '65536.65536.65536' },
];

const adsz = {
  totalClients: 3,
  clients: [
    {
      connectionId: 'cart-7d9.shop-12',
      connectedAt: '2026-11-25T08:40:18.6Z',
      metadata: { ISTIO_VERSION: '1.29.6' },
      watches: { [type('cluster.v3.Cluster')]: [] },
    },
    { connectionId: 'kube-proxy-node-1.internal.kube-system-3', connectedAt: '2026-11-25T08:41:18Z' },
    { connectionId: 'test-1.default-5', metadata: { ISTIO_VERSION: '65536.65536.65536' } },
  ],
};

describe('debug/syncz', () => {
  it('judges each type as istioctl proxy-status does', () => {
    const [cart, web] = factsOf(run('syncz', syncz), 'sync');
    expect(cart).toEqual({
      proxy: { namespace: 'shop', pod: 'cart-7d9' },
      istiod: 'istiod-6f4',
      version: '1.29.6',
      proxyType: 'sidecar',
      types: { cds: 'synced', lds: 'error', eds: 'synced', rds: 'stale', ecds: 'ignored' },
      errors: { lds: 'Error adding/updating listener(s) virtualInbound: no field with name x' },
      sent: { cds: '2026-11-25T08:47:07.93Z', lds: '2026-11-25T08:47:08.1Z' },
      at: { file: 'istio/istio-system/istiod-6f4/debug/syncz', pointer: '/0' },
    });
    expect(web?.types).toEqual({ cds: 'not-sent', lds: 'ignored', eds: 'ignored', rds: 'ignored', ecds: 'ignored' });
    expect(web).not.toHaveProperty('sent');
  });

  it('leaves out the connection istioctl itself made to ask', () => {
    expect(factsOf(run('syncz', syncz), 'sync').map(({ proxy }) => proxy.pod)).toEqual(['cart-7d9', 'web-1']);
  });

  it('judges by the nonces alone before 1.23', () => {
    const older = [
      {
        proxy: 'cart-7d9.shop',
        proxy_version: '1.12.9',
        cluster_sent: 'a',
        cluster_acked: 'a',
        listener_sent: 'b',
        extensionconfig_sent: 'e',
        extensionconfig_acked: 'e',
      },
    ];
    expect(factsOf(run('syncz', JSON.stringify(older, null, 2)), 'sync')[0]).toMatchObject({
      version: '1.12.9',
      types: { cds: 'synced', lds: 'stale', eds: 'not-sent', rds: 'not-sent', ecds: 'synced' },
    });
  });

  it('reads camel-case keys', () => {
    const camel = [{ proxy: 'cart-7d9.shop', istioVersion: '1.20.0', clusterSent: 'a', clusterAcked: 'b' }];
    expect(factsOf(run('syncz', camel), 'sync')[0]).toMatchObject({ version: '1.20.0', types: { cds: 'stale' } });
  });

  it('tells an empty list from an answer that is missing', () => {
    expect(run('syncz', '[]\n')).toEqual([
      { kind: 'seen', value: { kinds: ['sync'], at: { file: of('syncz').path } } },
    ]);
    expect(factsOf(run('syncz', 'null\n'), 'seen')).toHaveLength(1);
    expect(factsOf(run('syncz', ''), 'gap')[0]?.reason).toBe('not-available');
  });
});

describe('debug/adsz', () => {
  it('tells who is connected since when', () => {
    expect(factsOf(run('adsz', adsz), 'connection')).toEqual([
      {
        proxy: { namespace: 'shop', pod: 'cart-7d9' },
        istiod: 'istiod-6f4',
        connectedAt: '2026-11-25T08:40:18.6Z',
        at: { file: of('adsz').path, pointer: '/clients/0' },
      },
      {
        proxy: { namespace: 'kube-system', pod: 'kube-proxy-node-1.internal' },
        istiod: 'istiod-6f4',
        connectedAt: '2026-11-25T08:41:18Z',
        at: { file: of('adsz').path, pointer: '/clients/1' },
      },
    ]);
  });

  it('keeps the clients before the place where the file ends', () => {
    const text = JSON.stringify(adsz);
    const artifacts = runReader(istiodDebug, text.slice(0, text.indexOf('test-1')), of('adsz'), { complete: false });
    expect(factsOf(artifacts, 'connection')).toHaveLength(2);
    expect(factsOf(artifacts, 'gap')[0]?.reason).toBe('truncated');
  });
});

describe('debug/push_status', () => {
  it('tells what the last push complained of, and nothing of empty metrics', () => {
    const body = {
      pilot_conflict_inbound_listener: { 'inbound:8080': { proxy: 'cart-7d9.shop', message: 'conflict' } },
      pilot_eds_no_instances: { 'outbound|80||reviews.shop.svc.cluster.local': {} },
      pilot_no_ip: {},
    };
    expect(factsOf(run('push_status', JSON.stringify(body, null, 4)), 'push-status')).toEqual([
      {
        istiod: 'istiod-6f4',
        metric: 'pilot_conflict_inbound_listener',
        entries: [{ key: 'inbound:8080', proxy: 'cart-7d9.shop', message: 'conflict' }],
        at: { file: of('push_status').path, pointer: '/pilot_conflict_inbound_listener' },
      },
      {
        istiod: 'istiod-6f4',
        metric: 'pilot_eds_no_instances',
        entries: [{ key: 'outbound|80||reviews.shop.svc.cluster.local' }],
        at: { file: of('push_status').path, pointer: '/pilot_eds_no_instances' },
      },
    ]);
    expect(run('push_status', '{}\n').map(({ kind }) => kind)).toEqual(['seen']);
  });
});

describe('debug/mesh', () => {
  it('tells the mesh configuration as istiod uses it, without secrets', () => {
    const body = {
      proxyListenPort: 15001,
      defaultConfig: { proxyMetadata: { ISTIO_META_DNS_CAPTURE: 'true', ZIPKIN_ACCESS_TOKEN: 'abc123secret' } },
      extensionProviders: [{ name: 'otel' }],
    };
    expect(factsOf(run('mesh', body), 'mesh-config')).toEqual([
      {
        from: 'istiod',
        name: 'istiod-6f4',
        config: {
          proxyListenPort: 15001,
          defaultConfig: { proxyMetadata: { ISTIO_META_DNS_CAPTURE: 'true', ZIPKIN_ACCESS_TOKEN: '[masked]' } },
          extensionProviders: [{ name: 'otel' }],
        },
        at: { file: of('mesh').path, pointer: '' },
      },
    ]);
  });
});

describe('debug endpoints', () => {
  it('says once for a pod that they are off', () => {
    const endpoints = ['adsz', 'syncz', 'configz', 'mesh', 'push_status', 'cachez', 'krtz', 'inject', 'endpointz'];
    const gaps = endpoints.flatMap((endpoint) => factsOf(run(endpoint, '404 page not found\n\n'), 'gap'));
    expect(gaps).toEqual([
      {
        file: of('syncz').path,
        reason: 'not-available',
        detail: expect.stringContaining('ENABLE_DEBUG_ON_HTTP=false'),
      },
    ]);
  });

  it('says who refused an answer', () => {
    expect(factsOf(run('adsz', '403 Forbidden\n'), 'gap')[0]?.detail).toBe(
      'istiod-6f4 refused the request: 403 Forbidden',
    );
    expect(factsOf(run('syncz', 'upstream connect error'), 'gap')[0]?.reason).toBe('malformed');
  });

  it('passes over those that tell nothing new, whatever their form', () => {
    expect(run('registryz', '[{"hostname":"cart"},{}]')).toEqual([]);
    expect(run('inject', 'template: |\n  containers:\n  - name: istio-proxy\n    image: proxyv2\n'.repeat(9))).toEqual(
      [],
    );
    expect(run('networkz', 'null\n')).toEqual([]);
  });

  it('are told apart by content in loose files', () => {
    const loose = (text: string) => runReader(istiodDebug, text, { path: 'attached.json' });
    expect(factsOf(loose(JSON.stringify(syncz)), 'sync')[0]?.at).toEqual({ file: 'attached.json', pointer: '/0' });
    expect(factsOf(loose(JSON.stringify(adsz, null, 2)), 'connection')).toHaveLength(2);
    expect(factsOf(loose(JSON.stringify({ pilot_no_ip: { a: {} } })), 'push-status')).toHaveLength(1);
    expect(factsOf(loose(JSON.stringify({ 'istiod-6f4': syncz, 'istiod-7a1': [] })), 'sync')[0]?.istiod).toBe(
      'istiod-6f4',
    );
    const joined = `${JSON.stringify(syncz, null, 2)}\n${JSON.stringify(syncz, null, 2)}\n`;
    expect(factsOf(loose(joined), 'sync').map(({ at }) => at.line)).toEqual([1, 1, 51, 51]);
  });

  it('never throw, whatever happened to the file', () => {
    survivesDamage(istiodDebug, JSON.stringify(syncz, null, 1), of('syncz'));
    survivesDamage(istiodDebug, JSON.stringify(adsz, null, 1), of('adsz'));
    survivesDamage(istiodDebug, JSON.stringify(syncz), { path: 'attached.json' });
    survivesDamage(istiodDebug, JSON.stringify({ pilot_no_ip: { a: { proxy: 'cart' } } }), of('push_status'));
  });
});

describe('debug/configz', () => {
  it('tells the configuration, without what istiod derived itself', () => {
    const meta = { namespace: 'shop', resourceVersion: '7', creationTimestamp: '2026-11-25T08:40:18Z' };
    const of = (kind: string, name: string, more = {}) => ({
      kind,
      apiVersion: 'networking.istio.io/v1',
      metadata: { ...meta, name, ...more },
      spec: { host: 'cart' },
    });
    const body = [
      of('DestinationRule', 'cart'),
      of('VirtualService', 'web-0-istio-autogenerated-k8s-gateway-http'),
      of('Gateway', 'web', { annotations: { 'internal.istio.io/parents': 'Gateway/web/default.shop' } }),
      { kind: 'GatewayClass', apiVersion: 'gateway.networking.k8s.io/v1', metadata: { name: 'istio' }, spec: {} },
    ];
    expect(factsOf(run('configz', body), 'object').map(({ kind, meta, at }) => [kind, meta.name, at.pointer])).toEqual([
      ['DestinationRule', 'cart', '/0'],
    ]);
    expect(factsOf(run('configz', '[]'), 'seen')).toEqual([]);
  });
});
