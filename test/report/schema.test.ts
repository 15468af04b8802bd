import { describe, expect, expectTypeOf, it } from 'vitest';
import type { z } from 'zod';
import { render } from '../../src/report/render.ts';
import type { Report } from '../../src/report/report.ts';
import { reportSchema, reportShape } from '../../src/report/schema.ts';
import { hostile, shop } from './fixture.ts';

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly description?: string;
}

/** Every property of the schema as `path`, with its description. */
function* properties(schema: Schema, path = ''): Generator<readonly [string, string | undefined]> {
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    yield [`${path}.${name}`, inner.description];
    yield* properties(inner, `${path}.${name}`);
  }
  for (const inner of [schema.items, ...(schema.prefixItems ?? [])]) {
    if (inner !== undefined) yield* properties(inner, `${path}[]`);
  }
}

describe('the JSON report', () => {
  it('is the report, readable, with a line end', () => {
    const json = render(shop, 'json');
    expect(JSON.parse(json)).toEqual(shop);
    expect(json).toMatch(/^\{\n {2}"schema": 1,/);
    expect(json.endsWith('}\n')).toBe(true);
  });

  it('keeps text of the archive as it was', () => {
    expect(JSON.parse(render(hostile, 'json'))).toEqual(hostile);
  });

  it('validates against its schema', () => {
    expect(reportShape.parse(JSON.parse(render(shop, 'json')))).toEqual(shop);
    expect(reportShape.parse(hostile)).toEqual(hostile);
  });

  it('refuses what is no report', () => {
    expect(reportShape.safeParse({ ...shop, diagnoses: [{}] }).success).toBe(false);
    expect(reportShape.safeParse({ ...shop, schema: 2 }).success).toBe(false);
  });
});

describe('the JSON schema', () => {
  it('describes every field', () => {
    const all = [...properties(reportSchema() as Schema)];
    expect(all.length).toBeGreaterThan(120);
    expect(all.filter(([, description]) => !description)).toEqual([]);
  });

  it('has exactly the fields of a report', () => {
    expectTypeOf<z.output<typeof reportShape>>().toEqualTypeOf<Report>();
    expectTypeOf<Report>().toExtend<z.input<typeof reportShape>>();
  });
});
