import { between, firstMoment, hex, pick, type Random, randomFor, suffix, uuid } from './random.ts';
import type { Size } from './sizes.ts';

/** Where the control plane and the gateways live. */
export const systemNamespace = 'istio-system';
export const gatewayNamespace = 'istio-ingress';
export const revision = 'stable';
export const istioVersion = '1.29.6';
const domain = 'svc.cluster.local';
export const trustDomain = 'cluster.local';
/** The address Envoy's xDS client dials. */
export const discoveryAddress = `istiod-${revision}.${systemNamespace}.svc:15012`;

/** The moment of collection, in milliseconds: logs end here. */
export const collectedAt = firstMoment + 2 * 3600_000;

export type Protocol = 'http' | 'grpc' | 'tcp';

/** One Pod of the mesh. */
export interface MeshPod {
  readonly name: string;
  readonly namespace: string;
  readonly ip: string;
  readonly node: string;
  readonly uid: string;
  /** The service it belongs to and the workload (Deployment) it comes from. */
  readonly service: string;
  readonly workload: string;
  readonly version: string;
  readonly templateHash: string;
}

/** A Kubernetes service with one port, its Deployments' Pods and what Istio is told about it. */
export interface MeshService {
  readonly name: string;
  readonly namespace: string;
  readonly host: string;
  readonly ip: string;
  readonly port: number;
  readonly portName: string;
  readonly targetPort: number;
  readonly protocol: Protocol;
  readonly pods: readonly MeshPod[];
  readonly uid: string;
  /** Names of the DestinationRule's subsets, none when there is no such rule. */
  readonly subsets: readonly Subset[];
  readonly exported: boolean;
}

/** A subset and the value of the label `version` it asks for. */
export interface Subset {
  readonly name: string;
  readonly version: string;
  readonly weight: number;
}

/** A captured proxy: a sidecar of a Pod or a gateway. */
export interface MeshProxy {
  readonly name: string;
  readonly namespace: string;
  readonly ip: string;
  readonly node: string;
  readonly app: string;
  readonly workload: string;
  readonly version: string;
  readonly kind: 'sidecar' | 'router';
  readonly service: MeshService | undefined;
}

/** Everything the files of one archive agree on. */
export interface GeneratedMesh {
  readonly seed: number;
  readonly size: Size;
  readonly namespaces: readonly string[];
  readonly nodes: readonly string[];
  readonly services: readonly MeshService[];
  readonly visible: readonly MeshService[];
  readonly pods: readonly MeshPod[];
  readonly proxies: readonly MeshProxy[];
  readonly istiods: readonly MeshPod[];
  /** The service with the injected fault: its subset `v2` asks for labels no Pod carries. */
  readonly broken: MeshService;
  /** Host name under which the gateway publishes the broken service. */
  readonly publicHost: string;
}

const themes =
  'shop checkout catalog billing shipping search identity returns pricing loyalty marketing support media stock ' +
  'partners analytics payments-core notifications fraud subscriptions warehouse suppliers invoices reporting platform';
const services =
  'reviews cart payments orders products ratings details inventory prices offers recommendations wishlist sessions ' +
  'users accounts addresses parcels tracking invoices refunds coupons taxes currency images banners mail sms push ' +
  'audit events queue store ledger limits quotes rules feeds exports imports index';
const regions = ['', '-eu', '-us', '-apac'];

