import type { LogFile } from '../parse/facts.ts';
import type { Capture, Mesh, Platform } from './mesh.ts';

const addonNamespace = 'aks-istio-system';

/**
 * Where the mesh runs, from names, labels, images and node ids. Two signs make it the AKS add-on: a customer may have
 * borrowed one (knowledge of the add-on's naming: learn.microsoft.com, AKS Istio add-on).
 */
export function platformOf(mesh: Partial<Mesh>): Platform {
  const namespaces = new Set([
    ...(mesh.namespaces ?? []).map(({ meta }) => meta.name),
    ...(mesh.pods ?? []).map(({ meta }) => meta.namespace),
    ...(mesh.logFiles ?? []).map(({ pod }) => pod.namespace),
  ]);
  const istiods = (mesh.pods ?? []).filter(({ meta }) => meta.labels['app'] === 'istiod');
  const names = [...(mesh.workloads ?? []), ...(mesh.pods ?? []), ...(mesh.webhooks ?? [])].map(
    ({ meta }) => meta.name,
  );
  const labelled = [...(mesh.workloads ?? []), ...(mesh.pods ?? []), ...(mesh.namespaces ?? [])].some(({ meta }) =>
    Object.keys(meta.labels).some((label) => label.startsWith('azureservicemesh/')),
  );
  const nodes = mesh.nodes ?? [];
  const azureNodes = nodes.some(({ providerId }) => providerId?.startsWith('azure://'));
  const signs = [
    namespaces.has(addonNamespace),
    names.some((name) => /^istiod-asm-\d+-\d+/.test(name)) ||
      (mesh.versions ?? []).some(({ revision }) => /^asm-\d+-\d+$/.test(revision ?? '')),
    labelled,
    istiods.some(({ containers }) => containers.some(({ image }) => /oss\/istio\/pilot:/.test(image))),
    azureNodes,
  ].filter(Boolean).length;
  const aksAddon = signs >= 2;

  const first = <T, V>(items: readonly T[] | undefined, value: (item: T) => V | undefined): V | undefined => {
    for (const item of items ?? []) {
      const found = value(item);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const version = (component: string) =>
    first(mesh.versions, (fact) => (fact.component === component ? fact.version : undefined));

  const kubernetesVersion = version('kubernetes') ?? first(nodes, ({ kubeletVersion }) => kubeletVersion);
  const istioctlVersion = version('istioctl');
  const context = first(mesh.collections, (collection) => collection.context);
  const apiServer = first(mesh.collections, (collection) => collection.apiServer);
  const istioNamespace =
    istiods[0]?.meta.namespace ??
    (namespaces.has(addonNamespace) ? addonNamespace : undefined) ??
    first(mesh.collections, (collection) => collection.istioNamespace) ??
    'istio-system';
  return {
    ...(kubernetesVersion === undefined ? {} : { kubernetesVersion }),
    ...(istioctlVersion === undefined ? {} : { istioctlVersion }),
    ...(context === undefined ? {} : { context }),
    ...(apiServer === undefined ? {} : { apiServer }),
    provider: providerOf(aksAddon || azureNodes, nodes, kubernetesVersion ?? '', namespaces),
    aksAddon,
    istioNamespace,
  };
}

function providerOf(
  azure: boolean,
  nodes: readonly { readonly providerId?: string }[],
  version: string,
  namespaces: ReadonlySet<string>,
): Platform['provider'] {
  const starts = (prefix: string) => nodes.some(({ providerId }) => providerId?.startsWith(prefix));
  if (azure) return 'aks';
  if (starts('aws://') || version.includes('-eks-')) return 'eks';
  if (starts('gce://') || version.includes('-gke.')) return 'gke';
  if (namespaces.has('openshift-apiserver')) return 'openshift';
  if (starts('kind://')) return 'kind';
  return 'unknown';
}

/** When the archive was made: what the collector said, else the newest log line, else the newest file. */
export function captureOf(mesh: Partial<Mesh>, newestFile: string | undefined): Capture {
  const window = windowOf(mesh.logFiles ?? []);
  const stated = (mesh.collections ?? []).map(({ time }) => time).find((time) => time !== undefined);
  const time = stated ?? window?.last ?? newestFile;
  return {
    ...(time === undefined ? {} : { time, source: stated ? 'bug-report.log' : window ? 'logs' : 'file times' }),
    ...(window === undefined ? {} : { window }),
  };
}

function windowOf(logs: readonly LogFile[]): { readonly first: string; readonly last: string } | undefined {
  let first: string | undefined;
  let last: string | undefined;
  for (const log of logs) {
    if (log.first !== undefined && (first === undefined || log.first < first)) first = log.first;
    if (log.last !== undefined && (last === undefined || log.last > last)) last = log.last;
  }
  return first === undefined || last === undefined ? undefined : { first, last };
}
