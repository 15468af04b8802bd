import type { AccessGroup, ProxyRef, Service } from '../parse/facts.ts';
import { hostOfAuthority } from './hosts.ts';
import { byText } from './order.ts';

/** Where an access line went: Istio's cluster name `outbound|80|v1|reviews.shop.svc.cluster.local` in its parts. */
export interface Destination {
  readonly host: string;
  readonly port: number | undefined;
  readonly subset: string;
}

/** The destination of an access group: its cluster, or where Envoy found none the host the caller asked for. */
export function destinationOf(group: AccessGroup, services: readonly Service[]): Destination {
  const [direction, port, subset, host] = group.cluster.split('|');
  if (direction === 'outbound' && host) return { host, port: Number(port), subset: subset ?? '' };
  const asked = group.authority === '' ? group.sni : group.authority;
  const named = /:(\d+)$/.exec(asked)?.[1] ?? /:(\d+)$/.exec(group.local)?.[1];
  return {
    host: hostOfAuthority(asked, group.proxy.namespace, services),
    port: named === undefined ? undefined : Number(named),
    subset: '',
  };
}

/** Failed requests or connections to one destination, seen by one or more proxies. */
export interface Failures extends Destination {
  readonly count: number;
  readonly first: string;
  readonly last: string;
  /** Proxies that logged them, without duplicates. */
  readonly proxies: readonly ProxyRef[];
  readonly groups: readonly AccessGroup[];
  /** They stopped and the same proxies reached the destination for a good while afterwards. */
  readonly ended: boolean;
}

/** Groups of an access log that match, gathered by destination (host, port, subset), most failures first. */
export function failuresByDestination(
  access: readonly AccessGroup[],
  services: readonly Service[],
  matches: (group: AccessGroup) => boolean,
): readonly Failures[] {
  const gathered = new Map<string, { readonly destination: Destination; readonly groups: AccessGroup[] }>();
  for (const group of access) {
    if (!matches(group)) continue;
    const destination = destinationOf(group, services);
    const key = `${destination.host}|${destination.port ?? ''}|${destination.subset}`;
    const known = gathered.get(key);
    if (known === undefined) gathered.set(key, { destination, groups: [group] });
    else known.groups.push(group);
  }
  return [...gathered.values()]
    .map(({ destination, groups }) => ({
      ...destination,
      ...summaryOf(groups),
      groups,
      ended: hasEnded(groups, access, services),
    }))
    .sort((a, b) => b.count - a.count || byText(a.host, b.host));
}

/** Count, time and proxies of some access groups. */
export function summaryOf(groups: readonly AccessGroup[]): Pick<Failures, 'count' | 'first' | 'last' | 'proxies'> {
  const proxies = new Map(groups.map(({ proxy }) => [`${proxy.namespace}/${proxy.pod}`, proxy]));
  const times = (pick: (group: AccessGroup) => string) => groups.map(pick).toSorted();
  return {
    count: groups.reduce((sum, { count }) => sum + count, 0),
    first: times(({ first }) => first)[0] ?? '',
    last: times(({ last }) => last).at(-1) ?? '',
    proxies: [...proxies.values()],
  };
}

/**
 * Whether failures are over: the same proxies kept reaching the destination, without failing, for at least ten seconds and
 * three times the usual gap between two failures. Sporadic failures are thus over only after a long quiet time.
 */
export function hasEnded(
  failed: readonly AccessGroup[],
  access: readonly AccessGroup[],
  services: readonly Service[],
): boolean {
  const { count, first, last } = summaryOf(failed);
  const end = Date.parse(last);
  const gap = count > 1 ? (end - Date.parse(first)) / (count - 1) : 0;
  const quiet = Math.max(10_000, 3 * gap);
  return failed.every((group) => {
    const { host, port } = destinationOf(group, services);
    return access.some((other) => {
      if (!succeeded(other) || other.proxy.pod !== group.proxy.pod || other.proxy.namespace !== group.proxy.namespace)
        return false;
      if (Date.parse(other.last) - end < quiet) return false;
      if (group.direction === 'inbound' || other.direction === 'inbound') return other.cluster === group.cluster;
      const to = destinationOf(other, services);
      return to.host === host && (port === undefined || to.port === undefined || to.port === port);
    });
  });
}

/** A request that was answered below 400, or a TCP connection without a flag. */
export const succeeded = (group: AccessGroup): boolean =>
  group.flags.every((flag) => flag === 'DC') &&
  (group.code === 0 ? group.tcp && group.flags.length === 0 : group.code < 400);
