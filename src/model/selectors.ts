import type { Endpoints, Pod, Service } from '../parse/facts.ts';
import { list, record, strings, text } from './hosts.ts';

type Labels = Readonly<Record<string, string>>;

/** Whether labels carry everything an equality selector asks for. An empty selector matches everything. */
export function matchesLabels(selector: Readonly<Record<string, unknown>>, labels: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === String(value));
}

/** Whether a Kubernetes LabelSelector (`matchLabels`, `matchExpressions`) matches. Empty or absent matches everything. */
export function matchesSelector(selector: unknown, labels: Labels): boolean {
  const { matchLabels, matchExpressions } = record(selector);
  if (!matchesLabels(record(matchLabels), labels)) return false;
  return list(matchExpressions).every((expression) => {
    const { key, operator, values } = record(expression);
    const value = labels[text(key) ?? ''];
    switch (operator) {
      case 'In':
        return value !== undefined && strings(values).includes(value);
      case 'NotIn':
        return value === undefined || !strings(values).includes(value);
      case 'Exists':
        return value !== undefined;
      case 'DoesNotExist':
        return value === undefined;
      default:
        return false;
    }
  });
}

/** Pods a service selects; none for a service without selector. */
export function podsOfService(service: Service, pods: readonly Pod[]): readonly Pod[] {
  const { selector } = service;
  if (selector === undefined || Object.keys(selector).length === 0) return [];
  return pods.filter(({ meta }) => meta.namespace === service.meta.namespace && matchesLabels(selector, meta.labels));
}

/** Addresses Kubernetes published for a service, from Endpoints and EndpointSlices together, each ip once. */
export function addressesOf(service: Service, endpoints: readonly Endpoints[]): ReadonlyMap<string, boolean> {
  const ready = new Map<string, boolean>();
  for (const object of endpoints) {
    if (object.service !== service.meta.name || object.meta.namespace !== service.meta.namespace) continue;
    for (const address of object.addresses) ready.set(address.ip, (ready.get(address.ip) ?? false) || address.ready);
  }
  return ready;
}

/** Whether every condition says that the pod takes traffic. */
export const isReady = (pod: Pod): boolean =>
  pod.phase === 'Running' &&
  (pod.conditions.some(({ type, status }) => type === 'Ready' && status === 'True') ||
    (pod.conditions.length === 0 && pod.containers.every((container) => container.init || container.ready)));

/** The name of the Deployment, StatefulSet, DaemonSet or Job a pod belongs to, from its owner and its template hash. */
export function workloadOf(pod: Pod): string {
  const owner = pod.meta.owners[0];
  if (owner === undefined) return pod.meta.name;
  const hash = pod.meta.labels['pod-template-hash'];
  if (owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`))
    return owner.name.slice(0, -hash.length - 1);
  if (owner.kind === 'ReplicaSet') return owner.name.replace(/-[a-z0-9]{6,10}$/, '');
  return owner.name;
}

/** The istio-proxy container of a pod, be it an ordinary one or a native sidecar. */
export const proxyContainer = (pod: Pod) => pod.containers.find(({ name }) => name === 'istio-proxy');

/** Whether the pod runs a proxy: a sidecar, a native sidecar or a gateway. */
export const hasProxy = (pod: Pod): boolean => proxyContainer(pod) !== undefined;

/** Whether the pod is a gateway: its template is `gateway`, or its only container is the proxy. */
export const isGateway = (pod: Pod): boolean =>
  hasProxy(pod) &&
  (pod.meta.annotations['inject.istio.io/templates'] === 'gateway' ||
    pod.containers.every(({ name, init }) => init || name === 'istio-proxy'));
