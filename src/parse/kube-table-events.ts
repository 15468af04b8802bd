import type { KubeEvent } from './facts.ts';
import { type Column, slicedCells } from './kube-columns.ts';
import { ageOf, repeatedAge, tableObject, timeBefore } from './kube-times.ts';
import type { SourceFile } from './reader.ts';
import { present } from './untyped.ts';

/** A row of a table of events by the columns of its header, or by its own form where copying has moved the columns. */
export function eventRow(
  text: string,
  columns: readonly Column[],
  file: SourceFile,
  namespace: string,
  line: number,
): KubeEvent | undefined {
  const namespaced = columns[0]?.name === 'NAMESPACE';
  const sliced = slicedCells(text, columns);
  const cells = isEvent(sliced) ? sliced : looseCells(text, namespaced);
  if (cells === undefined) return undefined;
  const cell = (name: string): string => cells.get(name) ?? '';
  const seen = repeatedAge(cell('LAST SEEN'));
  const first = ageOf(cell('FIRST SEEN')) ?? seen.first;
  const source = cell('SOURCE');
  return {
    type: cell('TYPE'),
    reason: cell('REASON'),
    message: cell('MESSAGE'),
    count: Math.max(1, /^\d+$/.test(cell('COUNT')) ? Number(cell('COUNT')) : (seen.count ?? 1)),
    object: tableObject(objectOf(cells), cell('NAMESPACE') || namespace),
    ...present({
      source: source === '' || source === '<unset>' ? undefined : source,
      first: timeBefore(file.modified, first ?? (seen.count === undefined ? seen.last : undefined)),
      last: timeBefore(file.modified, seen.last),
      printed: file.modified,
    }),
    at: { file: file.path, line },
  };
}

/** `pod/cart-7d9`; up to kubectl 1.14 the column was called KIND, before that the name stood apart: `cart-7d9.15a0f`, `Pod`. */
function objectOf(cells: ReadonlyMap<string, string>): string {
  const object = cells.get('OBJECT') ?? cells.get('KIND') ?? '';
  if (object === '' || object.includes('/')) return object;
  return `${object}/${(cells.get('NAME') ?? '').replace(/\.[0-9a-f]+$/, '')}`;
}

function looseCells(text: string, namespaced: boolean): ReadonlyMap<string, string> | undefined {
  const row = /^(?:(\S+)\s+)?(\S+(?: \(x\d+(?: over \S+)?\))?)\s+(Normal|Warning)\s+(\S+)\s+(\S+\/\S+)\s+(.*)$/.exec(
    text,
  );
  if (row === null || (row[1] !== undefined) !== namespaced) return undefined;
  const names = ['NAMESPACE', 'LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE'];
  return new Map(names.map((name, index) => [name, row[index + 1] ?? '']));
}

const isEvent = (cells: ReadonlyMap<string, string> | undefined): boolean =>
  cells !== undefined && /^[A-Z][A-Za-z]*$/.test(cells.get('TYPE') ?? '') && /^\S+\/\S+$/.test(objectOf(cells));