/** Builds the mesh of one size. The same seed and size give the same mesh. */
export function makeMesh(size: Size, seed: number): GeneratedMesh {
  const random = randomFor(seed, 'mesh');
  const names = services.split(' ');
  const namespaces: string[] = [];
  const nodes = Array.from(
    { length: Math.max(2, Math.ceil(size.services / 40)) },
    (_, i) => `aks-pool1-27182818-vmss${i.toString(36).padStart(6, '0')}`,
  );
  for (const region of regions) for (const theme of themes.split(' ')) namespaces.push(theme + region);
  const used = namespaces.slice(0, Math.ceil(size.services / names.length));

  const made: MeshService[] = [];
  for (let i = 0; i < size.services; i += 1) {
    const name = names[i % names.length] ?? 'store';
    const namespace = used[Math.floor(i / names.length)] ?? 'shop';
    made.push(makeService(random, { name, namespace, index: i, exported: i < size.visible, nodes }));
  }
  const broken = made[0];
  if (broken === undefined) throw new RangeError('a mesh needs a service');

  const pods = made.flatMap((service) => service.pods);
  const istiods = Array.from({ length: size.istiods }, (_, i) =>
    makePod(
      random,
      { service: 'istiod', workload: `istiod-${revision}`, version: '', namespace: systemNamespace, nodes },
      i,
    ),
  );
  const gateways = ['external', 'internal'].map((kind, i): MeshProxy => {
    const workload = `istio-ingressgateway-${kind}`;
    const pod = makePod(
      random,
      { service: workload, workload, version: '', namespace: gatewayNamespace, nodes },
      i + 10,
    );
    return { ...pod, app: workload, kind: 'router', service: undefined };
  });
  const sidecars = pods.slice(0, Math.max(0, size.proxies - gateways.length)).map((pod): MeshProxy => {
    const service = made.find((candidate) => candidate.name === pod.service && candidate.namespace === pod.namespace);
    return { ...pod, app: pod.service, kind: 'sidecar', service };
  });
  const byPath = (a: MeshProxy, b: MeshProxy): number =>
    `${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1;
  return {
    seed,
    size,
    namespaces: used,
    nodes,
    services: made,
    visible: made.filter((service) => service.exported),
    pods,
    proxies: [...gateways, ...sidecars].sort(byPath),
    istiods,
    broken,
    publicHost: `${broken.name}.example.com`,
  };
}

interface ServicePlan {
  readonly name: string;
  readonly namespace: string;
  readonly index: number;
  readonly exported: boolean;
  readonly nodes: readonly string[];
}

function makeService(random: Random, plan: ServicePlan): MeshService {
  const { name, namespace, index, nodes } = plan;
  const kind = index === 0 ? 0 : random();
  const protocol: Protocol = kind < 0.75 ? 'http' : kind < 0.9 ? 'grpc' : 'tcp';
  const port = protocol === 'tcp' ? 5432 : protocol === 'grpc' ? 9090 : kind < 0.5 ? 80 : 8080;
  const targetPort = protocol === 'tcp' ? 5432 : protocol === 'grpc' ? 9090 : 8080;
  const split = index === 0 || (protocol === 'http' && random() < 0.06);
  const versions = split ? ['v1', 'v2'] : ['v1'];
  const replicas = random() < 0.85 ? 1 : between(random, 2, 3);
  const pods = versions.flatMap((version) =>
    Array.from({ length: replicas }, (_, i) =>
      makePod(
        random,
        { service: name, workload: split ? `${name}-${version}` : name, version, namespace, nodes },
        index * 8 + i + (version === 'v2' ? 4 : 0),
      ),
    ),
  );
  const subsets = split
    ? [
        { name: 'v1', version: 'v1', weight: index === 0 ? 40 : 80 },
        // The injected fault: Pods carry version=v2, the rule asks for another value.
        { name: 'v2', version: index === 0 ? 'v2-canary' : 'v2', weight: index === 0 ? 60 : 20 },
      ]
    : [];
  return {
    name,
    namespace,
    host: `${name}.${namespace}.${domain}`,
    ip: `10.0.${Math.floor(index / 240)}.${(index % 240) + 10}`,
    port,
    portName: protocol === 'tcp' ? 'tcp-db' : protocol,
    targetPort,
    protocol,
    pods,
    uid: uuid(random),
    subsets,
    exported: plan.exported,
  };
}

interface PodPlan {
  readonly service: string;
  readonly workload: string;
  readonly version: string;
  readonly namespace: string;
  readonly nodes: readonly string[];
}

function makePod(random: Random, plan: PodPlan, index: number): MeshPod {
  const templateHash = workloadHash(plan.namespace, plan.workload);
  return {
    name: `${plan.workload}-${templateHash}-${suffix(random, 5)}`,
    namespace: plan.namespace,
    ip: `10.${plan.namespace.startsWith('istio-') ? 243 : 244}.${Math.floor(index / 250)}.${(index % 250) + 2}`,
    node: pick(random, plan.nodes),
    uid: uuid(random),
    service: plan.service,
    workload: plan.workload,
    version: plan.version,
    templateHash,
  };
}

/** The `pod-template-hash` of a Deployment: the same for all Pods of one workload. */
function workloadHash(namespace: string, workload: string): string {
  return hex(randomFor(7, `${namespace}/${workload}`), 10).replace(/[01ae]/g, 'x');
}

/** An Envoy cluster of the mesh: a service, or one of its subsets. */
export interface MeshCluster {
  readonly name: string;
  readonly service: MeshService;
  readonly subset: Subset | undefined;
  /** Pods behind it. */
  readonly pods: readonly MeshPod[];
}

/** `outbound|<port>|<subset>|<host>` of every exported service and subset, sorted as Envoy stores them. */
export function clustersOf(mesh: GeneratedMesh): MeshCluster[] {
  const clusters: MeshCluster[] = [];
  for (const service of mesh.visible) {
    clusters.push({
      name: `outbound|${service.port}||${service.host}`,
      service,
      subset: undefined,
      pods: service.pods,
    });
    for (const subset of service.subsets) {
      const name = `outbound|${service.port}|${subset.name}|${service.host}`;
      const pods = service.pods.filter((pod) => pod.version === subset.version);
      clusters.push({ name, service, subset, pods });
    }
  }
  return clusters.sort((a, b) => (a.name < b.name ? -1 : 1));
}
