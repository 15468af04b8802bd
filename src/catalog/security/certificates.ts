import type { Capture, Mesh } from '../../model/mesh.ts';
import { later } from '../../model/order.ts';
import { serverLookup } from '../../model/peers.ts';
import type { Certificate, ProxyRef } from '../../parse/facts.ts';
import { podName } from '../evidence.ts';
import type { Scope } from '../rule.ts';

/** A certificate and the proxies that hold it; without a proxy it stands in an object of the cluster. */
export interface Held {
  readonly certificate: Certificate;
  readonly proxies: readonly ProxyRef[];
}

/** Each certificate once, however many proxies and files show it. A workload's certificate belongs to one proxy. */
export function heldCertificates(certificates: readonly Certificate[]): readonly Held[] {
  const held = new Map<string, { certificate: Certificate; proxies: Map<string, ProxyRef> }>();
  for (const certificate of certificates) {
    const { proxy, serial, from, until } = certificate;
    const key = `${serial}\n${from}\n${until}`;
    let known = held.get(key);
    if (known === undefined) {
      known = { certificate, proxies: new Map() };
      held.set(key, known);
    }
    // The file that says what the certificate is for tells more than one that only lists it.
    if (known.certificate.use === 'other' && certificate.use !== 'other') known.certificate = certificate;
    if (proxy !== undefined) known.proxies.set(podName(proxy), proxy);
  }
  return [...held.values()].map(({ certificate, proxies }) => ({ certificate, proxies: [...proxies.values()] }));
}

/** The latest time the archive itself knows: the collection's, or the last line of a log. Never the clock's. */
export function captureTime({ time, window }: Capture): number | undefined {
  const known = time === undefined ? window?.last : window === undefined ? time : later(time, window.last);
  return known === undefined ? undefined : Date.parse(known);
}

/** What some certificates are about: one workload, one namespace, or the whole mesh. */
export function scopeOfProxies(
  proxies: readonly ProxyRef[],
  mesh: Partial<Pick<Mesh, 'pods' | 'proxies'>>,
): { readonly scope: Scope; readonly workloads: readonly string[] } {
  const serverOf = serverLookup(mesh.pods, mesh.proxies);
  const servers = proxies.map(serverOf);
  const workloads = [...new Set(servers.map(({ namespace, workload }) => `${namespace}/${workload}`))];
  const [first] = servers;
  if (first === undefined) return { scope: {}, workloads };
  if (workloads.length === 1) return { scope: { namespace: first.namespace, workload: first.workload }, workloads };
  return {
    scope: servers.every(({ namespace }) => namespace === first.namespace) ? { namespace: first.namespace } : {},
    workloads,
  };
}

/** `12 min`, `5 h`, `3 days`: rounded down, for people. */
export function spell(milliseconds: number): string {
  const minutes = Math.floor(Math.abs(milliseconds) / 60_000);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 72 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}

/** What a certificate is for, in words. */
export function nounOf({ use, name }: Certificate): string {
  switch (use) {
    case 'workload':
      return 'workload certificate';
    case 'root':
      return name === 'ROOTCA' || name === 'istio-ca-root-cert'
        ? 'root certificate of the mesh'
        : `root certificate ${name}`;
    case 'gateway':
      return name === '' || name === '<inline>' ? 'gateway certificate' : `gateway certificate ${name}`;
    case 'other':
      return name === '' || name === '<inline>' || name === 'default'
        ? 'certificate of the chain'
        : `certificate ${name}`;
  }
}
