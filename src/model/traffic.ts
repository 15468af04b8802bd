import type { AccessGroup, ProxyRef, Service } from '../parse/facts.ts';
import { addTo } from './groups.ts';
import { hostOfAuthority } from './hosts.ts';
import { byText, earlier, later } from './order.ts';

/** Where an access line went: Istio's cluster name `outbound|80|v1|reviews.shop.svc.cluster.local` in its parts. */
export interface Destination {
  readonly host: string;
  /** Service port; undefined where the line names none. */
  readonly port: number | undefined;
  readonly subset: string;
}

/** How a rule finds the destination of an access group. */
export type Locate = (group: AccessGroup) => Destination;

/**
 * The destination of an access group: its cluster; at a server the name the calling sidecar sent as SNI; else the host the
 * caller asked for.
 */
export function destinationOf(group: AccessGroup, services: readonly Service[]): Destination {
  const [direction, port, subset, host] = group.cluster.split('|');
  if (direction === 'outbound' && host) return { host, port: Number(port), subset: subset ?? '' };
  // Before Istio 1.10: `inbound|9080|http|reviews.shop.svc.cluster.local`.
  if (direction === 'inbound' && host) return { host, port: Number(port), subset: '' };
  const sent = destinationOfSni(group.sni);
  if (sent !== undefined) return sent;
  const asked = group.authority === '' ? group.sni : group.authority;
  // The local port of a server is the port of its container, not of the service.
  const named = portOf(asked) ?? (group.direction === 'inbound' ? undefined : portOf(group.local));
  return { host: hostOfAuthority(asked, group.proxy.namespace, services), port: named, subset: '' };
}

/** The name Istio's clients send to a server: `outbound_.80_.v1_.reviews.shop.svc.cluster.local`. */
export function destinationOfSni(sni: string): Destination | undefined {
  const [, port, subset, host] = /^outbound_\.(\d+)_\.(.*?)_\.(.+)$/.exec(sni) ?? [];
  return host === undefined ? undefined : { host, port: Number(port), subset: subset ?? '' };
}

