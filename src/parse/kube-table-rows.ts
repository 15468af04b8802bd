import type { Location } from '../input/location.ts';
import type { Artifact } from './artifact.ts';
import type { Condition, ObjectMeta, PodRow, Service, Workload } from './facts.ts';
import { type Cells, type Column, cellsOf, pairsOf, slicedCells } from './kube-columns.ts';
import { podRow, type TableKind } from './kube-table-kinds.ts';
import { ageOf, tableObject } from './kube-times.ts';
import { present, setOwn } from './untyped.ts';

/** What is known of a row besides its text. */
export interface RowContext {
  readonly columns: readonly Column[];
  /** Of the command that printed the table; the column NAMESPACE says more. */
  readonly namespace: string;
  readonly at: Location;
}

/** What a row says: facts, perhaps none because it says too little, or undefined where it does not fit its header. */
export function rowFacts(table: TableKind, text: string, context: RowContext): readonly Artifact[] | undefined {
  switch (table) {
    case 'Event':
    case 'other':
      return [];
    case 'Pod':
      return podFacts(text, context);
    case 'Node':
      return nodeFacts(text, context);
    case 'Namespace':
      return namespaceFacts(text, context);
    default: {
      const cells = cellsOf(text, context.columns);
      return cells && objectFacts(table, cells, context);
    }
  }
}

function objectFacts(
  table: Exclude<TableKind, 'Event' | 'other' | 'Pod' | 'Node' | 'Namespace'>,
  cells: Cells,
  context: RowContext,
): readonly Artifact[] | undefined {
  const { kind, meta } = identityOf(cells, table, context.namespace);
  const { at } = context;
  switch (table) {
    case 'Secret': {
      const keys = cells('DATA');
      if (!/^\d+$/.test(keys)) return undefined;
      const { namespace, name } = meta;
      return [{ kind: 'secret', value: { namespace, name, type: cells('TYPE'), keys: Number(keys), at } }];
    }
    case 'Service':
      // Without its namespace a service has no host.
      return meta.namespace === '' ? [] : serviceFacts(cells, meta, at);
    case 'Endpoints': {
      if (meta.namespace === '') return [];
      const addresses = cells('ENDPOINTS').replace(/ \+ \d+ more\.\.\.$/, '');
      const ports = new Set<number>();
      const ips = new Set<string>();
      for (const address of addresses.split(',')) {
        const [, ip, port] = /^\[?([\da-fA-F.:]+?)\]?:(\d+)$/.exec(address) ?? [];
        if (ip === undefined) continue;
        ips.add(ip);
        ports.add(Number(port));
      }
      return [
        {
          kind: 'endpoints',
          value: {
            meta,
            at,
            kind: 'Endpoints',
            service: meta.name,
            // Only ready ones are printed.
            addresses: [...ips].map((ip) => ({ ip, ready: true })),
            ports: [...ports].map((port) => ({ port })),
          },
        },
      ];
    }
    default: {
      const workload = workloadKind(kind);
      const replicas = workload && replicasOf(table, cells);
      return workload && replicas && [{ kind: 'workload', value: workloadFact(workload, replicas, cells, meta, at) }];
    }
  }
}

/** Kind, name and labels of a row; several kinds of one command stand with their names: `deployment.apps/istiod`. */
function identityOf(
  cells: Cells,
  table: TableKind,
  known: string,
): { readonly kind: string; readonly meta: ObjectMeta } {
  const name = cells('NAME');
  const object = tableObject(name, cells('NAMESPACE') || known);
  const isPrefixed = name.includes('/');
  return {
    kind: isPrefixed ? object.kind : table,
    meta: {
      name: isPrefixed ? object.name : name,
      namespace: object.namespace,
      labels: pairsOf(cells('LABELS')),
      annotations: {},
      owners: [],
    },
  };
}

