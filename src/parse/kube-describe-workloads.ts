import type { Location } from '../input/location.ts';
import type { Artifact } from './artifact.ts';
import type { ObjectMeta, Service, Workload } from './facts.ts';
import { pairsOf } from './kube-columns.ts';
import {
  blocksOf,
  conditionsOf,
  type Fields,
  linesOf,
  metaOf,
  pairOf,
  type Section,
  textIn,
} from './kube-describe-fields.ts';
import { present } from './untyped.ts';

/** The kind of a described object, which the text of most never says, by fields that only this kind has; '' for an unknown one. */
export function describedKind(fields: Fields): string {
  const has = (...names: readonly string[]): boolean => names.every((name) => fields.has(name));
  if (has('API Version', 'Kind')) return textIn(fields, 'Kind') ?? '';
  if (has('Containers', 'Status')) return 'Pod';
  if (has('Taints') || has('System Info')) return 'Node';
  if (has('StrategyType')) return 'Deployment';
  if (has('Desired Number of Nodes Scheduled')) return 'DaemonSet';
  if (has('Update Strategy')) return 'StatefulSet';
  if (has('Parallelism')) return 'Job';
  if (has('Pods Status')) return 'ReplicaSet';
  if (has('Session Affinity')) return 'Service';
  return textIn(fields, 'Kind') ?? '';
}

/** A described Deployment, ReplicaSet, StatefulSet or DaemonSet; nothing for other kinds. */
export function* describedWorkload(kind: string, fields: Fields, meta: ObjectMeta, at: Location): Iterable<Artifact> {
  const replicas = replicasOf(kind, fields);
  if (replicas === undefined) return;
  const template = new Map<string, Section>();
  for (const { head, body } of blocksOf(fields.get('Pod Template')?.body ?? [], 2)) {
    const [name, value] = pairOf(head);
    template.set(name, { name, value, body: [...body], line: 0 });
  }
  const { labels, annotations } = metaOf(template);
  const selector = linesOf(fields.get('Selector') ?? emptySection).join(',');
  yield {
    kind: 'workload',
    value: {
      meta,
      at,
      kind: replicas.kind,
      replicas: replicas.counts,
      selector: pairsOf(selector),
      template: {
        labels,
        annotations,
        images: (fields.get('Pod Template')?.body ?? []).flatMap((text) => /^\s+Image: +(\S+)$/.exec(text)?.[1] ?? []),
        hostNetwork: false,
      },
      conditions: conditionsOf(fields.get('Conditions')),
    },
  };
}

/** `Replicas:  2 desired | 2 updated | 2 total | 0 available | 2 unavailable` and what other kinds say instead. */
function replicasOf(
  kind: string,
  fields: Fields,
): { readonly kind: Workload['kind']; readonly counts: Workload['replicas'] } | undefined {
  const counted = new Map<string, number>();
  const replicas = textIn(fields, 'Replicas') ?? '';
  for (const [, count, word = ''] of replicas.matchAll(/(\d+) ([a-z]+)/g)) counted.set(word, Number(count));
  const desired = counted.get('desired');
  const running = Number(/^(\d+) Running/.exec(textIn(fields, 'Pods Status') ?? '')?.[1] ?? 0);
  const numberIn = (name: string): number => Number(textIn(fields, name) ?? 0) || 0;
  switch (kind) {
    case 'Deployment': {
      const available = counted.get('available') ?? 0;
      if (desired === undefined) return undefined;
      return { kind, counts: { desired, current: counted.get('total') ?? available, ready: available, available } };
    }
    case 'ReplicaSet':
    case 'StatefulSet': {
      if (desired === undefined) return undefined;
      const current = counted.get('current') ?? counted.get('total') ?? running;
      // Of these only who runs is printed, not who is ready.
      return { kind, counts: { desired, current, ready: running, available: running } };
    }
    case 'DaemonSet': {
      const available = numberIn('Number of Nodes Scheduled with Available Pods');
      const current = numberIn('Current Number of Nodes Scheduled');
      return {
        kind,
        counts: { desired: numberIn('Desired Number of Nodes Scheduled'), current, ready: available, available },
      };
    }
    default:
      return undefined;
  }
}

/** A described Service and the addresses its ports had. Fields of ports come once for each of them. */
export function* describedService(sections: readonly Section[], meta: ObjectMeta, at: Location): Iterable<Artifact> {
  const fields: Fields = new Map(sections.map((section) => [section.name, section]));
  type Port = { -readonly [K in keyof Service['ports'][number]]: Service['ports'][number][K] };
  const ports: Port[] = [];
  const addresses = new Set<string>();
  const targets = new Set<number>();
  for (const { name, value } of sections) {
    const last = ports.at(-1);
    if (name === 'Port') {
      const [, label = '', number, protocol = 'TCP'] = /^(\S+) +(\d+)\/([A-Z]+)$/.exec(value) ?? [];
      if (number === undefined) continue;
      ports.push({
        port: Number(number),
        targetPort: Number(number),
        protocol,
        ...present({ name: label === '<unset>' ? undefined : label }),
      });
    } else if (name === 'TargetPort' && last !== undefined) {
      const target = value.split('/')[0] ?? '';
      if (target !== '') last.targetPort = /^\d+$/.test(target) ? Number(target) : target;
    } else if (name === 'NodePort' && last !== undefined) {
      const node = /(\d+)\/[A-Z]+$/.exec(value)?.[1];
      if (node !== undefined) last.nodePort = Number(node);
    } else if (name === 'Endpoints') {
      for (const address of value.replace(/ \+ \d+ more\.\.\.$/, '').split(',')) {
        const [, ip, port] = /^\[?([\da-fA-F.:]+?)\]?:(\d+)$/.exec(address.trim()) ?? [];
        if (ip === undefined) continue;
        addresses.add(ip);
        targets.add(Number(port));
      }
    }
  }
  const type = textIn(fields, 'Type') ?? 'ClusterIP';
  const ips = (textIn(fields, 'IPs') ?? textIn(fields, 'IP') ?? '').split(',').filter((ip) => ip !== '');
  const ingress = textIn(fields, 'LoadBalancer Ingress')?.replaceAll(/ \([A-Z][^)]*\)/g, '');
  const selector = pairsOf(linesOf(fields.get('Selector') ?? emptySection).join(','));
  yield {
    kind: 'service',
    value: {
      meta,
      at,
      type,
      clusterIPs: ips,
      ports,
      loadBalancerIPs: ingress === undefined ? [] : ingress.split(/, */),
      ...present({
        selector: Object.keys(selector).length === 0 ? undefined : selector,
        externalName: textIn(fields, 'External Name'),
        externalTrafficPolicy: textIn(fields, 'External Traffic Policy'),
      }),
    },
  };
  if (!fields.has('Endpoints')) return;
  yield {
    kind: 'endpoints',
    value: {
      meta: { ...meta, labels: {}, annotations: {} },
      at,
      kind: 'Endpoints',
      service: meta.name,
      // Only ready ones are printed.
      addresses: [...addresses].map((ip) => ({ ip, ready: true })),
      ports: [...targets].map((port) => ({ port })),
    },
  };
}

const emptySection: Section = { name: '', value: '', body: [], line: 0 };