/** The port of `host:port` or `[v6]:port`. */
export function portOf(address: string): number | undefined {
  const port = /:(\d+)$/.exec(address)?.[1];
  return port === undefined || /^[^[]*:.*:/.test(address) ? undefined : Number(port);
}

/** The address of `10.0.0.1:80` or `[fd00::1]:80` without its port. */
export const ipOf = (address: string): string => address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');

/** Failed requests or connections to one destination, seen by one or more proxies. */
export interface Failures extends Destination {
  readonly count: number;
  /** All requests of the same proxies to the destination in the minutes from the first failure to the last, at least `count`. */
  readonly among: number;
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
  locate: Locate = (group) => destinationOf(group, services),
): readonly Failures[] {
  const gathered = new Map<string, { readonly destination: Destination; readonly groups: AccessGroup[] }>();
  for (const group of access) {
    if (!matches(group)) continue;
    const destination = locate(group);
    const key = `${destination.host}|${destination.port ?? ''}|${destination.subset}`;
    const known = gathered.get(key);
    if (known === undefined) gathered.set(key, { destination, groups: [group] });
    else known.groups.push(group);
  }
  return [...gathered.values()]
    .map(({ destination, groups }) => ({
      ...destination,
      ...summaryOf(groups),
      among: requestsAmong(groups, access, locate),
      groups,
      ended: hasEnded(groups, access, services, locate),
    }))
    .sort((a, b) => b.count - a.count || byText(a.host, b.host));
}

/** Fewer than one request in a hundred failed while failures were seen: the destination works, mostly. */
export const isRare = ({ count, among }: Pick<Failures, 'count' | 'among'>): boolean =>
  count < 3 || count * 100 < among;

/** Count, time and proxies of some access groups. */
export function summaryOf(groups: readonly AccessGroup[]): Pick<Failures, 'count' | 'first' | 'last' | 'proxies'> {
  const proxies = new Map(groups.map(({ proxy }) => [proxyKey(proxy), proxy]));
  return {
    count: groups.reduce((sum, { count }) => sum + count, 0),
    first: groups.map(({ first }) => first).reduce((one, other) => earlier(one, other), groups[0]?.first ?? ''),
    last: groups.map(({ last }) => last).reduce((one, other) => later(one, other), ''),
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
  locate: Locate = (group) => destinationOf(group, services),
): boolean {
  const { count, first, last } = summaryOf(failed);
  const end = Date.parse(last);
  const gap = count > 1 ? (end - Date.parse(first)) / (count - 1) : 0;
  const quiet = Math.max(10_000, 3 * gap);
  const recovered = new Map<string, boolean>();
  return failed.every((group) => {
    const key = placeKey(group, locate);
    const known = recovered.get(key);
    if (known !== undefined) return known;
    const over = sameWay(group, access, locate).some(
      (other) => succeeded(other) && Date.parse(other.last) - end >= quiet,
    );
    recovered.set(key, over);
    return over;
  });
}

/** Requests of the proxies that failed, the failed ones among them, in the minutes from the first failure to the last. */
function requestsAmong(failed: readonly AccessGroup[], access: readonly AccessGroup[], locate: Locate): number {
  const { count, first, last } = summaryOf(failed);
  const from = first.slice(0, 16);
  const to = last.slice(0, 16);
  const counted = new Set(failed);
  const places = new Map(failed.map((group) => [placeKey(group, locate), group]));
  let all = count;
  for (const group of places.values()) {
    for (const other of sameWay(group, access, locate)) {
      if (counted.has(other)) continue;
      counted.add(other);
      for (const [minute, requests] of Object.entries(other.perMinute))
        if (minute >= from && minute <= to) all += requests;
    }
  }
  return all;
}

const placeKey = (group: AccessGroup, locate: Locate): string => {
  if (group.direction === 'inbound') return `${proxyKey(group.proxy)}|${group.cluster}`;
  const { host, port } = locate(group);
  return `${proxyKey(group.proxy)}|${host}|${port ?? ''}`;
};

/** Lines of the same proxy about the same destination, whatever came of them. */
function sameWay(group: AccessGroup, access: readonly AccessGroup[], locate: Locate): readonly AccessGroup[] {
  const ways = waysOf(access);
  if (group.direction === 'inbound') return ways.get(`${proxyKey(group.proxy)}|${group.cluster}`) ?? [];
  const { host, port } = locate(group);
  const all = ways.get(`${proxyKey(group.proxy)}|${host}`) ?? [];
  return port === undefined ? all : all.filter(({ cluster }) => cluster.split('|')[1] === String(port));
}

const indexes = new WeakMap<readonly AccessGroup[], ReadonlyMap<string, readonly AccessGroup[]>>();

/** Access groups by proxy and destination host, or by proxy and inbound cluster; made once per access log. */
function waysOf(access: readonly AccessGroup[]): ReadonlyMap<string, readonly AccessGroup[]> {
  const known = indexes.get(access);
  if (known !== undefined) return known;
  const ways = new Map<string, AccessGroup[]>();
  for (const group of access) {
    const [direction, , , host] = group.cluster.split('|');
    const target = direction === 'outbound' ? host : group.direction === 'inbound' ? group.cluster : undefined;
    if (!target) continue;
    const key = `${proxyKey(group.proxy)}|${target}`;
    addTo(ways, key, group);
  }
  indexes.set(access, ways);
  return ways;
}

const proxyKey = ({ namespace, pod }: ProxyRef): string => `${namespace}/${pod}`;

/** A request that was answered below 400, or a TCP connection without a flag. */
export const succeeded = (group: AccessGroup): boolean =>
  group.flags.every((flag) => flag === 'DC') &&
  (group.code === 0 ? group.tcp && group.flags.length === 0 : group.code < 400);
