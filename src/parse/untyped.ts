/** Reads fields of values whose shape somebody else decides: what is not of the wanted type counts as absent. */

export type UntypedRecord = Readonly<Record<string, unknown>>;

/** The value if it is an object, else an empty one. */
export function recordOf(value: unknown): UntypedRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as UntypedRecord) : nothing;
}
const nothing: UntypedRecord = {};

/** The value if it is an array, else an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The objects of an array; an empty list for anything else. */
export function recordsOf(value: unknown): readonly UntypedRecord[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'object' && each !== null) : [];
}

/** The strings of an array; an empty list for anything else. */
export function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

/** The text; undefined for empty text and anything else. Numbers count: YAML may have taken a name for one. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The finite number, or undefined. */
export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** The values of an object as text, as in labels. Nested values and null are left out. */
export function textMapOf(value: unknown): Readonly<Record<string, string>> {
  const map: Record<string, string> = {};
  for (const [key, each] of Object.entries(recordOf(value))) {
    if (typeof each === 'string' || typeof each === 'number' || typeof each === 'boolean')
      setOwn(map, key, String(each));
  }
  return map;
}

/** Sets a field whatever its name: `__proto__` may come from an archive. */
export function setOwn<T>(map: Record<string, T>, key: string, value: T): void {
  if (key === '__proto__')
    Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
  else map[key] = value;
}

/** The fields that have a value: what `exactOptionalPropertyTypes` wants of optional ones. */
export function present<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const kept: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  for (const key of Object.keys(fields) as (keyof T)[]) {
    const value = fields[key];
    if (value !== undefined) kept[key] = value as Exclude<T[typeof key], undefined>;
  }
  return kept;
}
