import { hostScope } from '../../model/services.ts';
import { type Failures, isRare, type Locate, succeeded } from '../../model/traffic.ts';
import type { AccessGroup, ProxyRef } from '../../parse/facts.ts';
import { counted } from '../evidence.ts';
import type { Scope, Severity } from '../rule.ts';

/** `93 of 132 requests`, `12 connections`. */
export function ofAll({ count, among, groups }: Pick<Failures, 'count' | 'among' | 'groups'>): string {
  const noun = groups.every(({ tcp }) => tcp) ? 'connection' : 'request';
  return among > count ? `${count} of ${counted(among, noun)}` : counted(count, noun);
}

/** The scope of failures: their destination, and the server's namespace where only the server knows it. */
export function failureScope({
  host,
  port,
  subset,
  groups,
}: Pick<Failures, 'host' | 'port' | 'subset' | 'groups'>): Scope {
  const scope: Scope = hostScope(host);
  const inbound = groups.find(({ direction }) => direction === 'inbound');
  return {
    ...(scope.namespace === undefined && inbound !== undefined ? { namespace: inbound.proxy.namespace } : {}),
    ...scope,
    ...(port === undefined ? {} : { port }),
    ...(subset === '' ? {} : { subset }),
  };
}

/** A destination that fails one request in a hundred works, mostly: no error. */
export const failureSeverity = (failures: Failures, severity: Severity = 'error'): Severity =>
  severity === 'error' && isRare(failures) ? 'warning' : severity;

/** `reviews.shop.svc.cluster.local port 80 subset v2`. */
export const targetName = ({ host, port, subset }: Pick<Failures, 'host' | 'port' | 'subset'>): string =>
  `${host}${port === undefined ? '' : ` port ${port}`}${subset === '' ? '' : ` subset ${subset}`}`;

/** `pod.namespace`, as istioctl takes it. */
export const clientOf = (proxy: ProxyRef | undefined): string =>
  proxy === undefined || proxy.namespace === '' ? 'POD' : `${proxy.pod}.${proxy.namespace}`;

/** Most requests fail, or all of them since the first one that did: what came through before tells nothing. */
export function isMostly(
  { host, first, count, among, proxies }: Failures,
  access: readonly AccessGroup[],
  locate: Locate,
): boolean {
  if (count * 2 >= among) return true;
  const names = new Set(proxies.map(clientOf));
  return !access.some(
    (group) =>
      succeeded(group) && group.last > first && names.has(clientOf(group.proxy)) && locate(group).host === host,
  );
}
