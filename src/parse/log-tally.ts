/** Counting over time without keeping what is counted: per minute, first and last, a few samples. */
import type { Sample } from './facts.ts';
import { isoTime } from './log-lines.ts';
import { mask } from './mask.ts';

/** Keys of a histogram at most: a day of minutes. Longer logs are counted in hours, then in larger steps. */
const maximumBins = 1440;
const sampleLength = 1000;

/** Number of something, when, and a few examples. */
export interface Tally {
  count: number;
  /** Milliseconds since the epoch, NaN while unknown. */
  first: number;
  last: number;
  /** Width of a bin in minutes. */
  step: number;
  bins: Map<number, number>;
  /** The bin being counted; written to `bins` when another minute begins. */
  bin: number;
  inBin: number;
  readonly head: Example[];
  readonly tail: Example[];
}

/** A sample before it is masked. */
interface Example {
  readonly line: number;
  readonly text: string;
  readonly time: number;
}

export const newTally = (): Tally => ({
  count: 0,
  first: Number.NaN,
  last: Number.NaN,
  step: 1,
  bins: new Map(),
  bin: -1,
  inBin: 0,
  head: [],
  tail: [],
});

/** Counts one at a time in milliseconds; NaN counts without a time. */
export function count(tally: Tally, time: number): void {
  tally.count++;
  if (Number.isNaN(time)) return;
  // Written so that a first NaN gives way.
  if (!(tally.first <= time)) tally.first = time;
  if (!(tally.last >= time)) tally.last = time;
  const bin = Math.floor(time / 60_000);
  if (bin === tally.bin) {
    tally.inBin++;
    return;
  }
  flush(tally);
  tally.bin = bin;
  tally.inBin = 1;
}

function flush(tally: Tally): void {
  if (tally.inBin === 0) return;
  add(tally, tally.bin, tally.inBin);
  tally.inBin = 0;
  while (tally.bins.size > maximumBins) {
    tally.step *= 60;
    const fine = tally.bins;
    tally.bins = new Map();
    for (const [bin, number] of fine) add(tally, bin, number);
  }
}

function add(tally: Tally, bin: number, number: number): void {
  const key = bin - (bin % tally.step);
  tally.bins.set(key, (tally.bins.get(key) ?? 0) + number);
}

/** Keeps the first and the last few; `text` is called only for those. */
export function example(
  tally: Tally,
  first: number,
  last: number,
  line: number,
  time: number,
  text: () => string,
): void {
  if (tally.head.length < first) tally.head.push({ line, time, text: short(text()) });
  else if (last > 0) {
    if (tally.tail.length >= last) tally.tail.shift();
    tally.tail.push({ line, time, text: short(text()) });
  }
}

/** Long texts are masked before they are cut: half a token would not be known as one. */
const short = (text: string): string =>
  text.length <= sampleLength ? text : mask(text.slice(0, 8 * sampleLength)).slice(0, sampleLength);

/** The samples kept, masked and cut at 1,000 characters. */
export const samplesOf = (tally: Tally): Sample[] =>
  [...tally.head, ...tally.tail].map(({ line, text, time }) => {
    const iso = isoTime(time);
    return { line, text: mask(text).slice(0, sampleLength), ...(iso === undefined ? {} : { time: iso }) };
  });

/** Counts per minute, key `2026-05-01T10:00`, in order of time; per hour or more where a day of minutes does not suffice. */
export function perMinute(tally: Tally): Record<string, number> {
  flush(tally);
  const result: Record<string, number> = {};
  for (const [bin, number] of [...tally.bins].sort(([one], [other]) => one - other)) {
    result[new Date(bin * 60_000).toISOString().slice(0, 16)] = number;
  }
  return result;
}