const workloadKinds: readonly Workload['kind'][] = ['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet', 'Job'];
const workloadKind = (kind: string): Workload['kind'] | undefined =>
  kind.toLowerCase() === 'replicationcontroller'
    ? 'ReplicationController'
    : workloadKinds.find((known) => known === kind);

function replicasOf(table: TableKind, cells: Cells): Workload['replicas'] | undefined {
  const number = (column: string): number => (/^\d+$/.test(cells(column)) ? Number(cells(column)) : Number.NaN);
  const [, part = '', whole = ''] = /^(\d+)\/(\d+)$/.exec(cells('READY') || cells('COMPLETIONS')) ?? [];
  const counts = (): Workload['replicas'] => {
    switch (table) {
      case 'StatefulSet':
      case 'Job':
        return { desired: Number(whole), current: Number(whole), ready: Number(part), available: Number(part) };
      case 'Deployment': {
        const available = number('AVAILABLE');
        const current = number('UP-TO-DATE');
        // Up to kubectl 1.12 a table of deployments had no READY.
        if (part === '') return { desired: number('DESIRED'), current: number('CURRENT'), ready: available, available };
        return { desired: Number(whole), current: Math.max(current, Number(part)), ready: Number(part), available };
      }
      case 'DaemonSet':
        return {
          desired: number('DESIRED'),
          current: number('CURRENT'),
          ready: number('READY'),
          available: number('AVAILABLE'),
        };
      default: {
        const ready = number('READY');
        return { desired: number('DESIRED'), current: number('CURRENT'), ready, available: ready };
      }
    }
  };
  const isRatio = table === 'StatefulSet' || table === 'Job';
  if (isRatio && part === '') return undefined;
  const replicas = counts();
  return Object.values(replicas).every((count) => Number.isInteger(count)) ? replicas : undefined;
}

/** Name of a ReplicaSet that a Deployment made: a number of 32 bits, its digits as letters (apimachinery util/rand, SafeEncodeString). */
const templateHash = /^(.+)-[4-9bcdf]{5,10}$/;

function workloadFact(
  kind: Workload['kind'],
  replicas: Workload['replicas'],
  cells: Cells,
  meta: ObjectMeta,
  at: Location,
): Workload {
  const selector = pairsOf(cells('SELECTOR'));
  const deployment = kind === 'ReplicaSet' ? templateHash.exec(meta.name)?.[1] : undefined;
  const images = cells('IMAGES');
  return {
    meta: deployment === undefined ? meta : { ...meta, owners: [{ kind: 'Deployment', name: deployment }] },
    at,
    kind,
    replicas,
    selector,
    template: {
      // A workload's pods carry at least what it selects.
      labels: selector,
      annotations: {},
      images: images === '' || images === '<none>' ? [] : images.split(','),
      hostNetwork: false,
    },
    conditions: [],
  };
}

function serviceFacts(cells: Cells, meta: ObjectMeta, at: Location): readonly Artifact[] | undefined {
  const type = cells('TYPE');
  if (!/^(?:ClusterIP|NodePort|LoadBalancer|ExternalName)$/.test(type)) return undefined;
  const ports: Service['ports'][number][] = [];
  for (const port of cells('PORT(S)').split(',')) {
    const [, number, nodePort, protocol = 'TCP'] = /^(\d+)(?::(\d+))?\/([A-Z]+)$/.exec(port) ?? [];
    if (number === undefined) continue;
    ports.push({
      port: Number(number),
      targetPort: Number(number),
      protocol,
      ...present({ nodePort: nodePort === undefined ? undefined : Number(nodePort) }),
    });
  }
  const external = cells('EXTERNAL-IP');
  const externals = /^<\w+>$/.test(external) ? [] : external.split(',');
  const clusterIP = cells('CLUSTER-IP');
  const selector = pairsOf(cells('SELECTOR'));
  return [
    {
      kind: 'service',
      value: {
        meta,
        at,
        summary: true,
        type,
        clusterIPs: clusterIP === '<none>' ? [] : [clusterIP],
        ports,
        loadBalancerIPs: type === 'LoadBalancer' ? externals : [],
        ...present({
          externalName: type === 'ExternalName' ? externals[0] : undefined,
          selector: Object.keys(selector).length === 0 ? undefined : selector,
        }),
      },
    },
  ];
}

