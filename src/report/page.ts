import type { CatalogEntry, Confidence, Occurrence, Severity } from '../catalog/rule.ts';
import type { Diagnosis, JudgedFinding } from '../diagnosis/diagnose.ts';
import { addTo } from '../model/groups.ts';
import { byText } from '../model/order.ts';
import { type Chain, type ChainStep, chainOf } from './chain.ts';
import { type Facts, fill, fillCommand } from './fill.ts';
import { bytes, clip, counted, grouped, headline, oneLine, percent, sentence, span, utc } from './format.ts';
import { place } from './quote.ts';
import type { FileRead, ProxyRow, Report } from './report.ts';

/** How much of a report one page shows. What is beyond is counted on the page and complete in the JSON. */
export interface Limits {
  /** Causes with evidence and steps; later ones become rows of a table. */
  readonly causes: number;
  /** Rows of a table. */
  readonly rows: number;
  /** Rows of a table inside a cause. */
  readonly innerRows: number;
  /** Characters of a cell. */
  readonly cell: number;
}

/** Limits that keep ordinary pages well under 2 MB. */
export const defaultLimits: Limits = { causes: 20, rows: 200, innerRows: 50, cell: 400 };

/** Causes that are open when the page is; later ones are folded. */
const causesOpen = 3;
/** Rows of the summary. */
const summaryRows = 5;
/** Rows that need no filter. */
const unfiltered = 8;
/** Subjects named where there is room for one line. */
const subjectsNamed = 3;

/** The first rows of a list, and how many there are beyond. */
interface Cut<T> {
  readonly rows: readonly T[];
  readonly more: number;
  readonly total: number;
}

/** One thing to do. */
interface StepView {
  readonly do: string;
  /** Command, or nothing. */
  readonly run: string;
}

/** What to do about a finding, filled from its first occurrence. */
interface RemedyView {
  readonly steps: readonly StepView[];
  /** Said where the commands name one of several objects. */
  readonly note: string;
}

/** One occurrence, as a row. */
interface PlaceRow {
  readonly subject: string;
  readonly message: string;
  readonly count: string;
  readonly when: string;
  readonly at: string;
}

/** One finding, as a row. */
interface FindingRow {
  /** Anchor, or nothing where the page has it already. */
  readonly anchor: string;
  readonly key: string;
  readonly severity: SeverityView;
  readonly title: string;
  readonly what: string;
  readonly where: string;
  readonly area: string;
  readonly namespaces: string;
  readonly count: string;
  readonly when: string;
  readonly state: string;
  readonly at: string;
}

/** A severity as word, shape and style. */
export interface SeverityView {
  readonly name: Severity;
  readonly word: string;
  readonly style: 'high' | 'med' | 'low';
}

/** A cause and all that is said of it. */
export interface CauseView {
  /** `2.1` */
  readonly ordinal: string;
  /** `1` for the first cause. */
  readonly rank: string;
  readonly anchor: string;
  readonly evidenceAnchor: string;
  /** Anchor of the finding itself, or nothing where the page has it already. */
  readonly keyAnchor: string;
  readonly key: string;
  readonly severity: SeverityView;
  readonly state: string;
  readonly past: boolean;
  readonly confidence: Confidence;
  readonly headline: string;
  readonly title: string;
  readonly why: string;
  readonly subjects: string;
  /** Host, port and namespaces concerned, or nothing. */
  readonly scope: string;
  /** When and how often, at least one line. */
  readonly seen: readonly string[];
  readonly when: string;
  /** Since or, for a past problem, until when; in one line, or nothing. */
  readonly since: string;
  /** What it stands for: a number and its unit, both empty where it is one object of configuration. */
  readonly reach: string;
  readonly reachUnit: string;
  /** The reach counts failed requests or connections. */
  readonly fails: boolean;
  readonly supports: readonly string[];
  readonly contradicts: readonly string[];
  readonly missing: readonly string[];
  readonly chain: Chain;
  /** The step that shows the cause itself. */
  readonly shown: ChainStep | null;
  readonly remedy: RemedyView;
  readonly consequences: Cut<FindingRow>;
  readonly consequencesSay: string;
  readonly places: Cut<PlaceRow>;
  readonly references: readonly string[];
  readonly folded: boolean;
}

