import { describe, expect, it } from 'vitest';
import { examine } from '../../src/catalog/examine.ts';
import { type AnyRule, defineRule, type Occurrence } from '../../src/catalog/rule.ts';
import { diagnose } from '../../src/diagnosis/diagnose.ts';
import { overlap } from '../../src/diagnosis/scope.ts';
import type { Mesh } from '../../src/model/mesh.ts';

const mesh: Partial<Mesh> = {
  capture: { time: '2026-05-01T10:00:00Z', window: { first: '2026-05-01T08:00:00Z', last: '2026-05-01T10:00:00Z' } },
};

/** A rule that yields what a test gives it. */
function rule(id: string, occurrences: readonly Partial<Occurrence>[], more: Partial<AnyRule> = {}): AnyRule {
  return defineRule({
    id,
    title: `Title of ${id}`,
    area: 'traffic',
    severity: 'error',
    why: 'Because.',
    fix: [{ do: 'Do something' }],
    references: ['https://istio.io/'],
    needs: [],
    ...(more as object),
    *check() {
      for (const occurrence of occurrences) {
        yield {
          subject: `subject of ${id}`,
          scope: {},
          message: `${id} happened`,
          evidence: [{ file: 'versions', line: 1 }],
          ...occurrence,
        };
      }
    },
  });
}

/** What marks a symptom as counted by an access log. */
const usesAccess = { uses: ['access'] } as unknown as Partial<AnyRule>;

const reviews = { host: 'reviews.shop.svc.cluster.local', namespace: 'shop' };
const cart = { host: 'cart.shop.svc.cluster.local', namespace: 'shop' };
const run = (...rules: readonly AnyRule[]) => diagnose(examine(mesh, rules), rules, mesh);
const shown = (...rules: readonly AnyRule[]) =>
  run(...rules).map(({ cause, consequences }) => [cause.id, consequences.map(({ id }) => id)]);

