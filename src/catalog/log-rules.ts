import { addTo } from '../model/groups.ts';
import type { Mesh } from '../model/mesh.ts';
import type { LogHits, ProxyRef } from '../parse/facts.ts';
import type { LogKind } from '../parse/reader.ts';
import { evidenceOf, logEvidence, podName, some } from './evidence.ts';
import { type AnyRule, type CatalogEntry, defineRule, type NonEmpty, type Scope, type Severity } from './rule.ts';

/** What the matching entries of one occurrence have in common. */
export interface Matched {
  readonly count: number;
  readonly captures: Readonly<Record<string, string>>;
  readonly pods: readonly ProxyRef[];
}

/** A problem that is a line in a log. `fires` and `quiet` are its test cases: lines that must and must not match. */
export interface LogRule extends Omit<CatalogEntry, 'severity'> {
  readonly severity: Severity;
  /** A literal of every matching entry, at least 6 bytes, better 9. */
  readonly contains: string;
  readonly matching?: RegExp;
  /** Captures that make separate occurrences; all entries are one occurrence without it. */
  readonly groupBy?: readonly string[];
  /** Entries per occurrence below which it is normal. */
  readonly atLeast?: number;
  /** Entries per hour of the log's own time below which it is normal. */
  readonly perHour?: number;
  readonly message: (matched: Matched) => string;
  readonly scope?: (matched: Matched) => Scope;
  readonly explains?: readonly string[];
  readonly symptom?: boolean;
  readonly fires: NonEmpty<string>;
  readonly quiet: NonEmpty<string>;
}

const facets = {
  istiod: 'istiodLog',
  proxy: 'proxyLog',
  ztunnel: 'ztunnelLog',
  cni: 'cniLog',
  operator: 'operatorLog',
} as const;

/** A rule made of log lines, with the lines that test it. */
export interface LogRuleWithLines {
  readonly rule: AnyRule;
  readonly log: LogKind;
  readonly fires: NonEmpty<string>;
  readonly quiet: NonEmpty<string>;
}

/** Turns a list of log problems of one component into rules. */
export function defineLogRules(log: LogKind, entries: readonly LogRule[]): readonly LogRuleWithLines[] {
  return entries.map((entry) => ({ rule: toRule(log, entry), log, fires: entry.fires, quiet: entry.quiet }));
}

function toRule(log: LogKind, entry: LogRule): AnyRule {
  const {
    contains,
    matching,
    groupBy = [],
    atLeast = 1,
    perHour,
    message,
    scope,
    fires: _fires,
    quiet: _quiet,
    ...known
  } = entry;
  const facet = facets[log];
  return defineRule({
    ...known,
    needs: [facet],
    uses: ['platform'],
    signatures: [{ id: entry.id, log, contains, ...(matching === undefined ? {} : { matching }) }],
    *check(mesh: Pick<Mesh, (typeof facets)[LogKind]> & Partial<Pick<Mesh, 'platform'>>) {
      const { istioNamespace = 'istio-system' } = mesh.platform ?? {};
      const groups = new Map<string, LogHits[]>();
      for (const hit of mesh[facet]) {
        if (hit.signature !== entry.id) continue;
        const key = groupBy.map((name) => hit.captures[name] ?? '').join('\0');
        addTo(groups, key, hit);
      }
      for (const hits of groups.values()) {
        const count = hits.reduce((sum, hit) => sum + hit.count, 0);
        const when = spanOf(hits);
        const evidence = evidenceOf(logEvidence(hits, 'symptom'));
        if (evidence === undefined || count < atLeast || (perHour !== undefined && !isOften(count, when, perHour)))
          continue;
        const pods = [...new Map(hits.map(({ pod }) => [podName(pod), pod])).values()];
        const matched: Matched = { count, captures: hits[0]?.captures ?? {}, pods };
        yield {
          subject: some(pods.map(podName)),
          scope: scope?.(matched) ?? scopeOf(pods),
          ...(when === undefined ? {} : { when }),
          count,
          message: message(matched),
          facts: { istioNamespace, ...factsOf(pods), ...matched.captures },
          evidence,
        };
      }
    },
  });
}

/** The first pod, for commands: `pod` as istioctl takes it, `podName` and `podNamespace` for kubectl. */
function factsOf([first]: readonly ProxyRef[]): Readonly<Record<string, string>> {
  if (first === undefined || first.namespace === '') return {};
  return { pod: `${first.pod}.${first.namespace}`, podName: first.pod, podNamespace: first.namespace };
}

/** One pod is the scope; several pods share their namespace, or name all of theirs. */
function scopeOf(pods: readonly ProxyRef[]): Scope {
  const [first, ...others] = pods;
  if (first === undefined || first.namespace === '') return {};
  if (others.length === 0) return { namespace: first.namespace, pod: first.pod };
  if (others.every(({ namespace }) => namespace === first.namespace)) return { namespace: first.namespace };
  return { namespaces: [...new Set(pods.map(({ namespace }) => namespace))] };
}

/** First and last time of some hits, where the lines carried one. */
export function spanOf(
  hits: readonly Pick<LogHits, 'first' | 'last'>[],
): { readonly first: string; readonly last: string } | undefined {
  const first = hits.flatMap((hit) => hit.first ?? []).toSorted()[0];
  const last = hits
    .flatMap((hit) => hit.last ?? [])
    .toSorted()
    .at(-1);
  return first === undefined || last === undefined ? undefined : { first, last };
}

/** A rate over at least ten minutes: two entries within a second are no hundred an hour. */
function isOften(
  count: number,
  when: { readonly first: string; readonly last: string } | undefined,
  perHour: number,
): boolean {
  if (when === undefined) return false;
  const hours = Math.max(10 / 60, (Date.parse(when.last) - Date.parse(when.first)) / 3_600_000);
  return count / hours >= perHour;
}
