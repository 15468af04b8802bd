import { describe, expect, it } from 'vitest';
import { proxyConfigJson, proxyConfigYaml } from '../../../src/parse/readers/proxy-config-json.ts';
import { dump, rootPem } from '../envoy-dump.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const owned = { path: 'clusters.json', params: { namespace: 'shop', pod: 'cart-7d9' } };
const pretty = (value: unknown): string => `${JSON.stringify(value, null, 4)}\n`;

const cluster = {
  name: 'outbound|80|v1|reviews.shop.svc.cluster.local',
  type: 'EDS',
  edsClusterConfig: { serviceName: 'outbound|80|v1|reviews.shop.svc.cluster.local' },
  connectTimeout: '10s',
  circuitBreakers: { thresholds: [{ maxConnections: 100, maxRequests: 4294967295 }] },
  transportSocket: {
    name: 'envoy.transport_sockets.tls',
    typedConfig: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name: 'default' }] },
      sni: 'outbound_.80_.v1_.reviews.shop.svc.cluster.local',
    },
  },
};
const listener = {
  name: '10.0.33.8_443',
  address: { socketAddress: { address: '10.0.33.8', portValue: 443 } },
  filterChains: [
    {
      filters: [{ name: 'envoy.filters.network.tcp_proxy', typedConfig: { cluster: 'outbound|443||payments.shop' } }],
    },
  ],
  trafficDirection: 'OUTBOUND',
};
const route = {
  name: '80',
  virtualHosts: [
    {
      name: 'reviews.shop.svc.cluster.local:80',
      domains: ['reviews.shop.svc.cluster.local'],
      routes: [{ match: { prefix: '/' }, route: { cluster: 'outbound|80|v1|reviews.shop.svc.cluster.local' } }],
    },
  ],
};
const assignment = {
  clusterName: 'outbound|80||reviews.shop.svc.cluster.local',
  endpoints: [
    {
      locality: { region: 'west' },
      lbEndpoints: [
        {
          endpoint: { address: { socketAddress: { address: '10.244.0.7', portValue: 8080 } } },
          healthStatus: 'HEALTHY',
        },
        {
          endpoint: { address: { socketAddress: { address: '10.244.0.8', portValue: 8080 } } },
          healthStatus: 'UNHEALTHY',
        },
      ],
    },
  ],
};
const secrets = {
  dynamicActiveSecrets: [
    {
      name: 'ROOTCA',
      lastUpdated: '2026-11-25T08:46:51.315Z',
      secret: {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
        name: 'ROOTCA',
        validationContext: { trustedCa: { inlineBytes: Buffer.from(rootPem).toString('base64') } },
      },
    },
  ],
  dynamicWarmingSecrets: [{ name: 'kubernetes://shop-tls', secret: { name: 'kubernetes://shop-tls' } }],
};
const bootstrap = {
  bootstrap: {
    node: {
      id: 'sidecar~10.244.0.121~cart-7d9f.shop~shop.svc.cluster.local',
      cluster: 'cart.shop',
      metadata: { ISTIO_VERSION: '1.29.6', SERVICE_ACCOUNT: 'cart', CLUSTER_ID: 'Kubernetes' },
      extensions: [{ name: 'envoy.filters.http.router' }],
    },
    staticResources: { clusters: [] },
  },
  lastUpdated: '2026-11-25T08:46:51.250Z',
};

