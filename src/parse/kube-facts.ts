/** What of a Kubernetes object the mesh wants to know, from the object as kubectl prints it. */
import { createHash } from 'node:crypto';
import type { Location } from '../input/location.ts';
import type { Artifact } from './artifact.ts';
import { readCertificates } from './certificate.ts';
import type { Endpoints, KubeEvent, KubeObject, Node, Service, Workload } from './facts.ts';
import { annotationsOf, conditionsOf, metaOf, shortText } from './kube-meta.ts';
import { podOf } from './kube-pod.ts';
import { mask } from './mask.ts';
import { maskValues } from './mask-values.ts';
import {
  numberOf,
  present,
  recordOf,
  recordsOf,
  setOwn,
  textMapOf,
  textOf,
  textsOf,
  type UntypedRecord,
} from './untyped.ts';

/** Longest value of a ConfigMap that is kept. */
const longestData = 256 * 1024;

const workloadKinds = new Set<Workload['kind']>([
  'Deployment',
  'ReplicaSet',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'CronJob',
  'ReplicationController',
]);
const isWorkloadKind = (kind: string): kind is Workload['kind'] => workloadKinds.has(kind as Workload['kind']);

/** Kinds outside the mesh's own groups that are kept whole. */
const wholeKinds = new Set([
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
  'NetworkPolicy',
  'HorizontalPodAutoscaler',
  'PodDisruptionBudget',
  'ServiceAccount',
  'CustomResourceDefinition',
]);
const certManagerKinds = new Set(['Certificate', 'Issuer', 'ClusterIssuer']);
const gatewayGroups = new Set([
  'gateway.networking.k8s.io',
  'gateway.networking.x-k8s.io',
  'inference.networking.k8s.io',
  'inference.networking.x-k8s.io',
]);

/** API group of an apiVersion, '' for the core. */
const groupOf = (apiVersion: string): string => (apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '');

/** Which artifact an object of this kind becomes; undefined for kinds that say nothing of a mesh. */
export function artifactKindOf(apiVersion: string, kind: string): Exclude<Artifact['kind'], 'seen'> | undefined {
  const group = groupOf(apiVersion);
  if (group === 'istio.io' || group.endsWith('.istio.io') || gatewayGroups.has(group)) return 'object';
  if (group === 'cert-manager.io') return certManagerKinds.has(kind) ? 'object' : undefined;
  // Built-in groups: other groups may have kinds of the same name (Knative's Service).
  if (group !== '' && group.includes('.') && !group.endsWith('.k8s.io')) return undefined;
  if (isWorkloadKind(kind)) return 'workload';
  if (wholeKinds.has(kind)) return 'object';
  switch (kind) {
    case 'Pod':
      return 'pod';
    case 'Service':
      return 'service';
    case 'Endpoints':
    case 'EndpointSlice':
      return 'endpoints';
    case 'Namespace':
      return 'namespace';
    case 'Node':
      return 'node';
    case 'Event':
      return 'event';
    case 'ConfigMap':
      return 'config-map';
    case 'Secret':
      return 'secret';
    default:
      return undefined;
  }
}

/** Whether the mesh reads a ConfigMap of this name. */
export const isMeshConfigMap = (name: string): boolean => /^(?:istio|coredns|values(?:-|$))/.test(name);

