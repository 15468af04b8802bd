import { readCommandLine } from './command-line.ts';

/** What a command asked the whole of: without names and selectors its output holds every object there is. */
export interface Asked {
  /** Kinds, as in objects: `Pod`, `VirtualService`. */
  readonly kinds: readonly string[];
  /** `*` for all. */
  readonly namespace: string;
}

const kinds: Readonly<Record<string, string>> = {
  po: 'Pod',
  pod: 'Pod',
  svc: 'Service',
  service: 'Service',
  ep: 'Endpoints',
  endpoint: 'Endpoints',
  endpointslice: 'EndpointSlice',
  deploy: 'Deployment',
  deployment: 'Deployment',
  rs: 'ReplicaSet',
  replicaset: 'ReplicaSet',
  sts: 'StatefulSet',
  statefulset: 'StatefulSet',
  ds: 'DaemonSet',
  daemonset: 'DaemonSet',
  job: 'Job',
  secret: 'Secret',
  no: 'Node',
  node: 'Node',
  ns: 'Namespace',
  namespace: 'Namespace',
  mutatingwebhookconfiguration: 'MutatingWebhookConfiguration',
  validatingwebhookconfiguration: 'ValidatingWebhookConfiguration',
  vs: 'VirtualService',
  virtualservice: 'VirtualService',
  dr: 'DestinationRule',
  destinationrule: 'DestinationRule',
  se: 'ServiceEntry',
  serviceentry: 'ServiceEntry',
  sidecar: 'Sidecar',
  envoyfilter: 'EnvoyFilter',
  workloadentry: 'WorkloadEntry',
  workloadgroup: 'WorkloadGroup',
  authorizationpolicy: 'AuthorizationPolicy',
  peerauthentication: 'PeerAuthentication',
  requestauthentication: 'RequestAuthentication',
  telemetry: 'Telemetry',
};
const clusterScoped = new Set(['Node', 'Namespace', 'MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration']);

/**
 * What `kubectl get` asked the whole of; undefined for any other command, and for one that names objects, selects some or hands
 * its output to another tool. The namespace must stand in it: the context's own is not known.
 */
export function askedBy(command: string | undefined): Asked | undefined {
  const line = command === undefined ? undefined : readCommandLine(command);
  if (line?.tool !== 'kubectl' || line.words[0] !== 'get' || line.words.length !== 2) return undefined;
  // Names of files are cut at 150 characters or so: a selector may have stood behind.
  if (line.text.length > 130) return undefined;
  if (/[|<>]|\b(?:grep|findstr|head|tail|awk|Select-String)\b/.test(line.text)) return undefined;
  const { flags } = line;
  if ('selector' in flags || 'field-selector' in flags || 'w' in flags || 'watch' in flags) return undefined;
  const asked = (line.words[1] ?? '').split(',').flatMap((type) => {
    const name = type.toLowerCase().split('.')[0] ?? '';
    return kinds[name] ?? kinds[name.replace(/ies$/, 'y')] ?? kinds[name.replace(/s$/, '')] ?? [];
  });
  const namespace = 'all-namespaces' in flags ? '*' : flags['namespace'];
  if (namespace === undefined || namespace === '')
    return asked.length > 0 && asked.every((kind) => clusterScoped.has(kind))
      ? { kinds: asked, namespace: '*' }
      : undefined;
  return asked.length === 0 ? undefined : { kinds: asked, namespace };
}

/** The namespace under which a kind of what was asked is listed. */
export const listedIn = ({ namespace }: Asked, kind: string): string => (clusterScoped.has(kind) ? '*' : namespace);
