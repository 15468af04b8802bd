import type { AnyRule, Occurrence, Outcome } from '../catalog/rule.ts';
import type { Diagnosis } from '../diagnosis/diagnose.ts';
import type { Archive } from '../input/archive.ts';
import { facetSources, type Mesh, type MeshProxy } from '../model/mesh.ts';
import { byText } from '../model/order.ts';
import { isReady, proxyContainer } from '../model/selectors.ts';
import type { Gap } from '../parse/facts.ts';
import type { ReadSummary } from '../parse/read.ts';
import type { ProxyRow, Report } from './report.ts';
import { verdictOf } from './verdict.ts';

/** Everything an analysis produced, before it becomes a report. */
export interface Analysed {
  readonly archives: readonly Archive[];
  readonly summaries: readonly ReadSummary[];
  readonly mesh: Partial<Mesh>;
  readonly rules: readonly AnyRule[];
  readonly outcomes: readonly Outcome[];
  readonly diagnoses: readonly Diagnosis[];
  readonly gaps: readonly Gap[];
  readonly version: string;
}

/** The plain data that every drawing of the report shows. */
export function toReport(analysed: Analysed): Report {
  const { archives, summaries, mesh, rules, outcomes, diagnoses, gaps, version } = analysed;
  const files = summaries.flatMap((summary) => summary.files);
  const titles = new Map(rules.map(({ id, title }) => [id, title]));
  const proxies = proxyRows(mesh);
  const filesRead = files.filter(({ status }) => status === 'read' || status === 'partial').length;
  const complete = summaries.every((summary) => summary.complete);
  const skipped = outcomes.filter((outcome) => outcome.status === 'skipped');
  const checked = outcomes.filter(({ status }) => status === 'found' || status === 'clear').length;
  const coverage = {
    filesRead,
    files: files.length,
    complete,
    rulesChecked: checked,
    rulesNotChecked: outcomes.length - checked,
    sentence: coverageSentence(filesRead, files.length, complete, gaps),
  };
  return {
    schema: 1,
    tool: { name: 'meshtriage', version, rules: rules.length },
    archive: {
      name: archives.map(({ name }) => name).join(', '),
      format: archives[0]?.format ?? 'file',
      bytes: archives.reduce((sum, { bytes }) => sum + bytes, 0),
      unpackedBytes: summaries.reduce((sum, { bytes }) => sum + bytes, 0),
      entries: files.length,
    },
    verdict: verdictOf(diagnoses, coverage, mesh.capture ?? {}),
    about: about(mesh, proxies),
    coverage,
    diagnoses,
    notChecked: skipped.map(({ rule, missing }) => ({
      rule,
      title: titles.get(rule) ?? rule,
      because: `the archive has no ${missing
        .map((facet) => facetSources[facet].files)
        .filter(unlike)
        .join(', ')}`,
      collect: missing
        .map((facet) => facetSources[facet].collect)
        .filter(unlike)
        .join('; '),
    })),
    failedRules: outcomes.flatMap((outcome) =>
      outcome.status === 'failed' ? [{ rule: outcome.rule, error: outcome.error }] : [],
    ),
    clear: outcomes.flatMap(({ rule, status }) =>
      status === 'clear' ? [{ rule, title: titles.get(rule) ?? rule }] : [],
    ),
    gaps: folded(gaps).sort(
      (a, b) => byText(a.file, b.file) || (a.line ?? 0) - (b.line ?? 0) || byText(a.detail, b.detail),
    ),
    proxies,
    files,
  };
}

const unlike = (item: string, index: number, all: readonly string[]): boolean => all.indexOf(item) === index;

function coverageSentence(read: number, files: number, complete: boolean, gaps: readonly Gap[]): string {
  const share = `${read} of ${files} files read`;
  const foreign = gaps.filter(({ reason }) => reason === 'conflict').map(({ file }) => file);
  const verb = foreign.length === 1 ? 'shows another cluster and is' : 'show other clusters and are';
  const apart = foreign.length === 0 ? '' : `; ${foreign.join(', ')} ${verb} left out`;
  if (!complete) return `${share}${apart}; the archive is partial: what was cut off is not judged`;
  return gaps.length === 0 ? share : `${share}${apart}, ${gaps.length} gap${gaps.length === 1 ? '' : 's'}`;
}

function about(mesh: Partial<Mesh>, rows: readonly ProxyRow[]): Report['about'] {
  const { capture, platform } = mesh;
  const versions = new Map<string, number>();
  for (const { istioVersion } of rows) {
    const version = istioVersion ?? 'unknown';
    versions.set(version, (versions.get(version) ?? 0) + 1);
  }
  const names = new Set([
    ...(mesh.namespaces ?? []).map(({ meta }) => meta.name),
    ...rows.map(({ namespace }) => namespace),
  ]);
  return {
    ...(capture?.time === undefined ? {} : { captured: capture.time }),
    ...(capture?.source === undefined ? {} : { capturedFrom: capture.source }),
    ...(capture?.window === undefined ? {} : { window: capture.window }),
    ...(platform?.context === undefined ? {} : { context: platform.context }),
    ...(platform?.kubernetesVersion === undefined ? {} : { kubernetes: platform.kubernetesVersion }),
    platform: platform?.aksAddon ? 'AKS, Istio add-on' : (platformNames[platform?.provider ?? 'unknown'] ?? 'unknown'),
    ...(platform?.istioctlVersion === undefined ? {} : { istioctl: platform.istioctlVersion }),
    ...(mesh.nodes === undefined ? {} : { nodes: mesh.nodes.length }),
    revisions: (mesh.revisions ?? []).map(({ name, versions: own, pods, rows: listed, tags }) => ({
      name,
      versions: own,
      istiods: pods.length + listed.length,
      tags,
    })),
    proxies: rows.length,
    namespaces: [...names].filter((name) => name !== '').sort(),
    proxyVersions: [...versions]
      .map(([version, proxies]) => ({ version, proxies }))
      .sort((a, b) => b.proxies - a.proxies || byText(a.version, b.version)),
  };
}

