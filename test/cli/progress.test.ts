import { describe, expect, it } from 'vitest';
import { progressLine } from '../../src/cli/progress.ts';

function terminal(isTTY: boolean, columns = 40) {
  const written: string[] = [];
  const stream = { isTTY, columns, write: (text: string) => written.push(text) };
  return { stream: stream as unknown as NodeJS.WriteStream, written };
}

const reading = { stage: 'reading', entries: 1200, bytes: 5 * 2 ** 20 } as const;

describe('the progress line', () => {
  it('is not there without a terminal or with --quiet', () => {
    expect(progressLine(terminal(false).stream, false)).toBeUndefined();
    expect(progressLine(terminal(true).stream, true)).toBeUndefined();
  });

  it('is rewritten in place, fits the terminal, and is erased at the end', () => {
    const { stream, written } = terminal(true, 60);
    const line = progressLine(stream, false);
    line?.show({ ...reading, entry: 'proxies/shop/cart-7d9f8b6c5-x2x4z/config_dump?include_eds' });
    line?.erase();
    expect(written).toHaveLength(2);
    const [before, shown = ''] = written[0]?.split('\r\x1b[2K') ?? [];
    expect(before).toBe('');
    expect(shown).toMatch(/^reading · 1,200 files · 5\.0 MiB · ….*config_dump\?include_eds$/);
    expect(shown.length).toBeLessThan(60);
    expect(written[1]).toBe('\r\x1b[2K');
  });

  it('lets no control character of a file name reach the terminal', () => {
    const { stream, written } = terminal(true, 120);
    progressLine(stream, false)?.show({ ...reading, entry: 'proxies/\x1b]0;owned\x07/x' });
    expect(written[0]).toContain('proxies/?]0;owned?/x');
  });
});
