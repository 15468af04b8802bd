import { createHash } from 'node:crypto';
import { some } from '../catalog/evidence.ts';
import type {
  AnyRule,
  CatalogEntry,
  Confidence,
  NonEmpty,
  Occurrence,
  Outcome,
  Rule,
  Severity,
} from '../catalog/rule.ts';
import { addTo, groupBy } from '../model/groups.ts';
import type { Capture, Mesh } from '../model/mesh.ts';
import { byText, earlier, later } from '../model/order.ts';
import { overlap, precedes } from './scope.ts';

export type State = 'present' | 'past' | 'unknown';

/** A problem found, its occurrences folded and judged against the archive's own time. */
export interface JudgedFinding extends CatalogEntry {
  /** Stable over runs and archives of the same cluster: rule and object identity, e.g. `subset-without-pods-3fa9c1`. */
  readonly key: string;
  /** Highest severity of its occurrences, lowered where past. */
  readonly severity: Severity;
  readonly state: State;
  /** All subjects, sorted. */
  readonly subjects: readonly string[];
  /** Sum of the occurrences' counts. */
  readonly count: number;
  readonly when?: { readonly first: string; readonly last: string };
  readonly occurrences: NonEmpty<Occurrence>;
  readonly symptom: boolean;
}

/** One cause and what it explains. */
export interface Diagnosis {
  readonly cause: JudgedFinding;
  readonly consequences: readonly JudgedFinding[];
  readonly confidence: Confidence;
  /** Why we believe it. */
  readonly supports: readonly string[];
  /** What would have told, and the command that collects it. */
  readonly missing: readonly string[];
  /** Counter-evidence that lowered the confidence. */
  readonly contradicts: readonly string[];
  readonly state: State;
  /** Failed requests or connections that it and its consequences stand for, as access logs counted them. */
  readonly failedRequests: number;
  /** The failed requests, or where none were logged how often the cause itself was seen. */
  readonly reach: number;
}

/** One occurrence on its way to a place in the list. */
interface Node {
  readonly rule: AnyRule;
  readonly entry: CatalogEntry;
  readonly occurrence: Occurrence;
  readonly state: State;
  readonly severity: Severity;
  readonly order: number;
  explainer?: Node;
  readonly explained: Node[];
}

const severities: readonly Severity[] = ['info', 'warning', 'error'];
const states: readonly State[] = ['past', 'unknown', 'present'];
const confidences: readonly Confidence[] = ['possible', 'likely', 'certain'];

/**
 * Ranks what the rules found: each occurrence hangs beneath the one that explains it best, by the rules' `explains`, by
 * overlapping scopes and by time; what nothing explains is a cause. Causes come by severity, presence, reach. What is past
 * is never an error; a cause takes over the severity of the present consequences it explains.
 */
export function diagnose(
  outcomes: readonly Outcome[],
  rules: readonly AnyRule[],
  mesh: Partial<Mesh>,
): readonly Diagnosis[] {
  const nodes = nodesOf(outcomes, rules, mesh.capture ?? {});
  connect(nodes);
  const diagnoses = group(nodes.filter((node) => node.explainer === undefined)).map((roots) => toDiagnosis(roots));
  return diagnoses.sort(byImportance);
}

function nodesOf(outcomes: readonly Outcome[], rules: readonly AnyRule[], capture: Capture): readonly Node[] {
  const byId = new Map(rules.map((rule, order) => [rule.id, { rule, order }]));
  return outcomes.flatMap((outcome) => {
    const known = byId.get(outcome.rule);
    if (outcome.status !== 'found' || known === undefined) return [];
    return outcome.finding.occurrences.map((occurrence): Node => {
      const state = stateOf(occurrence, capture);
      const severity = occurrence.severity ?? outcome.finding.severity;
      return {
        rule: known.rule,
        entry: outcome.finding,
        occurrence,
        state,
        severity: state === 'past' && severity === 'error' ? 'warning' : severity,
        order: known.order,
        explained: [],
      };
    });
  });
}