/** A finding of severity info: a row, with its remedy and quote beneath. */
interface OtherRow extends FindingRow {
  readonly why: string;
  readonly remedy: RemedyView;
  readonly shown: ChainStep | null;
  readonly explains: string;
  readonly references: readonly string[];
  /** Namespaces as words for the filter. */
  readonly spaces: string;
}

/** One proxy, as a row; what deserves a look is marked. */
interface ProxyView {
  readonly pod: string;
  readonly namespace: string;
  readonly type: string;
  readonly revision: string;
  readonly version: string;
  readonly state: string;
  readonly stateBad: boolean;
  readonly sync: string;
  readonly syncBad: boolean;
  readonly memory: string;
  readonly clusters: string;
  readonly rejected: string;
  readonly rejectedBad: boolean;
  readonly requests: string;
  readonly failed: string;
  readonly failedBad: boolean;
  readonly certificate: string;
  readonly certificateBad: boolean;
}

/** Proxies of one namespace. */
interface ProxyGroup {
  readonly namespace: string;
  readonly proxies: readonly ProxyView[];
}

/** A term with one or two lines beneath it. */
interface FactView {
  readonly term: string;
  readonly value: string;
  readonly more: string;
  readonly link: string;
  readonly warn: boolean;
}

/** All that a page shows, in words. HTML, Markdown and text draw the same page. */
export interface Page {
  readonly report: Report;
  readonly name: string;
  readonly captured: string;
  readonly context: string;
  readonly verdict: string;
  readonly detail: string;
  readonly facts: readonly FactView[];
  readonly summary: readonly CauseView[];
  /** Causes that the summary does not list. */
  readonly summaryMore: number;
  readonly causes: readonly CauseView[];
  readonly moreCauses: Cut<FindingRow>;
  readonly causeCount: number;
  readonly noCause: boolean;
  readonly judged: string;
  readonly helpMost: readonly string[];
  readonly others: Cut<OtherRow>;
  readonly areas: readonly string[];
  readonly spaces: readonly string[];
  readonly revisions: Cut<{
    readonly name: string;
    readonly versions: string;
    readonly istiods: string;
    readonly tags: string;
  }>;
  readonly proxiesSay: string;
  readonly remarkable: { readonly groups: readonly ProxyGroup[]; readonly more: number; readonly total: number };
  readonly unremarkable: { readonly groups: readonly ProxyGroup[]; readonly more: number; readonly total: number };
  readonly notCheckedSay: string;
  readonly notCheckedRules: number;
  /** One row for all rules that miss the same file. */
  readonly notChecked: Cut<{
    readonly count: string;
    readonly rules: readonly string[];
    readonly because: string;
    readonly collect: string;
  }>;
  readonly failedRules: Cut<{ readonly rule: string; readonly error: string }>;
  readonly clear: Cut<{ readonly rule: string; readonly title: string }>;
  readonly gaps: Cut<{ readonly at: string; readonly reason: string; readonly detail: string }>;
  readonly gapCount: number;
  readonly files: Cut<{
    readonly path: string;
    readonly size: string;
    readonly title: string;
    readonly reader: string;
    /** How the reader was chosen, in words. */
    readonly by: string;
    readonly owner: string;
    readonly status: string;
    readonly facts: string;
  }>;
  readonly filesSay: string;
  readonly unread: Cut<string>;
  readonly tool: string;
  /** Which tables are long enough for a filter. */
  readonly filters: { readonly others: boolean; readonly proxies: boolean; readonly files: boolean };
  /** For filters without that choice. */
  readonly none: readonly string[];
}

const severities: Readonly<Record<Severity, SeverityView>> = {
  error: { name: 'error', word: 'Error', style: 'high' },
  warning: { name: 'warning', word: 'Warning', style: 'med' },
  info: { name: 'info', word: 'Info', style: 'low' },
};

/** A severity's word and shape. */
export const severityView = (severity: Severity): SeverityView => severities[severity];

const stateWord = (state: JudgedFinding['state']): string => (state === 'unknown' ? 'state unknown' : state);

const cut = <T, R>(items: readonly T[], limit: number, view: (item: T) => R): Cut<R> => ({
  rows: items.slice(0, limit).map(view),
  more: Math.max(0, items.length - limit),
  total: items.length,
});

