import type { Mesh } from '../../model/mesh.ts';
import { byText } from '../../model/order.ts';
import type { LogHits, ProxyRef, Rejection, Sample } from '../../parse/facts.ts';
import type { LogSignature } from '../../parse/reader.ts';
import { podName } from '../evidence.ts';
import type { Evidence } from '../rule.ts';

/** Istiod's and Envoy's line about a refused update. Istiod names the connection, Envoy the type in full. */
export const refusalSignatures: readonly LogSignature[] = [
  {
    id: 'rejected-configuration/istiod',
    log: 'istiod',
    contains: ': ACK ERROR ',
    matching: /ADS:(?<type>\w+): ACK ERROR (?<node>\S+) (?<code>\w+):(?<why>[\s\S]{0,600})/,
  },
  {
    // Delta xDS logs each refusal a second time as `delta config for …`.
    id: 'rejected-configuration/proxy',
    log: 'proxy',
    contains: 'onfig for type.googleapis.com/',
    matching: /(?:gRPC c|REST c|C)onfig for type\.googleapis\.com\/(?<type>[\w.]+) rejected: (?<why>[\s\S]{0,600})/,
  },
];

type XdsType = Rejection['type'];

/** One proxy that refuses updates of one type for one reason, from every file that says so. */
export interface Refusal {
  readonly proxy: ProxyRef;
  readonly type: XdsType;
  /** The resource, e.g. `virtualInbound`; '' where nothing names it. */
  readonly resource: string;
  /** Envoy's words without the resource. */
  readonly why: string;
  readonly first?: string;
  readonly last?: string;
  /** Refusals istiod or the proxy counted; at least 1. */
  readonly count: number;
  /** `still`: the dump or istiod says so; `over`: the proxy took an update since, or is gone; else nothing tells. */
  readonly state: 'still' | 'over' | 'unknown';
  readonly sources: readonly Source[];
  readonly evidence: readonly Evidence[];
}
export type Source = 'istiod' | 'proxy' | 'dump' | 'sync';

interface Draft {
  readonly proxy: ProxyRef;
  readonly type: XdsType;
  resource: string;
  why: string;
  readonly times: string[];
  readonly counts: Map<Source, number>;
  readonly evidence: Map<Source, Evidence>;
}

type Facets = Partial<
  Pick<Mesh, 'istiodLog' | 'proxyLog' | 'rejections' | 'sync' | 'pods' | 'configSizes' | 'logFiles' | 'listings'>
>;

const types: Readonly<Record<string, XdsType>> = {
  LDS: 'listener',
  CDS: 'cluster',
  RDS: 'route',
  EDS: 'endpoint',
  SDS: 'secret',
  Listener: 'listener',
  Cluster: 'cluster',
  RouteConfiguration: 'route',
  ScopedRouteConfiguration: 'route',
  ClusterLoadAssignment: 'endpoint',
  Secret: 'secret',
};
const syncTypes = { lds: 'listener', cds: 'cluster', rds: 'route', eds: 'endpoint', ecds: 'other' } as const;

/** Everything the archive says about refused updates, one per proxy, type and reason. */
export function refusalsOf(facets: Facets): readonly Refusal[] {
  const drafts = new Map<string, Draft>();
  const add = (
    proxy: ProxyRef,
    type: XdsType,
    words: string,
    source: Source,
    evidence: Evidence | undefined,
    more: {
      readonly resource?: string;
      readonly count?: number;
      readonly times?: readonly (string | undefined)[];
    } = {},
  ): void => {
    const { resource, why } = split(words);
    const key = `${podName(proxy)}\0${type}\0${reasonKey(why)}`;
    const draft = drafts.get(key) ?? {
      proxy,
      type,
      resource: '',
      why,
      times: [],
      counts: new Map<Source, number>(),
      evidence: new Map<Source, Evidence>(),
    };
    drafts.set(key, draft);
    draft.resource ||= more.resource || resource;
    draft.times.push(...(more.times ?? []).filter((time) => time !== undefined));
    draft.counts.set(source, (draft.counts.get(source) ?? 0) + (more.count ?? 1));
    if (evidence !== undefined && !draft.evidence.has(source)) draft.evidence.set(source, evidence);
  };

  for (const hit of facets.istiodLog ?? []) {
    if (hit.signature !== 'rejected-configuration/istiod') continue;
    const { node = '', type = '', why = '' } = hit.captures;
    const proxy = proxyOfNode(node);
    if (proxy === undefined) continue;
    add(
      proxy,
      types[type] ?? 'other',
      why,
      'istiod',
      quoted(hit, 'sync', 'Istiod was told that the update was refused.', why),
      {
        count: hit.count,
        times: [hit.first, hit.last],
      },
    );
  }
  for (const hit of facets.proxyLog ?? []) {
    if (hit.signature !== 'rejected-configuration/proxy') continue;
    const { type = '', why = '' } = hit.captures;
    const name = type.slice(type.lastIndexOf('.') + 1);
    add(
      hit.pod,
      types[name] ?? 'other',
      why,
      'proxy',
      quoted(hit, 'server', 'The proxy refused the update and kept what it had.', why),
      {
        count: hit.count,
        times: [hit.first, hit.last],
      },
    );
  }
  for (const { proxy, type, name, details, time, at } of facets.rejections ?? []) {
    const evidence = { ...at, stage: 'listener', say: 'The refused version stands beside the one in use.' } as const;
    add(proxy, type, details, 'dump', evidence, { resource: name, times: [time] });
  }
  const told = new Set([...drafts.values()].map(({ proxy, type }) => `${podName(proxy)} ${type}`));
  for (const { proxy, types: states, errors, at } of facets.sync ?? []) {
    for (const [key, type] of Object.entries(syncTypes)) {
      const short = key as keyof typeof syncTypes;
      const words = errors?.[short];
      // Versions that keep no text only say that there is an error.
      if (words === undefined && (states[short] !== 'error' || told.has(`${podName(proxy)} ${type}`))) continue;
      add(proxy, type, words ?? 'istiod kept no text of the error', 'sync', {
        ...at,
        stage: 'sync',
        say: 'Istiod still waits for this proxy to take the update.',
      });
    }
  }

  const stateOf = stateFrom(facets);
  return [...drafts.values()].map((draft) => {
    const times = draft.times.toSorted(byText);
    const [first] = times;
    const last = times.at(-1);
    return {
      proxy: draft.proxy,
      type: draft.type,
      resource: draft.resource,
      why: draft.why,
      ...(first === undefined ? {} : { first }),
      ...(last === undefined ? {} : { last }),
      count: Math.max(1, draft.counts.get('istiod') ?? 0, draft.counts.get('proxy') ?? 0),
      state: stateOf(draft, last),
      sources: [...draft.counts.keys()],
      evidence: [...draft.evidence.values()],
    };
  });
}

