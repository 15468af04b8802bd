import type { KubeObject } from '../parse/facts.ts';
import type { RoutingFault } from './gateways.ts';
import { list, ofKind, record, specOf, strings, text } from './hosts.ts';

/** Route kinds of the Gateway API. */
const routeKinds = ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute', 'UDPRoute'] as const;

/** A route of the Gateway API that does not take effect, or only in part. */
export interface RefusedRoute extends RoutingFault {
  readonly kind: 'refused';
  /** The route's own host names; those of its Gateways where it names none. */
  readonly own: readonly string[];
  /** Word of the Gateway API: `NoMatchingListenerHostname`, `BackendNotFound`; `NoParent` where the Gateway does not exist. */
  readonly reason: string;
  /** In the controller's words, '' where there are none. */
  readonly detail: string;
  /** `shop/gateway` of the Gateway that it names; '' where the fault is not about one. */
  readonly parent: string;
  /** Place that shows it: the condition, or the reference to the Gateway. */
  readonly pointer: string;
}

/**
 * Routes of the Gateway API that the controller did not accept, as their status says, or whose Gateway is not there; `listed`
 * tells of which namespaces all Gateways were read.
 */
export function refusedRoutes(
  config: readonly KubeObject[],
  listed: (namespace: string) => boolean,
): readonly RefusedRoute[] {
  const gateways = new Map(
    ofKind(config, 'Gateway', 'gateway.networking.k8s.io').map((gateway) => [
      `${gateway.meta.namespace}/${gateway.meta.name}`,
      gateway,
    ]),
  );
  return routeKinds
    .flatMap((kind) => ofKind(config, kind, 'gateway.networking.k8s.io'))
    .flatMap((route): readonly RefusedRoute[] => {
      const { namespace } = route.meta;
      const parents = list(specOf(route)['parentRefs']).map(record);
      const names = parents.map((parent) => parentName(parent, namespace));
      const served = names.flatMap((name) => listenerHosts(gateways.get(name)));
      const named = strings(specOf(route)['hostnames']);
      const own = named.length > 0 ? named : [...new Set(served)];
      const refused = (
        reason: string,
        detail: string,
        parent: string,
        pointer: string,
        waiting: readonly string[] = [],
      ): RefusedRoute => ({
        kind: 'refused',
        object: route,
        hosts: [...new Set([...own, ...waiting])],
        own,
        reason,
        detail,
        parent,
        pointer,
      });
      const absent = parents.flatMap((parent, index) => {
        const name = names[index] ?? '';
        if (!isGateway(parent) || gateways.has(name) || !listed(name.split('/')[0] ?? '')) return [];
        return [refused('NoParent', '', name, `/spec/parentRefs/${index}`)];
      });
      const conditions = list(route.status?.['parents']).flatMap((item, place) => {
        const status = record(item);
        const parent = record(status['parentRef']);
        return list(status['conditions']).flatMap((entry, index) => {
          const condition = record(entry);
          const type = text(condition['type']) ?? '';
          if ((type !== 'Accepted' && type !== 'ResolvedRefs') || condition['status'] !== 'False') return [];
          const name = isGateway(parent) ? parentName(parent, namespace) : '';
          return [
            refused(
              text(condition['reason']) ?? type,
              text(condition['message']) ?? '',
              name,
              `/status/parents/${place}/conditions/${index}`,
              type === 'Accepted' ? listenerHosts(gateways.get(name)) : [],
            ),
          ];
        });
      });
      return [...absent, ...conditions.filter(({ parent }) => !absent.some((one) => one.parent === parent))];
    });
}

const isGateway = (parent: Readonly<Record<string, unknown>>): boolean =>
  (text(parent['kind']) ?? 'Gateway') === 'Gateway' && text(parent['group']) !== '';

const parentName = (parent: Readonly<Record<string, unknown>>, namespace: string): string =>
  `${text(parent['namespace']) ?? namespace}/${text(parent['name']) ?? ''}`;

/** Hostnames of a Gateway's listeners; none where they take any. */
function listenerHosts(gateway: KubeObject | undefined): readonly string[] {
  return gateway === undefined
    ? []
    : list(specOf(gateway)['listeners']).flatMap((listener) => text(record(listener)['hostname']) ?? []);
}

/** Hosts that routes and Gateways of the Gateway API name. */
export function gatewayApiHosts(config: readonly KubeObject[]): readonly string[] {
  return [
    ...ofKind(config, 'Gateway', 'gateway.networking.k8s.io').flatMap(listenerHosts),
    ...routeKinds.flatMap((kind) => ofKind(config, kind)).flatMap((route) => strings(specOf(route)['hostnames'])),
  ];
}
