import { describe, expect, it } from 'vitest';
import type { Artifact } from '../../../src/parse/artifact.ts';
import { proxyConfigTables } from '../../../src/parse/readers/proxy-config-tables.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const owned = { path: 'cart.txt', params: { namespace: 'shop', pod: 'cart-7d9' } };
const read = (text: string): Artifact[] => runReader(proxyConfigTables, text, owned);

const clusters = `SERVICE FQDN                             PORT      SUBSET     DIRECTION     TYPE             DESTINATION RULE
                                         8080      -          inbound       ORIGINAL_DST     
BlackHoleCluster                         -         -          -             STATIC           
PassthroughCluster                       -         -          -             ORIGINAL_DST     
payments.shop.svc.cluster.local          443       -          outbound      EDS              
reviews.shop.svc.cluster.local           80        -          outbound      EDS              reviews.shop
reviews.shop.svc.cluster.local           80        v1         outbound      EDS              reviews.shop
xds-grpc                                 -         -          -             STATIC           
`;
const endpoints = `ENDPOINT                                                STATUS        OUTLIER CHECK     CLUSTER
10.244.0.11:8080                                        HEALTHY       OK                outbound|80||reviews.shop.svc.cluster.local
10.244.0.12:8080                                        HEALTHY       FAILED            outbound|80||reviews.shop.svc.cluster.local
10.244.0.13:8080                                        UNHEALTHY     OK                outbound|80||reviews.shop.svc.cluster.local
unix://./var/run/secrets/workload-spiffe-uds/socket     HEALTHY       OK                sds-grpc
`;
const listeners = `ADDRESSES     PORT  MATCH                                                                DESTINATION
10.0.33.8     443   ALL                                                                  Cluster: outbound|443||payments.shop.svc.cluster.local
0.0.0.0       80    Trans: raw_buffer; App: http/1.1,h2c                                 Route: 80
0.0.0.0       80    ALL                                                                  PassthroughCluster
0.0.0.0       443   SNI: payments.example,api.payments.example                           Cluster: outbound|443||payments.example
0.0.0.0       15001 Addr: *:15001                                                        Non-HTTP/Non-TCP
0.0.0.0       15006 Trans: tls; App: TCP TLS; Addr: *:8080                               Cluster: inbound|8080||
0.0.0.0       15021 ALL                                                                  Inline Route: /healthz/ready*
`;
const routes = `NAME          VHOST NAME                              DOMAINS                                MATCH                  VIRTUAL SERVICE
80            reviews.shop.svc.cluster.local:80       reviews, reviews.shop + 1 more...      /v2*                   reviews.shop
80            reviews.shop.svc.cluster.local:80       reviews, reviews.shop + 1 more...      /*                     reviews.shop
80            payments.shop.svc.cluster.local:80      payments, payments.shop                /*                     
              backend                                 *                                      /stats/prometheus*     
http.8080     blackhole:8080                          *                                      /*                     404
`;
const secrets = `RESOURCE NAME                 TYPE           STATUS      VALID CERT     SERIAL NUMBER                        NOT AFTER                NOT BEFORE
default                       Cert Chain     ACTIVE      true           6fbee254c22900615cb1f74e3d2f1713     2026-11-26T08:46:52Z     2026-11-25T08:44:52Z
kubernetes://shop-tls                        WARMING     false                                                                        
ROOTCA                        CA             ACTIVE      true           0074c4876baf92be8124             2036-11-22T08:00:05Z     2026-11-25T08:00:05Z
`;
const all = `Istio Version:       1.29.6
Istio Proxy Version: 2f5f4d0c9d2b
Envoy Version:       1.37.1

NAME                     SERVICE FQDN                       PORT     SUBSET     DIRECTION     TYPE       DESTINATION RULE
cluster/agent            cluster/agent                      -        -          -             STATIC     
cluster/reviews.shop     reviews.shop.svc.cluster.local     80       -          outbound      EDS        

NAME                   ADDRESSES PORT  MATCH DESTINATION
listener/main_internal           0     ALL   Cluster: encap
listener/0.0.0.0_80    0.0.0.0   80    ALL   Route: 80

NAME         VHOST NAME     DOMAINS     MATCH     VIRTUAL SERVICE
route/80     reviews        *           /*        reviews.shop

RESOURCE NAME     TYPE       STATUS     VALID CERT     SERIAL NUMBER     NOT AFTER                NOT BEFORE
secret/ROOTCA     CA         ACTIVE     true           193a543f          2033-05-02T03:41:33Z     2023-05-05T03:41:33Z

NAME                          STATUS      LOCALITY     CLUSTER
endpoint/10.244.0.11:8080     HEALTHY     west/1       outbound|80||reviews.shop.svc.cluster.local
`;

