import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { render } from '../../src/report/render.ts';
import type { Report } from '../../src/report/report.ts';
import { diagnosis, finding, hostile, shop } from './fixture.ts';

/** Text as a reader sees it: no tags, entities decoded, no break opportunities. */
const seen = (html: string): string =>
  html
    .replace(/<(script|style)>[\s\S]*?<\/\1>/g, '')
    .replace(/<wbr>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&#x([0-9A-F]+);/gi, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)))
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, '&')
    .replace(/\s+/g, ' ');

const between = (text: string, start: string, end: string): string => {
  const from = text.indexOf(start) + start.length;
  return text.slice(from, text.indexOf(end, from));
};

const nothingWrong: Report = {
  ...shop,
  diagnoses: shop.diagnoses.filter(({ cause }) => cause.severity === 'info'),
  verdict: { sentence: 'No rule for a present fault matched.', detail: 'No warning either.' },
};

const manyCauses = (count: number, occurrences = 1): Report => ({
  ...shop,
  diagnoses: Array.from({ length: count }, (_, index) => {
    const cause = finding({ id: 'undefined-subset', key: `undefined-subset-${index}` });
    const [first] = cause.occurrences;
    const rest = Array.from({ length: occurrences - 1 }, (_, at) => ({ ...first, subject: `shop/cart-${at}` }));
    return diagnosis({ ...cause, occurrences: [first, ...rest] });
  }),
});

