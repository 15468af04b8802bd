import type { ProxyInfo, ProxyRef } from '../parse/facts.ts';
import type { Mesh, MeshProxy } from './mesh.ts';
import { byText } from './order.ts';
import { hasProxy, isGateway, proxyContainer, workloadOf } from './selectors.ts';

/**
 * Every proxy the archive shows, once: from its own `server_info` and bootstrap, from pods with a proxy container, and from
 * logs and `/clusters` files whose pod nothing else names. Undefined when none of these was read.
 */
export function proxiesOf(
  mesh: Partial<Mesh>,
  infos: readonly ProxyInfo[] | undefined,
): readonly MeshProxy[] | undefined {
  const proxyLogs = mesh.logFiles?.filter(({ log }) => log === 'proxy' || log === 'ztunnel');
  if (infos === undefined && mesh.pods === undefined && mesh.clusters === undefined && proxyLogs === undefined)
    return undefined;
  const proxies = new Map<string, MeshProxy>();
  const key = (namespace: string, pod: string) => `${namespace}/${pod}`;

  for (const info of infos ?? []) {
    const id = key(info.proxy.namespace, info.proxy.pod);
    proxies.set(id, merge(proxies.get(id), fromInfo(info)));
  }
  for (const pod of mesh.pods ?? []) {
    const ztunnel = pod.meta.labels['app'] === 'ztunnel';
    if (!hasProxy(pod) && !ztunnel) continue;
    const id = key(pod.meta.namespace, pod.meta.name);
    const version = /:v?(\d+\.\d+\.\d+)/.exec(proxyContainer(pod)?.image ?? '')?.[1];
    const revision = pod.meta.labels['istio.io/rev'] ?? pod.meta.annotations['istio.io/rev'];
    proxies.set(
      id,
      merge(proxies.get(id), {
        namespace: pod.meta.namespace,
        pod: pod.meta.name,
        type: ztunnel ? 'ztunnel' : isGateway(pod) ? 'gateway' : 'sidecar',
        ...(version === undefined ? {} : { istioVersion: version }),
        ...(revision === undefined ? {} : { revision }),
        workload: workloadOf(pod),
        serviceAccount: pod.serviceAccount,
        ips: pod.ips,
        labels: pod.meta.labels,
        kubePod: pod,
        at: pod.at,
      }),
    );
  }
  for (const { pod, at, log } of proxyLogs ?? []) {
    if (proxies.has(key(pod.namespace, pod.pod))) continue;
    proxies.set(key(pod.namespace, pod.pod), {
      ...pod,
      type: log === 'ztunnel' ? 'ztunnel' : 'unknown',
      ips: [],
      labels: {},
      at,
    });
  }
  // All clusters of a file name the same proxy object: one look-up per file, not per cluster.
  let last: ProxyRef | undefined;
  for (const { proxy, at } of mesh.clusters ?? []) {
    if (proxy === last) continue;
    last = proxy;
    if (proxies.has(key(proxy.namespace, proxy.pod))) continue;
    proxies.set(key(proxy.namespace, proxy.pod), { ...proxy, type: 'unknown', ips: [], labels: {}, at });
  }
  return [...proxies.values()].sort((a, b) => byText(a.namespace, b.namespace) || byText(a.pod, b.pod));
}

function fromInfo(info: ProxyInfo): MeshProxy {
  const types: Readonly<Record<string, MeshProxy['type']>> = {
    sidecar: 'sidecar',
    router: 'gateway',
    waypoint: 'waypoint',
    ztunnel: 'ztunnel',
  };
  return {
    ...info.proxy,
    type: types[info.type ?? ''] ?? 'unknown',
    ...(info.istioVersion === undefined ? {} : { istioVersion: info.istioVersion }),
    ...(info.envoyVersion === undefined ? {} : { envoyVersion: info.envoyVersion }),
    ...(info.revision === undefined ? {} : { revision: info.revision }),
    ...(info.state === undefined ? {} : { state: info.state }),
    ...(info.workload === undefined ? {} : { workload: info.workload }),
    ...(info.serviceAccount === undefined ? {} : { serviceAccount: info.serviceAccount }),
    ips: info.ip === undefined ? [] : [info.ip],
    labels: info.labels,
    info,
    at: info.at,
  };
}

/** The first source wins for each field; lists are taken where they are not empty. */
function merge(known: MeshProxy | undefined, added: MeshProxy): MeshProxy {
  if (known === undefined) return added;
  return {
    ...added,
    ...known,
    type: known.type === 'unknown' ? added.type : known.type,
    ips: known.ips.length > 0 ? known.ips : added.ips,
    labels: Object.keys(known.labels).length > 0 ? known.labels : added.labels,
    ...(added.kubePod === undefined ? {} : { kubePod: added.kubePod, workload: added.workload ?? added.pod }),
  };
}