describe('diagnose', () => {
  it('hangs a symptom beneath the cause that explains it for the same host', () => {
    const cause = rule('undefined-subset', [{ scope: reviews }], {
      explains: ['missing-cluster'],
      severity: 'warning',
    });
    const symptom = rule('missing-cluster', [{ scope: reviews, count: 40 }], { symptom: true });
    expect(shown(symptom, cause)).toEqual([['undefined-subset', ['missing-cluster']]]);
  });

  it('leaves a symptom of another host a cause of its own', () => {
    const cause = rule('undefined-subset', [{ scope: reviews }], { explains: ['missing-cluster'] });
    const symptom = rule('missing-cluster', [{ scope: cart }], { symptom: true });
    expect(shown(symptom, cause)).toEqual([
      ['undefined-subset', []],
      ['missing-cluster', []],
    ]);
  });

  it('raises a cause to the severity of what it explains and is surer of it', () => {
    const cause = rule('undefined-subset', [{ scope: reviews }], {
      explains: ['missing-cluster'],
      severity: 'warning',
    });
    const symptom = rule('missing-cluster', [{ scope: reviews, count: 40 }], { symptom: true });
    const [first] = run(cause, symptom);
    expect(first).toMatchObject({ cause: { severity: 'error' }, confidence: 'certain' });
  });

  it('counts failed requests only where an access log counted them', () => {
    const when = { first: '2026-05-01T09:50:00Z', last: '2026-05-01T09:59:00Z' };
    const cause = rule('cause', [{ scope: reviews }], { explains: ['requests', 'pods'] });
    const requests = rule('requests', [{ scope: reviews, count: 40, when }], { symptom: true, ...usesAccess });
    const pods = rule('pods', [{ scope: reviews, count: 3, when }], { symptom: true });
    expect(run(cause, requests, pods)[0]).toMatchObject({ failedRequests: 40, reach: 40 });
    expect(run(cause, pods)[0]).toMatchObject({ failedRequests: 0, reach: 1 });
  });

  it('puts what is wrong with the mesh before what the archive lacks', () => {
    const lacking = rule('partial-archive', [{ count: 9, confidence: 'certain' }], {
      severity: 'warning',
      area: 'archive',
    });
    const wrong = rule('undefined-subset', [{ scope: reviews, confidence: 'possible' }], { severity: 'warning' });
    expect(shown(lacking, wrong).map(([id]) => id)).toEqual(['undefined-subset', 'partial-archive']);
  });

  it('follows a chain of explanations to its top', () => {
    const top = rule('istiod-not-available', [{ scope: {} }], { explains: ['injection-webhook-without-endpoints'] });
    const middle = rule('injection-webhook-without-endpoints', [{ scope: { namespace: 'shop' } }], {
      explains: ['service-without-endpoints'],
    });
    const low = rule('service-without-endpoints', [{ scope: reviews }]);
    expect(shown(low, middle, top)).toEqual([
      ['istiod-not-available', ['injection-webhook-without-endpoints', 'service-without-endpoints']],
    ]);
  });

  it('never lets two problems explain each other', () => {
    const one = rule('one', [{ scope: reviews }], { explains: ['other'] });
    const other = rule('other', [{ scope: reviews }], { explains: ['one'] });
    const diagnoses = run(one, other);
    expect(diagnoses).toHaveLength(1);
    expect(diagnoses[0]?.consequences).toHaveLength(1);
  });

  it('does not explain what was there before the cause', () => {
    const cause = rule(
      'cause',
      [{ scope: reviews, when: { first: '2026-05-01T09:30:00Z', last: '2026-05-01T09:59:00Z' } }],
      { explains: ['symptom'] },
    );
    const symptom = rule('symptom', [
      { scope: reviews, when: { first: '2026-05-01T08:00:00Z', last: '2026-05-01T09:00:00Z' } },
    ]);
    expect(shown(cause, symptom)).toHaveLength(2);
  });

  it('calls what ended past, and no error any more', () => {
    const [first] = run(
      rule('symptom', [
        { scope: reviews, ended: true, when: { first: '2026-05-01T08:00:00Z', last: '2026-05-01T08:01:00Z' } },
      ]),
    );
    expect(first).toMatchObject({ state: 'past', cause: { severity: 'warning', state: 'past' } });
  });

  it('calls unknown what was last seen long before the end of the logs', () => {
    const [first] = run(
      rule('symptom', [{ scope: reviews, when: { first: '2026-05-01T08:00:00Z', last: '2026-05-01T08:01:00Z' } }]),
    );
    expect(first).toMatchObject({ state: 'unknown', cause: { severity: 'error' } });
  });

  it('puts causes before symptoms of the same severity, and errors before warnings', () => {
    const symptom = rule('symptom', [{ scope: cart, count: 1000 }], { symptom: true });
    const cause = rule('cause', [{ scope: reviews }]);
    const warning = rule('warning', [{ scope: reviews }], { severity: 'warning' });
    expect(run(warning, symptom, cause).map(({ cause: { id } }) => id)).toEqual(['cause', 'symptom', 'warning']);
  });

  it('keeps two errors of one rule apart and folds its warnings', () => {
    expect(run(rule('error', [{ scope: reviews }, { scope: cart }]))).toHaveLength(2);
    const [warning, ...others] = run(rule('warning', [{ scope: reviews }, { scope: cart }], { severity: 'warning' }));
    expect(others).toEqual([]);
    expect(warning?.cause.occurrences).toHaveLength(2);
  });

  it('gives a finding the same key whatever pods show it', () => {
    const key = (pod: string) =>
      run(rule('stale-proxy', [{ subject: `shop/${pod}`, scope: { namespace: 'shop', workload: 'cart', pod } }]))[0]
        ?.cause.key;
    expect(key('cart-7d9-x2x4k')).toBe(key('cart-7d9-p4q2r'));
  });

  it('is less sure where something speaks against it', () => {
    const sure = run(rule('cause', [{ confidence: 'certain' }]))[0];
    const less = run(
      rule('cause', [{ confidence: 'certain', contradicts: ['the endpoint answered a minute later'] }]),
    )[0];
    expect([sure?.confidence, less?.confidence]).toEqual(['certain', 'likely']);
  });

  it('reports a rule that throws and goes on', () => {
    const broken = defineRule({
      ...rule('broken', []),
      needs: [],
      // biome-ignore lint/correctness/useYield: it throws before it could.
      *check() {
        throw new Error('no such field');
      },
    });
    const outcomes = examine(mesh, [broken, rule('cause', [{}])]);
    expect(outcomes).toMatchObject([
      { status: 'failed', error: expect.stringContaining('no such field') },
      { status: 'found' },
    ]);
  });

  it('does not check a rule without its facets', () => {
    const [outcome] = examine(mesh, [defineRule({ ...rule('needy', []), needs: ['pods', 'capture'], *check() {} })]);
    expect(outcome).toEqual({ rule: 'needy', status: 'skipped', missing: ['pods'] });
  });
});

describe('overlap', () => {
  it.each([
    ['nothing and a host', {}, reviews, 0],
    ['the same host', reviews, reviews, 2],
    ['a namespace and a host in it', { namespace: 'shop' }, { host: reviews.host }, 1],
    ['a namespace and a host elsewhere', { namespace: 'legacy' }, { host: reviews.host }, undefined],
    ['scopes without a common key', { node: 'node-1' }, reviews, undefined],
    ['several namespaces and a host in one of them', { namespaces: ['shop', 'legacy'] }, { host: reviews.host }, 1],
    ['several namespaces and a host elsewhere', { namespaces: ['legacy', 'bank'] }, reviews, undefined],
    ['a host and one of its subsets', reviews, { ...reviews, subset: 'v2' }, 2],
  ])('of %s', (_, one, other, shared) => {
    expect(overlap(one, other)).toBe(shared);
  });
});
