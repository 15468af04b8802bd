import { describe, expect, it } from 'vitest';
import { recogniseIstio } from '../../src/parse/recognise-istio.ts';

const recognised: readonly (readonly [string, string])[] = [
  ['Error [IST0101] (VirtualService shop/cart) Referenced gateway not found', 'analyze'],
  ['$ istioctl analyze -A\n\u001b[33mWarning\u001b[0m [IST0146] (Deployment shop/web) image auto', 'analyze'],
  ['\n✔ No validation issues found when analyzing namespace: shop.\n', 'analyze'],
  ['[\n\t{\n\t\t"code": "IST0101",\n\t\t"level": "Error",\n', 'analyze'],
  ['NAME              CDS        LDS        EDS        RDS        PILOT     VERSION\n', 'proxy-status'],
  ['2026-11-25T09:05:34.3Z\twarn\tx\nNAME      CLUSTER     ISTIOD     VERSION     SUBSCRIBED TYPES\n', 'proxy-status'],
  ["Clusters Don't Match\n--- Istiod Clusters\n", 'proxy-status'],
  ['Error: could not get XDS from discovery pod "istiod-6f4": ADSC: failed', 'proxy-status'],
  ['[{"cluster_id":"Kubernetes","proxy":"cart-7d9.shop","proxy_type":"sidecar"', 'istiod-debug'],
  ['[\n  {\n    "proxy": "cart-7d9.shop",\n    "proxy_version": "1.9.0",\n', 'istiod-debug'],
  ['{"totalClients":4,"clients":[{"connectionId":"cart-7d9.shop-1"', 'istiod-debug'],
  ['{\n    "pilot_eds_no_instances": {\n', 'istiod-debug'],
  ['{"proxyListenPort":15001,"proxyInboundListenPort":15006', 'istiod-debug'],
  ['# HELP citadel_server_csr_count The number of CSRs\n# TYPE citadel_server_csr_count counter\n', 'istiod-metrics'],
  ['CLI version:\nversion.BuildInfo{Version:"1.29.6"}\n', 'versions'],
  ['client version: 1.29.6\ncontrol plane version: 1.29.6\n', 'versions'],
  ['Client Version: v1.33.1\nKustomize Version: v5.6.0\n', 'kubectl-version'],
  ['Client Version: &version.Info{Major:"1", GitVersion:"v1.20.0"}\n', 'kubectl-version'],
  ['2025-03-04T10:11:01.1Z\tinfo\t\nTarget cluster context: shop-west\n', 'bug-report-log'],
  ['2025-03-04T10:11:01.1Z\tinfo\tSTARTING kubectl get nodes\n', 'bug-report-log'],
  ['TAG REVISION NAMESPACES\n    asm-1-29 \n', 'istioctl-tag'],
  ['WEBHOOK                 REVISION  INJECTED      REASON\n', 'istioctl-check-inject'],
];

describe('recogniseIstio', () => {
  it.each(recognised)('tells by content: %j is %s', (text, reader) => {
    expect(recogniseIstio(text)?.name).toBe(reader);
  });

  it('leaves the files of others alone', () => {
    const others = [
      '',
      'NAME                    READY   STATUS    RESTARTS   AGE\ncart-7d9   2/2   Running   0   5m\n',
      'apiVersion: v1\nitems: []\nkind: List\n',
      '2025-03-04T10:11:12.345678Z\tinfo\tads\tADS: new connection for node:cart-7d9.shop-12\n',
      '{"configs":[{"@type":"type.googleapis.com/envoy.admin.v3.BootstrapConfigDump"}]}',
      '# TYPE envoy_server_live gauge\nenvoy_server_live{} 1\n',
      'xds-grpc::default_priority::max_connections::100000\n',
      'Error from server (NotFound): pods "cart" not found\n',
    ];
    for (const text of others) expect(recogniseIstio(text)?.name).toBeUndefined();
  });
});