/** The first few names, then how many more. */
function named(names: readonly string[], limit: number, cell: number): string {
  const shown = names.slice(0, limit).map((name) => clip(oneLine(name), cell));
  if (names.length > limit) shown.push(`and ${grouped(names.length - limit)} more`);
  return shown.join(', ');
}

const distinct = (values: Iterable<string>): readonly string[] => [...new Set(values)];

function scopesOf(finding: JudgedFinding, key: 'namespace' | 'host'): readonly string[] {
  const values = new Set<string>();
  for (const { scope } of finding.occurrences) {
    const value = scope[key];
    if (value !== undefined) values.add(value);
    if (key === 'namespace') for (const name of scope.namespaces ?? []) values.add(name);
  }
  return [...values].sort();
}

function scopeOf(finding: JudgedFinding): string {
  const { port } = finding.occurrences[0].scope;
  const hosts = scopesOf(finding, 'host');
  const namespaces = scopesOf(finding, 'namespace');
  const words: string[] = [];
  const [host] = hosts;
  if (host !== undefined) {
    const many = hosts.length > 1;
    words.push(
      many ? `hosts ${named(hosts, 2, 120)}` : `host ${clip(host, 200)}${port === undefined ? '' : `:${port}`}`,
    );
  }
  if (namespaces.length > 0) {
    words.push(`${namespaces.length > 1 ? 'namespaces' : 'namespace'} ${named(namespaces, subjectsNamed, 100)}`);
  }
  return words.join('; ');
}

/** What the finding says in one line: its message where all occurrences share it, else its title. */
function headlineOf(finding: JudgedFinding, cell: number): string {
  const messages = distinct(finding.occurrences.map(({ message }) => message));
  const [only = ''] = messages;
  return messages.length === 1 && only !== ''
    ? clip(headline(only), cell)
    : `${finding.title}: ${counted(finding.subjects.length, 'object')}`;
}

function remedyOf(finding: JudgedFinding): RemedyView {
  const facts: Facts = finding.occurrences[0].facts ?? {};
  const printed = new Set<string>();
  let fitted = false;
  const steps = finding.fix.map((step) => {
    const run = step.run === undefined ? '' : fillCommand(step.run, facts);
    const again = printed.has(run);
    printed.add(run);
    fitted ||= run !== (step.run ?? '');
    return { do: sentence(clip(fill(step.do, facts), 1000)), run: again ? '' : clip(run, 4000) };
  });
  const note =
    fitted && finding.subjects.length > 1
      ? `The commands are for ${clip(oneLine(finding.occurrences[0].subject), 200)}; ${
          finding.subjects.length === 2
            ? 'the other object needs'
            : `the other ${grouped(finding.subjects.length - 1)} objects need`
        } the same.`
      : '';
  return { steps, note };
}

/** First and last time of all findings that have one. */
function periodOf(findings: readonly JudgedFinding[]): JudgedFinding['when'] {
  const whens = findings.flatMap(({ when }) => (when === undefined || when.first === '' ? [] : [when]));
  const first = whens.map((when) => when.first).sort()[0];
  const last = whens
    .map((when) => when.last)
    .sort()
    .at(-1);
  return first === undefined || last === undefined ? undefined : { first, last };
}

/** The time alone where the date is that of the capture. */
function sinceOf(
  when: { readonly first: string; readonly last: string },
  state: JudgedFinding['state'],
  captured: string | undefined,
): string {
  const time = utc(state === 'past' ? when.last : when.first);
  if (time === '') return '';
  const sameDay = captured !== undefined && utc(captured).slice(0, 10) === time.slice(0, 10);
  return `${state === 'past' ? 'until' : 'since'} ${sameDay ? time.slice(11) : time}`;
}

/** Characters that are safe in an id, an address fragment and a selector. */
const anchorOf = (key: string): string => clip(key, 120).replace(/[^\w.-]+/g, '-');