/** Seen in the last ten minutes before the end of the logs is present; configuration is present. */
function stateOf(occurrence: Occurrence, capture: Capture): State {
  if (occurrence.ended) return 'past';
  if (occurrence.when === undefined) return 'present';
  const end = capture.window?.last ?? capture.time;
  if (end === undefined) return 'unknown';
  return Date.parse(end) - Date.parse(occurrence.when.last) <= presentMs ? 'present' : 'unknown';
}
const presentMs = 10 * 60_000;

/** Hangs each occurrence beneath its best explainer; a chain of explanations never closes on itself. */
function connect(nodes: readonly Node[]): void {
  const byRule = groupByRule(nodes);
  const explainers = new Map<string, Node[]>();
  for (const node of nodes) {
    for (const id of node.rule.explains ?? []) {
      if (!byRule.has(id)) continue;
      addTo(explainers, id, node);
    }
  }
  for (const node of nodes) {
    let best: { readonly cause: Node; readonly score: number } | undefined;
    for (const cause of explainers.get(node.rule.id) ?? []) {
      if (cause === node || isBeneath(cause, node)) continue;
      const shared = overlap(cause.occurrence.scope, node.occurrence.scope);
      if (shared === undefined || !precedes(cause.occurrence, node.occurrence)) continue;
      // What is over cannot explain what still goes on.
      if (cause.state === 'past' && node.state === 'present') continue;
      const score =
        shared * 10 + confidences.indexOf(cause.occurrence.confidence ?? 'likely') * 3 + (cause.rule.symptom ? 0 : 2);
      if (best === undefined || score > best.score) best = { cause, score };
    }
    if (best === undefined) continue;
    node.explainer = best.cause;
    best.cause.explained.push(node);
  }
}

const groupByRule = (nodes: readonly Node[]): Map<string, Node[]> => groupBy(nodes, ({ rule }) => rule.id);

function isBeneath(node: Node, top: Node): boolean {
  for (let up = node.explainer; up !== undefined; up = up.explainer) if (up === top) return true;
  return false;
}

/** All that hangs beneath a node. */
function beneath(node: Node): readonly Node[] {
  return node.explained.flatMap((child) => [child, ...beneath(child)]);
}

const highest = (nodes: readonly Node[]): Severity =>
  severities[Math.max(0, ...nodes.map(({ severity }) => severities.indexOf(severity)))] ?? 'info';

/** The severity a cause has together with what it explains and what still goes on. */
function raised(root: Node): Severity {
  return highest([root, ...beneath(root).filter(({ state }) => state !== 'past')]);
}

/**
 * Causes of severity error stand alone, so that each has its own consequences and remedy; more than ten of one rule, and all
 * lesser ones of a rule, are one entry.
 */
function group(roots: readonly Node[]): readonly NonEmpty<Node>[] {
  const groups: [Node, ...Node[]][] = [];
  for (const nodes of groupByRule(roots).values()) {
    const errors = nodes.filter((node) => raised(node) === 'error');
    const alone = errors.length <= 10 ? errors : [];
    for (const node of alone) groups.push([node]);
    const bySeverity = new Map<Severity, [Node, ...Node[]]>();
    for (const node of nodes) {
      if (alone.includes(node)) continue;
      addTo(bySeverity, raised(node), node);
    }
    groups.push(...bySeverity.values());
  }
  return groups;
}

function toDiagnosis(roots: NonEmpty<Node>): Diagnosis {
  const below = roots.flatMap(beneath);
  const severity = highest(roots.map((root) => ({ ...root, severity: raised(root) })));
  const cause = judged(roots, severity);
  const consequences = [...groupByRule(below).values()]
    .map((nodes) => judged(nodes as unknown as NonEmpty<Node>, highest(nodes)))
    .sort(
      (a, b) =>
        severities.indexOf(b.severity) - severities.indexOf(a.severity) || b.count - a.count || byText(a.id, b.id),
    );
  const contradicts = distinct(roots.flatMap(({ occurrence }) => occurrence.contradicts ?? []));
  // The same requests stand in a cause read from the access log and in its symptoms: they are counted once.
  const symptoms = [...roots, ...below].filter(({ rule }) => rule.symptom);
  const failedRequests = requestsOf(symptoms) || requestsOf(roots);
  return {
    cause,
    consequences,
    confidence: confidenceOf(roots, below, contradicts.length > 0),
    supports: distinct([
      ...roots.flatMap(({ occurrence }) => occurrence.supports ?? []),
      ...consequences.map(
        ({ title, count, subjects }) => `It explains: ${title} (${times(count)}, ${some(subjects)}).`,
      ),
    ]),
    missing: distinct(roots.flatMap(({ occurrence }) => occurrence.missing ?? [])),
    contradicts,
    state: cause.state,
    failedRequests,
    reach: failedRequests > 0 ? failedRequests : cause.count,
  };
}

