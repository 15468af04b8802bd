import { describe, expect, it } from 'vitest';
import { nearest } from '../../src/cli/near.ts';

const rules = ['unhealthy-upstream', 'undefined-subset', 'subset-without-pods', 'istiod-unavailable'];

describe('the nearest names', () => {
  it('start with the one that was mistyped', () => {
    expect(nearest('undefined-subsett', rules)[0]).toBe('undefined-subset');
  });

  it('share a word with what was typed', () => {
    expect(nearest('subset', rules)).toEqual(['undefined-subset', 'subset-without-pods']);
  });

  it('are none where nothing is near', () => {
    expect(nearest('quantum-flux', rules)).toEqual([]);
  });
});
