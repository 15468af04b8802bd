import type { ProxyRef } from './facts.ts';
import type { SourceFile } from './reader.ts';

/** Parts of an Istio cluster name. `other` for names Istio gives no structure, such as `xds-grpc`. */
export interface ClusterName {
  readonly name: string;
  readonly direction: 'outbound' | 'inbound' | 'other';
  /** 0 where the name has none. */
  readonly port: number;
  readonly subset: string;
  readonly host: string;
}

// The second form is the one of SNI-DNAT gateways; a host is never split at `_.`.
const istioName = /^(outbound|inbound|inbound-vip)(?:\|(\d{1,5})\|([^|]*)\|(.*)|_\.(\d{1,5})_\.(.*?)_\.(.*))$/s;

// Proxies of one mesh name the same clusters: one copy of each name serves them all.
const known = new Map<string, ClusterName>();
const knownMost = 50_000;

/** Splits `outbound|80|v1|reviews.shop.svc.cluster.local`, `inbound|8080||` and their `_.` form (pilot/pkg/model/service.go). */
export function splitClusterName(name: string): ClusterName {
  const before = known.get(name);
  if (before !== undefined) return before;
  const [, direction, port, subset, host, sniPort, sniSubset, sniHost] = istioName.exec(name) ?? [];
  const parts: ClusterName =
    direction === undefined
      ? { name, direction: 'other', port: 0, subset: '', host: '' }
      : {
          name,
          direction: direction === 'outbound' ? 'outbound' : 'inbound',
          port: Number(port ?? sniPort),
          subset: subset ?? sniSubset ?? '',
          host: host ?? sniHost ?? '',
        };
  if (known.size >= knownMost) known.clear();
  known.set(name, parts);
  return parts;
}

/** Parts of an Istio node id `sidecar~10.0.0.7~cart-7d9.shop~shop.svc.cluster.local`. */
export interface NodeIdentity {
  readonly type: string;
  readonly ip: string;
  readonly pod: string;
  readonly namespace: string;
  readonly domain: string;
}

/** Splits a node id; undefined for ids that are not Istio's. A pod's name may hold dots, a namespace none. */
export function splitNodeId(id: string): NodeIdentity | undefined {
  const [type, ip, podNamespace, domain] = id.split('~');
  if (type === undefined || ip === undefined || podNamespace === undefined || domain === undefined) return undefined;
  const dot = podNamespace.lastIndexOf('.');
  if (dot <= 0) return undefined;
  return { type, ip, pod: podNamespace.slice(0, dot), namespace: podNamespace.slice(dot + 1), domain };
}

/** The proxy a file belongs to by its path, or undefined for a loose file. */
export function proxyOfPath({ params }: SourceFile): ProxyRef | undefined {
  const namespace = params['namespace'];
  const pod = params['pod'];
  return namespace === undefined || pod === undefined ? undefined : { namespace, pod };
}

// Outputs of commands are kept under the command: `kubectl exec cart-7d9 -n shop -- …`, blanks often made underscores.
const commandName = /(?:^|[_ ])([a-z0-9][a-z0-9.-]*)[_ ](?:-n|--namespace)[_ =]([a-z0-9][a-z0-9-]*)(?:[_ .]|$)/;

/** The proxy a file belongs to; where neither content nor name tells it, the proxy is named by the file: it is still one. */
export function proxyOf(file: SourceFile): ProxyRef {
  const owner = proxyOfPath(file);
  if (owner !== undefined) return owner;
  const base = file.path.slice(file.path.lastIndexOf('/') + 1);
  const [, pod, namespace] = commandName.exec(base.slice(0, 300)) ?? [];
  return pod === undefined || namespace === undefined
    ? { namespace: '', pod: unknownProxy(file.path) }
    : { namespace, pod };
}

/** The name of a proxy of which only the file is known. */
export const unknownProxy = (path: string): string => `unknown proxy (file ${path.slice(path.lastIndexOf('/') + 1)})`;
