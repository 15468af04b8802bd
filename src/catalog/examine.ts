import type { Facet, Mesh } from '../model/mesh.ts';
import { type AnyRule, type CatalogEntry, isNonEmpty, type Occurrence, type Outcome, type Rule } from './rule.ts';

/** Runs every rule whose needs the mesh meets; the others are `skipped` with what they miss. A rule that throws is our bug. */
export function examine(mesh: Partial<Mesh>, rules: readonly AnyRule[]): readonly Outcome[] {
  return rules.map((rule) => examineOne(mesh, rule as unknown as Rule));
}

function examineOne(mesh: Partial<Mesh>, rule: Rule): Outcome {
  const absent = (facet: Facet): boolean => mesh[facet] === undefined;
  const missing = [...rule.needs.filter(absent), ...(rule.anyOf?.every(absent) ? rule.anyOf : [])];
  if (isNonEmpty(missing)) return { rule: rule.id, status: 'skipped', missing };
  try {
    // The needs were checked above: what `check` reads beyond them it declared as optional.
    const occurrences: readonly Occurrence[] = [...rule.check(mesh as Mesh)];
    if (!isNonEmpty(occurrences)) return { rule: rule.id, status: 'clear' };
    return { rule: rule.id, status: 'found', finding: { ...entryOf(rule), occurrences } };
  } catch (error) {
    return {
      rule: rule.id,
      status: 'failed',
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }
}

/** A rule without its machinery: what is known about the problem. */
function entryOf(rule: CatalogEntry): CatalogEntry {
  const { id, title, area, severity, why, fix, references, source } = rule;
  return { id, title, area, severity, why, fix, references, ...(source === undefined ? {} : { source }) };
}