/** The artifact of an object, undefined for what is dropped. `data` of Secrets is counted and not looked at. */
export function artifactOf(object: UntypedRecord, at: Location): Artifact | undefined {
  const apiVersion = textOf(object['apiVersion']) ?? '';
  const kind = textOf(object['kind']) ?? '';
  switch (artifactKindOf(apiVersion, kind)) {
    case 'pod':
      return { kind: 'pod', value: podOf(object, at) };
    case 'service':
      return { kind: 'service', value: serviceOf(object, at) };
    case 'endpoints':
      return { kind: 'endpoints', value: kind === 'Endpoints' ? endpointsOf(object, at) : endpointSliceOf(object, at) };
    case 'workload':
      return isWorkloadKind(kind) ? { kind: 'workload', value: workloadOf(kind, object, at) } : undefined;
    case 'namespace': {
      const phase = textOf(recordOf(object['status'])['phase']) ?? 'Active';
      return { kind: 'namespace', value: { meta: metaOf(object), at, phase } };
    }
    case 'node':
      return { kind: 'node', value: nodeOf(object, at) };
    case 'event':
      return { kind: 'event', value: eventOf(object, at) };
    case 'config-map': {
      const meta = metaOf(object);
      const data = dataOf(object['data']);
      // `values-<revision>` is the injector's since Istio 1.24; other charts have ConfigMaps called values too.
      if (!isMeshConfigMap(meta.name) || (meta.name.startsWith('values') && !('merged-values' in data)))
        return undefined;
      return { kind: 'config-map', value: { meta, at, data } };
    }
    case 'secret': {
      const { namespace, name } = metaOf(object);
      const type = textOf(object['type']) ?? 'Opaque';
      return {
        kind: 'secret',
        value: { namespace, name, type, keys: Object.keys(recordOf(object['data'])).length, at },
      };
    }
    case 'object':
      return { kind: 'object', value: kubeObjectOf(apiVersion, kind, object, at) };
    default:
      return undefined;
  }
}

function serviceOf(object: UntypedRecord, at: Location): Service {
  const spec = recordOf(object['spec']);
  const ingress = recordsOf(recordOf(recordOf(object['status'])['loadBalancer'])['ingress']);
  const addresses = textsOf(spec['clusterIPs']);
  const address = textOf(spec['clusterIP']);
  return {
    meta: metaOf(object),
    at,
    type: textOf(spec['type']) ?? 'ClusterIP',
    clusterIPs: addresses.length === 0 && address !== undefined ? [address] : addresses,
    ports: recordsOf(spec['ports']).flatMap((port) => {
      const number = numberOf(port['port']);
      if (number === undefined) return [];
      return [
        {
          port: number,
          targetPort: numberOf(port['targetPort']) ?? textOf(port['targetPort']) ?? number,
          protocol: textOf(port['protocol']) ?? 'TCP',
          ...present({
            name: textOf(port['name']),
            appProtocol: textOf(port['appProtocol']),
            nodePort: numberOf(port['nodePort']),
          }),
        },
      ];
    }),
    loadBalancerIPs: ingress.flatMap(({ ip, hostname }) => textOf(ip) ?? textOf(hostname) ?? []),
    ...present({
      externalName: textOf(spec['externalName']),
      selector: spec['selector'] === undefined || spec['selector'] === null ? undefined : textMapOf(spec['selector']),
      externalTrafficPolicy: textOf(spec['externalTrafficPolicy']),
    }),
  };
}

function endpointsOf(object: UntypedRecord, at: Location): Endpoints {
  const meta = metaOf(object);
  const subsets = recordsOf(object['subsets']);
  const addresses = (subset: UntypedRecord, key: string, ready: boolean) =>
    recordsOf(subset[key]).flatMap((address) => {
      const ip = textOf(address['ip']);
      return ip === undefined ? [] : [{ ip, ready, ...targetOf(address) }];
    });
  return {
    meta,
    at,
    kind: 'Endpoints',
    service: meta.name,
    addresses: subsets.flatMap((subset) => [
      ...addresses(subset, 'addresses', true),
      ...addresses(subset, 'notReadyAddresses', false),
    ]),
    ports: subsets.flatMap((subset) => portsOf(subset['ports'])),
  };
}

function endpointSliceOf(object: UntypedRecord, at: Location): Endpoints {
  const meta = metaOf(object);
  return {
    meta,
    at,
    kind: 'EndpointSlice',
    service:
      meta.labels['kubernetes.io/service-name'] ??
      meta.owners.find(({ kind }) => kind === 'Service')?.name ??
      meta.name,
    addresses: recordsOf(object['endpoints']).flatMap((endpoint) =>
      // A condition that is not set means ready.
      textsOf(endpoint['addresses']).map((ip) => ({
        ip,
        ready: recordOf(endpoint['conditions'])['ready'] !== false,
        ...targetOf(endpoint),
      })),
    ),
    ports: portsOf(object['ports']),
  };
}