const isHttps = (address: string): boolean => /^https:\/\/[^\s"'<>`\\]+$/.test(address);

const statusRank: Readonly<Record<FileRead['status'], number>> = { unrecognised: 0, partial: 1, read: 2, ignored: 3 };

const reasonWord = (reason: string): string => reason.replaceAll('-', ' ');

function proxyView(row: ProxyRow, captured: string | undefined): ProxyView {
  const until = row.certificateUntil;
  const ended = until !== undefined && captured !== undefined && Date.parse(until) <= Date.parse(captured);
  const state: string[] = [];
  if (row.state !== undefined) state.push(clip(row.state, 80));
  if (row.ready === false) state.push('not ready');
  if (row.restarts !== undefined && row.restarts > 0) state.push(counted(row.restarts, 'restart'));
  const number = (value: number | undefined): string => (value === undefined ? '' : grouped(value));
  const words: Readonly<Record<ProxyRow['sync'], string>> = {
    synced: 'synced',
    stale: 'stale',
    error: 'rejected',
    absent: 'not connected',
    unknown: 'not in archive',
  };
  return {
    pod: clip(row.pod, 253),
    namespace: clip(row.namespace, 253),
    type: clip(row.type, 40),
    revision: clip(row.revision ?? '', 100),
    version: clip(row.istioVersion ?? '', 60),
    state: state.join(', '),
    stateBad: row.ready === false,
    sync: words[row.sync],
    syncBad: row.sync !== 'synced' && row.sync !== 'unknown',
    memory: row.memory === undefined ? '' : grouped(Math.round(row.memory / 1024 ** 2)),
    clusters: number(row.clusters),
    rejected: grouped(row.rejected),
    rejectedBad: row.rejected > 0,
    requests: number(row.requests),
    failed: number(row.failed),
    failedBad: (row.failed ?? 0) > 0,
    certificate: until === undefined ? '' : ended ? `ended ${utc(until).slice(0, 16)}` : utc(until).slice(0, 16),
    certificateBad: ended,
  };
}

function proxyGroups(rows: readonly ProxyRow[], limit: number, captured: string | undefined): Page['remarkable'] {
  const sorted = [...rows].sort((a, b) => byText(a.namespace, b.namespace) || byText(a.pod, b.pod));
  const groups = new Map<string, ProxyView[]>();
  for (const row of sorted.slice(0, limit)) {
    const view = proxyView(row, captured);
    addTo(groups, row.namespace, view);
  }
  return {
    groups: [...groups.values()].map((proxies) => ({ namespace: proxies[0]?.namespace ?? '', proxies })),
    more: Math.max(0, rows.length - limit),
    total: rows.length,
  };
}

/** By code unit: the same in every locale. */

function factsOf(report: Report): readonly FactView[] {
  const { archive, about, coverage, tool } = report;
  const fact = (term: string, value: string, more = '', link = '', warn = false): FactView => ({
    term,
    value,
    more,
    link,
    warn,
  });
  const versions = distinct(about.revisions.flatMap(({ versions }) => versions));
  const istiods = about.revisions.reduce((sum, { istiods }) => sum + istiods, 0);
  const others = about.proxyVersions.map(({ version, proxies }) => `${grouped(proxies)} on ${clip(version, 60)}`);
  const captured = about.captured === undefined ? 'time unknown' : `${utc(about.captured)} UTC`;
  const from = about.capturedFrom === undefined ? '' : `by ${clip(about.capturedFrom, 60)}`;
  const complete = coverage.complete ? '' : 'archive incomplete';
  return [
    fact(
      'Archive',
      `${clip(archive.name, 120)}, ${bytes(archive.bytes)}`,
      `${archive.format}, ${counted(archive.entries, 'file')}, ${bytes(archive.unpackedBytes)} unpacked`,
    ),
    fact(
      'Captured',
      [captured, from].filter(Boolean).join(', '),
      about.window === undefined ? 'no log line with a time' : `logs ${span(about.window)}`,
    ),
    fact(
      'Platform',
      [about.kubernetes === undefined ? '' : `Kubernetes ${clip(about.kubernetes, 60)}`, clip(about.platform, 80)]
        .filter(Boolean)
        .join(', '),
      [
        about.nodes === undefined ? '' : counted(about.nodes, 'node'),
        about.context === undefined ? '' : `context ${clip(about.context, 120)}`,
      ]
        .filter(Boolean)
        .join(', '),
    ),
    fact(
      'Mesh',
      about.revisions.length === 0
        ? 'no control plane in the archive'
        : `${versions.length === 0 ? 'Istio, version unknown' : `Istio ${named(versions, 4, 40)}`}, ${about.revisions.length > 1 ? 'revisions' : 'revision'} ${named(
            about.revisions.map(({ name }) => name),
            4,
            60,
          )}`,
      `${grouped(istiods)} istiod, ${counted(about.proxies, 'proxy', 'proxies')}${others.length === 0 ? '' : `: ${others.slice(0, 4).join(', ')}${others.length > 4 ? ', …' : ''}`}`,
    ),
    fact(
      'Coverage',
      `${percent(coverage.filesRead, coverage.files)} of files read (${grouped(coverage.filesRead)} of ${grouped(coverage.files)})`,
      [complete, `${counted(coverage.rulesNotChecked, 'rule')} not checked`].filter(Boolean).join(', '),
      '#gaps',
      !coverage.complete || coverage.rulesNotChecked > 0 || coverage.filesRead < coverage.files,
    ),
    fact('Namespaces', about.namespaces.length === 0 ? 'none read' : named(about.namespaces, 10, 80)),
    fact(
      'Tool and catalog',
      `${tool.name} ${tool.version}, ${counted(tool.rules, 'rule')}`,
      `${grouped(coverage.rulesChecked)} checked${about.istioctl === undefined ? '' : `; archive by istioctl ${clip(about.istioctl, 60)}`}`,
    ),
  ];
}

/** A namespace as a word of the filter. */
const space = (namespace: string): string => clip(namespace, 253);

/** Puts a report into the words that all its drawings share. */
export function toPage(report: Report, limits: Limits = defaultLimits): Page {
  const { about, coverage } = report;
  const anchors = new Set<string>();
  const anchor = (key: string): string => {
    const id = anchorOf(key);
    if (anchors.has(id)) return '';
    anchors.add(id);
    return id;
  };
  const when = (finding: { readonly when?: Occurrence['when'] }): string =>
    finding.when === undefined ? '' : span(finding.when);

  const findingRow = (finding: JudgedFinding): FindingRow => ({
    anchor: anchor(finding.key),
    key: clip(finding.key, 120),
    severity: severities[finding.severity],
    title: clip(finding.title, limits.cell),
    what: headlineOf(finding, limits.cell),
    where: named(finding.subjects, subjectsNamed, 120),
    area: finding.area,
    namespaces: named(scopesOf(finding, 'namespace'), subjectsNamed, 100),
    count: grouped(finding.count),
    when: when(finding),
    state: stateWord(finding.state),
    at: clip(place(finding.occurrences[0].evidence[0]), limits.cell),
  });

  const placeRow = (occurrence: Occurrence): PlaceRow => ({
    subject: clip(oneLine(occurrence.subject), 253),
    message: clip(headline(occurrence.message), limits.cell),
    count: grouped(occurrence.count ?? 1),
    when: when(occurrence),
    at: clip(place(occurrence.evidence[0]), limits.cell),
  });

  const references = (entry: CatalogEntry): readonly string[] => entry.references.filter(isHttps);

  const causeView = (diagnosis: Diagnosis, index: number): CauseView => {
    const { cause, consequences } = diagnosis;
    const chain = chainOf(diagnosis);
    const failures = diagnosis.failedRequests > 0;
    const effects = cause.when ?? periodOf(consequences);
    const seen = [
      cause.when === undefined && effects !== undefined
        ? `in the configuration; effects ${span(effects)}`
        : when(cause),
      cause.count === 1 ? '' : counted(cause.count, 'time'),
    ].filter(Boolean);
    const explained = consequences.reduce((sum, { count }) => sum + count, 0);
    const lines = (texts: readonly string[]): readonly string[] =>
      texts.slice(0, 10).map((text) => sentence(headline(clip(text, 600))));
    return {
      ordinal: `2.${index + 1}`,
      rank: String(index + 1),
      anchor: `cause-${index + 1}`,
      evidenceAnchor: `cause-${index + 1}-evidence`,
      keyAnchor: anchor(cause.key),
      key: clip(cause.key, 120),
      severity: severities[cause.severity],
      state: stateWord(diagnosis.state),
      past: diagnosis.state === 'past',
      confidence: diagnosis.confidence,
      headline: headlineOf(cause, 240),
      title: clip(cause.title, 200),
      why: clip(cause.why, 1000),
      subjects: named(cause.subjects, subjectsNamed, 120),
      scope: scopeOf(cause),
      when: when(cause),
      seen: seen.length > 0 ? seen : ['in the configuration'],
      since: effects === undefined ? '' : sinceOf(effects, diagnosis.state, about.captured),
      reach: failures || diagnosis.reach > 1 ? grouped(diagnosis.reach) : '',
      fails: failures,
      reachUnit: failures ? 'failed requests or connections' : diagnosis.reach > 1 ? 'times seen' : '',
      supports: lines(diagnosis.supports),
      contradicts: lines(diagnosis.contradicts),
      missing: lines(diagnosis.missing),
      chain,
      shown: chain.steps.at(-1) ?? null,
      remedy: remedyOf(cause),
      consequences: cut(consequences, limits.innerRows, findingRow),
      consequencesSay: `Explains ${counted(consequences.length, 'finding')}, seen ${counted(explained, 'time')}`,
      places: cut(cause.occurrences.length > 1 ? cause.occurrences : [], limits.innerRows, placeRow),
      references: references(cause),
      folded: index >= causesOpen,
    };
  };

  const serious = report.diagnoses.filter(({ cause }) => cause.severity !== 'info');
  const ordered = [
    ...serious.filter(({ state }) => state !== 'past'),
    ...serious.filter(({ state }) => state === 'past'),
  ];
  const causes = ordered.slice(0, limits.causes).map(causeView);
  const minor = report.diagnoses.filter(({ cause }) => cause.severity === 'info');

  const otherRow = (diagnosis: Diagnosis): OtherRow => {
    const { cause, consequences } = diagnosis;
    return {
      ...findingRow(cause),
      state: stateWord(diagnosis.state),
      why: clip(cause.why, 1000),
      remedy: remedyOf(cause),
      shown: chainOf(diagnosis).steps.at(-1) ?? null,
      explains:
        consequences.length === 0
          ? ''
          : `Explains ${named(
              consequences.map(({ title }) => title),
              3,
              120,
            )}.`,
      references: references(cause),
      spaces: scopesOf(cause, 'namespace').slice(0, 50).map(space).join(' '),
    };
  };

  const collect = new Map<string, number>();
  for (const { collect: what } of report.notChecked) if (what !== '') collect.set(what, (collect.get(what) ?? 0) + 1);
  const helpMost = [...collect]
    .sort((a, b) => b[1] - a[1] || byText(a[0], b[0]))
    .slice(0, 3)
    .map(([what, rules]) => `${clip(what, 400)} (for ${counted(rules, 'rule')})`);

  const countOf = (status: FileRead['status']): number => report.files.filter((file) => file.status === status).length;
  const files = [...report.files].sort((a, b) => statusRank[a.status] - statusRank[b.status] || byText(a.path, b.path));
  const unread = files.filter(({ status }) => status === 'unrecognised');
  const connected = report.proxies.filter(({ sync }) => sync !== 'absent' && sync !== 'unknown').length;

  return {
    report,
    name: clip(report.archive.name, 120),
    captured: about.captured === undefined ? '' : `captured ${utc(about.captured)}Z`,
    context: clip(about.context ?? '', 120),
    verdict: clip(report.verdict.sentence, 400),
    detail: clip(report.verdict.detail, 2000),
    facts: factsOf(report),
    summary: causes.slice(0, summaryRows),
    summaryMore: Math.max(0, ordered.length - Math.min(summaryRows, causes.length)),
    causes,
    moreCauses: cut(ordered.slice(limits.causes), limits.rows, ({ cause }) => findingRow(cause)),
    causeCount: ordered.length,
    noCause: ordered.length === 0,
    judged: `${counted(coverage.rulesChecked, 'rule')} had what they need, ${grouped(coverage.rulesNotChecked)} could not be checked.`,
    helpMost,
    others: cut(minor, limits.rows, otherRow),
    areas: distinct(minor.map(({ cause }) => cause.area)).toSorted(byText),
    spaces: distinct(minor.flatMap(({ cause }) => scopesOf(cause, 'namespace').map(space)))
      .toSorted(byText)
      .slice(0, 100),
    revisions: cut(about.revisions, limits.rows, ({ name, versions, istiods, tags }) => ({
      name: clip(name, 100),
      versions: named(versions, 10, 60),
      istiods: grouped(istiods),
      tags: named(tags, 10, 60),
    })),
    proxiesSay: `${counted(report.proxies.length, 'proxy', 'proxies')}, ${grouped(connected)} known to an istiod of this archive.`,
    remarkable: proxyGroups(
      report.proxies.filter(({ remark }) => remark),
      limits.rows,
      about.captured,
    ),
    unremarkable: proxyGroups(
      report.proxies.filter(({ remark }) => !remark),
      limits.rows,
      about.captured,
    ),
    notCheckedSay: sentence(clip(coverage.sentence, 600)),
    notCheckedRules: report.notChecked.length,
    notChecked: cut(byReason(report.notChecked), limits.rows, ({ rules, because, collect }) => ({
      count: counted(rules.length, 'rule'),
      rules: rules.map((rule) => clip(rule, 120)),
      because: clip(because, limits.cell),
      collect: clip(collect, limits.cell),
    })),
    failedRules: cut(report.failedRules, limits.rows, ({ rule, error }) => ({
      rule: clip(rule, 120),
      error: clip(oneLine(error), limits.cell),
    })),
    clear: cut(report.clear, limits.rows, ({ rule, title }) => ({
      rule: clip(rule, 120),
      title: clip(title, limits.cell),
    })),
    gaps: cut(report.gaps, limits.rows, (gap) => ({
      at: clip(place(gap), limits.cell),
      reason: reasonWord(gap.reason),
      detail: clip(oneLine(gap.detail), limits.cell),
    })),
    gapCount: report.notChecked.length + report.failedRules.length + report.gaps.length,
    files: cut(files, limits.rows, ({ path, bytes: size, title, reader, by, owner, status, facts }) => ({
      path: clip(path, limits.cell),
      size: bytes(size),
      title: clip(title, limits.cell),
      reader: reader === 'none' ? '' : clip(reader, limits.cell),
      by: byWords[by],
      owner: clip(owner ?? '', limits.cell),
      status,
      facts: grouped(facts),
    })),
    filesSay: `${counted(files.length, 'file')}: ${grouped(countOf('unrecognised'))} unrecognised, ${grouped(countOf('partial'))} read in part, ${grouped(countOf('read'))} read, ${grouped(countOf('ignored'))} ignored${knownBy(report.files)}`,
    unread: cut(unread, 20, ({ path }) => clip(path, limits.cell)),
    tool: clip(`${report.tool.name} ${report.tool.version}`, 60),
    filters: {
      others: minor.length > unfiltered,
      proxies: report.proxies.filter(({ remark }) => remark).length > unfiltered,
      files: files.length > unfiltered,
    },
    none: [],
  };
}

/** How many files were told by what, where it is not the path alone. */
function knownBy(files: readonly FileRead[]): string {
  const counts = (['path', 'content', 'name'] as const).map((by) => ({
    by,
    count: files.filter((file) => file.by === by).length,
  }));
  if (counts.every(({ by, count }) => by === 'path' || count === 0)) return '';
  const told = counts.filter(({ count }) => count > 0).map(({ by, count }) => `${byWords[by]} ${grouped(count)}`);
  return `; known by ${told.join(', ')}`;
}

const byWords: Readonly<Record<FileRead['by'], string>> = {
  path: 'path',
  content: 'content',
  name: 'command line',
  none: '',
};

/** Rules that miss the same file, together; the reason that most rules share comes first. */
function byReason(
  notChecked: Report['notChecked'],
): readonly { readonly rules: readonly string[]; readonly because: string; readonly collect: string }[] {
  const groups = new Map<string, { readonly rules: string[]; readonly because: string; readonly collect: string }>();
  for (const { rule, because, collect } of notChecked) {
    const known = groups.get(because);
    if (known === undefined) groups.set(because, { rules: [rule], because, collect });
    else known.rules.push(rule);
  }
  return [...groups.values()].sort((a, b) => b.rules.length - a.rules.length || byText(a.because, b.because));
}
