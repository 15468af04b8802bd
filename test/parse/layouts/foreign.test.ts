import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { analyze, observe } from '../../../src/analyze.ts';
import { builtInRules } from '../../../src/catalog/index.ts';
import type { Gap } from '../../../src/parse/facts.ts';
import { folderOf } from '../../fixtures/archive-of.ts';
import { tarOf, zipOf } from '../../input/packing.ts';

const istiodLine =
  '2026-05-01T10:00:00.000000Z\tinfo\tads\tPush debounce stable[12] 1 for config Secret/shop/tls: 100ms';
const accessLine =
  '[2026-05-01T10:00:01.000Z] "GET /cart HTTP/1.1" 503 UF upstream_reset_before_response_started{connection_failure} - "-" 0 91 3 - "-" "curl/8" "id-1" "cart.shop:8080" "10.0.0.5:8080" outbound|8080||cart.shop.svc.cluster.local - 10.1.1.1:8080 10.0.0.7:4000 - default';
const proxyLog = `2026-05-01T10:00:00.000000Z\tinfo\tEnvoy proxy is ready\n${accessLine}\n`;

const pod = (namespace: string, name: string, extra: object = {}) => ({
  metadata: { name, namespace, labels: { app: 'cart' }, ...extra },
  spec: { nodeName: 'node-1', containers: [{ name: 'istio-proxy', image: 'docker.io/istio/proxyv2:1.29.6' }] },
  status: { phase: 'Running', podIP: '10.0.0.7', containerStatuses: [] },
});
const cart = pod('shop', 'cart-7d9f8-x2x4k');
const service = {
  metadata: { name: 'cart', namespace: 'shop' },
  spec: { clusterIP: '10.1.1.1', selector: { app: 'cart' }, ports: [{ port: 8080 }] },
};
const typed = (kind: string, items: readonly object[], apiVersion = 'v1') =>
  JSON.stringify({ kind: `${kind}List`, apiVersion, metadata: { resourceVersion: '7' }, items }, null, 4);

/** What the layout says of the pod, its log and istiod's: the same whoever collected it. */
async function said(path: string) {
  const { mesh, gaps, summaries } = await observe([path], builtInRules, { jobs: 1 });
  const files = summaries.flatMap((summary) => summary.files);
  return {
    unrecognised: files.filter(({ status }) => status === 'unrecognised').map((file) => file.path),
    gaps: gaps.map(({ file, detail }: Gap) => `${file}: ${detail}`),
    pods: mesh.pods?.map(({ meta }) => `${meta.namespace}/${meta.name}`) ?? [],
    services: mesh.services?.map(({ meta }) => `${meta.namespace}/${meta.name}`) ?? [],
    logs: mesh.logFiles?.map(({ log, pod: { namespace, pod: name } }) => `${log} ${namespace}/${name}`).sort() ?? [],
    access:
      mesh.access?.map(({ proxy, code, count, samples }) => [
        `${proxy.namespace}/${proxy.pod}`,
        code,
        count,
        samples[0]?.line,
      ]) ?? [],
    listings: mesh.listings?.map(({ kind, namespace }) => `${kind} ${namespace}`) ?? [],
    mesh,
  };
}

const facts = {
  unrecognised: [],
  gaps: [],
  pods: ['shop/cart-7d9f8-x2x4k'],
  services: ['shop/cart'],
  logs: ['istiod istio-system/istiod-5d8c-p4q2r', 'proxy shop/cart-7d9f8-x2x4k'],
};

