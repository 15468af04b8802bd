import { describe, expect, it } from 'vitest';
import { recogniseIstio } from '../../src/parse/recognise-istio.ts';

const recognised: readonly (readonly [string, string])[] = [
  ['Error [IST0101] (VirtualService shop/cart) Referenced gateway not found', 'analyze'],
  ['$ istioctl analyze -A\n\u001b[33mWarning\u001b[0m [IST0146] (Deployment shop/web) image auto', 'analyze'],
  ['\n✔ No validation issues found when analyzing namespace: shop.\n', 'analyze'],
  ['[\n\t{\n\t\t"code": "IST0101",\n\t\t"level": "Error",\n', 'analyze'],
  ['NAME              CDS        LDS        EDS        RDS        PILOT     VERSION\n', 'proxy-status'],
  ['2026-11-25T09:05:34.3Z\twarn\tx\nNAME      CLUSTER     ISTIOD     VERSION     SUBSCRIBED TYPES\n', 'proxy-status'],
  ["Clusters Don't Match\n--- Istiod Clusters\n", 'proxy-status-diff'],
  ['Clusters Match\n--- Pilot Listeners\n+++ Envoy Listeners\n', 'proxy-status-diff'],
  [
    'controlPlane:\n  identifier: "{}"\nresources:\n- \'@type\': type.googleapis.com/envoy.service.status.v3.ClientConfig\n',
    'proxy-status',
  ],
  ['Error: could not get XDS from discovery pod "istiod-6f4": ADSC: failed', 'proxy-status'],
  ['[{"cluster_id":"Kubernetes","proxy":"cart-7d9.shop","proxy_type":"sidecar"', 'istiod-debug'],
  ['[\n  {\n    "proxy": "cart-7d9.shop",\n    "proxy_version": "1.9.0",\n', 'istiod-debug'],
  ['{"totalClients":4,"clients":[{"connectionId":"cart-7d9.shop-1"', 'istiod-debug'],
  ['{\n    "pilot_eds_no_instances": {\n', 'istiod-debug'],
  ['{"proxyListenPort":15001,"proxyInboundListenPort":15006', 'istiod-debug'],
  ['# HELP citadel_server_csr_count The number of CSRs\n# TYPE citadel_server_csr_count counter\n', 'istiod-metrics'],
  ['CLI version:\nversion.BuildInfo{Version:"1.29.6"}\n', 'versions'],
  ['client version: 1.29.6\ncontrol plane version: 1.29.6\n', 'versions'],
  ['clientVersion:\n  golang_version: go1.24\n  version: 1.29.6\nmeshVersion:\n', 'versions'],
  ['- cluster: west\n  code: IST0101\n  level: Error\n', 'analyze'],
  ['Client Version: v1.33.1\nKustomize Version: v5.6.0\n', 'kubectl-version'],
  ['Client Version: &version.Info{Major:"1", GitVersion:"v1.20.0"}\n', 'kubectl-version'],
  ['2025-03-04T10:11:01.1Z\tinfo\t\nTarget cluster context: shop-west\n', 'bug-report-log'],
  ['2025-03-04T10:11:01.1Z\tinfo\tSTARTING kubectl get nodes\n', 'bug-report-log'],
  ['TAG REVISION NAMESPACES\n    asm-1-29 \n', 'istioctl-tags'],
  ['No Istio revision tags found.\n', 'istioctl-tags'],
  ['[\n  {\n    "tag": "prod",\n    "revision": "1-29",\n    "namespaces": ["shop"]\n  }\n]', 'istioctl-tags'],
  ['- namespaces:\n  - shop\n  revision: 1-29\n  tag: prod\n', 'istioctl-tags'],
  ['REVISION TAG      ISTIO-OPERATOR-CR            PROFILE  REQD-COMPONENTS\n', 'istioctl-tags'],
  ['WEBHOOK                 REVISION  INJECTED      REASON\n', 'check-inject'],
  ['ACTION   AuthorizationPolicy   RULES\nDENY     deny-all.shop         1\n', 'authz-check'],
  ['✔ ClusterRole: istiod-istio-system.istio-system checked successfully\n', 'verify-install'],
  ['✘ Deployment: istiod.istio-system: deployments.apps "istiod" not found\n', 'verify-install'],
  ['✔ No issues found when checking the cluster. Istio is safe to install or upgrade!\n', 'verify-install'],
  ['Pod: cart-7d9\n   Pod Revision: default\n   Pod Ports: 8080 (cart)\n', 'istioctl-describe'],
  ['Service: reviews\n   Port: http 80/HTTP targets pod port 8080\n', 'istioctl-describe'],
  ['SERVICE FQDN      PORT     SUBSET     DIRECTION     TYPE       DESTINATION RULE\n', 'proxy-config'],
  ['SERVICE FQDN      PORT     SUBSET     DIRECTION     TYPE\n', 'proxy-config'],
  ['ADDRESSES PORT  MATCH DESTINATION\n', 'proxy-config'],
  ['ADDRESS            PORT     TYPE\n', 'proxy-config'],
  ['NAME     DOMAINS     MATCH     VIRTUAL SERVICE\n', 'proxy-config'],
  ['NOTE: This output only contains routes loaded via RDS.\nNAME     VIRTUAL HOSTS\n80       3\n', 'proxy-config'],
  ['ENDPOINT           STATUS      OUTLIER CHECK     CLUSTER\n', 'proxy-config'],
  ['ENDPOINT           STATUS      LOCALITY     CLUSTER\n', 'proxy-config'],
  ['RESOURCE NAME     TYPE     STATUS     VALID CERT     SERIAL NUMBER     NOT AFTER     NOT BEFORE\n', 'proxy-config'],
  ['ECDS NAME     TYPE\n', 'proxy-config'],
  ['Istio Version:       1.29.6\nIstio Proxy Version: 1.29.6\nEnvoy Version:       1.37.0\n', 'proxy-config'],
  ['cart-7d9.shop:\nactive loggers:\n  admin: warning\n', 'proxy-config'],
  ['NAMESPACE POD NAME ADDRESS     NODE WAYPOINT PROTOCOL\n', 'ztunnel-tables'],
  ['NAMESPACE SERVICE NAME SERVICE VIP WAYPOINT ENDPOINTS\n', 'ztunnel-tables'],
  ['NAMESPACE POLICY NAME ACTION SCOPE\n', 'ztunnel-tables'],
  [
    'CERTIFICATE NAME     TYPE     STATUS     VALID CERT     SERIAL NUMBER     NOT AFTER     NOT BEFORE\n',
    'ztunnel-tables',
  ],
  ['WORKLOAD DIRECTION LOCAL REMOTE REMOTE TARGET PROTOCOL\n', 'ztunnel-tables'],
];

describe('recogniseIstio', () => {
  it.each(recognised)('tells by content: %j is %s', (text, reader) => {
    expect(recogniseIstio(text)?.name).toBe(reader);
  });

  it('leaves the files of others alone', () => {
    const others = [
      '',
      'NAME   ADDRESS        PORT   TYPE   AGE\nx   y   80   HTTP   5m\n',
      'REVISION  CHANGE-CAUSE\n1         <none>\n',
      'Name:         cart-7d9\nNamespace:    shop\nService Account:  cart\n',
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