const platformNames: Readonly<Record<string, string>> = {
  aks: 'AKS',
  eks: 'Amazon EKS',
  gke: 'Google GKE',
  openshift: 'OpenShift',
  kind: 'kind',
  unknown: 'unknown',
};

/** The proxy inventory, by namespace and pod. */
function proxyRows(mesh: Partial<Mesh>): readonly ProxyRow[] {
  const id = ({ namespace, pod }: { readonly namespace: string; readonly pod: string }) => `${namespace}/${pod}`;
  const memory = new Map((mesh.memory ?? []).map(({ proxy, allocated }) => [id(proxy), allocated]));
  const sizes = new Map((mesh.configSizes ?? []).map(({ proxy, clusters }) => [id(proxy), clusters]));
  const counts = new Map<string, number>();
  // The dump counts them; /clusters does where there is no dump.
  for (const { proxy } of mesh.configSizes === undefined ? (mesh.clusters ?? []) : [])
    counts.set(id(proxy), (counts.get(id(proxy)) ?? 0) + 1);
  const rejected = new Map<string, number>();
  for (const { proxy } of mesh.rejections ?? []) rejected.set(id(proxy), (rejected.get(id(proxy)) ?? 0) + 1);
  const requests = new Map<string, { all: number; failed: number }>();
  for (const { proxy, count, code, flags } of mesh.access ?? []) {
    const sum = requests.get(id(proxy)) ?? { all: 0, failed: 0 };
    sum.all += count;
    if (code >= 500 || flags.some((flag) => flag !== 'DC')) sum.failed += count;
    requests.set(id(proxy), sum);
  }
  const until = new Map<string, string>();
  for (const { proxy, use, until: end } of mesh.certificates ?? []) {
    if (proxy === undefined || use !== 'workload') continue;
    const known = until.get(id(proxy));
    if (known === undefined || end < known) until.set(id(proxy), end);
  }

  return (mesh.proxies ?? []).map((proxy): ProxyRow => {
    const pod = proxy.kubePod;
    const restarts = pod === undefined ? undefined : proxyContainer(pod)?.restarts;
    const clusters = sizes.get(id(proxy)) ?? counts.get(id(proxy));
    const access = requests.get(id(proxy));
    const sync = syncOf(mesh, proxy);
    const ready = pod === undefined ? undefined : isReady(pod);
    const allocated = memory.get(id(proxy));
    const end = until.get(id(proxy));
    const refused = rejected.get(id(proxy)) ?? 0;
    return {
      namespace: proxy.namespace,
      pod: proxy.pod,
      type: proxy.type,
      ...(proxy.istioVersion === undefined ? {} : { istioVersion: proxy.istioVersion }),
      ...(proxy.revision === undefined ? {} : { revision: proxy.revision }),
      ...(proxy.state === undefined ? {} : { state: proxy.state }),
      ...(ready === undefined ? {} : { ready }),
      ...(restarts === undefined ? {} : { restarts }),
      sync,
      ...(allocated === undefined ? {} : { memory: allocated }),
      ...(clusters === undefined ? {} : { clusters }),
      rejected: refused,
      ...(end === undefined ? {} : { certificateUntil: end }),
      ...(access === undefined ? {} : { requests: access.all, failed: access.failed }),
      remark:
        ready === false ||
        (restarts ?? 0) > 0 ||
        refused > 0 ||
        (sync !== 'synced' && sync !== 'unknown') ||
        (access?.failed ?? 0) > 0 ||
        (proxy.state !== undefined && proxy.state !== 'LIVE'),
    };
  });
}

/** The worst state any istiod reports for a proxy; one that every istiod is silent about is absent. */
function syncOf(mesh: Partial<Mesh>, proxy: MeshProxy): ProxyRow['sync'] {
  if (mesh.sync === undefined) return 'unknown';
  const states = mesh.sync
    .filter((status) => status.proxy.namespace === proxy.namespace && status.proxy.pod === proxy.pod)
    .flatMap(({ types }) => Object.values(types));
  if (states.length === 0) return proxy.type === 'ztunnel' ? 'unknown' : 'absent';
  if (states.includes('error')) return 'error';
  return states.includes('stale') ? 'stale' : 'synced';
}

/** Occurrences of a report in the order they are shown. */
export const occurrencesOf = (report: Report): readonly Occurrence[] =>
  report.diagnoses.flatMap(({ cause, consequences }) =>
    [cause, ...consequences].flatMap(({ occurrences }) => [...occurrences]),
  );

/** Gaps of one reason that are listed one by one; a folder of 100,000 pictures is one gap more, with their number. */
const gapsPerReason = 500;

function folded(gaps: readonly Gap[]): Gap[] {
  const shown: Gap[] = [];
  const counts = new Map<Gap['reason'], number>();
  for (const gap of gaps) {
    const count = (counts.get(gap.reason) ?? 0) + 1;
    counts.set(gap.reason, count);
    if (count <= gapsPerReason) shown.push(gap);
  }
  for (const [reason, count] of counts) {
    const more = count - gapsPerReason;
    if (more > 0) shown.push({ file: '(more files)', reason, detail: `${more} more gaps of this kind are not listed` });
  }
  return shown;
}