describe('kubectl cluster-info dump', () => {
  const logs = (namespace: string, name: string, container: string, text: string) =>
    `==== START logs for container ${container} of pod ${namespace}/${name} ====\n${text}==== END logs for container ${container} of pod ${namespace}/${name} ====\n`;
  const cartLogs = `${logs('shop', 'cart-7d9f8-x2x4k', 'istio-init', 'iptables\n')}${logs('shop', 'cart-7d9f8-x2x4k', 'cart', 'GET / 200\n')}${logs('shop', 'cart-7d9f8-x2x4k', 'istio-proxy', proxyLog)}`;
  const istiodLogs = logs('istio-system', 'istiod-5d8c-p4q2r', 'discovery', `${istiodLine}\n`);

  it('is read as a folder', async () => {
    const seen = await said(
      folderOf({
        'dump/nodes.json': typed('Node', [{ metadata: { name: 'node-1' }, status: {} }]),
        'dump/shop/pods.json': typed('Pod', [cart]),
        'dump/shop/services.json': typed('Service', [service]),
        'dump/shop/events.json': typed('Event', []),
        'dump/shop/deployments.json': typed('Deployment', [], 'apps/v1'),
        'dump/shop/cart-7d9f8-x2x4k/logs.txt': cartLogs,
        'dump/istio-system/istiod-5d8c-p4q2r/logs.txt': istiodLogs,
      }),
    );
    expect(seen).toMatchObject(facts);
    expect(seen.access).toEqual([['shop/cart-7d9f8-x2x4k', 503, 1, 9]]);
    expect(seen.listings).toEqual(['Deployment shop', 'Event shop', 'Pod shop', 'Service shop']);
    expect(seen.mesh.nodes).toHaveLength(1);
  });

  it('is read as one stream, with the lines of the stream', async () => {
    const stream = [
      typed('Node', [{ metadata: { name: 'node-1' }, status: {} }]),
      typed('Event', []),
      typed('Service', [service]),
      typed('Pod', [cart]),
      `${cartLogs}${istiodLogs}${typed('Pod', [pod('istio-system', 'late-7d9f8-x2x4k')])}`,
    ].join('\n');
    const seen = await said(folderOf({ 'dump.txt': `${stream}\n` }));
    expect(seen).toMatchObject({ ...facts, pods: ['shop/cart-7d9f8-x2x4k', 'istio-system/late-7d9f8-x2x4k'] });
    const line = stream.split('\n').indexOf(accessLine) + 1;
    expect(seen.access).toEqual([['shop/cart-7d9f8-x2x4k', 503, 1, line]]);
    const late = seen.mesh.pods?.[1]?.at.line ?? 0;
    expect(
      stream
        .split('\n')
        .slice(late - 1, late + 6)
        .join('\n'),
    ).toContain('late-7d9f8-x2x4k');
    expect(seen.listings).toContain('Pod shop');
  });

  it('keeps a log whole that prints lines like titles', async () => {
    const printed = Array.from({ length: 3000 }, (_, index) => `=== step ${index} ===\n$ kubectl get pods\n`).join('');
    const stream = `${typed('Node', [])}\n${typed('Pod', [cart])}\n${logs('shop', 'job-1', 'job', printed)}${cartLogs}`;
    const seen = await said(folderOf({ 'dump.txt': stream }));
    expect(seen).toMatchObject({ gaps: [], pods: facts.pods, logs: ['proxy shop/cart-7d9f8-x2x4k'] });
  });

  it('keeps what stands before the cut of a stream', async () => {
    const whole = `${typed('Node', [])}\n${typed('Pod', [cart])}\n${cartLogs}`;
    const seen = await said(
      folderOf({ 'dump.txt': whole.slice(0, whole.indexOf('==== END logs for container istio-proxy')) }),
    );
    expect(seen.pods).toEqual(facts.pods);
    expect(seen.access).toHaveLength(1);
    expect(seen.gaps).toEqual(['dump.txt: the log here has no end']);
  });
});

