import { setOwn } from './untyped.ts';

/** A column of a kubectl table with the place it begins at. */
export interface Column {
  readonly name: string;
  readonly start: number;
}

/** What a row holds, by column; '' for a column it has nothing in. */
export type Cells = (column: string) => string;

/** Columns of a header line. Labels may hold one blank (`LAST SEEN`), columns stand at least two apart. */
export function columnsOf(header: string): readonly Column[] {
  return [...header.matchAll(/\S+(?: \S+)*/g)].map((match) => ({ name: match[0], start: match.index }));
}

/** A row cut where its columns begin; undefined where a word runs across such a place: copying has moved the columns. */
export function slicedCells(row: string, columns: readonly Column[]): ReadonlyMap<string, string> | undefined {
  const cells = new Map<string, string>();
  for (const [index, { name, start }] of columns.entries()) {
    if (index > 0 && start <= row.length && row[start - 1] !== ' ') return undefined;
    cells.set(name, row.slice(start, columns[index + 1]?.start).trim());
  }
  return cells;
}

/**
 * The cells of a row in which every column holds something, as kubectl prints everything but events: by place, else by words
 * where there are as many of them as columns. Undefined where neither fits.
 */
export function cellsOf(row: string, columns: readonly Column[]): Cells | undefined {
  const sliced = slicedCells(row, columns);
  if (sliced !== undefined && columns.every(({ start }) => /^\S/.test(row.slice(start, start + 1))))
    return (column) => sliced.get(column) ?? '';
  // `3 (12s ago)` is one cell.
  const words = row.trim().match(/\S+(?: \([^)]*\))?/g) ?? [];
  if (words.length !== columns.length) return undefined;
  const named = new Map(columns.map(({ name }, index) => [name, words[index] ?? '']));
  return (column) => named.get(column) ?? '';
}

/** Labels or a selector as one cell: `app=cart,version=v1`; nothing for `<none>`. */
export function pairsOf(cell: string): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const pair of cell.split(',')) {
    const equals = pair.indexOf('=');
    if (equals > 0 && /^[\w./-]+$/.test(pair.slice(0, equals)))
      setOwn(pairs, pair.slice(0, equals), pair.slice(equals + 1));
  }
  return pairs;
}
