import type { Occurrence, Scope } from '../catalog/rule.ts';
import { serviceOfHost } from '../model/hosts.ts';

const keys = ['revision', 'workload', 'pod', 'host', 'subset', 'port', 'node'] as const;

/**
 * How closely two scopes agree: the number of keys both name with equal values, or undefined where they contradict each
 * other or share nothing. A scope that names no key at all is the whole mesh and overlaps everything with 0.
 */
export function overlap(cause: Scope, consequence: Scope): number | undefined {
  let shared = 0;
  const one = widened(cause);
  const other = widened(consequence);
  const spaces = namespacesOf(one);
  const otherSpaces = namespacesOf(other);
  if (spaces !== undefined && otherSpaces !== undefined) {
    if (!spaces.some((name) => otherSpaces.includes(name))) return undefined;
    shared++;
  }
  for (const key of keys) {
    const a = one[key];
    const b = other[key];
    if (a === undefined || b === undefined) continue;
    if (a !== b) return undefined;
    shared++;
  }
  if (shared === 0 && Object.keys(cause).length > 0 && Object.keys(consequence).length > 0) return undefined;
  return shared;
}

/** The namespaces a scope names, one or several; undefined for any. */
export const namespacesOf = ({ namespace, namespaces }: Scope): readonly string[] | undefined =>
  namespaces ?? (namespace === undefined ? undefined : [namespace]);

/** The namespace a destination host implies, where the scope names none itself. */
function widened(scope: Scope): Scope {
  const known = widenedScopes.get(scope) ?? widen(scope);
  widenedScopes.set(scope, known);
  return known;
}
/** Each scope is compared with those of all its possible causes. */
const widenedScopes = new WeakMap<Scope, Scope>();

function widen(scope: Scope): Scope {
  if (namespacesOf(scope) !== undefined || scope.host === undefined) return scope;
  const namespace = serviceOfHost(scope.host)?.namespace;
  return namespace === undefined ? scope : { ...scope, namespace };
}

/** Whether the cause can come before the consequence: what has no time was there all along. */
export function precedes(cause: Occurrence, consequence: Occurrence): boolean {
  if (cause.when === undefined || consequence.when === undefined) return true;
  return Date.parse(cause.when.first) <= Date.parse(consequence.when.last) + toleranceMs;
}

/** Clocks of nodes differ, and a symptom can be logged before its cause. */
const toleranceMs = 60_000;