describe('istioctl proxy-config, the tables', () => {
  it('reads clusters with their destination rules and claims nothing of TLS', () => {
    const found = factsOf(read(clusters), 'cluster-config');
    expect(found.map(({ name, type, config, at }) => [at.line, name, type, config ?? '-'])).toEqual([
      [2, 'inbound|8080||', 'ORIGINAL_DST', '-'],
      [3, 'BlackHoleCluster', 'STATIC', '-'],
      [4, 'PassthroughCluster', 'ORIGINAL_DST', '-'],
      [5, 'outbound|443||payments.shop.svc.cluster.local', 'EDS', '-'],
      [
        6,
        'outbound|80||reviews.shop.svc.cluster.local',
        'EDS',
        '/apis/networking.istio.io/v1alpha3/namespaces/shop/destination-rule/reviews',
      ],
      [
        7,
        'outbound|80|v1|reviews.shop.svc.cluster.local',
        'EDS',
        '/apis/networking.istio.io/v1alpha3/namespaces/shop/destination-rule/reviews',
      ],
      [8, 'xds-grpc', 'STATIC', '-'],
    ]);
    expect(found[5]).toMatchObject({ proxy: { namespace: 'shop', pod: 'cart-7d9' }, subset: 'v1', tls: 'unknown' });
  });

  it('reads the health of endpoints by cluster', () => {
    const found = factsOf(read(endpoints), 'cluster');
    expect(
      found.map(({ name, endpoints: members }) => [name, members.map(({ address, flags }) => [address, ...flags])]),
    ).toEqual([
      [
        'outbound|80||reviews.shop.svc.cluster.local',
        [['10.244.0.11:8080'], ['10.244.0.12:8080', 'failed_outlier_check'], ['10.244.0.13:8080', 'failed_eds_health']],
      ],
      ['sds-grpc', [['./var/run/secrets/workload-spiffe-uds/socket']]],
    ]);
    expect(found[0]?.endpoints.map(({ healthy }) => healthy)).toEqual([true, false, false]);
  });

  it('reads endpoints of old versions and of eds', () => {
    const old =
      'ENDPOINT            STATUS        CLUSTER\n172.17.0.4:443      UNHEALTHY     outbound|443||cart.shop\n';
    const eds =
      'ENDPOINT          STATUS      LOCALITY     CLUSTER\n10.0.0.1:80       HEALTHY                  agent\n';
    expect(factsOf(read(old), 'cluster')[0]?.endpoints[0]?.healthy).toBe(false);
    expect(factsOf(read(eds), 'cluster')[0]?.endpoints[0]).toMatchObject({ address: '10.0.0.1:80', healthy: true });
  });

  it('reads listeners with their chains', () => {
    const found = factsOf(read(listeners), 'listener');
    expect(found.map(({ name, chains }) => [name, chains.length])).toEqual([
      ['10.0.33.8_443', 1],
      ['0.0.0.0_80', 2],
      ['0.0.0.0_443', 1],
      ['virtualOutbound', 1],
      ['virtualInbound', 1],
      ['0.0.0.0_15021', 1],
    ]);
    expect(found[1]?.chains[0]).toMatchObject({
      transport: 'raw_buffer',
      applicationProtocols: ['http/1.1', 'h2c'],
      routeConfig: '80',
      tls: 'unknown',
    });
    expect(found[1]?.chains[1]?.cluster).toBe('PassthroughCluster');
    expect(found[2]?.chains[0]?.serverNames).toEqual(['payments.example', 'api.payments.example']);
    expect(found[4]?.chains[0]).toMatchObject({ destinationPort: 8080, cluster: 'inbound|8080||' });
  });

  it('reads listeners without matches and routes as counts', () => {
    const [web] = factsOf(read('ADDRESS            PORT     TYPE\n0.0.0.0            8080     HTTP+TCP\n'), 'listener');
    expect(web?.chains[0]?.filters).toEqual([
      'envoy.filters.network.http_connection_manager',
      'envoy.filters.network.tcp_proxy',
    ]);
    const text = 'NOTE: This output only contains routes loaded via RDS.\nNAME      VIRTUAL HOSTS\n80        12\n';
    expect(factsOf(read(text), 'route').map(({ name }) => name)).toEqual(['80']);
  });

  it('reads routes with the virtual services behind them', () => {
    const found = factsOf(read(routes), 'route');
    expect(found.map(({ name, virtualHosts }) => [name, virtualHosts.map((host) => host.name)])).toEqual([
      ['80', ['reviews.shop.svc.cluster.local:80', 'payments.shop.svc.cluster.local:80', 'backend']],
      ['http.8080', ['blackhole:8080']],
    ]);
    expect(found[0]?.virtualHosts[0]).toMatchObject({
      domains: ['reviews', 'reviews.shop'],
      routes: 2,
      configs: ['/apis/networking.istio.io/v1alpha3/namespaces/shop/virtual-service/reviews'],
    });
    expect(found[1]?.virtualHosts[0]).toMatchObject({ routes: 0, directResponse: 404 });
  });

  it('reads secrets, their certificates and the ones that never came', () => {
    const artifacts = read(secrets);
    expect(factsOf(artifacts, 'proxy-secret').map(({ name, state, kind }) => [name, state, kind])).toEqual([
      ['default', 'active', 'certificate'],
      ['kubernetes://shop-tls', 'warming', 'certificate'],
      ['ROOTCA', 'active', 'ca'],
    ]);
    expect(factsOf(artifacts, 'warming').map(({ name }) => name)).toEqual(['kubernetes://shop-tls']);
    expect(factsOf(artifacts, 'certificate').map(({ use, serial, until }) => [use, serial, until])).toEqual([
      ['workload', '6fbee254c22900615cb1f74e3d2f1713', '2026-11-26T08:46:52.000Z'],
      ['root', '74c4876baf92be8124', '2036-11-22T08:00:05.000Z'],
    ]);
  });

  it('takes the decimal serial numbers of old versions for the same certificate', () => {
    const text = secrets.replace('6fbee254c22900615cb1f74e3d2f1713    ', '148535276541283949204736209384712345');
    const [first] = factsOf(read(text), 'certificate');
    expect(first?.serial).toBe(148535276541283949204736209384712345n.toString(16));
  });

  it('reads the tables of `all` one after the other, with or without headings', () => {
    const headed = all.replace(
      'NAME                     SERVICE',
      '------ CLUSTER INFO ------\n\nNAME                     SERVICE',
    );
    for (const text of [all, headed]) {
      const artifacts = read(text);
      expect(factsOf(artifacts, 'proxy')[0]).toMatchObject({ istioVersion: '1.29.6', envoyVersion: '1.37.1' });
      expect(factsOf(artifacts, 'cluster-config').map(({ name }) => name)).toEqual([
        'agent',
        'outbound|80||reviews.shop.svc.cluster.local',
      ]);
      expect(factsOf(artifacts, 'listener').map(({ name }) => name)).toEqual(['main_internal', '0.0.0.0_80']);
      expect(factsOf(artifacts, 'route').map(({ name }) => name)).toEqual(['80']);
      expect(factsOf(artifacts, 'certificate').map(({ name }) => name)).toEqual(['ROOTCA']);
      expect(factsOf(artifacts, 'cluster')[0]?.endpoints[0]).toMatchObject({
        address: '10.244.0.11:8080',
        locality: 'west/1',
      });
      expect(factsOf(artifacts, 'gap')).toEqual([]);
    }
  });

  it('names the proxy by the list of loggers', () => {
    const artifacts = runReader(
      proxyConfigTables,
      'cart-7d9.shop:\nactive loggers:\n  admin: warning\n  rbac: debug\n',
    );
    expect(factsOf(artifacts, 'proxy').map(({ proxy }) => proxy)).toEqual([{ namespace: 'shop', pod: 'cart-7d9' }]);
    expect(factsOf(artifacts, 'gap')).toEqual([]);
  });

  it('keeps what a loose file says, under the name of the file', () => {
    const [cluster] = factsOf(
      runReader(proxyConfigTables, endpoints, { path: 'attachments/endpoints.txt' }),
      'cluster',
    );
    expect(cluster?.proxy).toEqual({ namespace: '', pod: 'unknown proxy (file endpoints.txt)' });
  });

  it('reads a table that lost its alignment in a chat', () => {
    const pasted = endpoints.replaceAll(/ {2,}/g, ' ');
    expect(factsOf(read(pasted), 'cluster')[0]?.endpoints).toHaveLength(3);
    const tabs = clusters.replaceAll(/ {2,}/g, '\t').replaceAll('SERVICE\tFQDN', 'SERVICE FQDN');
    expect(factsOf(read(tabs), 'cluster-config').map(({ name }) => name)).toContain(
      'outbound|80|v1|reviews.shop.svc.cluster.local',
    );
  });

  it('says where a table breaks and keeps the rest', () => {
    const artifacts = read(`${endpoints}connection reset by peer, the rest was lost\n`);
    expect(factsOf(artifacts, 'cluster')).toHaveLength(2);
    expect(factsOf(artifacts, 'gap')).toEqual([
      {
        file: 'cart.txt',
        reason: 'malformed',
        detail: '1 lines of the table are not understood, the first: connection reset by peer, the rest was lost',
        line: 6,
      },
    ]);
  });

  it('survives damage', () => {
    for (const text of [clusters, endpoints, listeners, routes, secrets, all])
      survivesDamage(proxyConfigTables, text, owned);
  });
});