describe('OpenShift must-gather', () => {
  const root = 'must-gather.local.4201/registry-redhat-io-openshift-service-mesh-must-gather-sha256-0af1';
  const stamped = (text: string) => text.replaceAll(/^(?=.)/gm, '2026-05-01T10:00:01.123456789Z ');
  const list = (kind: string, apiVersion: string, item: string) =>
    `---\napiVersion: ${apiVersion}\nitems:\n${item}kind: ${kind}List\nmetadata:\n  resourceVersion: "7"\n`;

  it('is read with its Service Mesh files', async () => {
    const seen = await said(
      folderOf({
        'must-gather.local.4201/event-filter.html': '<html></html>',
        'must-gather.local.4201/timestamp': '2026-05-01 10:00:00 +0000 UTC m=+0.1\n',
        [`${root}/version`]: 'openshift-service-mesh/must-gather\n3.1.0\n',
        [`${root}/namespaces/shop/shop.yaml`]: 'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n',
        [`${root}/namespaces/shop/core/pods.yaml`]: list(
          'Pod',
          'v1',
          '- metadata:\n    name: cart-7d9f8-x2x4k\n    namespace: shop\n  spec:\n    containers: []\n  status: {}\n',
        ),
        [`${root}/namespaces/shop/core/services.yaml`]: list(
          'Service',
          'v1',
          '- metadata:\n    name: cart\n    namespace: shop\n  spec:\n    ports:\n    - port: 8080\n',
        ),
        [`${root}/namespaces/shop/networking.istio.io/virtualservices/cart.yaml`]:
          'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: cart\n  namespace: shop\nspec:\n  hosts: [cart]\n',
        [`${root}/namespaces/shop/pods/cart-7d9f8-x2x4k/cart-7d9f8-x2x4k.yaml`]:
          'apiVersion: v1\nkind: Pod\nmetadata:\n  name: cart-7d9f8-x2x4k\n  namespace: shop\nspec:\n  containers: []\nstatus: {}\n',
        [`${root}/namespaces/shop/pods/cart-7d9f8-x2x4k/istio-proxy/istio-proxy/logs/current.log`]: stamped(proxyLog),
        [`${root}/namespaces/shop/pods/cart-7d9f8-x2x4k/cart/cart/logs/current.log`]: stamped('GET / 200\n'),
        [`${root}/namespaces/shop/pods/cart-7d9f8-x2x4k/config_dump_proxy.json`]:
          'Defaulted container\n{"configs":[{"@type":"type.googleapis.com/envoy.admin.v3.ClustersConfigDump","dynamic_active_clusters":[{"cluster":{"name":"outbound|8080||cart.shop.svc.cluster.local"}}]}]}',
        [`${root}/namespaces/shop/pods/cart-7d9f8-x2x4k/config_dump_istiod.json`]: '{"configs":[]}',
        [`${root}/namespaces/shop/pods/cart-7d9f8-x2x4k/proxy_stats`]:
          'server.uptime: 5\ncluster_manager.cds.update_rejected: 0\n',
        [`${root}/namespaces/istio-system/default/debug-syncz.json`]:
          '[{"cluster_id":"Kubernetes","proxy":"cart-7d9f8-x2x4k.shop","istio_version":"1.29.6","cluster_sent":"a","cluster_acked":"a"}]',
        [`${root}/namespaces/istio-system/pods/istiod-5d8c-p4q2r/discovery/discovery/logs/current.log`]: stamped(
          `${istiodLine}\n`,
        ),
        [`${root}/cluster-scoped-resources/core/nodes/node-1.yaml`]:
          'apiVersion: v1\nkind: Node\nmetadata:\n  name: node-1\nstatus: {}\n',
        [`${root}/cluster-scoped-resources/rbac.authorization.k8s.io/clusterroles/x.yaml`]:
          'apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: x\n',
      }),
    );
    expect(seen).toMatchObject(facts);
    expect(seen.access).toEqual([['shop/cart-7d9f8-x2x4k', 503, 1, 2]]);
    expect(seen.listings).toEqual(['Pod shop', 'Service shop']);
    expect(seen.mesh.sync).toHaveLength(1);
    expect(seen.mesh.clusterConfigs?.map(({ proxy }) => proxy)).toEqual([
      { namespace: 'shop', pod: 'cart-7d9f8-x2x4k' },
    ]);
    expect(seen.mesh.config?.map(({ kind }) => kind)).toEqual(['VirtualService']);
    expect(seen.mesh.nodes).toHaveLength(1);
  });

  it('says why a debug file holds no answer', async () => {
    const seen = await said(
      folderOf({
        [`${root}/namespaces/istio-system/default/debug-syncz.json`]:
          'Error from server (NotFound): pods "istiod" not found\n',
      }),
    );
    expect(seen.gaps).toEqual([
      `${root}/namespaces/istio-system/default/debug-syncz.json: no JSON: Error from server (NotFound): pods "istiod" not found`,
    ]);
  });
});

