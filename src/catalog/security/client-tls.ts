import type { Location } from '../../input/location.ts';
import { addTo } from '../../model/groups.ts';
import { hostOfService, list, record, specOf, text } from '../../model/hosts.ts';
import type { Mesh } from '../../model/mesh.ts';
import { destinationRuleFor, hostOfRule, type ServerMode, serverMode, tlsOfRule } from '../../model/mtls.ts';
import { isInMesh, rootNamespaceOf, targetsOf } from '../../model/peers.ts';
import { matchesLabels, workloadOf } from '../../model/selectors.ts';
import { failingByHost, servicesByHost, subsetsOf } from '../../model/services.ts';
import { succeeded } from '../../model/traffic.ts';
import type {
  AccessGroup,
  ClusterConfig,
  EnvoyCluster,
  KubeObject,
  Pod,
  ProxyRef,
  Service,
} from '../../parse/facts.ts';
import type { Evidence } from '../rule.ts';

/** A TLS mode that a DestinationRule sets, and the pods it reaches with it. */
export interface Choice {
  /** DISABLE, SIMPLE, MUTUAL or ISTIO_MUTUAL. */
  readonly mode: string;
  readonly at: Location;
  readonly subset: string;
  /** Port of the service; undefined for a host that is no service of the archive. */
  readonly port: number | undefined;
  readonly servers: readonly { readonly pod: Pod; readonly inMesh: boolean; readonly accepts: ServerMode }[];
}

/** What one DestinationRule says of TLS towards one host. */
export interface TlsOfHost {
  readonly rule: KubeObject;
  readonly host: string;
  /** The rule names the host with a wildcard. */
  readonly wide: boolean;
  readonly choices: readonly Choice[];
  /** Outbound groups of clients that use this rule for the host. */
  readonly access: readonly AccessGroup[];
  /** The clients' clusters of the host, with their counters. */
  readonly clusters: readonly EnvoyCluster[];
}

type Read = Pick<Mesh, 'config'> &
  Partial<Pick<Mesh, 'services' | 'pods' | 'access' | 'clusters' | 'meshConfigs' | 'platform'>>;

/** Every TLS mode that DestinationRules set, by rule and host, with the servers and the traffic behind it. */
export function tlsOfHosts(mesh: Read): readonly TlsOfHost[] {
  const { config, services = [], pods = [], access = [], clusters = [], meshConfigs, platform } = mesh;
  const rules = config.filter(({ kind }) => kind === 'DestinationRule');
  const setting = rules.filter(setsTls);
  if (setting.length === 0) return [];
  const root = rootNamespaceOf(meshConfigs, platform);
  const byHost = servicesByHost(services);
  const outbound = outboundByHost(access);
  const clustersOf = failingByHost(clusters);
  const accepts = acceptedBy(config, root);
  const podsIn = new Map<string, Pod[]>();
  for (const pod of pods) {
    if (pod.phase === 'Succeeded' || pod.phase === 'Failed') continue;
    addTo(podsIn, pod.meta.namespace, pod);
  }

  const found: TlsOfHost[] = [];
  for (const rule of setting) {
    const pattern = hostOfRule(rule);
    const wide = pattern.startsWith('*');
    const hosts = wide
      ? services
          .map(hostOfService)
          .filter((host) => destinationRuleFor(setting, host, rule.meta.namespace, root) === rule)
      : [pattern];
    for (const host of hosts) {
      const service = byHost.get(host);
      const choices = choicesOf(rule, host, service, podsIn.get(service?.meta.namespace ?? '') ?? [], accepts);
      if (choices.length === 0) continue;
      const inUse = new Map<string, boolean>();
      const isUsedBy = ({ proxy: { namespace } }: { readonly proxy: ProxyRef }): boolean => {
        const known = inUse.get(namespace) ?? destinationRuleFor(rules, host, namespace, root) === rule;
        inUse.set(namespace, known);
        return known;
      };
      found.push({
        rule,
        host,
        wide,
        choices,
        access: (outbound.get(host) ?? []).filter(isUsedBy),
        clusters: (clustersOf.get(host) ?? []).filter(isUsedBy),
      });
    }
  }
  return found;
}

/** Whether a rule says anything of TLS, at any level. */
function setsTls(rule: KubeObject): boolean {
  const spec = specOf(rule);
  const policies = [spec['trafficPolicy'], ...list(spec['subsets']).map((subset) => record(subset)['trafficPolicy'])];
  return policies
    .map(record)
    .some((policy) =>
      [policy['tls'], ...list(policy['portLevelSettings']).map((level) => record(level)['tls'])].some(
        (tls) => text(record(tls)['mode']) !== undefined,
      ),
    );
}

