import { describe, expect, it } from 'vitest';
import { literalTable, scanLiterals } from '../../src/parse/log-scan.ts';
import { randomNumbers } from './read-log.ts';

const found = (literals: readonly string[], text: string, from = 0, to = Buffer.byteLength(text)): string[] => {
  const hits: string[] = [];
  scanLiterals(literalTable(literals), Buffer.from(text), from, to, (index, at) =>
    hits.push(`${literals[index]}@${at}`),
  );
  return hits.sort();
};

describe('the scan for many literals', () => {
  it('finds each of them wherever it stands', () => {
    expect(found(['rejected', 'timed out'], 'rejected: timed out, rejected')).toEqual([
      'rejected@0',
      'rejected@21',
      'timed out@10',
    ]);
  });

  it('finds literals that overlap, repeat or begin alike', () => {
    expect(found(['connection', 'connection reset', 'reset by'], 'connection reset by peer')).toEqual([
      'connection reset@0',
      'connection@0',
      'reset by@11',
    ]);
    expect(found(['aaaaaa'], 'aaaaaaaa')).toEqual(['aaaaaa@0', 'aaaaaa@1', 'aaaaaa@2']);
  });

  it('finds literals shorter than six bytes as well', () => {
    expect(found(['NACK', 'rejected'], 'NACK rejected NACK')).toEqual(['NACK@0', 'NACK@14', 'rejected@5']);
  });

  it('stays within its bounds', () => {
    expect(found(['rejected'], 'rejected rejected', 1, 16)).toEqual([]);
    expect(found([], 'anything')).toEqual([]);
    expect(found(['rejected'], '')).toEqual([]);
  });

  it('compares bytes, so that text of any script is found', () => {
    expect(found(['schlägt fehl'], 'Verbindung schlägt fehl')).toEqual(['schlägt fehl@11']);
  });

  it('agrees with a search for each literal on its own', () => {
    const random = randomNumbers(11);
    for (let round = 0; round < 200; round++) {
      const word = (length: number) => Array.from({ length }, () => 'abc\n'[random(4)]).join('');
      const literals = [...new Set(Array.from({ length: 1 + random(12) }, () => word(1 + random(12))))];
      const text = word(400);
      const expected: string[] = [];
      for (const literal of literals) {
        for (let at = text.indexOf(literal); at >= 0; at = text.indexOf(literal, at + 1))
          expected.push(`${literal}@${at}`);
      }
      expect(found(literals, text)).toEqual(expected.sort());
    }
  });
});
