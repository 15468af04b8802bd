import { describe, expect, it } from 'vitest';
import { type JsonVisitor, parseJson, pointerOf, scanJson } from '../../src/parse/json-elements.ts';

/** Enters objects and lists down to a depth and takes what is there. */
function walk(text: string, options: { depth?: number; chunkBytes?: number; limit?: number; skip?: string } = {}) {
  const taken: [string, unknown][] = [];
  const visitor: JsonVisitor = {
    choose: (path) =>
      path.length > 0 && path.at(-1) === options.skip ? 'skip' : path.length < (options.depth ?? 2) ? 'enter' : 'take',
    value(path, bytes) {
      const value = parseJson(bytes);
      if (value === undefined) return false;
      taken.push([pointerOf(path), value]);
      return true;
    },
  };
  const scanner = scanJson(visitor, options.limit);
  const bytes = Buffer.from(text);
  const step = options.chunkBytes ?? Math.max(1, bytes.length);
  for (let at = 0; at < bytes.length; at += step) scanner.push(Uint8Array.from(bytes.subarray(at, at + step)));
  return { taken, ...scanner.end() };
}

const document = {
  'a/b~c': [1, 'two', null, true, -3.5e2],
  'tricky "keys"': ['}{][', '\\', '\\"', 'a\nb', 'zwölf ☃ 🛒', ''],
  deep: [{ x: { y: [{ z: '}' }] } }, [], {}, [[]]],
  empty: {},
};

describe('elements of a JSON document', () => {
  it('have the values JSON.parse finds at their pointers', () => {
    const expected = [
      ...document['a/b~c'].map((value, index) => [`/a~1b~0c/${index}`, value]),
      ...document['tricky "keys"'].map((value, index) => [`/tricky "keys"/${index}`, value]),
      ...document.deep.map((value, index) => [`/deep/${index}`, value]),
    ];
    for (const space of [undefined, 1, 2, 4, '\t']) {
      for (const chunkBytes of [1, 2, 3, 5, 17, 4096]) {
        const { taken, whole, problem } = walk(JSON.stringify(document, null, space), { chunkBytes });
        expect(taken).toEqual(expected);
        expect(whole).toBe(true);
        expect(problem).toBeUndefined();
      }
    }
  });

  it('are found however the document is laid out', () => {
    const text = '{"list":[{\n "a": {\n  "b": 1}},\n {\n "c": "\\n }" , "d"\n:\n[\n]\n}\n] }';
    for (const chunkBytes of [1, 4, 100]) {
      expect(walk(text, { chunkBytes }).taken).toEqual([
        ['/list/0', { a: { b: 1 } }],
        ['/list/1', { c: '\n }', d: [] }],
      ]);
    }
  });

  it('that nobody wants are passed over', () => {
    const { taken, problem } = walk(JSON.stringify(document, null, 1), { skip: 'deep', chunkBytes: 3 });
    expect(taken.some(([pointer]) => pointer.startsWith('/deep'))).toBe(false);
    expect(taken.some(([pointer]) => pointer.startsWith('/a~1b'))).toBe(true);
    expect(problem).toBeUndefined();
  });

  it('that are too large are passed over and told', () => {
    const text = JSON.stringify({ list: [{ small: 1 }, { large: 'x'.repeat(5000) }, { small: 2 }] }, null, 1);
    for (const chunkBytes of [50, 100_000]) {
      const { taken, whole, problem } = walk(text, { limit: 1000, chunkBytes });
      expect(taken).toEqual([
        ['/list/0', { small: 1 }],
        ['/list/2', { small: 2 }],
      ]);
      expect(problem).toMatchObject({ reason: 'too-large', pointer: '/list/1' });
      expect(whole).toBe(true);
    }
  });

  it('may be a bare value, behind a byte order mark', () => {
    expect(walk('\uFEFF 12', { depth: 0 }).taken).toEqual([['', 12]]);
    expect(walk('"cart"', { depth: 5 }).taken).toEqual([['', 'cart']]);
  });

  it.each(['{"a":[1,2', '{"a":', '{"a', '{', '[[1],[2', '"cart'])('end with %s: truncated', (text) => {
    expect(walk(text)).toMatchObject({ whole: false, problem: { reason: 'truncated' } });
  });

  it.each(['{"a" 1}', '{a:1}', '[1,]]', '{"a":[1}', '[1 2]', '{"a":1,}', '{"a":x}', '[1]]', '}'])(
    'of %s are malformed',
    (text) => {
      expect(walk(text).problem).toMatchObject({ reason: 'malformed' });
    },
  );

  it('of nothing are told to be missing', () => {
    expect(walk(' \n')).toMatchObject({ whole: false, problem: { reason: 'empty' } });
  });
});