function choicesOf(
  rule: KubeObject,
  host: string,
  service: Service | undefined,
  pods: readonly Pod[],
  accepts: (pod: Pod, port: number | undefined) => ServerMode,
): readonly Choice[] {
  const selector = service?.selector;
  const behind =
    selector === undefined || Object.keys(selector).length === 0
      ? []
      : pods.filter(({ meta }) => matchesLabels(selector, meta.labels));
  const subsets = [{ name: '', labels: {} }, ...subsetsOf([rule]).filter((subset) => subset.host === host)];
  const ports = service === undefined ? [undefined] : service.ports.map(({ port }) => port);
  const choices: Choice[] = [];
  for (const { name, labels } of subsets) {
    const servers = behind.filter(({ meta }) => matchesLabels(labels, meta.labels));
    for (const port of ports) {
      const { mode, at } = tlsOfRule(rule, port, name);
      if (mode === undefined) continue;
      choices.push({
        mode,
        at,
        subset: name,
        port,
        servers: servers.map((pod) => {
          const target = service && targetsOf(service, pod).find((one) => one.port === port)?.target;
          return { pod, inMesh: isInMesh(pod), accepts: accepts(pod, target) };
        }),
      });
    }
  }
  return choices;
}

/** The effective PeerAuthentication of pods, once per workload and port. */
function acceptedBy(config: readonly KubeObject[], root: string): (pod: Pod, port: number | undefined) => ServerMode {
  const policies = config.filter(({ kind }) => kind === 'PeerAuthentication');
  const known = new Map<string, ServerMode>();
  return (pod, port) => {
    const key = `${pod.meta.namespace}/${workloadOf(pod)}:${port ?? ''}`;
    let mode = known.get(key);
    if (mode === undefined) {
      mode = serverMode(policies, { namespace: pod.meta.namespace, labels: pod.meta.labels }, port, root);
      known.set(key, mode);
    }
    return mode;
  };
}

function outboundByHost(access: readonly AccessGroup[]): ReadonlyMap<string, readonly AccessGroup[]> {
  const groups = new Map<string, AccessGroup[]>();
  for (const group of access) {
    if (!group.cluster.startsWith('outbound|')) continue;
    const host = group.cluster.split('|')[3] ?? '';
    addTo(groups, host, group);
  }
  return groups;
}

/** Clusters whose every request failed, for hosts that no access log tells of. */
export function failingClusters(tls: TlsOfHost, choices: readonly Choice[]): readonly EnvoyCluster[] {
  if (tls.access.length > 0) return [];
  return tls.clusters.filter(
    ({ port, subset, endpoints }) =>
      choices.some((choice) => (choice.port === undefined || choice.port === port) && choice.subset === subset) &&
      endpoints.every(({ rqSuccess }) => rqSuccess === 0),
  );
}

/** Requests and retries that some clusters count as failed. */
export const errorsOf = (clusters: readonly EnvoyCluster[]): number =>
  clusters.flatMap(({ endpoints }) => endpoints).reduce((sum, { rqError }) => sum + rqError, 0);

/** The counters as evidence. */
export const counterEvidence = (clusters: readonly EnvoyCluster[]): readonly Evidence[] =>
  clusters.slice(0, 3).flatMap(({ endpoints }) => {
    const [endpoint] = endpoints.filter(({ rqError }) => rqError > 0);
    return endpoint === undefined
      ? []
      : [{ ...endpoint.at, stage: 'endpoint', say: `${endpoint.rqError} requests failed, none succeeded.` }];
  });

/** Groups of the ports and subsets that some choices concern. */
export function accessOf({ access }: TlsOfHost, choices: readonly Choice[]): readonly AccessGroup[] {
  return access.filter(({ cluster }) => {
    const [, port, subset] = cluster.split('|');
    return choices.some(
      (choice) => (choice.port === undefined || String(choice.port) === port) && choice.subset === (subset ?? ''),
    );
  });
}

/** Connections that failed or were reset, as a refused handshake looks to the client. */
export const brokenConnections = (groups: readonly AccessGroup[]): readonly AccessGroup[] =>
  groups.filter(({ flags }) => flags.some((flag) => flag === 'UC' || flag === 'UF' || flag === 'UR' || flag === 'UH'));

/** Whether requests came through and none broke. */
export const worksAnyway = (groups: readonly AccessGroup[]): boolean =>
  groups.some(succeeded) && brokenConnections(groups).length === 0;

/** The cluster that a rule made for a host, of one of these clients if possible: what the proxies were really told. */
export function clusterOf(
  clusterConfigs: readonly ClusterConfig[],
  { rule, host }: TlsOfHost,
  clients: readonly ProxyRef[],
): ClusterConfig | undefined {
  const config = `/namespaces/${rule.meta.namespace}/destination-rule/${rule.meta.name}`;
  const made = clusterConfigs.filter(
    (cluster) => cluster.host === host && cluster.direction === 'outbound' && cluster.config?.endsWith(config),
  );
  const calls = ({ proxy }: ClusterConfig) =>
    clients.some((client) => client.pod === proxy.pod && client.namespace === proxy.namespace);
  return made.find(calls) ?? made[0];
}

/** `pod.namespace`, as istioctl takes it; `POD` where no client is known. */
export const clientName = (proxy: ProxyRef | undefined): string =>
  proxy === undefined || proxy.namespace === '' ? 'POD' : `${proxy.pod}.${proxy.namespace}`;
