import { addTo } from '../../model/groups.ts';
import { hostOfService, text } from '../../model/hosts.ts';
import type { Mesh } from '../../model/mesh.ts';
import { destinationRuleFor, type ServerMode, serverMode, tlsOfRule } from '../../model/mtls.ts';
import { byText } from '../../model/order.ts';
import {
  hostsServing,
  type Peer,
  peersByIp,
  portOfAddress,
  rootNamespaceOf,
  type Server,
  serverLookup,
  targetsOf,
} from '../../model/peers.ts';
import { matchesLabels } from '../../model/selectors.ts';
import { ipOf, summaryOf } from '../../model/traffic.ts';
import type { AccessGroup, KubeObject, ProxyRef, Service } from '../../parse/facts.ts';

/** Why a caller's bytes were not the mutual TLS its server wants, as far as the archive tells. */
export type Plaintext =
  | { readonly kind: 'no-proxy' }
  | { readonly kind: 'node' }
  | { readonly kind: 'outside' }
  | { readonly kind: 'excluded'; readonly annotation: string }
  | { readonly kind: 'pod-address' }
  | { readonly kind: 'hidden-service'; readonly host: string };

/** Connections that one workload's proxies refused to one caller, because no filter chain matched. */
export interface RefusedConnections {
  readonly server: Server;
  readonly pods: readonly ProxyRef[];
  /** Undefined where no pod or proxy has the caller's address. */
  readonly client: Peer | undefined;
  readonly ip: string;
  readonly ports: readonly number[];
  /** The destination the caller meant, where it is clear. */
  readonly host: string | undefined;
  /** What the server accepts by configuration; undefined where no configuration was read. */
  readonly mode: ServerMode | undefined;
  /** Set where the caller cannot have sent mutual TLS. */
  readonly plaintext: Plaintext | undefined;
  /** The DestinationRule that turns the client's TLS off or into something else. */
  readonly rule: KubeObject | undefined;
  readonly groups: readonly AccessGroup[];
  readonly count: number;
  readonly first: string;
  readonly last: string;
  readonly ended: boolean;
}

type Read = Pick<Mesh, 'access'> &
  Partial<Pick<Mesh, 'pods' | 'proxies' | 'services' | 'config' | 'meshConfigs' | 'platform'>>;

/** Refused inbound connections by server workload and caller, most first (Envoy `filter_chain_not_found`). */
export function refusedConnections(mesh: Read): readonly RefusedConnections[] {
  const { access, pods, proxies, services = [], config, meshConfigs, platform } = mesh;
  const refused = access.filter(({ details }) => details === 'filter_chain_not_found');
  if (refused.length === 0) return [];
  const peers = peersByIp(pods, proxies);
  const serverOf = serverLookup(pods, proxies);
  const root = rootNamespaceOf(meshConfigs, platform);
  const failedBy = failedByHostTried(access);
  const unknownTo = servicesCalledByAddress(access, services);
  const rules = config?.filter(({ kind }) => kind === 'DestinationRule') ?? [];

  const gathered = new Map<string, { server: Server; client: Peer | undefined; groups: AccessGroup[] }>();
  for (const group of refused) {
    const server = serverOf(group.proxy);
    const client = peers.get(group.peer);
    const who =
      client === undefined ? `ip ${server.gateway ? '' : group.peer}` : `${client.namespace}/${client.workload}`;
    const key = `${server.namespace}/${server.workload}\n${who}`;
    const known = gathered.get(key);
    if (known === undefined) gathered.set(key, { server, client, groups: [group] });
    else known.groups.push(group);
  }

  return [...gathered.values()]
    .map(({ server, client, groups }): RefusedConnections => {
      const ports = [...new Set(groups.flatMap(({ local }) => portOfAddress(local) ?? []))];
      const modes = config === undefined ? [] : ports.map((port) => serverMode(config, server, port, root));
      const mode = modes.find((one) => one.mode === 'STRICT') ?? modes[0];
      const tried = groups.flatMap(({ local, peer }) => failedBy.get(`${peer} ${local}`) ?? []);
      const meant = tried.flatMap(({ cluster }) =>
        cluster.startsWith('outbound|') ? (cluster.split('|')[3] ?? []) : [],
      );
      const serving = ports.flatMap((port) => hostsServing(server, port, services));
      const hidden = serving.find((name) => groups.some(({ peer }) => unknownTo.has(`${peer} ${name}`)));
      const host = only(meant.length > 0 ? meant : serving);
      const rule = client?.inMesh && host !== undefined ? ruleOf(rules, host, client.namespace, root) : undefined;
      const { count, first, last, proxies: seenBy } = summaryOf(groups);
      return {
        server,
        pods: seenBy,
        client,
        ip: groups[0]?.peer ?? '',
        ports,
        host,
        mode,
        plaintext: plaintextOf(
          client,
          groups,
          tried,
          hidden,
          () => [...ports, ...asked(server, ports, services)],
          pods !== undefined,
        ),
        rule,
        groups,
        count,
        first,
        last,
        ended: isOver(groups, access, { count, first, last }),
      };
    })
    .sort((a, b) => b.count - a.count || byText(a.server.workload, b.server.workload));
}