/** Requests that some problems stand for: those that were read from an access log. Others count pods, or clusters nobody asked for. */
function requestsOf(nodes: readonly Node[]): number {
  let requests = 0;
  for (const { rule, occurrence } of nodes) {
    const { needs, uses } = rule as unknown as Rule;
    const fromAccessLog = needs.includes('access') || (uses?.includes('access') ?? false);
    if (fromAccessLog && occurrence.when !== undefined) requests += occurrence.count ?? 0;
  }
  return requests;
}

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);
const distinct = (items: readonly string[]): readonly string[] => [...new Set(items)];

/** A cause that explains a consequence is surer than its rule alone; counter-evidence makes it less sure. */
function confidenceOf(roots: readonly Node[], below: readonly Node[], contradicted: boolean): Confidence {
  const own = Math.max(...roots.map(({ occurrence }) => confidences.indexOf(occurrence.confidence ?? 'likely')));
  const steps = own + (below.length > 0 ? 1 : 0) - (contradicted ? 1 : 0);
  return confidences[Math.min(2, Math.max(0, steps))] ?? 'possible';
}

function judged(nodes: NonEmpty<Node>, severity: Severity): JudgedFinding {
  const occurrences = nodes.map(({ occurrence }) => occurrence) as unknown as NonEmpty<Occurrence>;
  const when = span(occurrences);
  const [{ entry, rule }] = nodes;
  const subjects = distinct(occurrences.map(({ subject }) => subject)).toSorted();
  return {
    ...entry,
    severity,
    key: `${entry.id}-${createHash('sha256').update(identityOf(nodes)).digest('hex').slice(0, 6)}`,
    state: states[Math.max(...nodes.map(({ state }) => states.indexOf(state)))] ?? 'unknown',
    subjects,
    count: occurrences.reduce((sum, { count }) => sum + (count ?? 1), 0),
    ...(when === undefined ? {} : { when }),
    occurrences,
    symptom: rule.symptom ?? false,
  };
}

/** What stays the same from one archive of a cluster to the next: subjects and scopes without pod names. */
function identityOf(nodes: readonly Node[]): string {
  const [first] = nodes;
  if (first === undefined || nodes.length > 1) return '';
  const { host, subset, namespace, namespaces, workload, port, revision } = first.occurrence.scope;
  const subject = first.occurrence.scope.pod === undefined ? first.occurrence.subject : '';
  return JSON.stringify([subject, host, subset, namespaces ?? namespace, workload, port, revision]);
}

function span(occurrences: readonly Occurrence[]): { readonly first: string; readonly last: string } | undefined {
  const whens = occurrences.flatMap(({ when }) => (when === undefined ? [] : [when]));
  const [one] = whens;
  if (one === undefined) return undefined;
  return whens.reduce(
    (all, when) => ({
      first: earlier(when.first, all.first),
      last: later(when.last, all.last),
    }),
    one,
  );
}

/**
 * Severity, the mesh before its archive, presence, causes before symptoms, reach, then the catalog's order and the key, so that
 * the order never changes.
 */
function byImportance(a: Diagnosis, b: Diagnosis): number {
  return (
    severities.indexOf(b.cause.severity) - severities.indexOf(a.cause.severity) ||
    Number(a.cause.area === 'archive') - Number(b.cause.area === 'archive') ||
    states.indexOf(b.state) - states.indexOf(a.state) ||
    Number(a.cause.symptom) - Number(b.cause.symptom) ||
    Number(b.consequences.length > 0) - Number(a.consequences.length > 0) ||
    confidences.indexOf(b.confidence) - confidences.indexOf(a.confidence) ||
    b.reach - a.reach ||
    byText(a.cause.key, b.cause.key)
  );
}
