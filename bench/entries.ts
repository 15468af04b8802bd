import {
  certsText,
  clustersText,
  listenersText,
  memoryText,
  netstatText,
  runtimeText,
  serverInfoText,
  statsText,
} from './envoy-admin.ts';
import { configDump } from './envoy-config.ts';
import { istioObjects } from './istio-objects.ts';
import { debugEndpoints, istiodMetrics } from './istiod.ts';
import { istiodPods, k8sResources, nodeObjects } from './kube.ts';
import { eventName, istiodLog, proxyLog } from './logs.ts';
import {
  clustersOf,
  type GeneratedMesh,
  gatewayNamespace,
  istioVersion,
  type MeshCluster,
  type MeshProxy,
  revision,
  systemNamespace,
} from './mesh.ts';
import { type Random, randomFor } from './random.ts';
import { kubectlList } from './yaml.ts';

/** One file of the archive. `content` can be called again and gives the same text. */
export interface GeneratedEntry {
  readonly path: string;
  content(): Iterable<string>;
}

/** The files of a bug-report of istioctl 1.29, in the order it stores them: by path. */
export function* entriesOf(mesh: GeneratedMesh): Generator<GeneratedEntry> {
  const seeded = (path: string, content: (random: Random) => Iterable<string> | string): GeneratedEntry => ({
    path,
    content() {
      const made = content(randomFor(mesh.seed, path));
      return typeof made === 'string' ? [made] : made;
    },
  });
  yield seeded('analyze/allNamespaces/allNamespaces', () => analyzeText(mesh));
  yield seeded('bug-report.log', () => '');
  yield seeded('cluster/cluster-context', () => 'aks-shop\nhttps://10.77.0.10:6443\n');
  yield seeded('cluster/crs', () => kubectlList(istioObjects(mesh)));
  yield seeded('cluster/events', (random) => eventsTable(mesh, random));
  yield seeded('cluster/k8s-resources', (random) => kubectlList(k8sResources(mesh, random)));
  yield seeded(
    'cluster/kubectl-version',
    () => 'Client Version: v1.33.1\nKustomize Version: v5.6.0\nServer Version: v1.33.13\n',
  );
  yield seeded('cluster/nodes', (random) => kubectlList(nodeObjects(mesh, random)));
  yield seeded('cluster/pods', () => kubectlList(istiodPods(mesh)));
  yield seeded('cluster/secrets', () => secretsTable());
  for (const [index, istiod] of mesh.istiods.entries()) {
    const folder = `istio/${istiod.namespace}/${istiod.name}`;
    for (const [name, content] of debugEndpoints) {
      yield seeded(`${folder}/debug/${name}`, (random) => `${JSON.stringify(content(mesh, index, random))}\n`);
    }
    yield seeded(`${folder}/discovery.log`, (random) => istiodLog(mesh, random));
    yield seeded(`${folder}/metrics`, (random) => istiodMetrics(mesh, index, random));
  }
  const clusters = clustersOf(mesh);
  for (const proxy of mesh.proxies) yield* proxyEntries(mesh, proxy, clusters, seeded);
  yield seeded('versions', () => versionsText());
}

function* proxyEntries(
  mesh: GeneratedMesh,
  proxy: MeshProxy,
  clusters: readonly MeshCluster[],
  seeded: (path: string, content: (random: Random) => Iterable<string> | string) => GeneratedEntry,
): Generator<GeneratedEntry> {
  const folder = `proxies/${proxy.namespace}/${proxy.name}`;
  yield seeded(`${folder}/certs`, (random) => certsText(mesh, proxy, random));
  yield seeded(`${folder}/clusters`, (random) => clustersText(clusters, random));
  yield seeded(`${folder}/config_dump?include_eds`, (random) => configDump(mesh, proxy, clusters, random));
  yield seeded(`${folder}/istio-proxy.log`, (random) => proxyLog(mesh, proxy, random));
  yield seeded(`${folder}/listeners`, () => listenersText(mesh, proxy));
  yield seeded(`${folder}/memory`, (random) => memoryText(random));
  yield seeded(`${folder}/netstat`, (random) => netstatText(mesh, proxy, random));
  yield seeded(`${folder}/runtime`, () => runtimeText());
  yield seeded(`${folder}/server_info`, () => serverInfoText(proxy));
  yield seeded(`${folder}/stats/prometheus`, (random) => statsText(mesh, proxy, random));
}

function analyzeText(mesh: GeneratedMesh): string {
  const { broken } = mesh;
  const notInjected = [systemNamespace, gatewayNamespace, 'default'].map(
    (namespace) =>
      `Info [IST0102] (Namespace ${namespace}) The namespace is not enabled for Istio injection. Run 'kubectl label namespace ` +
      `${namespace} istio-injection=enabled' to enable it, or 'kubectl label namespace ${namespace} istio-injection=disabled' ` +
      'to explicitly mark it as not needing injection.',
  );
  return [
    `Error [IST0173] (DestinationRule ${broken.namespace}/${broken.name}) The Subset v2 defined in the DestinationRule does not ` +
      'select any pods. Which may lead to 503 UH (NoHealthyUpstream).',
    ...notInjected,
  ].join('\n');
}

function eventsTable(mesh: GeneratedMesh, random: Random): string {
  const widths = [20, 12, 10, 12, 60, 30, 30, 60, 13, 8];
  const row = (cells: readonly string[]): string =>
    `${cells.map((cell, i) => (i < widths.length ? cell.padEnd(widths[i] ?? 0) : cell)).join('')}\n`;
  const titles = [
    'NAMESPACE',
    'LAST SEEN',
    'TYPE',
    'REASON',
    'OBJECT',
    'SUBOBJECT',
    'SOURCE',
    'MESSAGE',
    'FIRST SEEN',
    'COUNT',
    'NAME',
  ];
  let text = row(titles);
  for (const pod of mesh.pods) {
    const name = eventName(random, pod.name);
    const cells = [
      pod.namespace,
      '54m',
      'Normal',
      'Started',
      `pod/${pod.name}`,
      'spec.containers{istio-proxy}',
      'kubelet, aks',
    ];
    text += row([...cells, 'Started container istio-proxy', '54m', '1', name]);
  }
  return text;
}

function secretsTable(): string {
  return (
    'NAMESPACE      NAME              TYPE               DATA   AGE\n' +
    'istio-system   istio-ca-secret   istio.io/ca-root   5      26h\n'
  );
}

function versionsText(): string {
  const info =
    `version.BuildInfo{Version:"${istioVersion}", GitRevision:"7019d6d3608e4995e9a36d2977cfec3a341431cd", ` +
    `GolangVersion:"go1.26.8", BuildStatus:"Clean", GitTag:"${istioVersion}"}`;
  return (
    `CLI version:\n${info}\n\nThe following Istio control plane revisions/versions were found in the cluster:\n` +
    `Revision ${revision}:\n&version.MeshInfo{version.ServerInfo{Component:"istiod", Revision:"${revision}", Info:${info}}}\n\n` +
    `The following proxy revisions/versions were found in the cluster:\nRevision ${revision}: Versions {${istioVersion}}\n`
  );
}
