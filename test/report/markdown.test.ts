import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { markdown, markdownCode, markdownFence, markdownProse } from '../../src/report/helpers.ts';
import { render, renderRule } from '../../src/report/render.ts';
import { diagnosis, hostile, hostileText, shop } from './fixture.ts';

describe('the Markdown report', () => {
  const text = render(shop, 'markdown');
  const ticket = text.slice(0, text.indexOf('\n---\n'));

  it('begins with a block for the ticket: verdict, cause, three places, commands, what to collect', () => {
    expect(ticket).toMatch(/^# Route to an undefined subset: VirtualService shop\/reviews sends/);
    expect(ticket).toContain('**Error, present, confidence: certain.** Route to an undefined subset.');
    const first = ticket.slice(ticket.indexOf('## 1.'), ticket.indexOf('## 2.'));
    expect(first.match(/^- `/gm)).toHaveLength(3);
    expect(first).toContain('   ```sh\n   kubectl -n shop edit virtualservice reviews\n   ```');
    expect(ticket).toContain('Collect next:\n\n- Who applied the VirtualService');
  });

  it('gives all evidence after it', () => {
    const details = text.slice(ticket.length);
    expect(details).toContain('4. **Cluster** (breaks here): cart has clusters for `v1` and `v2` of reviews');
    expect(details).toContain('| `server-errors-77d001` | 24 of 45 requests to reviews were answered 503 |');
    expect(details).toContain('- `notes/what we tried.txt`');
  });

  it('prints a command of the ticket once, even where two causes share it', () => {
    const [first] = shop.diagnoses;
    const twice = {
      ...shop,
      diagnoses: first === undefined ? [] : [first, diagnosis({ ...first.cause, key: 'again' })],
    };
    expect(
      render(twice, 'markdown')
        .split('\n---\n')[0]
        ?.match(/edit virtualservice reviews/g),
    ).toHaveLength(1);
  });

  it('leaves nothing of hostile text to act', () => {
    const outside = render(hostile, 'markdown')
      .replace(/^( *)(`{3,})\w*\n[\s\S]*?\n\1\2$/gm, '')
      .replace(/(?<![\\`])(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g, '');
    expect(outside).not.toMatch(/(?<!\\)<(?!!-- -->|https:)/);
    expect(outside).not.toMatch(/(?<!\\)\[/);
    expect(outside).not.toMatch(/@\w/);
    expect(outside).not.toMatch(/(?<!<)https:\/\//);
  });

  it('keeps every table row in its columns', () => {
    const rows = render(hostile, 'markdown')
      .split('\n')
      .filter((line) => line.startsWith('| '));
    const columns = (row: string) => row.replace(/\\\\/g, '').replace(/\\\|/g, '').split('|').length;
    let expected = 0;
    let fresh = true;
    for (const line of render(hostile, 'markdown').split('\n')) {
      if (!line.startsWith('|')) {
        fresh = true;
        continue;
      }
      if (fresh) expected = columns(line);
      fresh = false;
      expect(columns(line)).toBe(expected);
    }
    expect(rows.length).toBeGreaterThan(10);
  });

  it('escapes every value in its templates', () => {
    const folder = new URL('../../templates/', import.meta.url);
    const names = [
      'report.md.hbs',
      'rule.md.hbs',
      ...readdirSync(new URL('partials/', folder))
        .filter((name) => name.endsWith('.md.hbs'))
        .map((name) => `partials/${name}`),
    ];
    // Words of the tool and numbers that page.ts has written; everything else is text of an archive.
    const plain = /^(severity\.word|severityWord|state|confidence|rank|count|rejected|failed|istiods|reason)$/;
    const unescaped = names.flatMap((name) =>
      [...readFileSync(new URL(name, folder), 'utf8').matchAll(/\{\{(?![#/>]|else)([^}]*)\}\}/g)]
        .map(([, inner = '']) => inner)
        .filter((inner) => !inner.includes(' ') && !plain.test(inner)),
    );
    expect(unescaped).toEqual([]);
  });
});

describe('escaping for Markdown', () => {
  it('keeps text on one line and free of markup', () => {
    expect(markdown('a | b\n*c* <i>')).toBe('a \\| b \\*c\\* \\<i\\>');
    expect(markdown('- 1. x')).toBe('\\- 1. x');
    expect(markdown('1. x')).toBe('1\\. x');
    expect(markdown('1.29.6')).toBe('1.29.6');
    expect(markdown('@team')).toBe('@<!-- -->team');
  });

  it('fences code with more backticks than it holds', () => {
    expect(markdownCode('a `b` c')).toBe('``a `b` c``');
    expect(markdownCode('`b`')).toBe('`` `b` ``');
    expect(markdownCode('a|b')).toBe('`a|b`');
    expect(markdownCode('a|b', true)).toBe('`a\\|b`');
    expect(markdownFence('```\nx', 'sh', 2)).toBe('  ````sh\n  ```\n  x\n  ````');
  });

  it('keeps code between backticks as code', () => {
    expect(markdownProse('flag `NC` of *cart*')).toBe('flag `NC` of \\*cart\\*');
    expect(markdownProse(hostileText)).not.toMatch(/(?<!\\)<script/);
  });
});

describe('the page of a rule', () => {
  it('shows what it is, why, what to do and what it needs', () => {
    const page = renderRule({
      id: 'undefined-subset',
      title: 'Route to an undefined subset',
      area: 'traffic',
      severity: 'error',
      why: 'Envoy answers 503 with flag `NC`.',
      fix: [{ do: 'Define {{subset}}', run: 'kubectl -n {{namespace}} edit destinationrule' }],
      references: ['https://istio.io/'],
      needs: ['clusters'],
      explains: ['server-errors'],
    });
    expect(page).toMatchInlineSnapshot(`
      "# Route to an undefined subset

      Id: \`undefined-subset\`  
      Severity: Error  
      Area: traffic

      ## Why it matters

      Envoy answers 503 with flag \`NC\`.

      ## What to do

      1. Define {{subset}}

         \`\`\`sh
         kubectl -n {{namespace}} edit destinationrule
         \`\`\`

      ## What it needs from the archive

      - \`clusters\`

      ## What it explains

      - \`server-errors\`

      ## References

      - <https://istio.io/>
      "
    `);
  });
});