/** Failed outbound groups by the caller's ip and the address it tried: the other end of a refused connection. */
function failedByHostTried(access: readonly AccessGroup[]): ReadonlyMap<string, readonly AccessGroup[]> {
  const groups = new Map<string, AccessGroup[]>();
  for (const group of access) {
    if (group.direction !== 'outbound' || group.upstreamHost === '') continue;
    const key = `${group.peer} ${group.upstreamHost}`;
    addTo(groups, key, group);
  }
  return groups;
}

/** Callers' ips with hosts of services whose own address they called and their sidecar did not know. */
function servicesCalledByAddress(access: readonly AccessGroup[], services: readonly Service[]): ReadonlySet<string> {
  const called = access.filter(({ cluster, upstreamHost }) => cluster === 'PassthroughCluster' && upstreamHost !== '');
  if (called.length === 0) return new Set();
  const byAddress = new Map(services.flatMap((service) => service.clusterIPs.map((ip) => [ip, service] as const)));
  return new Set(
    called.flatMap(({ peer, upstreamHost }) => {
      const service = byAddress.get(ipOf(upstreamHost));
      return service === undefined ? [] : [`${peer} ${hostOfService(service)}`];
    }),
  );
}

/** A rule that makes the client speak anything but mutual TLS of the mesh. */
function ruleOf(rules: readonly KubeObject[], host: string, namespace: string, root: string): KubeObject | undefined {
  const rule = destinationRuleFor(rules, host, namespace, root);
  const { mode } = rule === undefined ? {} : tlsOfRule(rule);
  return mode === undefined || mode === 'ISTIO_MUTUAL' ? undefined : rule;
}

function plaintextOf(
  client: Peer | undefined,
  groups: readonly AccessGroup[],
  tried: readonly AccessGroup[],
  hidden: string | undefined,
  ports: () => readonly number[],
  podsRead: boolean,
): Plaintext | undefined {
  // A plaintext connection names no server; one that does spoke TLS.
  if (groups.some(({ sni }) => sni !== '')) return undefined;
  if (client === undefined) return podsRead && groups.some(({ peer }) => peer !== '') ? { kind: 'outside' } : undefined;
  if (client.node) return { kind: 'node' };
  if (!client.inMesh) return { kind: 'no-proxy' };
  if (tried.some(({ cluster }) => cluster === 'PassthroughCluster')) return { kind: 'pod-address' };
  if (hidden !== undefined) return { kind: 'hidden-service', host: hidden };
  const annotation = exclusionOf(client, ports());
  return annotation === undefined ? undefined : { kind: 'excluded', annotation };
}

/** Ports of the services that lead to these ports of the server: what the caller asked for, and what it may exclude. */
const asked = (server: Server, ports: readonly number[], services: readonly Service[]): readonly number[] =>
  services
    .filter(
      ({ meta, selector }) => meta.namespace === server.namespace && selector && matchesLabels(selector, server.labels),
    )
    .flatMap((service) => targetsOf(service, server.pod))
    .flatMap(({ port, target }) => (target !== undefined && ports.includes(target) ? [port] : []));

/** The annotation that takes the client's traffic to these ports past its own sidecar. */
function exclusionOf({ pod }: Peer, ports: readonly number[]): string | undefined {
  const excluded = text(pod?.meta.annotations['traffic.sidecar.istio.io/excludeOutboundPorts']);
  if (excluded !== undefined && ports.some((port) => excluded.split(',').some((one) => Number(one) === port)))
    return 'traffic.sidecar.istio.io/excludeOutboundPorts';
  const ranges = text(pod?.meta.annotations['traffic.sidecar.istio.io/excludeOutboundIPRanges']);
  return ranges !== undefined && ranges !== '' ? 'traffic.sidecar.istio.io/excludeOutboundIPRanges' : undefined;
}

/** Nothing was refused for a minute and ten times the usual gap, while the same proxies went on serving the same port. */
function isOver(
  groups: readonly AccessGroup[],
  access: readonly AccessGroup[],
  { count, first, last }: { readonly count: number; readonly first: string; readonly last: string },
): boolean {
  const gap = count > 1 ? (Date.parse(last) - Date.parse(first)) / (count - 1) : 0;
  const quiet = Math.max(60_000, 10 * gap);
  return groups.every(({ proxy, local }) => {
    const cluster = `inbound|${portOfAddress(local) ?? ''}|`;
    return access.some(
      (other) =>
        other.proxy.pod === proxy.pod &&
        other.proxy.namespace === proxy.namespace &&
        other.cluster.startsWith(cluster) &&
        other.flags.length === 0 &&
        Date.parse(other.last) - Date.parse(last) >= quiet,
    );
  });
}

/** The value, when all are the same. */
const only = (values: readonly string[]): string | undefined =>
  values.length > 0 && values.every((value) => value === values[0]) ? values[0] : undefined;
