import { type Location, within } from '../input/location.ts';
import type { KubeObject } from '../parse/facts.ts';
import { durationMs } from './durations.ts';
import { addTo } from './groups.ts';
import { hostOfService, list, ofKind, record, resolveHost, specOf, text } from './hosts.ts';

/** A time limit that a route sets for a destination. */
export interface RouteTimeout {
  readonly object: KubeObject;
  readonly kind: 'request' | 'try';
  /** As written, and in milliseconds. */
  readonly text: string;
  readonly ms: number;
  readonly attempts: number | undefined;
  readonly at: Location;
}

/**
 * Time limits that VirtualServices (`timeout`, `retries.perTryTimeout`) and HTTPRoutes (`timeouts`) set on routes to a host.
 * Istio sets none itself: without one of these a timeout comes from the caller's headers or an EnvoyFilter.
 */
export function routeTimeouts(config: readonly KubeObject[], host: string): readonly RouteTimeout[] {
  let byHost = indexes.get(config);
  if (byHost === undefined) {
    byHost = new Map();
    for (const [target, limit] of [
      ...ofKind(config, 'VirtualService').flatMap(fromVirtualService),
      ...ofKind(config, 'HTTPRoute').flatMap(fromHttpRoute),
    ]) {
      addTo(byHost, target, limit);
    }
    indexes.set(config, byHost);
  }
  return byHost.get(host) ?? [];
}

const indexes = new WeakMap<readonly KubeObject[], Map<string, RouteTimeout[]>>();

/** A destination host and one limit for it. */
type Limited = readonly [string, RouteTimeout];

function fromVirtualService(object: KubeObject): readonly Limited[] {
  return list(specOf(object)['http']).flatMap((entry, index) => {
    const { route, timeout, retries } = record(entry);
    const targets = list(route).map((target) =>
      resolveHost(text(record(record(target)['destination'])['host']) ?? '', object.meta.namespace),
    );
    const { attempts, perTryTimeout } = record(retries);
    const tries = typeof attempts === 'number' ? attempts : undefined;
    const place = `/spec/http/${index}`;
    return forEach(targets, [
      ...limit(object, 'request', timeout, tries, `${place}/timeout`),
      ...limit(object, 'try', perTryTimeout, tries, `${place}/retries/perTryTimeout`),
    ]);
  });
}

const forEach = (targets: readonly string[], limits: readonly RouteTimeout[]): readonly Limited[] =>
  [...new Set(targets)].flatMap((target) => limits.map((one) => [target, one] as const));

function fromHttpRoute(object: KubeObject): readonly Limited[] {
  return list(specOf(object)['rules']).flatMap((rule, index) => {
    const { backendRefs, timeouts, retry } = record(rule);
    const targets = list(backendRefs).map((ref) => {
      const { name, namespace } = record(ref);
      return hostOfService({ meta: { name: text(name) ?? '', namespace: text(namespace) ?? object.meta.namespace } });
    });
    const { request, backendRequest } = record(timeouts);
    const attempts = record(retry)['attempts'];
    const tries = typeof attempts === 'number' ? attempts : undefined;
    const place = `/spec/rules/${index}/timeouts`;
    return forEach(targets, [
      ...limit(object, 'request', request, tries, `${place}/request`),
      ...limit(object, 'try', backendRequest, tries, `${place}/backendRequest`),
    ]);
  });
}

function limit(
  object: KubeObject,
  kind: RouteTimeout['kind'],
  value: unknown,
  attempts: number | undefined,
  pointer: string,
): readonly RouteTimeout[] {
  const ms = durationMs(value);
  // `0s` switches the limit off.
  if (ms === undefined || ms === 0) return [];
  return [{ object, kind, text: String(value), ms, attempts, at: within(object.at, pointer) }];
}
