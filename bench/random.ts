/** A stream of pseudo-random numbers in [0, 1): the same seed gives the same stream on every machine. */
export type Random = () => number;

/** mulberry32: 32 bits of state, fast, good enough to make text that compresses like the real thing. */
function mulberry32(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A stream of its own for each name, so that one file can be made again without the files before it. */
export function randomFor(seed: number, name: string): Random {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < name.length; i += 1) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return mulberry32(hash);
}

/** An integer from `low` to `high`, both included. */
export function between(random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1));
}

/** One of the items, each as likely as the others. */
export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}

/** `digits` hexadecimal digits. */
export function hex(random: Random, digits: number): string {
  let text = '';
  while (text.length < digits)
    text += Math.floor(random() * 4294967296)
      .toString(16)
      .padStart(8, '0');
  return text.slice(0, digits);
}

/** A random (version 4) UUID. */
export function uuid(random: Random): string {
  const h = hex(random, 32);
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(13, 16)}-a${h.slice(17, 20)}-${h.slice(20)}`;
}

const nameCharacters = 'bcdfghjklmnpqrstvwxz2456789';

/** The kind of suffix Kubernetes appends to generated names. */
export function suffix(random: Random, length: number): string {
  let text = '';
  for (let i = 0; i < length; i += 1) text += nameCharacters[Math.floor(random() * nameCharacters.length)];
  return text;
}

/** All archives are collected at this moment of a made-up day, in milliseconds. */
export const firstMoment = Date.UTC(2024, 4, 1, 8, 0, 0);

/** RFC 3339 without fraction, as Kubernetes writes times. */
export function seconds(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 with microseconds, as istiod and pilot-agent log. */
export function microseconds(milliseconds: number, random: Random): string {
  const micros = between(random, 0, 999).toString().padStart(3, '0');
  return `${new Date(milliseconds).toISOString().slice(0, 23)}${micros}Z`;
}
