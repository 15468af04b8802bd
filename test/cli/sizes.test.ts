import { describe, expect, it } from 'vitest';
import { formatSize, parseCount, parseSize } from '../../src/cli/sizes.ts';

describe('sizes on the command line', () => {
  it.each([
    ['64GiB', 64 * 2 ** 30],
    ['600MB', 600_000_000],
    ['1.5g', 1.5 * 2 ** 30],
    ['64k', 65_536],
    ['4096', 4096],
  ])('%s is %i bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(['', '0', '-1', 'many', '3q', '1e9', '99999999TiB', '0x10'])('refuses %j', (text) => {
    expect(() => parseSize(text)).toThrow(/Expected a size/);
  });

  it('prints a default so that it can be typed', () => {
    expect(parseSize(formatSize(64 * 2 ** 30))).toBe(64 * 2 ** 30);
    expect(formatSize(64 * 1024)).toBe('64KiB');
  });

  it('refuses counts below the least one', () => {
    expect(parseCount(0)('0')).toBe(0);
    expect(() => parseCount(1)('0')).toThrow(/1 or more/);
    expect(() => parseCount(1)('1.5')).toThrow(/whole number/);
  });
});
