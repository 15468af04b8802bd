import type { KubeObject, Service } from '../parse/facts.ts';
import { addTo, groupBy } from './groups.ts';
import {
  coversHost,
  gatewayHost,
  hostOfService,
  hostsOverlap,
  list,
  nameOf,
  ofKind,
  record,
  resolveHost,
  serviceEntryHosts,
  specOf,
  strings,
  text,
} from './hosts.ts';
import type { MeshProxy } from './mesh.ts';
import { byText } from './order.ts';
import { matchesLabels } from './selectors.ts';

type Labels = Readonly<Record<string, string>>;

/** A secret that a Gateway's server names, and the place that names it. */
export interface Credential {
  readonly name: string;
  readonly pointer: string;
}

/** How a server's port speaks; servers of different ways cannot share a port (istio pilot/pkg/model/gateway.go). */
export type Speech = 'http' | 'tls' | 'tcp';

/** One `servers` entry of an Istio Gateway. */
export interface GatewayServer {
  readonly gateway: KubeObject;
  /** `/spec/servers/0`. */
  readonly pointer: string;
  readonly port: number;
  readonly protocol: string;
  readonly speech: Speech;
  readonly tlsMode?: string;
  readonly bind: string;
  readonly redirects: boolean;
  /** As written, `namespace/host` split. */
  readonly hosts: readonly { readonly namespace: string; readonly host: string }[];
  readonly credentials: readonly Credential[];
}

/** Gateways of Istio's own API; the Gateway API has a kind of the same name. */
const istioGateways = (config: readonly KubeObject[]): readonly KubeObject[] =>
  ofKind(config, 'Gateway', 'networking.istio.io');

/** All servers of all Istio Gateways. */
export function gatewayServers(config: readonly KubeObject[]): readonly GatewayServer[] {
  return istioGateways(config).flatMap(serversOf);
}

/** The servers of one Istio Gateway. */
export function serversOf(gateway: KubeObject): readonly GatewayServer[] {
  return list(specOf(gateway)['servers']).map((item, index): GatewayServer => {
    const server = record(item);
    const port = record(server['port']);
    const tls = record(server['tls']);
    const protocol = (text(port['protocol']) ?? '').toUpperCase();
    const tlsMode = text(tls['mode']);
    const pointer = `/spec/servers/${index}`;
    return {
      gateway,
      pointer,
      port: Number(port['number'] ?? 0),
      protocol,
      speech: speechOf(protocol),
      ...(tlsMode === undefined ? {} : { tlsMode }),
      bind: text(server['bind']) ?? '',
      redirects: tls['httpsRedirect'] === true,
      hosts: strings(server['hosts']).map((entry) => {
        const { namespace, host } = gatewayHost(entry);
        return { namespace: namespace === '.' ? gateway.meta.namespace : namespace, host };
      }),
      credentials: credentialsOf(tls, `${pointer}/tls`),
    };
  });
}

function speechOf(protocol: string): Speech {
  if (/^(?:HTTP|HTTP2|GRPC|GRPC-WEB|HTTP_PROXY)$/.test(protocol)) return 'http';
  return protocol === 'HTTPS' || protocol === 'TLS' ? 'tls' : 'tcp';
}

/** `sds://` and files come from elsewhere than Kubernetes secrets. */
function credentialsOf(tls: Readonly<Record<string, unknown>>, pointer: string): readonly Credential[] {
  const named: Credential[] = [];
  for (const key of ['credentialName', 'caCertCredentialName']) {
    const name = text(tls[key]);
    if (name) named.push({ name, pointer: `${pointer}/${key}` });
  }
  for (const [index, name] of strings(tls['credentialNames']).entries())
    named.push({ name, pointer: `${pointer}/credentialNames/${index}` });
  return named.filter(({ name }) => !name.includes('://'));
}

/** The pods a Gateway selects, in any namespace, as a function that remembers selectors it has seen. */
export function gatewayProxies(proxies: readonly MeshProxy[]): (gateway: KubeObject) => readonly MeshProxy[] {
  const known = new Map<string, readonly MeshProxy[]>();
  return (gateway) => {
    const selector = selectorOf(gateway);
    const key = JSON.stringify(selector);
    let selected = known.get(key);
    if (selected === undefined) {
      selected = proxies.filter(({ labels }) => matchesLabels(selector, labels));
      known.set(key, selected);
    }
    return selected;
  };
}

/** `spec.selector` of an Istio Gateway. */
export const selectorOf = (gateway: KubeObject): Labels =>
  Object.fromEntries(Object.entries(record(specOf(gateway)['selector'])).map(([key, value]) => [key, String(value)]));

