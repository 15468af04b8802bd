import type { Endpoints, EnvoyCluster, KubeObject, Listing, Pod, Service } from '../parse/facts.ts';
import { groupBy } from './groups.ts';
import {
  coversHost,
  hostOfService,
  list,
  ofKind,
  record,
  resolveHost,
  serviceOfHost,
  specOf,
  strings,
  text,
} from './hosts.ts';
import { isListed } from './listings.ts';
import { destinationRuleFor, hostOfRule } from './mtls.ts';

/** Services by their full host. */
export const servicesByHost = (services: readonly Service[]): ReadonlyMap<string, Service> =>
  new Map(services.map((service) => [hostOfService(service), service]));

/** A subset of a DestinationRule and the labels it asks for. */
export interface Subset {
  readonly rule: KubeObject;
  readonly host: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly index: number;
}

/** All subsets that DestinationRules define. */
export function subsetsOf(config: readonly KubeObject[]): readonly Subset[] {
  return ofKind(config, 'DestinationRule').flatMap((rule) => {
    const subsets = specOf(rule)['subsets'];
    if (!Array.isArray(subsets)) return [];
    return subsets.map((subset: unknown, index): Subset => {
      const { name, labels } = record(subset);
      const wanted = Object.entries(record(labels)).map(([key, value]) => [key, String(value)] as const);
      return { rule, host: hostOfRule(rule), name: text(name) ?? '', labels: Object.fromEntries(wanted), index };
    });
  });
}

/** A setting of a DestinationRule's traffic policy and where it stands. */
export interface PolicySetting {
  readonly value: Readonly<Record<string, unknown>>;
  readonly pointer: string;
}

/**
 * What a DestinationRule sets for a port and subset, e.g. its `connectionPool`: the subset's port level, the subset, the rule's
 * port level, the rule; each level replaces the wider one (istio pilot/pkg/networking/util, `MergeTrafficPolicy`).
 */
export function settingOf(
  rule: KubeObject,
  name: 'connectionPool' | 'outlierDetection' | 'tls' | 'loadBalancer',
  port?: number,
  subset?: string,
): PolicySetting | undefined {
  const spec = specOf(rule);
  const subsets = list(spec['subsets']).map(record);
  const index = subset ? subsets.findIndex((one) => one['name'] === subset) : -1;
  const places = [
    ...(index < 0
      ? []
      : [{ policy: record(subsets[index]?.['trafficPolicy']), at: `/spec/subsets/${index}/trafficPolicy` }]),
    { policy: record(spec['trafficPolicy']), at: '/spec/trafficPolicy' },
  ];
  for (const { policy, at } of places) {
    const levels = list(policy['portLevelSettings']).map(record);
    const level = levels.findIndex((one) => port !== undefined && record(one['port'])['number'] === port);
    const onPort = record(levels[level]?.[name]);
    if (Object.keys(onPort).length > 0) return { value: onPort, pointer: `${at}/portLevelSettings/${level}/${name}` };
    const value = record(policy[name]);
    if (Object.keys(value).length > 0) return { value, pointer: `${at}/${name}` };
  }
  return undefined;
}

/** A destination that a VirtualService routes to, with the place of its `destination` field. */
export interface RouteDestination {
  readonly route: KubeObject;
  readonly host: string;
  readonly subset: string;
  readonly port: number | undefined;
  readonly pointer: string;
  /** Share of the requests in per cent, where the route splits traffic. */
  readonly weight: number | undefined;
}

/** Destinations of the http, tcp and tls routes of all VirtualServices; `mirror` is left out, it answers nobody. */
export function routeDestinations(config: readonly KubeObject[]): readonly RouteDestination[] {
  const found: RouteDestination[] = [];
  for (const route of ofKind(config, 'VirtualService')) {
    for (const protocol of ['http', 'tcp', 'tls'] as const) {
      const entries = specOf(route)[protocol];
      if (!Array.isArray(entries)) continue;
      for (const [index, entry] of entries.entries()) {
        const targets = record(entry)['route'];
        if (!Array.isArray(targets)) continue;
        for (const [place, target] of targets.entries()) {
          const { destination, weight } = record(target);
          const { host, subset, port } = record(destination);
          const number = record(port)['number'];
          found.push({
            route,
            host: resolveHost(text(host) ?? '', route.meta.namespace),
            subset: text(subset) ?? '',
            port: typeof number === 'number' ? number : undefined,
            pointer: `/spec/${protocol}/${index}/route/${place}/destination`,
            weight: typeof weight === 'number' ? weight : undefined,
          });
        }
      }
    }
  }
  return found;
}

/** Hosts that ServiceEntries or services define, for "does this host exist". */
export function knownHosts(services: readonly Service[], config: readonly KubeObject[]): ReadonlySet<string> {
  const hosts = new Set(services.map(hostOfService));
  for (const entry of ofKind(config, 'ServiceEntry'))
    for (const host of strings(specOf(entry)['hosts'])) hosts.add(host);
  return hosts;
}