function targetOf(address: UntypedRecord): { readonly pod?: string; readonly node?: string } {
  const target = recordOf(address['targetRef']);
  return present({
    pod: target['kind'] === 'Pod' ? textOf(target['name']) : undefined,
    node: textOf(address['nodeName']),
  });
}

function portsOf(value: unknown): { readonly name?: string; readonly port: number }[] {
  return recordsOf(value).flatMap((port) => {
    const number = numberOf(port['port']);
    return number === undefined ? [] : [{ port: number, ...present({ name: textOf(port['name']) }) }];
  });
}

function workloadOf(kind: Workload['kind'], object: UntypedRecord, at: Location): Workload {
  const outer = recordOf(object['spec']);
  const spec = kind === 'CronJob' ? recordOf(recordOf(outer['jobTemplate'])['spec']) : outer;
  const status = recordOf(object['status']);
  const selector = recordOf(spec['selector']);
  const template = recordOf(spec['template']);
  const podSpec = recordOf(template['spec']);
  const count = (...names: readonly string[]): number => {
    for (const name of names) {
      const value = numberOf(status[name]);
      if (value !== undefined) return value;
    }
    return 0;
  };
  const metadata = recordOf(template['metadata']);
  return {
    meta: metaOf(object),
    at,
    kind,
    replicas: {
      desired:
        numberOf(spec['replicas']) ?? numberOf(status['desiredNumberScheduled']) ?? numberOf(spec['completions']) ?? 1,
      current: count('replicas', 'currentNumberScheduled', 'active'),
      ready: count('readyReplicas', 'numberReady', 'ready', 'succeeded'),
      available: count('availableReplicas', 'numberAvailable', 'succeeded'),
    },
    selector: textMapOf(kind === 'ReplicationController' ? selector : selector['matchLabels']),
    template: {
      labels: textMapOf(metadata['labels']),
      annotations: annotationsOf(metadata['annotations']),
      images: [...recordsOf(podSpec['initContainers']), ...recordsOf(podSpec['containers'])].flatMap(
        ({ image }) => textOf(image) ?? [],
      ),
      hostNetwork: podSpec['hostNetwork'] === true,
    },
    conditions: conditionsOf(status['conditions']),
  };
}

function nodeOf(object: UntypedRecord, at: Location): Node {
  const spec = recordOf(object['spec']);
  const status = recordOf(object['status']);
  const info = recordOf(status['nodeInfo']);
  return {
    meta: metaOf(object),
    at,
    conditions: conditionsOf(status['conditions']),
    unschedulable: spec['unschedulable'] === true,
    taints: recordsOf(spec['taints']).map(({ key, value, effect }) => {
      const name = textOf(value) === undefined ? textOf(key) : `${textOf(key)}=${textOf(value)}`;
      return `${name ?? ''}:${textOf(effect) ?? ''}`;
    }),
    ...present({
      kubeletVersion: textOf(info['kubeletVersion']),
      providerId: textOf(spec['providerID']),
      os: textOf(info['osImage']) ?? textOf(info['operatingSystem']),
    }),
  };
}

