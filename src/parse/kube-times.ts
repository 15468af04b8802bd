/** Milliseconds of an age as kubectl prints it, e.g. `5m12s`, `3d4h`, `2y10d`; undefined for `<unknown>`. */
export function ageOf(text: string): number | undefined {
  if (!/^(?:\d+[ydhms])+$/.test(text)) return undefined;
  let age = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([ydhms])/g)) age += Number(count) * (units[unit ?? ''] ?? 0);
  return age;
}

const units: Readonly<Record<string, number>> = { y: 31_536_000_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 };

/** The time that an age counts back to from the time it was printed, as exact as the age; undefined where either is unknown. */
export function timeBefore(printed: string | undefined, age: number | undefined): string | undefined {
  const time = Date.parse(printed ?? '') - (age ?? Number.NaN);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

/** An age with its repetitions: `15s (x4 over 64s)`. */
export function repeatedAge(text: string): {
  readonly last?: number;
  readonly first?: number;
  readonly count?: number;
} {
  const [, age = '', count, over] = /^(\S+)(?: \(x(\d+)(?: over (\S+))?\))?/.exec(text.trim()) ?? [];
  const last = ageOf(age);
  const first = over === undefined ? undefined : ageOf(over);
  return {
    ...(last === undefined ? {} : { last }),
    ...(first === undefined ? {} : { first }),
    ...(count === undefined ? {} : { count: Number(count) }),
  };
}

const kinds = new Map(
  [
    'Pod',
    'Service',
    'Endpoints',
    'EndpointSlice',
    'Deployment',
    'ReplicaSet',
    'StatefulSet',
    'DaemonSet',
    'Job',
    'CronJob',
    'Node',
    'Namespace',
    'ConfigMap',
    'Secret',
    'Ingress',
    'NetworkPolicy',
    'HorizontalPodAutoscaler',
    'PodDisruptionBudget',
    'PersistentVolume',
    'PersistentVolumeClaim',
    'ServiceAccount',
    'Gateway',
    'HTTPRoute',
    'VirtualService',
    'DestinationRule',
    'Certificate',
  ].map((kind) => [kind.toLowerCase(), kind]),
);
const clusterScoped = new Set(['Node', 'Namespace', 'PersistentVolume']);

/** `pod/cart-7d9` or `gateway.networking.istio.io/shop` of an events table as the event's object. */
export function tableObject(text: string, namespace: string): { kind: string; namespace: string; name: string } {
  const slash = text.indexOf('/');
  const type = (slash < 0 ? '' : text.slice(0, slash)).split('.')[0] ?? '';
  const kind = kinds.get(type.toLowerCase()) ?? type;
  return { kind, namespace: clusterScoped.has(kind) ? '' : namespace, name: text.slice(slash + 1) };
}