/** `istio=ingressgateway,app=gateway`. */
export const labelText = (labels: Labels): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .sort(byText)
    .join(',');

/** A Gateway that a VirtualService names; `gateway` is absent where no such object exists. */
export interface Binding {
  readonly route: KubeObject;
  /** `namespace/name`. */
  readonly name: string;
  readonly pointer: string;
  readonly gateway?: KubeObject;
}

/** What VirtualServices are bound to besides the mesh itself. */
export function gatewayBindings(config: readonly KubeObject[]): readonly Binding[] {
  const byName = new Map(
    istioGateways(config).map((gateway) => [`${gateway.meta.namespace}/${gateway.meta.name}`, gateway]),
  );
  return ofKind(config, 'VirtualService').flatMap((route) =>
    strings(specOf(route)['gateways']).flatMap((entry, index): readonly Binding[] => {
      if (entry === 'mesh') return [];
      const name = gatewayName(entry, route.meta.namespace);
      const gateway = byName.get(name);
      const binding = { route, name, pointer: `/spec/gateways/${index}` };
      return [gateway === undefined ? binding : { ...binding, gateway }];
    }),
  );
}

/** `name`, `namespace/name`, and of old `name.namespace.svc.cluster.local`. */
function gatewayName(entry: string, namespace: string): string {
  if (entry.includes('/')) return entry;
  const [name, second, svc] = entry.split('.');
  return svc === 'svc' && second !== undefined ? `${second}/${name}` : `${namespace}/${entry}`;
}

/** A host, or a Gateway, that nothing routes: the gateway answers 404 there. */
export interface RoutingFault {
  readonly kind: 'mismatch' | 'unrouted' | 'unselected' | 'conflict' | 'refused';
  /** The object to change. */
  readonly object: KubeObject;
  /** Hosts without a route because of it. */
  readonly hosts: readonly string[];
}

/** A VirtualService with hosts that none of the Gateways it is bound to serves. */
export interface HostMismatch extends RoutingFault {
  readonly kind: 'mismatch';
  /** Hosts of the VirtualService that are not served, with their places. */
  readonly unserved: readonly Credential[];
  readonly bindings: readonly Binding[];
  /** Hosts of these Gateways that no VirtualService routes. */
  readonly waiting: readonly string[];
}

/** A Gateway with hosts to which no VirtualService is bound. */
export interface UnroutedHosts extends RoutingFault {
  readonly kind: 'unrouted';
  readonly servers: readonly GatewayServer[];
  /** VirtualServices bound for such a host whose routes are of the wrong protocol (`tls` where the Gateway ends TLS). */
  readonly unfit: readonly KubeObject[];
}

