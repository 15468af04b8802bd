import { artifactKindOf, isMeshConfigMap } from './kube-facts.ts';

/** What a YAML object says of itself without being parsed. */
export interface Glance {
  readonly apiVersion?: string;
  readonly kind?: string;
  /** Of ConfigMaps only: the others are kept or dropped by kind. */
  readonly name?: string;
}

/** Kind and name of an object, or of a list's item with its dash. Its own fields stand in the column of its first one. */
export function glanceAt(text: string): Glance {
  const column = /^ *- /.exec(text)?.[0].length ?? 0;
  const apiVersion = fieldIn(text, column, 'apiVersion', 0);
  const kind = fieldIn(text, column, 'kind', 0);
  const metadata = kind === 'ConfigMap' ? text.indexOf(`\n${' '.repeat(column)}metadata:\n`) : -1;
  const name = metadata < 0 ? undefined : fieldIn(text, column + 2, 'name', metadata + 1);
  return {
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(kind === undefined ? {} : { kind }),
    ...(name === undefined ? {} : { name }),
  };
}

/** Whether nothing of the object is kept, so that it need not be parsed. */
export function isDropped({ apiVersion, kind, name }: Glance): boolean {
  if (apiVersion === undefined || kind === undefined) return false;
  if (artifactKindOf(apiVersion, kind) === undefined) return true;
  return kind === 'ConfigMap' && name !== undefined && !isMeshConfigMap(name);
}

/** A plain value in the given column behind `from`; deeper columns are inside other fields. */
function fieldIn(text: string, column: number, field: string, from: number): string | undefined {
  const mark = `${field}: `;
  let at = column;
  if (from > 0 || !text.startsWith(mark, column)) {
    const line = `\n${' '.repeat(column)}`;
    const found = text.indexOf(line + mark, from);
    if (found < 0) return undefined;
    at = found + line.length;
  }
  const stop = text.indexOf('\n', at);
  const value = text.slice(at + mark.length, stop < 0 ? text.length : stop);
  return /^[\w./-]+$/.test(value) ? value : undefined;
}
