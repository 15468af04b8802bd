import { describe, expect, it } from 'vitest';
import { pieceCache } from '../../src/parse/piece-cache.ts';

/** A cache that counts how often it had to make a value. */
function counted(entries?: number, bytes?: number) {
  const cache = pieceCache<string>(entries, bytes);
  let made = 0;
  const get = (text: string) =>
    cache.get(Buffer.from(text), (piece) => {
      made += 1;
      return piece.toString();
    });
  return { get, made: () => made };
}

describe('a cache of pieces', () => {
  it('makes equal pieces once', () => {
    const { get, made } = counted();
    expect([get('cart'), get('reviews'), get('cart')]).toEqual(['cart', 'reviews', 'cart']);
    expect(made()).toBe(2);
  });

  it('tells pieces apart that begin alike and are equally long', () => {
    const { get } = counted();
    const begin = 'x'.repeat(1000);
    for (let round = 0; round < 2; round++) {
      for (let index = 10; index < 40; index++) expect(get(`${begin}${index}`)).toBe(`${begin}${index}`);
    }
  });

  it('keeps its own copy, since chunks are reused', () => {
    const cache = pieceCache<string>();
    const piece = Buffer.from('cart');
    cache.get(piece, (bytes) => bytes.toString());
    piece.write('xxxx');
    expect(cache.get(Buffer.from('xxxx'), () => 'made again')).toBe('made again');
  });

  it('stays within its bounds and right beyond them', () => {
    const { get, made } = counted(3, 1000);
    for (let round = 0; round < 4; round++) for (const name of ['a', 'b', 'c', 'd', 'e']) expect(get(name)).toBe(name);
    expect(made()).toBeGreaterThan(5);
    expect(made()).toBeLessThan(20);
  });

  it('takes new pieces once the old ones are no longer asked for', () => {
    const { get, made } = counted(2, 1000);
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) get(name);
    const before = made();
    get('h');
    get('h');
    expect(made()).toBeLessThanOrEqual(before + 1);
  });
});
