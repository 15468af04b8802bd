import { gatewayApiHosts, refusedRoutes } from '../../model/gateway-routes.ts';
import {
  faultLookup,
  faultScope,
  gatewayConflicts,
  gatewayServers,
  type RoutingFault,
  routingOf,
  unselectedGateways,
} from '../../model/gateways.ts';
import {
  coversHost,
  hostOfAuthority,
  hostOfService,
  nameOf,
  ofKind,
  resolveHost,
  specOf,
  strings,
} from '../../model/hosts.ts';
import { isListed } from '../../model/listings.ts';
import type { MeshProxy } from '../../model/mesh.ts';
import { hostScope, hostsBehind } from '../../model/services.ts';
import { hasEnded, succeeded, summaryOf } from '../../model/traffic.ts';
import type { AccessGroup, KubeObject, Service } from '../../parse/facts.ts';
import { accessEvidence, counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule, type Scope, type Severity } from '../rule.ts';

/**
 * Envoy answers 404 with flag NR when no virtual host has the requested host, or none of its routes the path (details
 * `route_not_found`). Gateways on the internet get such requests from scanners all day: only hosts that the mesh's configuration
 * names are an error.
 */
export const missingRoute = defineRule({
  id: 'missing-route',
  title: 'Requests without a route',
  area: 'gateway',
  severity: 'error',
  why: 'The proxy has no route for the requested host or path and answers 404 itself (flag `NR`); no pod ever sees the request.',
  fix: [
    {
      do: 'See which hosts and paths the proxy routes',
      run: 'istioctl proxy-config routes {{pod}} -n {{podNamespace}}',
    },
    {
      do: 'Compare with the hosts of the Gateway and of the VirtualServices bound to it',
      run: 'kubectl get gateways.networking.istio.io,virtualservices -A',
    },
    { do: 'Verify that nothing is reported any more', run: 'istioctl analyze --all-namespaces' },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/network-issues/#requests-are-rejected-by-envoy',
    'https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#response-flags',
  ],
  source: 'Envoy response flag NR; knowledge F16',
  symptom: true,
  needs: ['access'],
  uses: ['config', 'services', 'proxies', 'pods', 'listings'],
  *check({ access, config = [], services = [], proxies = [], pods, listings }) {
    const { mismatches, unrouted } = routingOf(config, services);
    const labels = [...proxies.map((proxy) => proxy.labels), ...(pods ?? []).map(({ meta }) => meta.labels)];
    const faults: readonly RoutingFault[] = [
      ...mismatches,
      ...(pods === undefined ? [] : unselectedGateways(config, labels)),
      ...gatewayConflicts(config, proxies),
      ...refusedRoutes(config, (namespace) => isListed(listings, 'Gateway', namespace)),
      // A Gateway that loses or selects nothing has no routes either: what it does wrong counts.
      ...unrouted,
    ];
    const names = namesIn(config, services);
    for (const { hosts, groups, seen, fault } of gathered(access, services, proxies, names, faults)) {
      const { count, first, last, proxies: seenBy } = summaryOf(groups);
      const evidence = evidenceOf(
        accessEvidence(groups, 'symptom', 'The proxy has no route for this request and answered itself.'),
      );
      const [pod] = seenBy;
      const [host] = hosts;
      if (evidence === undefined || pod === undefined || host === undefined) continue;
      const named = names.has(host);
      const bound = fault === undefined && named ? names.routeOf(host) : undefined;
      const behind = bound === undefined ? new Set<string>() : new Set(hostsBehind(config, host));
      // Its Gateway and VirtualService meet, so it is the path, method or header that no rule takes.
      const path = bound !== undefined && isReached(access, behind);
      const never = path && count >= 10 && !isReached(access, behind, new Set(seenBy.map(podName)));
      yield {
        subject: named ? host : `${seen.namespace}/${seen.workload ?? pod.pod}`,
        scope: scopeFor(named ? host : undefined, seen, fault),
        when: { first, last },
        count,
        ended: named && (hasEnded(groups, access, services) || reachedSince(groups, access, behind, last)),
        severity: severityOf({
          named,
          path: path && !never,
          faulty: fault !== undefined,
          gateway: seen.gateway,
          count,
          hosts,
        }),
        message: `${counted(count, 'request')} for ${some(hosts)}${named ? '' : ', which nothing in the mesh names,'} found no route (404 NR) in ${seen.gateway ? 'gateway ' : ''}${some(seenBy.map(podName))}${path ? `: no rule of ${nameOf(bound)} takes them` : ''}`,
        facts: { host, pod: pod.pod, podNamespace: pod.namespace, workload: seen.workload ?? pod.pod },
        evidence,
      };
    }
  },
});

interface Seen {
  readonly gateway: boolean;
  readonly namespace: string;
  readonly workload: string | undefined;
}

interface Gathered {
  readonly hosts: string[];
  readonly groups: AccessGroup[];
  readonly seen: Seen;
  readonly fault: RoutingFault | undefined;
}

