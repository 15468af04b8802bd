import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { renderText } from '../../src/report/text.ts';
import { hostile, shop } from './fixture.ts';

const plain = renderText(shop, { color: false, width: 100 });

describe('the report on a terminal', () => {
  it('begins with the verdict', () => {
    expect(plain).toMatch(/^Route to an undefined subset: VirtualService shop\/reviews/);
  });

  it('shows a cause with its object, a quoted line and what to do', () => {
    expect(plain).toContain('1. Error present, certain  undefined-subset-3fa9c1');
    expect(plain).toContain('  Objects  VirtualService shop/reviews');
    expect(plain).toContain(
      '      proxies/shop/cart-7d9c8b6f5d-4x2kp/istio-proxy.log:113\n      > [2026-11-25T08:44:57.782Z]',
    );
    expect(plain).toContain('       $ kubectl -n shop edit virtualservice reviews');
  });

  it('shows the marked line where the quote has several', () => {
    expect(plain).toContain('cluster/crs:138\n      > subset: v3');
  });

  it('ends with what was not checked and the gaps', () => {
    expect(plain).toContain('3 rules not checked:');
    expect(plain).toContain('2 rules: the archive has no NetworkPolicy');
    expect(plain).toContain('2 gaps:');
    expect(plain.trimEnd().split('\n').at(-1)).toContain('1 unrecognised');
  });

  it('wraps prose at the width and leaves places and commands whole', () => {
    for (const width of [60, 80, 120]) {
      const long = renderText(shop, { color: false, width })
        .split('\n')
        .filter((line) => line.length > width && line.trim().includes(' ') && !/^\s+(\$|>) /.test(line));
      expect(long.filter((line) => !/:\d+$| \/configs\//.test(line) && !/^\S+$/.test(line.trim()))).toEqual([]);
    }
  });

  it('colours only when asked, and then nothing but itself', () => {
    expect(plain).not.toContain('\u001b');
    const colored = renderText(shop, { color: true, width: 100 });
    expect(colored).toContain('\u001b[1;31m1. Error\u001b[0m');
    expect(stripVTControlCharacters(colored)).toBe(plain);
  });

  it('takes the action out of terminal sequences from the archive', () => {
    const text = renderText(hostile, { color: false, width: 100 });
    expect(text).not.toContain('\u001b');
    expect(text).not.toContain('\u202e');
    expect(text).toContain('\\x1b[31m');
  });
});