/** An Event of v1 or of events.k8s.io/v1, which renamed half of the fields. */
function eventOf(object: UntypedRecord, at: Location): KubeEvent {
  const involved = recordOf(object['involvedObject'] ?? object['regarding']);
  const series = recordOf(object['series']);
  const source = recordOf(object['source'] ?? object['deprecatedSource']);
  const component =
    textOf(source['component']) ?? textOf(object['reportingComponent']) ?? textOf(object['reportingController']);
  const host = textOf(source['host']);
  const created = textOf(recordOf(object['metadata'])['creationTimestamp']);
  const time = textOf(object['eventTime']) ?? created;
  return {
    type: textOf(object['type']) ?? 'Normal',
    reason: textOf(object['reason']) ?? '',
    message: shortText(object['message'] ?? object['note']) ?? '',
    count: numberOf(series['count']) ?? numberOf(object['count']) ?? numberOf(object['deprecatedCount']) ?? 1,
    object: {
      kind: textOf(involved['kind']) ?? '',
      namespace: textOf(involved['namespace']) ?? '',
      name: textOf(involved['name']) ?? '',
    },
    ...present({
      source: component !== undefined && host !== undefined ? `${component}, ${host}` : component,
      first: textOf(object['firstTimestamp']) ?? textOf(object['deprecatedFirstTimestamp']) ?? time,
      last:
        textOf(series['lastObservedTime']) ??
        textOf(object['lastTimestamp']) ??
        textOf(object['deprecatedLastTimestamp']) ??
        time,
    }),
    at,
  };
}

function dataOf(value: unknown): Record<string, string> {
  const data: Record<string, string> = {};
  for (const [key, text] of Object.entries(textMapOf(value))) setOwn(data, key, mask(text).slice(0, longestData));
  return data;
}

function kubeObjectOf(apiVersion: string, kind: string, object: UntypedRecord, at: Location): KubeObject {
  const { apiVersion: _version, kind: _kind, metadata: _metadata, status, ...body } = object;
  const definition = kind === 'CustomResourceDefinition';
  return {
    apiVersion,
    kind,
    meta: metaOf(object),
    at,
    body: definition
      ? definitionOf(object)
      : (maskValues(kind.endsWith('WebhookConfiguration') ? withoutBundles(body) : body) as UntypedRecord),
    ...present({
      status:
        status === undefined || status === null || definition
          ? undefined
          : (maskValues(recordOf(status)) as UntypedRecord),
    }),
  };
}

/** A CustomResourceDefinition without its schemas: names and versions. */
function definitionOf(object: UntypedRecord): UntypedRecord {
  const spec = recordOf(object['spec']);
  const versions = recordsOf(spec['versions']).map(({ name, served, storage, deprecated }) =>
    present({ name, served, storage, deprecated }),
  );
  return {
    spec: present({
      group: spec['group'],
      names: spec['names'],
      scope: spec['scope'],
      version: spec['version'],
      versions,
    }),
    storedVersions: textsOf(recordOf(object['status'])['storedVersions']),
  };
}

/** Webhooks with `clientConfig.caBundle` as what it says instead of its bytes. */
function withoutBundles(body: UntypedRecord): UntypedRecord {
  return {
    ...body,
    webhooks: recordsOf(body['webhooks']).map((webhook) => {
      const { caBundle, ...client } = recordOf(webhook['clientConfig']);
      const bundle = textOf(caBundle);
      const certificate = bundle === undefined ? undefined : bundleOf(bundle);
      return { ...webhook, clientConfig: { ...client, ...present({ caBundle: certificate }) } };
    }),
  };
}

/**
 * A CA bundle as `{ fingerprint, subject, issuer, from, until, serial }` of its first certificate, with `fingerprints` of
 * all when there are several. The fingerprint is the SHA-256 of the certificate (DER), lower-case hexadecimal; of the text,
 * and alone, where it holds no certificate. Undefined for an empty bundle.
 */
function bundleOf(base64: string): UntypedRecord | undefined {
  const pem = Buffer.from(base64, 'base64').toString();
  if (pem.trim() === '') return undefined;
  const fingerprints = fingerprintsOf(pem);
  const [first] = readCertificates(pem, 1).certificates;
  if (first === undefined) return { fingerprint: fingerprints[0] ?? sha256(pem) };
  const { sans: _sans, ...certificate } = first;
  return { fingerprint: fingerprints[0], ...certificate, ...(fingerprints.length > 1 ? { fingerprints } : {}) };
}

/** SHA-256 of each certificate (DER) of a PEM text, lower-case hexadecimal. */
export function fingerprintsOf(pem: string): string[] {
  return [...pem.matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g)].map(([, base64 = '']) =>
    sha256(Buffer.from(base64, 'base64')),
  );
}

const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