/** Gateways and VirtualServices that do not meet. Short and mesh-internal hosts bound to `mesh` as well are no mismatch. */
export function routingOf(
  config: readonly KubeObject[],
  services: readonly Service[],
): { readonly mismatches: readonly HostMismatch[]; readonly unrouted: readonly UnroutedHosts[] } {
  const bindings = gatewayBindings(config);
  const byRoute = groupBy(bindings, ({ route }) => route);
  const inside = new Set([...services.map(hostOfService), ...serviceEntryHosts(config)]);
  const servers = groupBy(gatewayServers(config), ({ gateway }) => gateway);
  const routesOf = groupBy(bindings, ({ gateway }) => gateway);

  const coveringOf = new Map(
    [...routesOf].map(([gateway, own]) => [
      gateway,
      overlapIndex(own.flatMap(({ route }) => hostsOf(route).map((host) => ({ host, value: route })))),
    ]),
  );
  /** VirtualServices of a server's Gateway that overlap one of its hosts. */
  const covering = (
    server: GatewayServer,
    { namespace, host }: GatewayServer['hosts'][number],
  ): readonly KubeObject[] =>
    (coveringOf.get(server.gateway)?.(host) ?? []).filter((route) => mayBind(namespace, route));

  // Servers of one port of the same pods are merged: a host that one Gateway routes is routed for all of them.
  const routed = new Set<string>();
  const place = (selector: string, { port }: GatewayServer, host: string): string => `${selector} ${port} ${host}`;
  for (const [gateway, own] of servers) {
    const selector = labelText(selectorOf(gateway));
    for (const server of own)
      for (const entry of server.hosts)
        if (covering(server, entry).length > 0) routed.add(place(selector, server, entry.host));
  }

  const unroutedOf = (gateway: KubeObject): UnroutedHosts => {
    const selector = labelText(selectorOf(gateway));
    const unfit = new Set<KubeObject>();
    const bare: GatewayServer[] = [];
    const hosts = new Set<string>();
    for (const server of servers.get(gateway) ?? []) {
      if (server.redirects || !takesHttp(server)) continue;
      const waiting = server.hosts.filter((entry) => {
        const routes = covering(server, entry);
        if (routes.some((route) => list(specOf(route)['http']).length > 0)) return false;
        if (routes.length === 0 && routed.has(place(selector, server, entry.host))) return false;
        for (const route of routes) unfit.add(route);
        return true;
      });
      if (waiting.length === 0) continue;
      bare.push(server);
      for (const { host } of waiting) hosts.add(host);
    }
    return { kind: 'unrouted', object: gateway, hosts: [...hosts], servers: bare, unfit: [...unfit] };
  };
  const unrouted = new Map([...servers.keys()].map((gateway) => [gateway, unroutedOf(gateway)]));

  const servedBy = new Map(
    [...servers].map(([gateway, own]) => [
      gateway,
      overlapIndex(own.flatMap((server) => server.hosts.map(({ host, namespace }) => ({ host, value: namespace })))),
    ]),
  );
  const isInside = (host: string): boolean =>
    !host.includes('.') ||
    host.endsWith('.svc.cluster.local') ||
    inside.has(host) ||
    inside.has(`${host}.svc.cluster.local`) ||
    inside.has(`${host}.cluster.local`);

  const mismatches: HostMismatch[] = [];
  for (const [route, bound] of byRoute) {
    const hosts = strings(specOf(route)['hosts']).map((name, index) => ({
      name,
      pointer: `/spec/hosts/${index}`,
      served: bound.some(
        ({ gateway }) =>
          gateway !== undefined &&
          servedBy
            .get(gateway)?.(resolveHost(name, route.meta.namespace))
            .some((namespace) => mayBind(namespace, route)),
      ),
    }));
    // A service's own name is meant for callers inside, where there are any, or where another host is meant for the gateway.
    const others = strings(specOf(route)['gateways']).includes('mesh') || hosts.some(({ served }) => served);
    const unserved = hosts.filter(({ name, served }) => !served && !(others && isInside(name)));
    if (unserved.length === 0) continue;
    const waiting = bound.flatMap(({ gateway }) => (gateway === undefined ? [] : (unrouted.get(gateway)?.hosts ?? [])));
    mismatches.push({
      kind: 'mismatch',
      object: route,
      hosts: [...new Set([...unserved.map(({ name }) => name), ...waiting])],
      unserved,
      bindings: bound,
      waiting: [...new Set(waiting)],
    });
  }
  // What a mismatch leaves without a route is the mismatch's affair.
  const explained = new Set(mismatches.flatMap(({ bindings: bound }) => bound.map(({ gateway }) => gateway)));
  return {
    mismatches,
    unrouted: [...unrouted.values()].filter(({ object, hosts }) => hosts.length > 0 && !explained.has(object)),
  };
}

/** Looks up what overlaps a host; only wildcards are compared one by one. */
function overlapIndex<T>(
  entries: readonly { readonly host: string; readonly value: T }[],
): (host: string) => readonly T[] {
  const exact = new Map<string, T[]>();
  const wide: { readonly host: string; readonly value: T }[] = [];
  for (const { host, value } of entries) {
    if (host.startsWith('*')) {
      wide.push({ host, value });
      continue;
    }
    addTo(exact, host.toLowerCase(), value);
  }
  return (asked) => {
    const byWildcard = wide.filter(({ host }) => hostsOverlap(host, asked)).map(({ value }) => value);
    const found = asked.startsWith('*')
      ? [...exact].flatMap(([host, values]) => (coversHost(asked, host) ? values : []))
      : (exact.get(asked.toLowerCase()) ?? []);
    return [...found, ...byWildcard];
  };
}

/** A server that reads requests: plain HTTP, or HTTPS whose TLS it ends itself. */
const takesHttp = ({ speech, protocol, tlsMode }: GatewayServer): boolean =>
  speech === 'http' || (protocol === 'HTTPS' && tlsMode !== 'PASSTHROUGH' && tlsMode !== 'AUTO_PASSTHROUGH');

const hostsOf = (route: KubeObject): readonly string[] =>
  strings(specOf(route)['hosts']).map((host) => resolveHost(host, route.meta.namespace));

const mayBind = (namespace: string, route: KubeObject): boolean =>
  namespace === '*' || namespace === '' || namespace === route.meta.namespace;

/** Two servers that want the same port of the same pods and cannot both have it. The later one loses. */
export interface GatewayConflict extends RoutingFault {
  readonly kind: 'conflict';
  readonly winner: GatewayServer;
  readonly loser: GatewayServer;
  readonly because: 'protocol' | 'hosts';
}