describe('kind export logs', () => {
  const cri = (text: string) => text.replaceAll(/^(?=.)/gm, '2026-05-01T10:00:01.123456789Z stdout F ');
  const id = 'a'.repeat(64);

  it('is read, each log once though it is stored twice', async () => {
    const seen = await said(
      folderOf({
        'kind-version.txt': 'kind v0.27.0 go1.23.6 linux/amd64\n',
        'docker-info.txt': 'Client:\n',
        'kind-control-plane/journal.log': '-- No entries --\n',
        'kind-control-plane/inspect.json': '[{}]',
        'kind-control-plane/images.log': 'IMAGE\n',
        'kind-control-plane/kubernetes-version.txt': 'v1.33.1',
        [`kind-control-plane/containers/cart-7d9f8-x2x4k_shop_istio-proxy-${id}.log`]: cri(proxyLog),
        [`kind-control-plane/containers/cart-7d9f8-x2x4k_shop_cart-${id}.log`]: cri('GET / 200\n'),
        'kind-control-plane/pods/shop_cart-7d9f8-x2x4k_3f0b/istio-proxy/0.log': cri(proxyLog),
        'kind-control-plane/pods/istio-system_istiod-5d8c-p4q2r_77aa/discovery/0.log': cri(`${istiodLine}\n`),
      }),
    );
    expect(seen).toMatchObject({ ...facts, pods: [], services: [] });
    expect(seen.access).toEqual([['shop/cart-7d9f8-x2x4k', 503, 1, 2]]);
  });
});

describe('AKS Periscope', () => {
  const log = (name: string, container: string, text: string) =>
    JSON.stringify({
      name,
      ready: '2/2',
      status: 'Running',
      restart: 0,
      age: 1,
      containerName: container,
      containerLog: text,
    });

  it('is read, with the zip of a node', async () => {
    const seen = await said(
      folderOf({
        'run-1/aks-node-0/kubeobjects/shop_pod_cart-7d9f8-x2x4k': [
          'Name:             cart-7d9f8-x2x4k',
          'Namespace:        shop',
          'Labels:           app=cart',
          'Status:           Running',
          'IP:               10.0.0.7',
          'Containers:',
          '  istio-proxy:',
          '    Image:          docker.io/istio/proxyv2:1.29.6',
          '    State:          Running',
          '    Ready:          True',
          'Events:             <none>',
          '',
        ].join('\n'),
        'run-1/aks-node-0/podscontainerlogs/cart-7d9f8-x2x4k-istio-proxy': log(
          'cart-7d9f8-x2x4k',
          'istio-proxy',
          proxyLog,
        ),
        'run-1/aks-node-0/podscontainerlogs/istiod-asm-1-29-5d8c-p4q2r-discovery': log(
          'istiod-asm-1-29-5d8c-p4q2r',
          'discovery',
          `${istiodLine}\n`,
        ),
        'run-1/aks-node-0/iptables/iptables': 'Chain PREROUTING (policy ACCEPT)\n',
        'run-1/aks-node-0/dns/virtualmachine': 'nameserver 168.63.129.16\n',
        'run-1/aks-node-0/kubeletcmd/kubeletcmd': '/usr/local/bin/kubelet --v=2\n',
      }),
    );
    expect(seen.unrecognised).toEqual([]);
    expect(seen.pods).toEqual(facts.pods);
    // Periscope does not say the namespace of a log: the described pod does.
    expect(seen.logs).toEqual(['istiod /istiod-asm-1-29-5d8c-p4q2r', 'proxy shop/cart-7d9f8-x2x4k']);
    expect(seen.access).toEqual([['shop/cart-7d9f8-x2x4k', 503, 1, 1]]);
  });
});

