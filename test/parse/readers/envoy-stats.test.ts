import { describe, expect, it } from 'vitest';
import { envoyStats, KNOWN_STATS } from '../../../src/parse/readers/envoy-stats.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const file = { path: 'proxies/shop/cart-7d9f/stats/prometheus', params: { namespace: 'shop', pod: 'cart-7d9f' } };
const read = (text: string, options?: Parameters<typeof runReader>[3]) => runReader(envoyStats, text, file, options);
const metrics = (text: string) =>
  factsOf(read(text), 'metric').map(({ name, labels, value, at }) => [name, labels, value, at.line]);

const request = (labels: Record<string, string>) =>
  `istio_requests_total{${Object.entries({
    reporter: 'source',
    source_workload: 'cart',
    destination_service_name: 'reviews',
    response_code: '200',
    response_flags: '-',
    connection_security_policy: 'unknown',
    request_protocol: 'http',
    ...labels,
  })
    .map(([key, value]) => `${key}="${value}"`)
    .join(',')}}`;

const prometheus = `# TYPE envoy_cluster_upstream_cx_connect_fail counter
envoy_cluster_upstream_cx_connect_fail{cluster_name="xds-grpc"} 3
envoy_cluster_upstream_rq_timeout{envoy_cluster_name="outbound|80||reviews.shop;"} 0
envoy_cluster_upstream_rq_weird{cluster_name="xds-grpc"} 9
# TYPE envoy_server_live gauge
envoy_server_live{} 0
envoy_listener_manager_lds_update_rejected{} 1
envoy_http_rbac{authz_enforce_result="denied",http_conn_manager_prefix="inbound_0.0.0.0_8080;"} 43
envoy_http_inbound_0_0_0_0_8080_rbac_denied{} 2
envoy_tcp{authz_enforce_result="denied",tcp_prefix="rbac"} 4
envoy_tcp{tcp_prefix="other"} 4
envoy_wasm_envoy_wasm_runtime_v8_active{} 1
${request({ response_code: '503', response_flags: 'UH' })} 5
${request({ response_code: '503', response_flags: 'UH', request_protocol: 'grpc' })} 2
${request({})} 100
${request({ reporter: 'destination', connection_security_policy: 'none' })} 7
${request({ destination_service_name: 'BlackHoleCluster', response_code: '502' })} 1
istio_build{component="proxy",tag="1.29.6"} 1
`;

