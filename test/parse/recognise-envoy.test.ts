import { describe, expect, it } from 'vitest';
import { recogniseEnvoy } from '../../src/parse/recognise-envoy.ts';
import { dump, printed } from './envoy-dump.ts';

const recognised: readonly (readonly [string, string])[] = [
  ['config-dump', printed(dump())],
  ['config-dump', JSON.stringify(dump())],
  ['ztunnel-config', '{\n "workloads": [{"name": "cart", "workloadIps": ["10.0.0.7"]}]}'],
  ['ztunnel-config', '[\n {\n  "workloadIps": ["10.0.0.7"],\n  "name": "cart"}]'],
  ['ztunnel-config', '[\n {\n  "name": "cart",\n  "hostname": "cart.shop",\n  "subjectAltNames": []}]'],
  ['ztunnel-config', '[\n {\n  "name": "deny",\n  "namespace": "shop",\n  "scope": "Namespace",\n  "action": "Deny"}]'],
  ['ztunnel-config', '[\n {\n  "state": "Up",\n  "connections": {\n   "inbound": []}}]'],
  [
    'ztunnel-certificates-yaml',
    '- certChain:\n  - pem: x\n  identity: spiffe://cluster.local/ns/shop/sa/cart\n  state: Available\n',
  ],
  ['ztunnel-yaml', '- canonicalName: cart\n  name: cart-7d9\n  workloadIps:\n  - 10.0.0.7\n'],
  ['envoy-clusters', 'xds-grpc::observability_name::xds-grpc;\nxds-grpc::default_priority::max_connections::1\n'],
  ['envoy-clusters', 'outbound|80||cart.shop::10.0.0.7:80::health_flags::/failed_outlier_check\n'],
  ['envoy-clusters', '{"cluster_statuses":[{"name":"xds-grpc"}]}'],
  ['envoy-clusters', '[{"name":"outbound|80||cart.shop","addedViaApi":true,"hostStatuses":[]}]'],
  [
    'proxy-config-json',
    '[\n    {\n        "name": "outbound|80||cart.shop",\n        "type": "EDS",\n        "connectTimeout": "10s"}]',
  ],
  ['proxy-config-json', '[{"name":"virtualOutbound","address":{"socketAddress":{}},"filterChains":[]}]'],
  ['proxy-config-json', '[{"name":"80","virtualHosts":[]}]'],
  ['proxy-config-json', '[{"clusterName":"outbound|80||cart.shop","endpoints":[]}]'],
  ['proxy-config-json', '{\n    "dynamicActiveSecrets": [\n        {"name": "default"}]}'],
  ['proxy-config-json', '{\n     "bootstrap": {\n          "node": {"id": "sidecar~10.0.0.7~cart-7d9.shop~x"}}}'],
  ['proxy-config-json', '{\n "ecdsFilters": []}'],
  ['proxy-config-yaml', '- circuitBreakers:\n    thresholds: []\n  connectTimeout: 10s\n  name: cart\n'],
  ['proxy-config-yaml', '- addedViaApi: true\n  hostStatuses:\n  - address: {}\n'],
  ['proxy-config-yaml', 'dynamicActiveSecrets:\n- lastUpdated: "2026-11-25T08:46:51Z"\n  name: default\n'],
  ['proxy-config-yaml', "configs:\n- '@type': type.googleapis.com/envoy.admin.v3.BootstrapConfigDump\n"],
  ['ztunnel-certificates', '[\n {\n  "identity": "spiffe://cluster.local/ns/shop/sa/cart",\n  "state": "Available"}]'],
  ['envoy-certs', '{\n "certificates": [\n  {\n   "ca_cert": [],\n   "cert_chain": []\n  }\n ]\n}'],
  ['envoy-server-info', '{\n "version": "abc/1.37.0/Clean",\n "state": "LIVE",\n "uptime_current_epoch": "4s"}'],
  ['envoy-memory', '{\n "allocated": "8465208",\n "heap_size": "16777216"}'],
  ['envoy-stats', '# TYPE envoy_server_live gauge\nenvoy_server_live{} 1\n'],
  ['envoy-stats', 'cluster_manager.cds.update_rejected: 0\nserver.live: 1\n'],
  ['envoy-listeners', '0.0.0.0_80::0.0.0.0:80\n[::]_443::[::]:443\nvirtualInb'],
  ['netstat', 'Active Internet connections (servers and established)\nProto Recv-Q Send-Q\n'],
];

const foreign = [
  '',
  '{"kind":"List","items":[]}',
  '[{"name":"cart"}]',
  '[{"apiVersion":"networking.istio.io/v1","kind":"DestinationRule","spec":{"connectTimeout":"1s"}}]',
  '[{"uid":"a","name":"Pods","state":{"outputs":{"shop/cart":{"spec":{"virtualHosts":[]}}}}}]',
  'meshConfig:\n  connectTimeout: 10s\n',
  'apiVersion: v1\nkind: Pod\n',
  'the row `xds-grpc::added_via_api::true` of a document\nthat speaks of Envoy\n',
  '# TYPE pilot_xds gauge\npilot_xds{version="1.29"} 4\nenvoy_server_live 1\n',
  '2026-11-25T08:50:40.886Z\tinfo\tcart started\n',
];

describe('a loose file of Envoy', () => {
  it.each(recognised)('is recognised as %s by its content: %j', (name, text) => {
    expect(recogniseEnvoy(text)?.name).toBe(name);
    expect(recogniseEnvoy(`\uFEFF${text.replaceAll('\n', '\r\n')}`)?.name).toBe(name);
  });

  it.each(foreign)('is not %j', (text) => {
    expect(recogniseEnvoy(text)).toBeUndefined();
  });
});
