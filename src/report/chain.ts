import type { Confidence, Evidence, Stage } from '../catalog/rule.ts';
import type { Diagnosis } from '../diagnosis/diagnose.ts';
import { clip, headline, oneLine, sentence } from './format.ts';
import { type Quote, toQuote } from './quote.ts';

/** One step of the way from what was seen to what caused it. */
export interface ChainStep {
  /** `seen` on the way, `break` where the request's path ends, `root` at the cause. */
  readonly role: 'seen' | 'break' | 'root';
  readonly stage: string;
  readonly word: string;
  /** What the places show, or nothing. */
  readonly say: string;
  readonly quotes: readonly Quote[];
}

/** The evidence of a diagnosis in reading order, symptoms first and cause last. */
export interface Chain {
  readonly steps: readonly ChainStep[];
  /** Pieces of evidence that are only in the JSON. */
  readonly more: number;
}

const stepsShown = 7;
const quotesShown = 2;
const symptomsShown = 2;

const order: readonly (Stage | 'none')[] = [
  'symptom',
  'client',
  'route',
  'cluster',
  'endpoint',
  'listener',
  'server',
  'pod',
  'none',
  'sync',
  'policy',
  'config',
  'event',
];

/** Stages a request passes; the last of them before the cause is where its path breaks. */
const requestPath: ReadonlySet<string> = new Set(['client', 'route', 'cluster', 'endpoint', 'listener', 'server']);

const names: Readonly<Record<Stage | 'none', string>> = {
  symptom: 'Symptom',
  client: 'Client',
  route: 'Route',
  cluster: 'Cluster',
  endpoint: 'Endpoint',
  listener: 'Listener',
  server: 'Server',
  pod: 'Pod',
  none: 'Evidence',
  sync: 'Sync',
  policy: 'Policy',
  config: 'Configuration',
  event: 'Event',
};

const causeWord: Readonly<Record<Confidence, string>> = {
  certain: 'cause',
  likely: 'likely cause',
  possible: 'possible cause',
};

const samePlace = (a: Evidence, b: Evidence): boolean =>
  a.file === b.file && a.line === b.line && a.pointer === b.pointer;

/** First evidence of the symptoms that the cause explains, for causes whose own evidence shows no symptom. */
function symptomsOf({ cause, consequences }: Diagnosis): readonly Evidence[] {
  if (cause.symptom || cause.occurrences[0].evidence.some(({ stage }) => stage === 'symptom')) return [];
  return consequences
    .filter(({ symptom }) => symptom)
    .slice(0, symptomsShown)
    .map(({ occurrences: [first] }) => {
      const [evidence] = first.evidence;
      return { ...evidence, stage: 'symptom', say: evidence.say ?? sentence(headline(first.message)) };
    });
}

interface Group {
  readonly stage: Stage | 'none';
  readonly say: string;
  readonly evidence: Evidence[];
}

function grouped(evidence: readonly Evidence[]): readonly Group[] {
  const sorted = evidence
    .map((one) => ({ one, stage: one.stage ?? ('none' as const) }))
    .sort((a, b) => order.indexOf(a.stage) - order.indexOf(b.stage));
  const groups: Group[] = [];
  for (const { one, stage } of sorted) {
    const last = groups.at(-1);
    const say = one.say ?? '';
    if (last?.stage === stage && (say === '' || say === last.say)) last.evidence.push(one);
    else groups.push({ stage, say, evidence: [one] });
  }
  return groups;
}

function shorten(groups: readonly Group[]): readonly Group[] {
  const last = groups.at(-1);
  return groups.length <= stepsShown || last === undefined ? groups : [...groups.slice(0, stepsShown - 1), last];
}

/** Draws the evidence of a cause's first occurrence, led by the symptoms it explains, as a chain of steps. */
export function chainOf(diagnosis: Diagnosis): Chain {
  const { cause, consequences, confidence } = diagnosis;
  const groups = shorten(grouped([...symptomsOf(diagnosis), ...cause.occurrences[0].evidence]));
  const root = groups.at(-1)?.stage === 'symptom' ? -1 : groups.length - 1;
  const broken = groups.findLastIndex(({ stage }, index) => index < root && requestPath.has(stage));

  let shown = 0;
  const steps = groups.map(({ stage, say, evidence }, index): ChainStep => {
    const distinct = evidence.filter((one, at) => evidence.findIndex((other) => samePlace(one, other)) === at);
    const quotes = distinct.slice(0, quotesShown);
    shown += quotes.length;
    const role = index === root ? 'root' : index === broken ? 'break' : 'seen';
    return {
      role,
      stage: names[stage],
      word:
        role === 'root' ? causeWord[confidence] : role === 'break' ? 'breaks here' : stage === 'symptom' ? 'seen' : '',
      say: clip(oneLine(say), 1000),
      quotes: quotes.map(toQuote),
    };
  });

  let all = 0;
  for (const finding of [cause, ...consequences]) {
    for (const { evidence } of finding.occurrences) all += evidence.length;
  }
  return { steps, more: Math.max(0, all - shown) };
}