describe('the statistics of a proxy', () => {
  it('are the metrics rules know, under one name each', () => {
    const told = metrics(prometheus).filter(([name]) => String(name).startsWith('envoy_'));
    expect(told).toEqual([
      ['envoy_cluster_upstream_cx_connect_fail', { cluster_name: 'xds-grpc' }, 3, 2],
      ['envoy_server_live', {}, 0, 6],
      ['envoy_listener_manager_lds_update_rejected', {}, 1, 7],
      ['envoy_http_rbac', { authz_enforce_result: 'denied', http_conn_manager_prefix: 'inbound_0.0.0.0_8080' }, 43, 8],
      ['envoy_http_rbac', { authz_enforce_result: 'denied', http_conn_manager_prefix: 'inbound_0_0_0_0_8080' }, 2, 9],
      ['envoy_tcp_rbac', { authz_enforce_result: 'denied', tcp_prefix: 'rbac' }, 4, 10],
      ['envoy_wasm_envoy_wasm_runtime_v8_active', {}, 1, 12],
    ]);
  });

  it('sum the requests that failed, came in plain text or went nowhere', () => {
    const told = metrics(prometheus).filter(([name]) => name === 'istio_requests_total');
    expect(told).toMatchObject([
      [
        'istio_requests_total',
        { response_flags: 'UH', response_code: '503', destination_service_name: 'reviews' },
        7,
        13,
      ],
      ['istio_requests_total', { reporter: 'destination', connection_security_policy: 'none' }, 7, 16],
      ['istio_requests_total', { destination_service_name: 'BlackHoleCluster' }, 1, 17],
    ]);
  });

  it('count the series of each metric of Istio', () => {
    const told = metrics(prometheus).filter(([name]) => name === 'meshtriage_series');
    expect(told).toEqual([
      ['meshtriage_series', { metric: 'istio_requests_total' }, 5, 13],
      ['meshtriage_series', { metric: 'istio_build' }, 1, 18],
    ]);
  });

  it('are the same in the text form', () => {
    const text = `cluster.outbound|80||reviews.shop.svc.cluster.local;.upstream_rq_pending_overflow: 6
cluster.outbound|80||cart.shop.svc.cluster.local.ssl.fail_verify_error: 1
cluster.xds-grpc.upstream_cx_length_ms: P0(nan,1) P25(nan,2)
cluster_manager.cds.update_rejected: 2
control_plane.connected_state: 0
control_plane.identifier: "istiod-1"
http.inbound_0.0.0.0_8080;.rbac.denied: 3
http.outbound_0.0.0.0_80;.downstream_rq_5xx: 8
listener.0.0.0.0_443.no_filter_chain_match: 4
server.state: 0
`;
    expect(metrics(text)).toEqual([
      [
        'envoy_cluster_upstream_rq_pending_overflow',
        { cluster_name: 'outbound|80||reviews.shop.svc.cluster.local' },
        6,
        1,
      ],
      ['envoy_cluster_ssl_fail_verify_error', { cluster_name: 'outbound|80||cart.shop.svc.cluster.local' }, 1, 2],
      ['envoy_cluster_manager_cds_update_rejected', {}, 2, 4],
      ['envoy_control_plane_connected_state', {}, 0, 5],
      ['envoy_http_rbac', { authz_enforce_result: 'denied', http_conn_manager_prefix: 'inbound_0.0.0.0_8080' }, 3, 7],
      ['envoy_http_downstream_rq_5xx', { http_conn_manager_prefix: 'outbound_0.0.0.0_80' }, 8, 8],
      ['envoy_listener_no_filter_chain_match', { listener_address: '0.0.0.0_443' }, 4, 9],
      ['envoy_server_state', {}, 0, 10],
    ]);
  });

  it('are the same for any chunks', () => {
    const expected = read(prometheus);
    for (const chunkBytes of [1, 3, 50, 333]) expect(read(prometheus, { chunkBytes })).toEqual(expected);
  });

  it('that break off say so once and do not end in half a number', () => {
    for (let cut = 1; cut < prometheus.length; cut += 29) {
      const artifacts = read(prometheus.slice(0, cut), { complete: false });
      expect(factsOf(artifacts, 'gap').map(({ reason }) => reason)).toEqual(['truncated']);
    }
    const half = read(prometheus.slice(0, prometheus.indexOf(' 43\n') + 2), { complete: false });
    expect(factsOf(half, 'metric').map(({ value }) => value)).not.toContain(4);
  });

  it('of the first of two answers are read', () => {
    const artifacts = read(prometheus + prometheus);
    expect(factsOf(artifacts, 'metric')).toEqual(factsOf(read(prometheus), 'metric'));
    expect(factsOf(artifacts, 'gap')).toMatchObject([{ reason: 'malformed' }]);
  });

  it.each([
    ['', 'not-available'],
    ['404 page not found', 'not-available'],
    ['<html></html>', 'not-available'],
  ])('are not in %j', (text, reason) => {
    expect(read(text)).toMatchObject([{ kind: 'gap', value: { reason } }]);
  });

  it('survive damage', () => {
    survivesDamage(envoyStats, prometheus, file);
  });

  it('have names Prometheus allows', () => {
    for (const name of Object.keys(KNOWN_STATS)) expect(name).toMatch(/^envoy_[a-z0-9_]+$/);
  });
});
