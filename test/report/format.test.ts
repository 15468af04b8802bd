import { describe, expect, it } from 'vitest';
import { fill, fillCommand } from '../../src/report/fill.ts';
import {
  bytes,
  clip,
  counted,
  grouped,
  headline,
  parts,
  percent,
  span,
  utc,
  visible,
} from '../../src/report/format.ts';
import { markLine, toQuote } from '../../src/report/quote.ts';

describe('numbers and times', () => {
  it('are written the same everywhere', () => {
    expect(grouped(1234567)).toBe('1,234,567');
    expect(counted(1, 'proxy', 'proxies')).toBe('1 proxy');
    expect(counted(1200, 'proxy', 'proxies')).toBe('1,200 proxies');
    expect(bytes(900)).toBe('900 B');
    expect(bytes(40_265_318)).toBe('38.4 MiB');
    expect(bytes(1024 * 1024 - 1)).toBe('1.0 MiB');
  });

  it('read 100 % only when everything was read', () => {
    expect(percent(999, 1000)).toBe('99 %');
    expect(percent(0, 0)).toBe('0 %');
  });

  it('says so where the lines had no readable time', () => {
    expect(span({ first: '', last: '' })).toBe('at an unknown time');
    expect(span({ first: '', last: '2026-11-25T08:41:00Z' })).toBe('until 2026-11-25 08:41:00 UTC');
  });

  it('are UTC', () => {
    expect(utc('2026-11-25T08:40:25.123456Z')).toBe('2026-11-25 08:40:25');
    expect(utc('2026-11-25T09:40:25+01:00')).toBe('2026-11-25 08:40:25');
    expect(utc('yesterday')).toBe('yesterday');
    expect(span({ first: '2026-11-25T08:40:25Z', last: '2026-11-25T08:41:00Z' })).toBe(
      '2026-11-25 08:40:25 to 08:41:00 UTC',
    );
    expect(span({ first: '2026-11-24T08:40:25Z', last: '2026-11-25T08:41:00Z' })).toBe(
      '2026-11-24 08:40:25 to 2026-11-25 08:41:00 UTC',
    );
  });
});

describe('text of an archive', () => {
  it('shows control characters instead of passing them on', () => {
    expect(visible('a\u001b[31mb\u202ec\rd\n\te\ud800')).toBe('a\\x1b[31mb\\u202ec\\x0dd\n\te\\ud800');
  });

  it('is cut with an ellipsis and never inside a character', () => {
    expect(clip('reviews', 4)).toBe('rev…');
    expect(clip('ab😀cd', 4)).toBe('ab…');
  });

  it('begins with a large letter unless it begins with a name', () => {
    expect(headline('none of the 2 endpoints is healthy')).toBe('None of the 2 endpoints is healthy');
    expect(headline('shop/cart is stale')).toBe('shop/cart is stale');
    expect(headline('istiod was restarted')).toBe('istiod was restarted');
  });

  it('keeps lone and empty backticks', () => {
    const read = (text: string) =>
      parts(text)
        .map(({ code, text }) => (code ? `[${text}]` : text))
        .join('');
    expect(read('flag `NC` seen')).toBe('flag [NC] seen');
    expect(read('a ` b')).toBe('a ` b');
    expect(read('a `` b')).toBe('a `` b');
  });
});

describe('a remedy', () => {
  const facts = { namespace: 'shop', host: 'reviews.shop.svc.cluster.local', evil: '$(reboot)', port: 80 };

  it('is filled from the occurrence, and an unknown name stays visible', () => {
    expect(fill('route {{host}} in {{ zone }}', facts)).toBe('route reviews.shop.svc.cluster.local in <zone>');
    expect(fillCommand('kubectl -n {{namespace}} get svc {{name}} {{port}}', facts)).toBe(
      'kubectl -n shop get svc <name> 80',
    );
  });

  it('does not let a name from the archive run anything in a shell', () => {
    expect(fillCommand('kubectl get pod {{evil}}', facts)).toBe("kubectl get pod '$(reboot)'");
    expect(fillCommand('kubectl get pod "{{evil}}"', facts)).toBe('kubectl get pod "<evil>"');
    expect(fillCommand("grep '{{evil}}'", { evil: "' ; reboot '" })).toBe("grep '<evil>'");
    expect(fillCommand('kubectl get pod {{evil}}', { evil: "a'b c" })).toBe("kubectl get pod 'a'\\''b c'");
    expect(fillCommand('kubectl get pod {{evil}}', { evil: '--all' })).toBe('kubectl get pod <evil>');
    expect(fillCommand('kubectl get pod {{evil}}', { evil: 'a\nreboot' })).toBe('kubectl get pod <evil>');
  });

  it('does not fill a value that looks like a placeholder', () => {
    expect(fill('{{a}}', { a: '{{b}}', b: 'x' })).toBe('{{b}}');
  });
});

describe('a quote', () => {
  const show = (line: string, marks: readonly string[], limit: number) =>
    markLine(line, marks, limit)
      .map(({ text, mark }) => (mark ? `[${text}]` : text))
      .join('');

  it('marks what tells, overlapping marks once', () => {
    expect(show('503 NC cluster_not_found', ['NC', 'NC cluster', ''], 400)).toBe('503 [NC cluster]_not_found');
  });

  it('cuts a long line around its first mark, never inside it', () => {
    const line = `${'a'.repeat(500)}NC${'b'.repeat(500)}`;
    const cut = show(line, ['NC'], 60);
    expect(cut).toMatch(/^…a+\[NC\]b+…$/);
    expect(cut.length).toBe(60 + 4);
    expect(show('a'.repeat(50), [], 40)).toBe(`${'a'.repeat(40)}…`);
  });

  it('shows five lines around the mark and counts the others', () => {
    const quote = toQuote({
      file: 'cluster/crs',
      line: 10,
      quote: ['  1', '  2', '  3', '  4', '  5', '  6', '  7', '  8'],
      mark: ['6'],
    });
    expect(quote.where).toBe('cluster/crs:13');
    expect(quote.lines.map((line) => line.map(({ text }) => text).join(''))).toEqual(['4', '5', '6', '7', '8']);
    expect(quote.more).toBe(3);
  });

  it('names a pointer where there is no line', () => {
    expect(toQuote({ file: 'config_dump', pointer: '/configs/0' }).where).toBe('config_dump /configs/0');
  });
});