describe('the HTML report', () => {
  const html = render(shop, 'html');

  it('is the same each time', () => {
    expect(render(structuredClone(shop), 'html')).toBe(html);
  });

  it('names the hashes of exactly the style and the script it holds', () => {
    const sha = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    const policy = between(html, 'http-equiv="Content-Security-Policy" content="', '"');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`style-src ${sha(between(html, '<style>', '</style>'))};`);
    expect(policy).toContain(`script-src ${sha(between(html, '<script>', '</script>'))};`);
  });

  it('has one style, one script, no style attribute, no handler and no address that loads', () => {
    for (const page of [html, render(hostile, 'html')]) {
      const markup = page.replace(/<style>[\s\S]*?<\/style>|<script>[\s\S]*?<\/script>/g, '');
      expect(page.match(/<style/g)).toHaveLength(1);
      expect(page.match(/<script/g)).toHaveLength(1);
      const tags = markup.match(/<[a-z][^>]*>/gi) ?? [];
      expect(tags.filter((tag) => /\s(style|on\w+|src|srcset)\s*=/i.test(tag.replace(/"[^"]*"/g, '""')))).toEqual([]);
      expect(tags.filter((tag) => /^<(img|iframe|object|embed|link|base|form)\b/i.test(tag))).toEqual([]);
      for (const [, address = ''] of markup.matchAll(/href="([^"]*)"/g)) expect(address).toMatch(/^(#|https:\/\/)/);
    }
  });

  it('begins with the verdict, then the causes in one line each with what to do first', () => {
    const text = seen(html);
    expect(text).toContain('Route to an undefined subset: VirtualService shop/reviews sends half of the traffic');
    expect(text).toMatch(/1 Error present VirtualService shop\/reviews sends .* Do first: Compare the subsets/);
    expect(text).toContain('43× failed requests or connections since 08:44:41 confidence: certain');
  });

  it('draws the evidence from the symptom to the cause', () => {
    const chain = between(html, '<ol class="chain"', '</ol>');
    const stages = [...chain.matchAll(/<li class="is-(\w+)">.*?<div class="stage">(\w+)/g)].map(
      ([, role, stage]) => `${stage} ${role}`,
    );
    expect(stages).toEqual(['Symptom seen', 'Symptom seen', 'Route seen', 'Cluster break', 'Configuration root']);
    expect(chain).toContain('<mark>503 NC cluster_not_found</mark>');
    expect(seen(chain)).toContain('cluster/crs:138 port: number: 80 subset: v3 weight: 50 kind: List 2 more lines');
  });

  it('fills commands from the archive and leaves unknown names visible', () => {
    const text = seen(html);
    expect(text).toContain('kubectl -n shop edit virtualservice reviews');
    expect(text).toContain('deploy/<client> -c istio-proxy');
  });

  it('prints the same command once', () => {
    expect(seen(html).match(/kubectl -n shop get endpointslices,pods/g)).toHaveLength(1);
  });

  it('folds consequences, with their places', () => {
    const text = seen(html);
    expect(text).toContain('Explains 2 findings, seen 44 times');
    expect(text).toContain('24 of 45 requests to reviews were answered 503');
    expect(text).toContain('analyze/allNamespaces/allNamespaces:1');
  });

  it('dates a cause in the configuration by its effects', () => {
    const effect = finding({
      id: 'server-errors',
      when: { first: '2026-11-25T08:44:41Z', last: '2026-11-25T08:45:19Z' },
    });
    const cause = finding({ id: 'undefined-subset' });
    const text = seen(render({ ...shop, diagnoses: [diagnosis(cause, { consequences: [effect] })] }, 'html'));
    expect(text).toContain('in the configuration; effects 2026-11-25 08:44:41 to 08:45:19 UTC');
    expect(text).toContain('since 08:44:41');
  });

  it('keeps a past problem short', () => {
    const past = seen(between(html, 'id="cause-3"', '</article>'));
    expect(past).toContain('Past: aks-istio-system/istiod-asm-1-29-7c8d6b5f9-6m4xz was OOMKilled once');
    expect(past).not.toContain('What speaks against it');
  });

  it('says what was not checked, what is missing and what was not recognised', () => {
    const text = seen(html);
    expect(text).toContain('3 rules not checked');
    expect(text).toContain('the archive has no NetworkPolicy');
    expect(text).toContain('1 rule failed');
    expect(text).toContain('2 gaps');
    expect(text).toContain('5 files: 1 unrecognised, 1 read in part, 2 read, 1 ignored.');
  });

  it('never calls a mesh healthy where nothing was found', () => {
    const text = seen(render(nothingWrong, 'html'));
    expect(text).toContain('No finding of severity error or warning.');
    expect(text).toContain('This is not a proof that nothing is wrong.');
    expect(text).toContain('kubectl get networkpolicy -A -o yaml (for 2 rules)');
    expect(text).not.toMatch(/is healthy|looks healthy|all good/i);
  });

  it('folds from the fourth cause on', () => {
    const page = render(manyCauses(5), 'html');
    const folded = [...page.matchAll(/<article class="cause[\s\S]*?<\/article>/g)].map(([body]) =>
      body.includes('class="fold"'),
    );
    expect(folded).toEqual([false, false, false, true, true]);
    expect(seen(render(manyCauses(7), 'html'))).toContain('And 2 more in section 2');
  });

  it('counts the rows that a long table leaves out', () => {
    const files = Array.from({ length: 1250 }, (_, index) => ({
      path: `notes/${index}.txt`,
      bytes: 1,
      reader: 'none',
      title: '',
      by: 'none' as const,
      status: 'unrecognised' as const,
      facts: 0,
    }));
    expect(seen(render({ ...shop, files }, 'html'))).toContain('1,050 more, see JSON.');
  });

  it('stays under 2 MB however much was found', () => {
    const big = manyCauses(300, 300);
    const wide = 'subset "v3" of reviews <shop> '.repeat(40);
    const diagnoses = big.diagnoses.map((one) => ({
      ...one,
      cause: {
        ...one.cause,
        occurrences: one.cause.occurrences.map((occurrence, index) => ({
          ...occurrence,
          message: `${wide}${index}`,
          evidence: [{ file: 'cluster/crs', line: 1, quote: Array(9).fill(wide) }],
        })) as unknown as typeof one.cause.occurrences,
      },
    }));
    const page = render({ ...big, diagnoses }, 'html');
    expect(Buffer.byteLength(page)).toBeLessThan(2_000_000);
    expect(seen(page)).toContain('more, see JSON.');
  });

  it('shows hostile text as text', () => {
    const page = render(hostile, 'html');
    expect(page).not.toContain('<img');
    expect(page).not.toContain('\u202e');
    expect(page).not.toContain('\u001b');
    expect(seen(page)).toContain(
      '</script></style><script>alert(1)</script><img src=x onerror=alert(2)>{{constructor}}{{{x}}}|a|b`` ```js',
    );
  });

  it('uses an id once', () => {
    const twice = { ...shop, diagnoses: [...shop.diagnoses, ...shop.diagnoses] };
    for (const page of [html, render(twice, 'html'), render(hostile, 'html')]) {
      const ids = [...page.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
      expect(ids).toEqual([...new Set(ids)]);
    }
  });

  it('draws an archive of which nothing is known', () => {
    const empty: Report = {
      ...nothingWrong,
      about: { platform: 'unknown', revisions: [], proxies: 0, namespaces: [], proxyVersions: [] },
      diagnoses: [],
      notChecked: [],
      failedRules: [],
      clear: [],
      gaps: [],
      proxies: [],
      files: [],
    };
    const text = seen(render(empty, 'html'));
    expect(text).toContain('No proxy was read from this archive.');
    expect(text).toContain('no control plane in the archive');
    expect(render(empty, 'markdown')).toContain('0 proxies');
    expect(render(empty, 'text')).toContain('No rule for a present fault matched.');
  });
});