/** Words that differ between proxies and attempts only in numbers are one reason. */
export const reasonKey = (why: string): string => why.replace(/\d+/g, '#').slice(0, 160);

const envelope =
  /^(?:Error adding\/updating (?:listener|cluster|scoped route)\(s\) )(?<resource>\S+): (?<why>[\s\S]*)$/;

/** `Error adding/updating listener(s) virtualInbound: why` in its parts. One text may name several resources: the first counts. */
function split(words: string): { readonly resource: string; readonly why: string } {
  const text = words.trim();
  const { resource, why } = envelope.exec(text)?.groups ?? {};
  // Envoy's log adds fields after a tab: `thread=15`.
  const [line = ''] = (why ?? text).trim().split(/[\n\t]/);
  return { resource: resource ?? '', why: line };
}

/** `cart-7d9.shop-12`; up to 1.5 `sidecar~10.1.2.3~cart-7d9.shop~shop.svc.cluster.local-12`. */
function proxyOfNode(node: string): ProxyRef | undefined {
  const id = node.includes('~') ? (node.split('~')[2] ?? '') : node.replace(/-\d+$/, '');
  const dot = id.lastIndexOf('.');
  return dot < 1 ? undefined : { pod: id.slice(0, dot), namespace: id.slice(dot + 1) };
}

/** The oldest line says when it began. */
function quoted(hit: LogHits, stage: Evidence['stage'], say: string, why: string): Evidence | undefined {
  const sample: Sample | undefined = hit.samples[0];
  if (sample === undefined || stage === undefined) return undefined;
  const { why: mark } = split(why);
  return {
    file: hit.file,
    line: sample.line,
    quote: sample.text.split('\n').slice(0, 5),
    stage,
    say,
    mark: [mark.slice(0, 120)],
  };
}

/** Whether a refusal still stands, told by whatever saw the proxy after it. */
function stateFrom({
  sync,
  rejections,
  configSizes,
  pods,
  listings,
  logFiles,
}: Facets): (draft: Draft, last: string | undefined) => Refusal['state'] {
  const refused = new Set((rejections ?? []).map(({ proxy, type }) => `${podName(proxy)} ${type}`));
  const dumped = new Set((configSizes ?? []).map(({ proxy }) => podName(proxy)));
  const synced = new Map<string, string>();
  for (const { proxy, types: states } of sync ?? [])
    for (const [key, type] of Object.entries(syncTypes)) {
      const state = states[key as keyof typeof syncTypes];
      if (state !== undefined) synced.set(`${podName(proxy)} ${type}`, state);
    }
  const alive = new Set((pods ?? []).map(({ meta }) => `${meta.namespace}/${meta.name}`));
  const complete =
    pods !== undefined && (listings ?? []).some(({ kind, namespace }) => kind === 'Pod' && namespace === '*');
  const starts = new Map<string, string>();
  for (const { pod, marks } of logFiles ?? []) {
    const start = marks.filter(({ what }) => what === 'container-start').at(-1);
    if (start !== undefined) starts.set(podName(pod), start.time);
  }
  return ({ proxy, type }, last) => {
    const name = podName(proxy);
    const key = `${name} ${type}`;
    if (refused.has(key) || synced.get(key) === 'error') return 'still';
    // Envoy's dump shows refused listeners only, and forgets them with the next update it takes.
    if (dumped.has(name) && type === 'listener') return 'over';
    if (synced.get(key) === 'synced') return 'over';
    if (complete && !alive.has(name)) return 'over';
    const start = starts.get(name);
    if (start !== undefined && last !== undefined && start > last) return 'over';
    return synced.get(key) === 'stale' ? 'still' : 'unknown';
  };
}
