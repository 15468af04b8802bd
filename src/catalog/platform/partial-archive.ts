import type { Mesh, Platform } from '../../model/mesh.ts';
import { hasProxy, isReady } from '../../model/selectors.ts';
import type { Collection, LogFile, Pod } from '../../parse/facts.ts';
import { counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule, type Occurrence } from '../rule.ts';
import { isTimeout } from './failing-collection.ts';

/** A pod this young may have come while the archive was being made. */
const youngMs = 120_000;

/**
 * What the archive was meant to hold, or what its own list of pods says it should hold, and does not: the collector ran out of
 * time, filters narrowed it, the control plane's namespace was another one.
 */
export const partialArchive = defineRule({
  id: 'partial-archive',
  title: 'Archive without part of the mesh',
  area: 'archive',
  severity: 'warning',
  why: 'Nothing can be said about what was not collected: a rule that finds nothing there proves nothing.',
  fix: [
    {
      do: 'Collect again with the right control-plane namespace and enough time; in a large mesh name the namespaces concerned',
      run: 'istioctl bug-report --istio-namespace {{istioNamespace}} --istioNamespace {{istioNamespace}} --timeout 60m --include "{{include}}"',
    },
    {
      do: 'Verify that control plane and proxies are in it',
      run: 'tar tzf bug-report.tar.gz | grep -E "discovery.log|istio-proxy.log"',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/diagnostic-tools/istioctl/',
    'https://istio.io/latest/docs/reference/commands/istioctl/#istioctl-bug-report',
    'https://learn.microsoft.com/en-us/troubleshoot/azure/azure-kubernetes/extensions/istio-add-on-general-troubleshooting',
  ],
  source: 'knowledge P1 (AKS-NS-FLAG), K1, D243; tools/bug-report of istioctl',
  needs: ['collections'],
  uses: ['pods', 'logFiles', 'clusters', 'platform', 'capture'],
  *check(mesh) {
    const { collections, platform } = mesh;
    const istioNamespace = platform?.istioNamespace ?? 'istio-system';
    const common = {
      subject: 'archive',
      scope: {},
      confidence: 'certain',
      facts: { istioNamespace, include: istioNamespace },
    } as const;
    for (const { failures } of collections) {
      const timeout = failures.find(({ detail }) => isTimeout(detail));
      if (timeout === undefined) continue;
      yield {
        ...common,
        message: 'the collector ran out of time: what it had not fetched by then is missing',
        evidence: [{ ...timeout.at, stage: 'event' }],
      };
    }
    yield* absentControlPlane(mesh, common);
    yield* absentProxies(mesh, common);
    for (const { include, exclude, at } of collections) {
      const filters = [
        ...(include === undefined || isEmpty(include) ? [] : [`only ${include}`]),
        ...(exclude === undefined || isEmpty(exclude) || isDefault(exclude) ? [] : [`not ${exclude}`]),
      ];
      if (filters.length === 0) continue;
      yield {
        ...common,
        severity: 'info',
        message: `the collector was told to fetch ${filters.join(', and ')}: proxies elsewhere are not in the archive`,
        evidence: [{ ...at, stage: 'config' }],
      };
    }
  },
});

type Known = Pick<Mesh, 'collections'> & Partial<Pick<Mesh, 'pods' | 'logFiles' | 'clusters' | 'platform' | 'capture'>>;
type Common = Pick<Occurrence, 'subject' | 'scope' | 'confidence' | 'facts'>;

/** istiod is ready by the list of pods, and no log of it was fetched: on AKS the flag for its namespace was most often missing. */
function* absentControlPlane(
  { collections, pods = [], logFiles = [], platform }: Known,
  common: Common,
): Generator<Occurrence> {
  const running = pods.filter((pod) => pod.meta.labels['app'] === 'istiod' && isReady(pod));
  const [istiod] = running;
  if (istiod === undefined || logFiles.some(({ log }) => log === 'istiod') || !isBugReport(collections)) return;
  const { namespace } = istiod.meta;
  const asked = collections.find((collection) => collection.istioNamespace !== undefined);
  const wrong = asked?.istioNamespace !== undefined && asked.istioNamespace !== namespace;
  const evidence = evidenceOf(
    asked && wrong
      ? { ...asked.at, stage: 'config', say: `It was collected with namespace ${asked.istioNamespace}.` }
      : undefined,
    { ...istiod.at, stage: 'pod', say: `${namespace}/${istiod.meta.name} runs.` },
  );
  if (evidence === undefined) return;
  yield {
    ...common,
    message: wrong
      ? `the archive was collected with --istio-namespace ${asked.istioNamespace}, but the control plane is in ${namespace}: nothing of its ${counted(running.length, 'istiod pod')} is there`
      : `no log of the ${counted(running.length, 'istiod pod')} that ${running.length === 1 ? 'runs' : 'run'} in ${namespace} is in the archive${flagOf(platform)}`,
    evidence,
  };
}

const flagOf = (platform: Platform | undefined): string =>
  platform?.aksAddon === true ? ': the AKS add-on needs --istio-namespace aks-istio-system' : '';

/** Proxies that ran for a while, of which neither log nor state was fetched. */
function* absentProxies(
  { collections, pods = [], logFiles = [], clusters = [], capture }: Known,
  common: Common,
): Generator<Occurrence> {
  if (!isBugReport(collections)) return;
  const there = new Set([
    ...logFiles.map(({ pod }: LogFile) => podName(pod)),
    // All clusters of a file share the object that names their proxy.
    ...[...new Set(clusters.map(({ proxy }) => proxy))].map(podName),
  ]);
  const listed = new Set(
    collections.flatMap(({ expected }) =>
      expected.flatMap((path) => {
        const [namespace, , pod, container] = path.split('/');
        return container === 'istio-proxy' ? [`${namespace}/${pod}`] : [];
      }),
    ),
  );
  const nameOf = ({ meta }: Pod): string => `${meta.namespace}/${meta.name}`;
  const ran = pods.filter(
    (pod) =>
      hasProxy(pod) && pod.phase === 'Running' && !excluded.has(pod.meta.namespace) && !isYoung(pod, capture?.time),
  );
  const wanted = new Map([
    ...ran.map((pod) => [nameOf(pod), pod.at] as const),
    // The collector's own list counts even where no pod was read.
    ...collections.flatMap(({ expected, at }) =>
      expected.length > 0 && pods.length === 0 ? [...listed].map((name) => [name, at] as const) : [],
    ),
  ]);
  const absent = [...wanted].filter(([name]) => !there.has(name));
  const filtered = collections.some(({ include }) => include !== undefined && !isEmpty(include));
  // What a filter left out was meant to be left out.
  const missing = filtered ? absent.filter(([name]) => listed.has(name)) : absent;
  const [first] = missing;
  if (first === undefined) return;
  yield {
    ...common,
    count: missing.length,
    severity: missing.length * 5 >= wanted.size ? 'warning' : 'info',
    message: `the archive holds neither log nor state of ${missing.length} of ${counted(wanted.size, 'running proxy', 'running proxies')}: ${some(missing.map(([name]) => name))}`,
    evidence: [{ ...first[1], stage: 'pod', say: `${first[0]} runs.` }],
  };
}

/** Tables and dumps of kubectl hold no proxies at all: only the collector's own log or context file speaks of a bug-report. */
const isBugReport = (collections: readonly Collection[]): boolean =>
  collections.some(({ at }) => at.file.endsWith('bug-report.log') || at.file.endsWith('cluster/cluster-context'));

/** Namespaces the collector leaves out unless told otherwise. */
const excluded: ReadonlySet<string> = new Set(['kube-node-lease', 'kube-public', 'kube-system', 'local-path-storage']);
const isDefault = (filter: string): boolean =>
  [...filter.matchAll(/Namespaces: ?([^/}]*)/g)].every(([, names = '']) =>
    names.split(',').every((name) => excluded.has(name.trim()) || name.trim() === ''),
  ) && !/(?:Deployments|Daemonsets|Pods|Containers|Labels|Annotations): ?(?!map\[\])[^\s/}]/i.test(filter);
const isEmpty = (filter: string): boolean => !/[:=] ?(?!map\[\])[^\s/}]/.test(filter);

const isYoung = ({ meta }: Pod, now: string | undefined): boolean =>
  now !== undefined && meta.created !== undefined && Date.parse(now) - Date.parse(meta.created) < youngMs;
