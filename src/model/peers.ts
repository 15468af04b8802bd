import type { MeshConfig, Pod, ProxyRef, Service } from '../parse/facts.ts';
import { hostOfService, text } from './hosts.ts';
import type { MeshProxy, Platform } from './mesh.ts';
import { hasProxy, matchesLabels, workloadOf } from './selectors.ts';

/** Who uses an address: a pod, or a node with everything that runs in its network. */
export interface Peer {
  /** '' for a node. */
  readonly namespace: string;
  /** Name of the Deployment or other owner; the node's name for a node. */
  readonly workload: string;
  readonly serviceAccount?: string;
  readonly pod?: Pod;
  /** Whether a sidecar or ztunnel secures its traffic. */
  readonly inMesh: boolean;
  readonly node: boolean;
}

/**
 * Pods and proxies by their ip. A pod that has ended gives way to one that runs, because addresses are used again; pods in the
 * host's network share the address of their node, so the node is named.
 */
export function peersByIp(
  pods: readonly Pod[] | undefined,
  proxies: readonly MeshProxy[] | undefined,
): ReadonlyMap<string, Peer> {
  const peers = new Map<string, Peer>();
  const ended = (pod: Pod | undefined) => pod?.phase === 'Succeeded' || pod?.phase === 'Failed';
  for (const pod of pods ?? []) {
    for (const ip of pod.ips) {
      const known = peers.get(ip);
      if (known !== undefined && (known.node || pod.hostNetwork ? !known.node : !ended(known.pod))) continue;
      peers.set(
        ip,
        pod.hostNetwork
          ? { namespace: '', workload: pod.node ?? ip, inMesh: false, node: true }
          : {
              namespace: pod.meta.namespace,
              workload: workloadOf(pod),
              serviceAccount: pod.serviceAccount,
              pod,
              inMesh: isInMesh(pod),
              node: false,
            },
      );
    }
  }
  for (const proxy of proxies ?? []) {
    for (const ip of proxy.ips) {
      if (peers.has(ip) || proxy.type === 'ztunnel') continue;
      peers.set(ip, {
        namespace: proxy.namespace,
        workload: proxy.workload ?? proxy.pod,
        ...(proxy.serviceAccount === undefined ? {} : { serviceAccount: proxy.serviceAccount }),
        inMesh: true,
        node: false,
      });
    }
  }
  return peers;
}

/** Whether a proxy or, in ambient mode, the node's ztunnel secures the pod's traffic. */
export const isInMesh = (pod: Pod): boolean =>
  hasProxy(pod) || pod.meta.annotations['ambient.istio.io/redirection'] === 'enabled';

/** `shop/cart`, `node aks-1`. */
export const peerName = ({ namespace, workload, node }: Pick<Peer, 'namespace' | 'workload' | 'node'>): string =>
  node ? `node ${workload}` : `${namespace}/${workload}`;

/** The namespace whose policies hold for the whole mesh: `rootNamespace` of the mesh configuration, else istiod's own. */
export function rootNamespaceOf(
  meshConfigs: readonly MeshConfig[] | undefined,
  platform: Platform | undefined,
): string {
  for (const { config } of meshConfigs ?? []) {
    const root = text(config['rootNamespace']);
    if (root !== undefined && root !== '') return root;
  }
  return platform?.istioNamespace ?? 'istio-system';
}

/** The trust domain of identities, `cluster.local` unless the mesh configuration or a proxy says otherwise. */
export function trustDomainOf(
  meshConfigs: readonly MeshConfig[] | undefined,
  proxies: readonly MeshProxy[] | undefined,
): string {
  for (const { config } of meshConfigs ?? []) {
    const domain = text(config['trustDomain']);
    if (domain !== undefined && domain !== '') return domain;
  }
  return proxies?.find(({ info }) => info?.trustDomain !== undefined)?.info?.trustDomain ?? 'cluster.local';
}

/** A proxy that serves: its workload and labels, from its pod or from itself. */
export interface Server {
  readonly namespace: string;
  readonly workload: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly gateway: boolean;
  readonly revision?: string;
  readonly pod?: Pod;
}

/** Looks up proxies by namespace and pod; one that nothing describes is its own workload. */
export function serverLookup(
  pods: readonly Pod[] | undefined,
  proxies: readonly MeshProxy[] | undefined,
): (proxy: ProxyRef) => Server {
  const byName = new Map((pods ?? []).map((pod) => [`${pod.meta.namespace}/${pod.meta.name}`, pod]));
  const known = new Map((proxies ?? []).map((proxy) => [`${proxy.namespace}/${proxy.pod}`, proxy]));
  return ({ namespace, pod: name }) => {
    const pod = byName.get(`${namespace}/${name}`);
    const proxy = known.get(`${namespace}/${name}`);
    const revision = proxy?.revision ?? pod?.meta.labels['istio.io/rev'];
    return {
      namespace,
      workload: pod !== undefined ? workloadOf(pod) : (proxy?.workload ?? workloadOfName(name)),
      labels: pod?.meta.labels ?? proxy?.labels ?? {},
      gateway: proxy?.type === 'gateway',
      ...(revision === undefined ? {} : { revision }),
      ...(pod === undefined ? {} : { pod }),
    };
  };
}

/** `cart` of `cart-6f7b9c5d8-p4q2r`: the name a ReplicaSet gives its pods. */
const workloadOfName = (pod: string): string => pod.replace(/-[a-f0-9]{6,10}-[a-z0-9]{5}$/, '');

/** The container port that each port of a service leads to on a pod; undefined where a named port is not declared. */
export function targetsOf(
  service: Service,
  pod: Pod | undefined,
): readonly { readonly port: number; readonly name?: string; readonly target: number | undefined }[] {
  return service.ports.map(({ port, name, targetPort }) => {
    const named = pod?.containers.flatMap(({ ports }) => ports).find((declared) => declared.name === targetPort);
    return {
      port,
      ...(name === undefined ? {} : { name }),
      target: typeof targetPort === 'number' ? targetPort : named?.port,
    };
  });
}

/** Full hosts of the services that lead to a port of a workload's pods. */
export function hostsServing(
  server: Server,
  port: number | undefined,
  services: readonly Service[],
): readonly string[] {
  return services
    .filter(
      (service) =>
        service.meta.namespace === server.namespace &&
        service.selector !== undefined &&
        Object.keys(service.selector).length > 0 &&
        matchesLabels(service.selector, server.labels) &&
        (port === undefined || targetsOf(service, server.pod).some(({ target }) => target === port)),
    )
    .map(hostOfService);
}

/** The port of `10.1.2.3:8080` or `[fd00::1]:8080`. */
export function portOfAddress(address: string): number | undefined {
  const port = /:(\d+)$/.exec(address)?.[1];
  return port === undefined ? undefined : Number(port);
}
