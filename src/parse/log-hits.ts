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

  const groupOf = (signature: number, captures: Readonly<Record<string, string>>): HitGroup | undefined => {
    const known = groups[signature];
    if (known === undefined) return undefined;
    const key = Object.entries(captures).flat().join('\u0000');
    const found = known.get(key);
    if (found !== undefined) return found;
    if (known.size >= maximumGroups && key !== overflowKey) return groupOf(signature, overflow);
    const group: HitGroup = { captures: detached(captures), tally: newTally(), level: 'unknown' };
    known.set(key, group);
    return group;
  };

  return {
    take(signature, entry, line, sample) {
      const matching = signatures[signature]?.matching;
      let captures: Record<string, string> = none;
      if (matching !== undefined) {
        // A global expression remembers where it stopped in the entry before.
        matching.lastIndex = 0;
        const found = matching.exec(entry.text);
        if (found === null) return;
        if (found.groups !== undefined) {
          captures = {};
          for (const [name, value] of Object.entries(found.groups)) if (value !== undefined) captures[name] = value;
        }
      }
      const group = groupOf(signature, captures);
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
const detached = (captures: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(captures).map(([name, value]) => [name, Buffer.from(value.slice(0, 8 * captureLength)).toString()]),
  );

const none: Record<string, string> = {};
const overflow = { other: 'true' };
const overflowKey = 'other\u0000true';
