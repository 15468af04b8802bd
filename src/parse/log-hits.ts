/** What signatures find in one log: entries counted per signature and captures. */
import type { LogHits, ProxyRef } from './facts.ts';
import { higherLevel, type Level } from './log-entry.ts';
import { isoTime } from './log-lines.ts';
import { count, example, newTally, perMinute, samplesOf, type Tally } from './log-tally.ts';
import { mask } from './mask.ts';
import type { LogKind, LogSignature } from './reader.ts';

/** Groups of captures one signature may have in one file; further ones count as `{ other: 'true' }`. */
const maximumGroups = 300;
const captureLength = 1000;

interface HitGroup {
  readonly captures: Readonly<Record<string, string>>;
  readonly tally: Tally;
  level: Level;
}

/** One entry that holds a signature's literal. */
export interface Candidate {
  readonly level: Level;
  /** As rules match it. */
  readonly text: string;
  readonly time: number;
}

export interface HitCollector {
  /** Confirms an entry and counts it; `sample` gives its line number and text as written. */
  take(signature: number, entry: Candidate, line: number, sample: () => string): void;
  hits(log: LogKind, file: string, pod: ProxyRef): LogHits[];
}

export function collectHits(signatures: readonly LogSignature[]): HitCollector {
  const groups = signatures.map(() => new Map<string, HitGroup>());
  // The names are read off the expression once: the object a match gives them in is slow to go through.
  const names = signatures.map(({ matching }) => [
    ...new Set([...(matching?.source ?? '').matchAll(/\(\?<([A-Za-z_$][\w$]*)>/g)].map(([, name = '']) => name)),
  ]);

  const groupOf = (signature: number, found: RegExpExecArray | undefined): HitGroup | undefined => {
    const known = groups[signature];
    if (known === undefined) return undefined;
    let key = '';
    for (const name of names[signature] ?? []) {
      const value = found?.groups?.[name];
      key += value === undefined ? '\u0001\u0000' : `${value}\u0000`;
    }
    const group = known.get(key);
    if (group !== undefined) return group;
    const isFull = known.size >= maximumGroups;
    const id = isFull ? overflowKey : key;
    const captures = isFull ? { other: 'true' } : capturesOf(names[signature] ?? [], found);
    const made = known.get(id) ?? { captures, tally: newTally(), level: 'unknown' };
    known.set(id, made);
    return made;
  };

  return {
    take(signature, entry, line, sample) {
      const matching = signatures[signature]?.matching;
      let found: RegExpExecArray | undefined;
      if (matching !== undefined) {
        // A global expression remembers where it stopped in the entry before.
        matching.lastIndex = 0;
        found = matching.exec(entry.text) ?? undefined;
        if (found === undefined) return;
      }
      const group = groupOf(signature, found);
      if (group === undefined) return;
      count(group.tally, entry.time);
      group.level = higherLevel(group.level, entry.level);
      example(group.tally, 5, 5, line, entry.time, sample);
    },
    hits(log, file, pod) {
      const result: LogHits[] = [];
      for (const [index, signature] of signatures.entries()) {
        for (const { captures, tally, level } of groups[index]?.values() ?? []) {
          const first = isoTime(tally.first);
          const last = isoTime(tally.last);
          result.push({
            signature: signature.id,
            log,
            file,
            pod,
            captures: Object.fromEntries(
              Object.entries(captures).map(([name, value]) => [name, mask(value).slice(0, captureLength)]),
            ),
            count: tally.count,
            level,
            ...(first === undefined ? {} : { first }),
            ...(last === undefined ? {} : { last }),
            samples: samplesOf(tally),
            perMinute: perMinute(tally),
          });
        }
      }
      return result;
    },
  };
}

/** Copies: a slice of a string keeps the whole entry in memory. */
const capturesOf = (names: readonly string[], found: RegExpExecArray | undefined): Readonly<Record<string, string>> => {
  const captures: Record<string, string> = {};
  for (const name of names) {
    const value = found?.groups?.[name];
    if (value !== undefined) captures[name] = Buffer.from(value.slice(0, 8 * captureLength)).toString();
  }
  return captures;
};

/** No captures make this key: each of theirs ends in a NUL. */
const overflowKey = 'other';
