import { gatewayProxies, gatewayServers } from '../../model/gateways.ts';
import { list, ofKind, record, specOf, text } from '../../model/hosts.ts';
import type { MeshProxy } from '../../model/mesh.ts';
import type { KubeObject, Listing, SecretName } from '../../parse/facts.ts';
import { podName } from '../evidence.ts';

/** A secret that gateways need, and every place that names it. */
export interface NeededSecret {
  readonly namespace: string;
  readonly name: string;
  readonly uses: readonly SecretUse[];
  /** The gateway's pods that ask for it. */
  readonly pods: readonly MeshProxy[];
}

/** One `credentialName` or `certificateRefs` entry. */
export interface SecretUse {
  readonly gateway: KubeObject;
  readonly pointer: string;
  readonly port: number;
  readonly hosts: readonly string[];
}

/**
 * The TLS secrets that Gateways name. `credentialName` means a secret in the namespace of the gateway's pods, not of the
 * Gateway object; `certificateRefs` of the Gateway API one in the Gateway's namespace.
 */
export function neededSecrets(config: readonly KubeObject[], proxies: readonly MeshProxy[]): readonly NeededSecret[] {
  const needed = new Map<
    string,
    {
      readonly namespace: string;
      readonly name: string;
      readonly uses: SecretUse[];
      readonly pods: Map<string, MeshProxy>;
    }
  >();
  const add = (namespace: string, name: string, use: SecretUse, pods: readonly MeshProxy[]): void => {
    const key = `${namespace}/${name}`;
    const known = needed.get(key) ?? { namespace, name, uses: [], pods: new Map<string, MeshProxy>() };
    needed.set(key, known);
    known.uses.push(use);
    for (const pod of pods) known.pods.set(podName(pod), pod);
  };
  const selected = gatewayProxies(proxies);
  for (const { gateway, credentials, tlsMode, port, hosts } of gatewayServers(config)) {
    if (tlsMode === 'PASSTHROUGH' || tlsMode === 'AUTO_PASSTHROUGH' || tlsMode === 'ISTIO_MUTUAL') continue;
    const pods = credentials.length === 0 ? [] : selected(gateway);
    for (const { name, pointer } of credentials) {
      const use = { gateway, pointer, port, hosts: hosts.map(({ host }) => host) };
      const [owner, rest] = name.includes('/') ? name.split('/') : [];
      if (owner && rest) add(owner, rest, use, pods);
      else
        for (const namespace of new Set(pods.map((pod) => pod.namespace)))
          add(
            namespace,
            name,
            use,
            pods.filter((pod) => pod.namespace === namespace),
          );
    }
  }
  for (const gateway of ofKind(config, 'Gateway', 'gateway.networking.k8s.io')) {
    if (!isIstioClass(gateway, config)) continue;
    const pods = proxies.filter(
      ({ namespace, labels }) =>
        namespace === gateway.meta.namespace && labels['gateway.networking.k8s.io/gateway-name'] === gateway.meta.name,
    );
    for (const [index, item] of list(specOf(gateway)['listeners']).entries()) {
      const listener = record(item);
      for (const [place, reference] of list(record(listener['tls'])['certificateRefs']).entries()) {
        const { name, namespace, kind } = record(reference);
        const secret = text(name);
        if (secret === undefined || (kind !== undefined && kind !== 'Secret')) continue;
        const use = {
          gateway,
          pointer: `/spec/listeners/${index}/tls/certificateRefs/${place}/name`,
          port: Number(listener['port'] ?? 0),
          hosts: [text(listener['hostname']) ?? '*'],
        };
        add(text(namespace) ?? gateway.meta.namespace, secret, use, pods);
      }
    }
  }
  return [...needed.values()].map(({ pods, ...secret }) => ({ ...secret, pods: [...pods.values()] }));
}

/** Gateways of the Gateway API that belong to other controllers are not ours to judge. */
function isIstioClass(gateway: KubeObject, config: readonly KubeObject[]): boolean {
  const name = text(specOf(gateway)['gatewayClassName']) ?? '';
  const known = ofKind(config, 'GatewayClass').find(({ meta }) => meta.name === name);
  const controller = known === undefined ? '' : (text(specOf(known)['controllerName']) ?? '');
  return known === undefined ? name.includes('istio') : controller.startsWith('istio.io/');
}

/** Whether a secret is listed; undefined where its namespace was not listed. */
export function secretLookup(
  secrets: readonly SecretName[] | undefined,
  listings: readonly Listing[],
): (namespace: string, name: string) => SecretName | 'absent' | undefined {
  const byName = new Map((secrets ?? []).map((secret) => [`${secret.namespace}/${secret.name}`, secret]));
  const listed = new Set(listings.filter(({ kind }) => kind === 'Secret').map(({ namespace }) => namespace));
  return (namespace, name) =>
    byName.get(`${namespace}/${name}`) ?? (listed.has('*') || listed.has(namespace) ? 'absent' : undefined);
}

/** `kubernetes://shop-tls`, `kubernetes-gateway://shop/shop-tls-cacert`: the secret's name, and its namespace where it says so. */
export function secretOfResource(resource: string): { readonly namespace?: string; readonly name: string } {
  const path = resource.replace(/^kubernetes(?:-gateway)?:\/\//, '');
  const [namespace, name] = path.split('/');
  return name === undefined || namespace === undefined ? { name: path } : { namespace, name };
}