type Groups<T> = ReadonlyMap<string, readonly T[]>;

/** A grouping of a list of the mesh, made once: several rules ask for the same one. */
function grouping<T>(keyOf: (item: T) => string | undefined): (items: readonly T[]) => Groups<T> {
  const made = new WeakMap<readonly T[], Groups<T>>();
  return (items) => {
    const known = made.get(items);
    if (known !== undefined) return known;
    const groups = groupBy(items, keyOf);
    made.set(items, groups);
    return groups;
  };
}

/** Outbound clusters of all proxies by host. */
export const outboundByHost = grouping<EnvoyCluster>(({ direction, host }) =>
  direction === 'outbound' ? host : undefined,
);

/** Outbound clusters with an endpoint that is not healthy, by host: a handful among those of all proxies. */
export const unhealthyByHost = grouping<EnvoyCluster>(({ direction, host, endpoints }) =>
  direction === 'outbound' && endpoints.some(({ healthy }) => !healthy) ? host : undefined,
);

/** Outbound clusters that counted failed requests, by host. */
export const failingByHost = grouping<EnvoyCluster>(({ direction, host, endpoints }) =>
  direction === 'outbound' && endpoints.some(({ rqError }) => rqError > 0) ? host : undefined,
);

const listedByHost = grouping<EnvoyCluster>(({ direction, host, summary }) =>
  direction === 'outbound' && summary !== true ? host : undefined,
);

/** Outbound clusters by host where the absence of one tells: a table of endpoints lists no cluster that has none. */
export const completeByHost = (clusters: readonly EnvoyCluster[]): Groups<EnvoyCluster> =>
  clusters.some(({ summary }) => summary === true) ? listedByHost(clusters) : outboundByHost(clusters);

/** Pods by namespace, so that services and workloads need not look at those of others. */
export const podsByNamespace = grouping<Pod>(({ meta }) => meta.namespace);

/**
 * Whether "no pod carries these labels" is knowledge: all pods of the namespace were listed, with their labels. A described pod
 * or a table without labels makes the facet present, too.
 */
export const knowsLabels = (
  listings: readonly Listing[] | undefined,
  podsOfNamespace: readonly Pod[],
  namespace: string,
): boolean =>
  isListed(listings, 'Pod', namespace) && podsOfNamespace.every(({ meta }) => Object.keys(meta.labels).length > 0);

/** Endpoints and EndpointSlices by `namespace/name` of their service. */
export const endpointsByService = grouping<Endpoints>(({ meta, service }) => `${meta.namespace}/${service}`);

/** `shop` of a service host, '' of any other. */
export const namespaceOfHost = (host: string): string => serviceOfHost(host)?.namespace ?? '';

/** The scope of a destination: its host, and its namespace where it is a Kubernetes service. */
export function hostScope(host: string): { readonly host: string; readonly namespace?: string } {
  const namespace = serviceOfHost(host)?.namespace;
  return namespace === undefined ? { host } : { host, namespace };
}

/**
 * The destination hosts that VirtualServices give for a requested host: what `track.example.com` at a gateway, or a mesh host,
 * is routed to. Empty where no VirtualService covers it.
 */
export function hostsBehind(config: readonly KubeObject[], requested: string): readonly string[] {
  let served = servedHosts.get(config);
  if (served === undefined) {
    served = new Map();
    for (const { route, host } of routeDestinations(config)) {
      for (const name of strings(specOf(route)['hosts'])) {
        const full = resolveHost(name, route.meta.namespace).toLowerCase();
        const known = served.get(full);
        if (known === undefined) served.set(full, new Set([host]));
        else known.add(host);
      }
    }
    servedHosts.set(config, served);
  }
  const exact = served.get(requested.toLowerCase());
  // A host of its own goes before a wildcard.
  if (exact !== undefined) return [...exact];
  return [
    ...new Set(
      [...served].flatMap(([name, hosts]) => (name.startsWith('*') && coversHost(name, requested) ? [...hosts] : [])),
    ),
  ];
}
const servedHosts = new WeakMap<readonly KubeObject[], Map<string, Set<string>>>();

/** Looks up the DestinationRule of a host as `destinationRuleFor` does, over an index of the rules. */
export function ruleLookup(
  config: readonly KubeObject[],
  rootNamespace: string,
): (host: string, clientNamespace: string) => KubeObject | undefined {
  const byHost = new Map<string, KubeObject[]>();
  const wide: KubeObject[] = [];
  for (const rule of ofKind(config, 'DestinationRule')) {
    const host = hostOfRule(rule).toLowerCase();
    const known = byHost.get(host);
    if (host.startsWith('*')) wide.push(rule);
    else if (known === undefined) byHost.set(host, [rule]);
    else known.push(rule);
  }
  return (host, clientNamespace) =>
    destinationRuleFor([...(byHost.get(host.toLowerCase()) ?? []), ...wide], host, clientNamespace, rootNamespace);
}