function podFacts(text: string, { columns, namespace, at }: RowContext): readonly Artifact[] | undefined {
  const row = podRow.exec(text.trim());
  if (row === null) return undefined;
  const [, own, name = '', ready, containers, status = '', restarts, since = '', age = '', rest = ''] = row;
  const further = rest.split(/ +/).filter((word) => word !== '');
  const has = (name: string): boolean => columns.some((column) => column.name === name);
  const isWide =
    columns.length === 0 ? /^(?:[\d.]+|[\da-fA-F:]+:[\da-fA-F:]*|<none>)$/.test(further[0] ?? '') : has('IP');
  const given = (word: string | undefined): string | undefined =>
    word === undefined || word === '' || /^<\w+>$/.test(word) ? undefined : word;
  const value: PodRow = {
    namespace: own ?? namespace,
    name: name.replace(/^pods?\//, ''),
    ready: Number(ready),
    containers: Number(containers),
    status,
    restarts: Number(restarts),
    ...present({
      lastRestart: ageOf(since),
      age: ageOf(age),
      ip: isWide ? given(further[0]) : undefined,
      node: isWide ? given(further[1]) : undefined,
      labels: has('LABELS') ? pairsOf(further.at(-1) ?? '') : undefined,
    }),
    at,
  };
  return [{ kind: 'pod-row', value }];
}

function namespaceFacts(text: string, { columns, at }: RowContext): readonly Artifact[] | undefined {
  const sliced = slicedCells(text, columns);
  const whole = cellsOf(text, columns);
  if (sliced === undefined && whole === undefined) return undefined;
  const cell = (name: string): string => whole?.(name) ?? sliced?.get(name) ?? '';
  const labels = pairsOf(cell('LABELS'));
  if (!columns.some(({ name }) => name === 'LABELS')) {
    // `-L istio-injection` shows one label: without a value for it nothing is known of the others.
    for (const [label, column] of shownLabels) if (cell(column) !== '') setOwn(labels, label, cell(column));
    if (Object.keys(labels).length === 0) return [];
  }
  const name = cell('NAME').replace(/^namespaces?\//, '');
  const meta: ObjectMeta = { name, namespace: '', labels, annotations: {}, owners: [] };
  return [{ kind: 'namespace', value: { meta, at, phase: cell('STATUS') } }];
}

const shownLabels = [
  ['istio-injection', 'ISTIO-INJECTION'],
  ['istio.io/rev', 'REV'],
] as const;

function nodeFacts(text: string, { columns, at }: RowContext): readonly Artifact[] | undefined {
  // The first five columns hold no blanks; OS-IMAGE of the wide form does.
  const words = text.trim().split(/ +/);
  const [name = '', state = '', , age = '', version = ''] = words;
  if (words.length < 5 || (ageOf(age) === undefined && age !== '<unknown>')) return undefined;
  const [ready = '', ...more] = state.split(',');
  const status = ready === 'Ready' ? 'True' : ready === 'NotReady' ? 'False' : 'Unknown';
  const condition: Condition = { type: 'Ready', status };
  const sliced = slicedCells(text, columns);
  const os = sliced?.get('OS-IMAGE');
  return [
    {
      kind: 'node',
      value: {
        meta: {
          name: name.replace(/^nodes?\//, ''),
          namespace: '',
          labels: pairsOf(sliced?.get('LABELS') ?? ''),
          annotations: {},
          owners: [],
        },
        at,
        conditions: [condition],
        kubeletVersion: version,
        unschedulable: more.includes('SchedulingDisabled'),
        taints: [],
        ...present({ os: os === undefined || os === '' ? undefined : os }),
      },
    },
  ];
}
