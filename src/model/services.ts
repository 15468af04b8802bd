import type { Endpoints, EnvoyCluster, KubeObject, Pod, Service } from '../parse/facts.ts';
import {
  coversHost,
  hostOfService,
  ofKind,
  record,
  resolveHost,
  serviceOfHost,
  specOf,
  strings,
  text,
} from './hosts.ts';
import { hostOfRule } from './mtls.ts';
import { addressesOf, matchesLabels, podsOfService } from './selectors.ts';

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

/** Pods behind a service and a subset's labels, whatever their state. */
export const podsOfSubset = (
  service: Service,
  labels: Readonly<Record<string, string>>,
  pods: readonly Pod[],
): readonly Pod[] => podsOfService(service, pods).filter(({ meta }) => matchesLabels(labels, meta.labels));

/** How many addresses a service has, ready and in all. */
export function endpointCount(
  service: Service,
  endpoints: readonly Endpoints[],
): { readonly ready: number; readonly all: number } {
  const addresses = addressesOf(service, endpoints);
  return { ready: [...addresses.values()].filter(Boolean).length, all: addresses.size };
}

/** Hosts that ServiceEntries or services define, for "does this host exist". */
export function knownHosts(services: readonly Service[], config: readonly KubeObject[]): ReadonlySet<string> {
  const hosts = new Set(services.map(hostOfService));
  for (const entry of ofKind(config, 'ServiceEntry'))
    for (const host of strings(specOf(entry)['hosts'])) hosts.add(host);
  return hosts;
}

type Grouped = ReadonlyMap<string, readonly EnvoyCluster[]>;
/** Several rules ask for the same grouping of the same list. */
const grouped = new WeakMap<readonly EnvoyCluster[], Grouped>();

/** Outbound clusters of all proxies by `port|subset|host`. */
export function outboundClusters(clusters: readonly EnvoyCluster[]): Grouped {
  const cached = grouped.get(clusters);
  if (cached !== undefined) return cached;
  const groups = new Map<string, EnvoyCluster[]>();
  for (const cluster of clusters) {
    if (cluster.direction !== 'outbound') continue;
    const key = `${cluster.port}|${cluster.subset}|${cluster.host}`;
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [cluster]);
    else known.push(cluster);
  }
  grouped.set(clusters, groups);
  return groups;
}

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
  const hosts = new Set<string>();
  for (const { route, host } of routeDestinations(config)) {
    const served = strings(specOf(route)['hosts']).map((name) => resolveHost(name, route.meta.namespace));
    if (served.some((name) => coversHost(name, requested))) hosts.add(host);
  }
  return [...hosts];
}