describe('a support bundle of troubleshoot.sh', () => {
  const root = 'support-bundle-2026-05-01T10_00_00';
  const files = (list: (kind: string, items: readonly object[]) => string) => ({
    [`${root}/version.yaml`]: 'apiVersion: troubleshoot.sh/v1beta2\nkind: SupportBundle\n',
    [`${root}/analysis.json`]: '[]',
    [`${root}/cluster-info/cluster_version.json`]: '{"info":{"major":"1","gitVersion":"v1.33.1"},"string":"v1.33.1"}',
    [`${root}/cluster-resources/pods/shop.json`]: list('Pod', [cart]),
    [`${root}/cluster-resources/pods/empty.json`]: list('Pod', []),
    [`${root}/cluster-resources/pods-errors.json`]: 'null',
    [`${root}/cluster-resources/services/shop.json`]: list('Service', [service]),
    [`${root}/cluster-resources/nodes.json`]: list('Node', [{ metadata: { name: 'node-1' }, status: {} }]),
    [`${root}/cluster-resources/groups.json`]: '[]',
    [`${root}/cluster-resources/auth-cani-list/shop.json`]: '[]',
    [`${root}/cluster-resources/limitranges/shop.json`]: '[]',
    [`${root}/cluster-resources/custom-resources/virtualservices.networking.istio.io/shop.yaml`]:
      '- apiVersion: networking.istio.io/v1\n  kind: VirtualService\n  metadata:\n    name: cart\n    namespace: shop\n  spec:\n    hosts:\n    - cart\n',
    [`${root}/cluster-resources/pods/logs/shop/cart-7d9f8-x2x4k/istio-proxy.log`]: proxyLog,
    [`${root}/cluster-resources/pods/logs/shop/cart-7d9f8-x2x4k/cart-previous.log`]: 'GET / 200\n',
    [`${root}/cluster-resources/pods/logs/istio-system/istiod-5d8c-p4q2r/discovery.log`]: `${istiodLine}\n`,
  });

  it.each([
    ['with typed lists', (kind: string, items: readonly object[]) => typed(kind, items)],
    [
      'with the bare items of older versions',
      (_kind: string, items: readonly object[]) => JSON.stringify(items, null, 2),
    ],
  ])('is read %s', async (_name, list) => {
    const seen = await said(folderOf(files(list)));
    expect(seen).toMatchObject(facts);
    expect(seen.access).toEqual([['shop/cart-7d9f8-x2x4k', 503, 1, 2]]);
    expect(seen.listings.sort()).toEqual(['Node *', 'Pod empty', 'Pod shop', 'Service shop']);
    expect(seen.mesh.config?.map(({ kind }) => kind)).toEqual(['VirtualService']);
    expect(seen.mesh.platform?.kubernetesVersion).toBe('v1.33.1');
  });
});

describe('folders by namespace', () => {
  it('name the pod and the container of a log', async () => {
    const seen = await said(
      folderOf({
        'ticket/shop/cart-7d9f8-x2x4k/istio-proxy.log': proxyLog,
        'ticket/istio-system/istiod-5d8c-p4q2r_discovery.log': `${istiodLine}\n`,
      }),
    );
    expect(seen).toMatchObject({ ...facts, pods: [], services: [] });
  });
});

describe('archives within archives', () => {
  const report = async () =>
    gzipSync(
      await tarOf({
        'bug-report/istio/istio-system/istiod-5d8c-p4q2r/discovery.log': `${istiodLine}\n`,
        'bug-report/proxies/shop/cart-7d9f8-x2x4k/istio-proxy.log': proxyLog,
      }),
    );

  it('are opened from a folder over a zip to the report in it', async () => {
    const zip = zipOf({ 'ticket/bug-report.tar.gz': await report() });
    const folder = folderOf({});
    const { writeFileSync } = await import('node:fs');
    writeFileSync(`${folder}/attachments.zip`, zip);
    const seen = await said(folder);
    expect(seen).toMatchObject({ ...facts, pods: [], services: [] });
    expect(seen.mesh.access?.[0]?.file).toBe(
      'attachments.zip!/ticket/bug-report.tar.gz!/proxies/shop/cart-7d9f8-x2x4k/istio-proxy.log',
    );
  });

  it('are opened only so deep, which is a gap', async () => {
    const inner = zipOf({
      'b.zip': zipOf({ 'c.zip': zipOf({ 'report.tar.gz': await report() }) }),
      'x/discovery.log': `${istiodLine}\n`,
    });
    const stdin = Readable.from([zipOf({ 'a.zip': inner })]);
    const { gaps } = await analyze(['-'], { jobs: 1, stdin });
    expect(gaps.map(({ file, reason }) => [file, reason])).toEqual([['a.zip!/b.zip!/c.zip', 'skipped']]);
    expect(gunzipSync(await report()).length).toBeGreaterThan(0);
  });
});
