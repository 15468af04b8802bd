import type { AccessGroup, LogHits, ProxyRef } from '../parse/facts.ts';
import type { Evidence, NonEmpty, Stage } from './rule.ts';

/** Quoted places shown for one occurrence and kind of evidence; the counts say how many more there are. */
const shown = 3;

/** Access lines as evidence, one from each of the first few proxies. */
export function accessEvidence(
  groups: readonly AccessGroup[],
  stage: Stage,
  say: string,
  mark: readonly string[] = [],
): readonly Evidence[] {
  const files = new Set<string>();
  const evidence: Evidence[] = [];
  for (const group of groups) {
    const sample = group.samples.at(-1);
    if (sample === undefined || files.has(group.file) || evidence.length >= shown) continue;
    files.add(group.file);
    evidence.push({
      file: group.file,
      line: sample.line,
      quote: [sample.text],
      stage,
      say,
      mark: mark.length > 0 ? mark : marksOf(group),
    });
  }
  return evidence;
}

/** The parts of an access line that tell: code with flags, details, reason. */
function marksOf({ code, flags, details, reason }: AccessGroup): readonly string[] {
  const flag = flags.length > 0 ? `${code} ${flags.join(',')}` : `${code} - ${details}`;
  return [details !== '' && flags.length > 0 ? `${flag} ${details}` : flag, ...(reason === '' ? [] : [reason])];
}

/** Log entries as evidence, the last one of each of the first few files. */
export function logEvidence(
  hits: readonly LogHits[],
  stage: Stage,
  say?: string,
  mark: readonly string[] = [],
): readonly Evidence[] {
  const evidence: Evidence[] = [];
  for (const hit of hits) {
    const sample = hit.samples.at(-1);
    if (sample === undefined || evidence.length >= shown) continue;
    evidence.push({
      file: hit.file,
      line: sample.line,
      quote: sample.text.split('\n').slice(0, 5),
      stage,
      mark,
      ...(say === undefined ? {} : { say }),
    });
  }
  return evidence;
}

/** Evidence without what is absent; undefined when nothing is left, which no occurrence may be. */
export function evidenceOf(
  ...items: readonly (Evidence | readonly Evidence[] | undefined)[]
): NonEmpty<Evidence> | undefined {
  const [first, ...others] = items.flatMap((item): readonly Evidence[] =>
    item === undefined ? [] : 'file' in item ? [item] : item,
  );
  return first === undefined ? undefined : [first, ...others];
}

/** `a, b, c and 4 more`. */
export function some(names: readonly string[], most = 3): string {
  const distinct = [...new Set(names)];
  if (distinct.length <= most) return distinct.join(', ');
  return `${distinct.slice(0, most).join(', ')} and ${distinct.length - most} more`;
}

/** `shop/cart-7d9`. */
export const podName = ({ namespace, pod }: ProxyRef): string => (namespace === '' ? pod : `${namespace}/${pod}`);

/** `1 request`, `12 requests`. */
export const counted = (count: number, noun: string, plural = `${noun}s`): string =>
  `${count} ${count === 1 ? noun : plural}`;
