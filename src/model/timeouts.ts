import type { Location } from '../input/location.ts';
import type { KubeObject } from '../parse/facts.ts';
import { durationMs } from './durations.ts';
import { coversHost, hostOfService, list, ofKind, record, resolveHost, specOf, strings, text } from './hosts.ts';

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
  return [
    ...ofKind(config, 'VirtualService').flatMap((route) => fromVirtualService(route, host)),
    ...ofKind(config, 'HTTPRoute').flatMap((route) => fromHttpRoute(route, host)),
  ];
}

function fromVirtualService(object: KubeObject, host: string): readonly RouteTimeout[] {
  const { namespace } = object.meta;
  const full = (name: unknown) => resolveHost(text(name) ?? '', namespace);
  const serves = strings(specOf(object)['hosts']).some((name) => coversHost(full(name), host));
  return list(specOf(object)['http']).flatMap((entry, index) => {
    const { route, timeout, retries } = record(entry);
    const targets = list(route).map((target) => full(record(record(target)['destination'])['host']));
    if (!targets.includes(host) && !(serves && targets.length === 0)) return [];
    const { attempts, perTryTimeout } = record(retries);
    const tries = typeof attempts === 'number' ? attempts : undefined;
    const place = `/spec/http/${index}`;
    return [
      ...limit(object, 'request', timeout, tries, `${place}/timeout`),
      ...limit(object, 'try', perTryTimeout, tries, `${place}/retries/perTryTimeout`),
    ];
  });
}

function fromHttpRoute(object: KubeObject, host: string): readonly RouteTimeout[] {
  return list(specOf(object)['rules']).flatMap((rule, index) => {
    const { backendRefs, timeouts, retry } = record(rule);
    const targets = list(backendRefs).map((ref) => {
      const { name, namespace } = record(ref);
      return hostOfService({ meta: { name: text(name) ?? '', namespace: text(namespace) ?? object.meta.namespace } });
    });
    if (!targets.includes(host)) return [];
    const { request, backendRequest } = record(timeouts);
    const attempts = record(retry)['attempts'];
    const tries = typeof attempts === 'number' ? attempts : undefined;
    const place = `/spec/rules/${index}/timeouts`;
    return [
      ...limit(object, 'request', request, tries, `${place}/request`),
      ...limit(object, 'try', backendRequest, tries, `${place}/backendRequest`),
    ];
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
  return [{ object, kind, text: String(value), ms, attempts, at: { ...object.at, pointer } }];
}
