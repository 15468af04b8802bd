import type { Evidence } from '../catalog/rule.ts';
import { visible } from './format.ts';

/** A part of a quoted line; `mark` is the part that tells. */
export interface Marked {
  readonly text: string;
  readonly mark: boolean;
}

/** Lines from one place of the archive, ready to be drawn. */
export interface Quote {
  /** `file:line`, or file and pointer. */
  readonly where: string;
  readonly lines: readonly (readonly Marked[])[];
  /** Lines of the place that are not shown. */
  readonly more: number;
}

/** Lines shown of one quote. */
const linesShown = 5;
/** Characters shown of one line. */
const charactersShown = 400;

/** A place as people write it: `file:line`, else file and JSON pointer, else the file. */
export const place = (at: Pick<Evidence, 'file' | 'line' | 'pointer'>): string =>
  visible(
    at.line !== undefined
      ? `${at.file}:${at.line}`
      : at.pointer !== undefined && at.pointer !== ''
        ? `${at.file} ${at.pointer}`
        : at.file,
  );

/** Ranges of `line` covered by the marks, in order and merged. */
function ranges(line: string, marks: readonly string[]): readonly (readonly [number, number])[] {
  const found: [number, number][] = [];
  for (const mark of marks) {
    if (mark === '') continue;
    for (let at = line.indexOf(mark); at !== -1; at = line.indexOf(mark, at + mark.length)) {
      found.push([at, at + mark.length]);
      if (found.length > 100) break;
    }
  }
  found.sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [start, end] of found) {
    const last = merged.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

/** Lines without the indentation that all of them share. */
function dedent(lines: readonly string[]): readonly string[] {
  const depths = lines.filter((line) => line.trim() !== '').map((line) => /^ */.exec(line)?.[0].length ?? 0);
  const shared = depths.length === 0 ? 0 : Math.min(...depths);
  return lines.map((line) => line.slice(Math.min(shared, line.length)));
}

/** One line cut to `limit` characters around its first mark, and split at the marks. */
export function markLine(line: string, marks: readonly string[], limit = charactersShown): readonly Marked[] {
  const marked = ranges(line, marks);
  let from = 0;
  let to = line.length;
  if (line.length > limit) {
    const [start, end] = marked[0] ?? [0, 0];
    const room = Math.max(0, limit - (end - start));
    if (end > limit) from = Math.max(0, Math.min(start - Math.floor(room / 3), line.length - limit));
    to = Math.min(line.length, from + limit);
    // A cut through a surrogate pair would leave half a character.
    if (/[\udc00-\udfff]/.test(line.charAt(from))) from += 1;
    if (/[\udc00-\udfff]/.test(line.charAt(to))) to -= 1;
  }
  const pieces: Marked[] = [];
  const put = (start: number, end: number, mark: boolean): void => {
    const text = line.slice(Math.max(start, from), Math.min(end, to));
    if (text !== '' && start < to && end > from) pieces.push({ text: visible(text), mark });
  };
  if (from > 0) pieces.push({ text: '…', mark: false });
  let at = 0;
  for (const [start, end] of marked) {
    put(at, start, false);
    put(start, end, true);
    at = end;
  }
  put(at, line.length, false);
  if (to < line.length) pieces.push({ text: '…', mark: false });
  return pieces;
}

/** The quote of a piece of evidence: at most five lines, those around the first mark. */
export function toQuote(evidence: Evidence): Quote {
  const lines = (evidence.quote ?? []).flatMap((text) => text.replace(/\r?\n$/, '').split('\n'));
  const marks = evidence.mark ?? [];
  const telling = Math.max(
    0,
    lines.findIndex((line) => marks.some((mark) => mark !== '' && line.includes(mark))),
  );
  const from = Math.max(0, Math.min(telling - 2, lines.length - linesShown));
  const shown = dedent(lines.slice(from, from + linesShown));
  const { file, line, pointer } = evidence;
  return {
    where: place({
      file,
      ...(line === undefined ? {} : { line: line + from }),
      ...(pointer === undefined ? {} : { pointer }),
    }),
    lines: shown.map((text) => markLine(text, marks)),
    more: lines.length - shown.length,
  };
}
