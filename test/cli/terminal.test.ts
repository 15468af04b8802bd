import { describe, expect, it } from 'vitest';
import { wantsColor } from '../../src/cli/terminal.ts';

describe('colour', () => {
  it.each([
    ['a terminal', true, true, {}, true],
    ['a pipe', true, false, {}, false],
    ['--no-color', false, true, { FORCE_COLOR: '1' }, false],
    ['NO_COLOR', true, true, { NO_COLOR: '1' }, false],
    ['NO_COLOR over FORCE_COLOR', true, false, { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
    ['an empty NO_COLOR', true, true, { NO_COLOR: '' }, true],
    ['FORCE_COLOR in a pipe', true, false, { FORCE_COLOR: '1' }, true],
    ['FORCE_COLOR=0', true, true, { FORCE_COLOR: '0' }, false],
    ['a dumb terminal', true, true, { TERM: 'dumb' }, false],
  ])('with %s', (_, flag, isTerminal, env, expected) => {
    expect(wantsColor(flag, isTerminal, env)).toBe(expected);
  });
});
