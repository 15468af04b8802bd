import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { analyze, observe } from '../src/analyze.ts';
import { examine } from '../src/catalog/examine.ts';
import { builtInLogRules, builtInRules } from '../src/catalog/index.ts';
import type { AnyRule, Rule } from '../src/catalog/rule.ts';
import { occurrencesOf } from '../src/report/to-report.ts';
import { archiveOf } from './fixtures/archive-of.ts';

const cases = fileURLToPath(new URL('./catalog/', import.meta.url));
const withLines = new Set(builtInLogRules.map(({ rule }) => rule.id));
const only = process.env['RULE']?.split(',');
const rules = builtInRules.filter(({ id }) => only === undefined || only.includes(id));

/** Folders of a rule's cases, e.g. `fires`, `fires-gateway`, `quiet`. */
const casesOf = (id: string, prefix: 'fires' | 'quiet'): readonly string[] =>
  existsSync(`${cases}${id}`)
    ? readdirSync(`${cases}${id}`, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && entry.name.startsWith(prefix))
        .map(({ name }) => name)
    : [];

/** What a user sees of one rule on one archive: `file:line: message [id]`. */
async function shown(path: string, id: string): Promise<readonly string[]> {
  const report = await analyze([path], { only: [id], jobs: 1 });
  expect(report.failedRules).toEqual([]);
  return occurrencesOf(report).map(
    ({ evidence: [{ file, line, pointer }], message }) => `${file}:${line ?? pointer ?? ''}: ${message} [${id}]`,
  );
}

/** Facets that `check` really looked at. */
async function facetsRead(path: string, rule: AnyRule): Promise<ReadonlySet<string>> {
  const { mesh } = await observe([path], [rule], { jobs: 1 });
  const read = new Set<string>();
  const spy = new Proxy(mesh, {
    get(target, key) {
      read.add(String(key));
      return Reflect.get(target, key);
    },
  });
  const { check } = rule as unknown as Rule;
  for (const { evidence } of check.call(rule, spy as never)) expect(evidence.length).toBeGreaterThan(0);
  return read;
}

describe.each(rules.filter(({ id }) => !withLines.has(id)).map((rule) => [rule.id, rule] as const))(
  '%s',
  (id, rule) => {
    const fires = casesOf(id, 'fires');
    const quiet = casesOf(id, 'quiet');

    it('has a case that fires and one that stays quiet', () => {
      expect(fires.length).toBeGreaterThan(0);
      expect(quiet.length).toBeGreaterThan(0);
    });

    it.each(fires)('%s', async (name) => {
      const lines = await shown(`${cases}${id}/${name}`, id);
      expect(lines.length).toBeGreaterThan(0);
      await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(`${cases}${id}/${name}.out`);
    });

    it.each(quiet)('%s', async (name) => {
      const { mesh } = await observe([`${cases}${id}/${name}`], [rule], { jobs: 1 });
      expect(examine(mesh, [rule])).toEqual([{ rule: id, status: 'clear' }]);
    });

    it('needs what it declares, and declares what it reads', async () => {
      const read = new Set<string>();
      for (const name of [...fires, ...quiet])
        for (const facet of await facetsRead(`${cases}${id}/${name}`, rule)) read.add(facet);
      const { needs, uses } = rule as unknown as Rule;
      const declared = [...needs, ...(uses ?? [])];
      expect(declared.filter((facet) => needs.includes(facet) && !read.has(facet))).toEqual([]);
      expect([...read].filter((facet) => !(declared as readonly string[]).includes(facet))).toEqual([]);
    });
  },
);

describe.each(
  builtInLogRules.filter(({ rule }) => rules.includes(rule)).map((entry) => [entry.rule.id, entry] as const),
)('%s', (id, { rule, log, fires, quiet }) => {
  it.each(fires)('fires on %s', async (line) => {
    const { mesh } = await observe([await archiveOf(log, line)], [rule], { jobs: 1 });
    expect(examine(mesh, [rule])).toMatchObject([{ rule: id, status: 'found' }]);
  });

  it.each(quiet)('stays quiet on %s', async (line) => {
    const { mesh } = await observe([await archiveOf(log, line)], [rule], { jobs: 1 });
    expect(examine(mesh, [rule])).toEqual([{ rule: id, status: 'clear' }]);
  });
});

describe('the catalog', () => {
  it('gives every problem an id of its own', () => {
    const ids = builtInRules.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('explains only problems that exist', () => {
    const ids = new Set(builtInRules.map(({ id }) => id));
    for (const rule of builtInRules)
      for (const id of (rule as unknown as Rule).explains ?? [])
        expect([rule.id, ids.has(id)]).toEqual([rule.id, true]);
  });

  it('searches for literals the prefilter can use', () => {
    for (const rule of builtInRules) {
      for (const { contains, id } of (rule as unknown as Rule).signatures ?? [])
        expect([id, contains.length >= 6]).toEqual([id, true]);
    }
  });

  it('names a reference for every problem', () => {
    for (const { id, references } of builtInRules)
      expect([id, references.length > 0 && references.every((url) => url.startsWith('https://'))]).toEqual([id, true]);
  });

  it('keeps no case of a problem it does not know', () => {
    const ids = new Set(builtInRules.map(({ id }) => id));
    const folders = existsSync(cases) ? readdirSync(cases) : [];
    expect(folders.filter((folder) => !ids.has(folder))).toEqual([]);
  });
});
