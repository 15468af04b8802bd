import type { KubeObject, Service } from '../parse/facts.ts';
import { listOf as list, recordOf as record, textsOf as strings, type UntypedRecord } from '../parse/untyped.ts';

/** `reviews.shop.svc.cluster.local` split, or undefined for a host that is no Kubernetes service. */
export function serviceOfHost(host: string): { readonly name: string; readonly namespace: string } | undefined {
  const labels = host.split('.');
  const [name, namespace, svc] = labels;
  if (labels.length < 3 || svc !== 'svc' || !name || !namespace) return undefined;
  return { name, namespace };
}

/** The full host of a Kubernetes service. The domain is `cluster.local` unless a trust domain says otherwise. */
export const hostOfService = (service: {
  readonly meta: { readonly name: string; readonly namespace: string };
}): string => `${service.meta.name}.${service.meta.namespace}.svc.cluster.local`;

/**
 * A host of an Istio object as istiod resolves it: a name without dots belongs to the object's namespace, everything else is
 * taken as it stands (istio pkg/config/resource and `ResolveShortnameToFQDN`). `reviews.shop` therefore stays as it is.
 */
export function resolveHost(host: string, namespace: string): string {
  if (host === '' || host === '*' || host.includes('.')) return host;
  return `${host}.${namespace}.svc.cluster.local`;
}

/**
 * The service a client in `namespace` means by a Host header or URL (`reviews`, `reviews.shop`, `reviews.shop.svc`,
 * `reviews:8080`), in full; an external name is given back without its port.
 */
export function hostOfAuthority(authority: string, namespace: string, services: readonly Service[]): string {
  const host = authority.replace(/:\d+$/, '').toLowerCase();
  const labels = host.split('.');
  const [name, second] = labels;
  if (name === undefined || name === '') return host;
  const known = namesOf(services);
  const exists = (ns: string) => known.has(`${ns}/${name}`);
  if (labels.length === 1) return exists(namespace) ? `${name}.${namespace}.svc.cluster.local` : host;
  if (second === undefined) return host;
  if (labels.length === 2) return exists(second) ? `${host}.svc.cluster.local` : host;
  if (labels[2] === 'svc') return labels.length === 3 ? `${host}.cluster.local` : host;
  return host;
}

const namesByServices = new WeakMap<readonly Service[], ReadonlySet<string>>();

/** `namespace/name` of all services, made once per mesh: every access line asks. */
function namesOf(services: readonly Service[]): ReadonlySet<string> {
  const known = namesByServices.get(services);
  if (known !== undefined) return known;
  const names = new Set(services.map(({ meta }) => `${meta.namespace}/${meta.name}`));
  namesByServices.set(services, names);
  return names;
}

/** Whether a host with wildcards (`*`, `*.example.com`) covers a concrete or narrower host. Case does not matter. */
export function coversHost(pattern: string, host: string): boolean {
  const wide = pattern.toLowerCase();
  const narrow = host.toLowerCase();
  if (wide === '*' || wide === narrow) return true;
  if (!wide.startsWith('*.')) return false;
  const suffix = wide.slice(1);
  return narrow.startsWith('*')
    ? narrow.slice(1).endsWith(suffix)
    : narrow.endsWith(suffix) && narrow.length > suffix.length;
}

/** Whether two hosts, either with wildcards, can mean the same name. */
export const hostsOverlap = (one: string, other: string): boolean => coversHost(one, other) || coversHost(other, one);

/** Hosts of a Gateway server entry `namespace/host`, without the namespace part. */
export function gatewayHost(entry: string): { readonly namespace: string; readonly host: string } {
  const slash = entry.indexOf('/');
  return slash < 0
    ? { namespace: '*', host: entry }
    : { namespace: entry.slice(0, slash), host: entry.slice(slash + 1) };
}

/** All hosts that ServiceEntries define. */
export function serviceEntryHosts(config: readonly KubeObject[]): readonly string[] {
  return ofKind(config, 'ServiceEntry').flatMap((entry) => strings(specOf(entry)['hosts']));
}

/** Objects of one Istio or Gateway API kind. Gateway exists in both groups: `group` tells them apart. */
export function ofKind(config: readonly KubeObject[], kind: string, group?: string): readonly KubeObject[] {
  return config.filter(
    (object) => object.kind === kind && (group === undefined || object.apiVersion.startsWith(`${group}/`)),
  );
}

/** A value as text, undefined for anything but a string or a number. */
export const text = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined;

/** The `spec` of an object. */
export const specOf = (object: KubeObject): UntypedRecord => record(object.body['spec']);

/** `VirtualService shop/cart`, as people name objects. */
export const nameOf = (object: {
  readonly kind: string;
  readonly meta: { readonly namespace: string; readonly name: string };
}): string => `${object.kind} ${object.meta.namespace === '' ? '' : `${object.meta.namespace}/`}${object.meta.name}`;

// Objects of an archive are foreign: nothing about their shape is sure.
export { list, record, strings };