/**
 * Servers of different Gateways on one port of one workload: with protocols that do not mix, or both ending TLS for the same
 * host. The older Gateway wins (istio pilot/pkg/model/gateway.go, MergeGateways; IST0145 without its plain HTTP cases, which
 * istiod merges).
 */
export function gatewayConflicts(
  config: readonly KubeObject[],
  proxies: readonly MeshProxy[] | undefined,
): readonly GatewayConflict[] {
  const selected = gatewayProxies(proxies ?? []);
  const texts = new Map<KubeObject, string>();
  const selectorText = (gateway: KubeObject): string => {
    const text = texts.get(gateway) ?? labelText(selectorOf(gateway));
    texts.set(gateway, text);
    return text;
  };
  const together = (a: KubeObject, b: KubeObject): boolean => {
    if (selectorText(a) === selectorText(b)) return true;
    const others = new Set(selected(b));
    return selected(a).some((proxy) => others.has(proxy));
  };
  const age = ({ gateway: { meta } }: GatewayServer): string => `${meta.created ?? ''} ${meta.namespace}/${meta.name}`;
  const conflicts = new Map<string, GatewayConflict>();
  for (const servers of groupBy(gatewayServers(config), ({ port, bind }) => `${port} ${bind}`).values()) {
    const sorted = servers.toSorted((a, b) => byText(age(a), age(b)));
    const byHost = new Map<string, GatewayServer[]>();
    // The oldest server of each way of speaking and selector stands for all that follow it.
    const older: GatewayServer[] = [];
    for (const loser of sorted) {
      const rivals = new Set<GatewayServer>();
      for (const { host } of loser.hosts) {
        for (const rival of byHost.get(host) ?? []) rivals.add(rival);
        byHost.set(host, [...(byHost.get(host) ?? []), loser]);
      }
      const other = older.find(
        (winner) =>
          winner.speech !== loser.speech && winner.gateway !== loser.gateway && together(winner.gateway, loser.gateway),
      );
      if (
        !older.some(
          ({ speech, gateway }) => speech === loser.speech && selectorText(gateway) === selectorText(loser.gateway),
        )
      )
        older.push(loser);
      const same = [...rivals].find(
        (winner) =>
          winner.speech === 'tls' &&
          loser.speech === 'tls' &&
          winner.gateway !== loser.gateway &&
          together(winner.gateway, loser.gateway),
      );
      const winner = other ?? same;
      if (winner === undefined) continue;
      const taken = new Set(winner.hosts.map(({ host }) => host));
      const hosts = loser.hosts.map(({ host }) => host).filter((host) => other !== undefined || taken.has(host));
      const key = `${nameOf(loser.gateway)} ${loser.pointer}`;
      conflicts.set(key, {
        kind: 'conflict',
        object: loser.gateway,
        hosts,
        winner,
        loser,
        because: other === undefined ? 'hosts' : 'protocol',
      });
    }
  }
  return [...conflicts.values()];
}

/** Gateways that select no pod. */
export function unselectedGateways(
  config: readonly KubeObject[],
  labelsOfPods: readonly Labels[],
): readonly (RoutingFault & { readonly kind: 'unselected' })[] {
  const known = new Map<string, boolean>();
  return istioGateways(config).flatMap((gateway) => {
    const selector = selectorOf(gateway);
    const key = labelText(selector);
    const selects = known.get(key) ?? labelsOfPods.some((labels) => matchesLabels(selector, labels));
    known.set(key, selects);
    if (selects) return [];
    const hosts = serversOf(gateway).flatMap((server) => server.hosts.map(({ host }) => host));
    return [{ kind: 'unselected' as const, object: gateway, hosts: [...new Set(hosts)] }];
  });
}

/**
 * Where a fault and the requests that fail by it meet: the host where it is a single one, and the namespace of the object to
 * change. Requests for several hosts meet their common fault in the namespace alone.
 */
export function faultScope(
  fault: RoutingFault,
  requested?: string,
): { readonly namespace: string; readonly host?: string } {
  const { namespace } = fault.object.meta;
  if (requested !== undefined) return { namespace, host: requested };
  const [only, ...more] = fault.hosts;
  return only === undefined || more.length > 0 || only.startsWith('*') ? { namespace } : { namespace, host: only };
}

/** The fault that leaves a requested host without a route: one that names the host itself before one with a wildcard. */
export function faultLookup(faults: readonly RoutingFault[]): (requested: string) => RoutingFault | undefined {
  const covering = overlapIndex(faults.flatMap((fault) => fault.hosts.map((host) => ({ host, value: fault }))));
  return (requested) => covering(requested)[0];
}
