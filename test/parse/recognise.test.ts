import { describe, expect, it } from 'vitest';
import { recogniseByContent } from '../../src/parse/recognise.ts';

describe('recognising a file by its content', () => {
  it.each([
    ['blanks', ' '],
    ['empty lines', '\n'],
    ['braces', '{ \n'],
  ])('gives up at once on a page of %s', (_, unit) => {
    for (let times = 0; times < 20; times++) {
      expect(recogniseByContent(Buffer.from(unit.repeat(64 * 1024)))).toBeUndefined();
    }
  });

  it('looks past a page of blanks', () => {
    const list = `${'\n'.repeat(5000)}apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n`;
    expect(recogniseByContent(Buffer.from(list))?.name).toBe('kube-objects');
  });
});
