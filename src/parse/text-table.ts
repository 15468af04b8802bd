/** A column of a table's header. `start` counts characters, not bytes. */
export interface Column {
  readonly title: string;
  readonly start: number;
}

/** Cells of a row by the title of their column; empty ones are ''. */
export type Cells = ReadonlyMap<string, string>;

/** Whether the cells of a row can be what their titles say. It decides between ways to split a row. */
export type Plausible = (cells: Cells) => boolean;

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what a terminal's colours start with.
const colour = /\x1b\[[\d;]*m/g;

/** A line as it looks on a terminal: without colours and without blanks at its end. */
export const plainLine = (line: string): string => line.replace(colour, '').trimEnd();

/**
 * The columns of a header line that consists of these titles in this order, some of which may be missing at its end or be
 * marked optional by a leading `?`. Undefined for any other line. Titles may hold blanks: `SERVICE FQDN`.
 */
export function headerOf(line: string, titles: readonly string[]): readonly Column[] | undefined {
  const columns: Column[] = [];
  let at = 0;
  for (const wanted of titles) {
    const optional = wanted.startsWith('?');
    const title = optional ? wanted.slice(1) : wanted;
    const gap = /^[ \t]*/.exec(line.slice(at))?.[0].length ?? 0;
    const start = at + gap;
    const behind = line[start + title.length];
    const isHere =
      line.startsWith(title, start) &&
      (columns.length === 0 || gap > 0) &&
      (behind === undefined || behind === ' ' || behind === '\t');
    if (!isHere) {
      if (optional) continue;
      return undefined;
    }
    columns.push({ title, start });
    at = start + title.length;
  }
  return line.slice(at).trim() === '' ? columns : undefined;
}

/**
 * The cells of a row, read by the offsets of the header as Go's tabwriter aligns them. Where a value reaches across a border
 * the text was pasted without its alignment: then by runs of blanks or tabs, then by single blanks, where the number of
 * values is that of the columns. Undefined when none of that looks right.
 */
export function cellsOf(
  line: string,
  columns: readonly Column[],
  plausible: Plausible = () => true,
): Cells | undefined {
  const aligned = byOffset(line, columns);
  if (aligned !== undefined && plausible(aligned)) return aligned;
  for (const values of [line.trim().split(/\t+| {2,}/), line.trim().split(/\s+/)]) {
    // Only columns at the end may be empty here.
    if (values.length > columns.length || values.length * 2 < columns.length) continue;
    const cells = new Map(columns.map(({ title }, index) => [title, values[index] ?? '']));
    if (plausible(cells)) return cells;
  }
  return undefined;
}

function byOffset(line: string, columns: readonly Column[]): Cells | undefined {
  if (line.includes('\t')) return undefined;
  // Marks such as ✔ are one column wide whatever their bytes.
  const characters = [...line];
  const cells = new Map<string, string>();
  for (const [index, { title, start }] of columns.entries()) {
    if (index > 0 && characters.length >= start && characters[start - 1] !== ' ') return undefined;
    const end = columns[index + 1]?.start ?? characters.length;
    cells.set(title, characters.slice(start, end).join('').trim());
  }
  return cells;
}