/** Requests without a route by workload and requested host; hosts that nothing names are taken together. */
function gathered(
  access: readonly AccessGroup[],
  services: readonly Service[],
  proxies: readonly MeshProxy[],
  names: Names,
  faults: readonly RoutingFault[],
): Iterable<Gathered> {
  const known = new Map(proxies.map((proxy) => [podName(proxy), proxy]));
  const faultOf = faultLookup(faults);
  const all = new Map<string, Gathered>();
  for (const group of access) {
    if (group.tcp || group.code !== 404 || !group.flags.includes('NR')) continue;
    const proxy = known.get(podName(group.proxy));
    const { namespace } = group.proxy;
    const seen: Seen = { gateway: proxy?.type === 'gateway', namespace, workload: proxy?.workload };
    const asked = group.authority.replace(/:\d+$/, '').toLowerCase();
    const host = asked === '' ? '(no host)' : seen.gateway ? asked : hostOfAuthority(asked, namespace, services);
    const fault = seen.gateway ? faultOf(host) : undefined;
    const about = names.has(host) ? host : fault === undefined ? '' : nameOf(fault.object);
    const key = `${namespace}/${seen.workload ?? group.proxy.pod}\0${about}`;
    const same = all.get(key);
    if (same === undefined) all.set(key, { hosts: [host], groups: [group], seen, fault });
    else {
      if (!same.hosts.includes(host) && same.hosts.length < 50) same.hosts.push(host);
      same.groups.push(group);
    }
  }
  return all.values();
}

/** Where a Gateway or VirtualService is at fault it meets the request there; else the proxy's own state is to blame. */
function scopeFor(host: string | undefined, seen: Seen, fault: RoutingFault | undefined): Scope {
  if (fault !== undefined)
    return host === undefined ? { namespace: fault.object.meta.namespace } : faultScope(fault, host);
  if (!seen.gateway && host !== undefined) return hostScope(host);
  return {
    ...(host === undefined ? {} : { host }),
    namespace: seen.namespace,
    ...(seen.workload === undefined ? {} : { workload: seen.workload }),
  };
}

/** Hosts that the configuration names, not merely by `*`. */
interface Names {
  has(host: string): boolean;
  /** A VirtualService at a gateway that covers the host. */
  routeOf(host: string): KubeObject | undefined;
}

function namesIn(config: readonly KubeObject[], services: readonly Service[]): Names {
  const exact = new Set(services.map(hostOfService));
  const wide = new Set<string>();
  const routes = new Map<string, KubeObject>();
  const wideRoutes = new Map<string, KubeObject>();
  const add = (name: string): void => void (name.startsWith('*') ? wide : exact).add(name.toLowerCase());
  for (const server of gatewayServers(config)) for (const { host } of server.hosts) add(host);
  for (const host of gatewayApiHosts(config)) add(host);
  for (const route of ofKind(config, 'VirtualService')) {
    const atGateway = strings(specOf(route)['gateways']).some((gateway) => gateway !== 'mesh');
    for (const entry of strings(specOf(route)['hosts'])) {
      const name = resolveHost(entry, route.meta.namespace).toLowerCase();
      add(name);
      if (atGateway && !routes.has(name)) (name.startsWith('*') ? wideRoutes : routes).set(name, route);
    }
  }
  wide.delete('*');
  const suffixes = [...wide];
  const wideEntries = [...wideRoutes];
  return {
    has: (host) => exact.has(host) || suffixes.some((name) => coversHost(name, host)),
    routeOf: (host) => routes.get(host) ?? wideEntries.find(([name]) => coversHost(name, host))?.[1],
  };
}

function severityOf(about: {
  readonly named: boolean;
  readonly path: boolean;
  readonly faulty: boolean;
  readonly gateway: boolean;
  readonly count: number;
  readonly hosts: readonly string[];
}): Severity {
  // The gateway serves the host: what has no route is some path of it, and 404 may be the right answer.
  if (about.path) return 'warning';
  if (about.named) return 'error';
  const addresses = about.hosts.every(
    (host) => host === '(no host)' || /^[\d.]+$|^\[|^[0-9a-f]*:[0-9a-f:]+$/.test(host),
  );
  if (about.faulty) return addresses && about.count < 20 ? 'warning' : 'error';
  return about.gateway && addresses ? 'info' : 'warning';
}

/** Whether anybody, or one of some proxies, reached one of these hosts. */
function isReached(access: readonly AccessGroup[], behind: ReadonlySet<string>, by?: ReadonlySet<string>): boolean {
  return access.some(
    (group) =>
      succeeded(group) &&
      behind.has(group.cluster.split('|')[3] ?? '') &&
      (by === undefined || by.has(podName(group.proxy))),
  );
}

/** At a gateway the host asked for differs from the service behind it: over when that was reached well after the last failure. */
function reachedSince(
  failed: readonly AccessGroup[],
  access: readonly AccessGroup[],
  behind: ReadonlySet<string>,
  last: string,
): boolean {
  if (behind.size === 0) return false;
  const { count, first } = summaryOf(failed);
  const gap = count > 1 ? (Date.parse(last) - Date.parse(first)) / (count - 1) : 0;
  const quiet = Math.max(10_000, 3 * gap);
  const pods = new Set(failed.map(({ proxy }) => podName(proxy)));
  return access.some(
    (group) =>
      succeeded(group) &&
      pods.has(podName(group.proxy)) &&
      behind.has(group.cluster.split('|')[3] ?? '') &&
      Date.parse(group.last) - Date.parse(last) >= quiet,
  );
}