describe('istioctl proxy-config -o json', () => {
  it('reads a bare list of clusters in full, TLS and limits included', () => {
    const artifacts = runReader(proxyConfigJson, pretty([cluster]), owned);
    expect(factsOf(artifacts, 'cluster-config')).toMatchObject([
      {
        proxy: { namespace: 'shop', pod: 'cart-7d9' },
        name: 'outbound|80|v1|reviews.shop.svc.cluster.local',
        subset: 'v1',
        type: 'EDS',
        tls: 'istio-mutual',
        connectTimeoutMs: 10_000,
        limits: { connections: 100 },
        at: { file: 'clusters.json', pointer: '/0' },
      },
    ]);
    expect(factsOf(artifacts, 'gap')).toEqual([]);
  });

  it('tells listeners, routes and load assignments by their own fields', () => {
    const listeners = runReader(proxyConfigJson, pretty([listener]), owned);
    expect(factsOf(listeners, 'listener')).toMatchObject([
      { name: '10.0.33.8_443', port: 443, chains: [{ cluster: 'outbound|443||payments.shop', tls: 'none' }] },
    ]);
    const routes = runReader(proxyConfigJson, pretty([route]), owned);
    expect(factsOf(routes, 'route')).toMatchObject([
      { name: '80', virtualHosts: [{ clusters: ['outbound|80|v1|reviews.shop.svc.cluster.local'], routes: 1 }] },
    ]);
    const endpoints = runReader(proxyConfigJson, pretty([assignment]), owned);
    expect(factsOf(endpoints, 'cluster')).toMatchObject([
      {
        host: 'reviews.shop.svc.cluster.local',
        endpoints: [
          { address: '10.244.0.7:8080', healthy: true, locality: 'west' },
          { address: '10.244.0.8:8080', healthy: false, flags: ['failed_eds_health'] },
        ],
      },
    ]);
  });

  it('reads secrets, with those that wait, and never a key', () => {
    const withKey = structuredClone(secrets);
    Object.assign(withKey.dynamicActiveSecrets[0]?.secret ?? {}, {
      tlsCertificate: undefined,
      genericSecret: { secret: { inlineString: 'hunter2' } },
    });
    const artifacts = runReader(proxyConfigJson, pretty(withKey), owned);
    expect(factsOf(artifacts, 'proxy-secret').map(({ name, state, kind }) => [name, state, kind])).toEqual([
      ['ROOTCA', 'active', 'ca'],
      ['kubernetes://shop-tls', 'warming', 'certificate'],
    ]);
    expect(factsOf(artifacts, 'warming').map(({ name }) => name)).toEqual(['kubernetes://shop-tls']);
    expect(factsOf(artifacts, 'certificate')).toMatchObject([
      { use: 'root', name: 'ROOTCA', subject: 'O=cluster.local' },
    ]);
    expect(JSON.stringify(artifacts)).not.toContain('hunter2');
  });

  it('knows the proxy by its bootstrap, whatever the file is called', () => {
    const artifacts = runReader(proxyConfigJson, pretty(bootstrap), { path: 'attachment-3.txt' });
    expect(factsOf(artifacts, 'proxy')).toMatchObject([
      {
        proxy: { namespace: 'shop', pod: 'cart-7d9f' },
        type: 'sidecar',
        istioVersion: '1.29.6',
        serviceAccount: 'cart',
      },
    ]);
    expect(factsOf(artifacts, 'gap')).toEqual([]);
  });

  it('keeps what stands before the break of a file', () => {
    const text = pretty([cluster, cluster, cluster]);
    const artifacts = runReader(proxyConfigJson, text.slice(0, text.length * 0.8), owned);
    expect(factsOf(artifacts, 'cluster-config')).toHaveLength(2);
    expect(factsOf(artifacts, 'gap')).toMatchObject([{ file: 'clusters.json', reason: 'truncated' }]);
    // A part of a list does not tell what is not in it.
    expect(factsOf(artifacts, 'seen')).toEqual([]);
  });

  it('says so when the list holds something else', () => {
    const artifacts = runReader(proxyConfigJson, '[{"name":"cart"}]', owned);
    expect(factsOf(artifacts, 'gap')).toMatchObject([{ reason: 'unrecognised' }]);
  });

  it('survives damage', () => {
    for (const value of [[cluster, listener, route, assignment], secrets, bootstrap]) {
      survivesDamage(proxyConfigJson, pretty(value), owned);
    }
  });
});

describe('istioctl proxy-config -o yaml', () => {
  const clusters = `- circuitBreakers:
    thresholds:
    - maxConnections: 100
  connectTimeout: 10s
  name: outbound|80||reviews.shop.svc.cluster.local
  type: EDS
`;
  const endpoints = `- addedViaApi: true
  hostStatuses:
  - address:
      socketAddress:
        address: 10.244.0.7
        portValue: 8080
    healthStatus:
      failedOutlierCheck: true
  name: outbound|80||reviews.shop.svc.cluster.local
`;

  it('reads clusters and endpoints as from JSON', () => {
    expect(factsOf(runReader(proxyConfigYaml, clusters, owned), 'cluster-config')).toMatchObject([
      { name: 'outbound|80||reviews.shop.svc.cluster.local', limits: { connections: 100 }, at: { pointer: '/0' } },
    ]);
    expect(factsOf(runReader(proxyConfigYaml, endpoints, owned), 'cluster')).toMatchObject([
      { endpoints: [{ address: '10.244.0.7:8080', healthy: false, flags: ['failed_outlier_check'] }] },
    ]);
  });

  it('reads the whole dump of `all`', () => {
    // JSON is YAML too.
    const artifacts = runReader(proxyConfigYaml, JSON.stringify(dump()), { path: 'all.yaml' });
    expect(factsOf(artifacts, 'proxy')[0]?.proxy).toEqual({ namespace: 'shop', pod: 'cart-7d9f' });
    expect(factsOf(artifacts, 'cluster-config')).toHaveLength(3);
    expect(factsOf(artifacts, 'config-size')).toEqual([]);
  });

  it('survives damage', () => {
    survivesDamage(proxyConfigYaml, clusters, owned);
    survivesDamage(proxyConfigYaml, endpoints, owned);
  });
});
