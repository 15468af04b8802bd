import type { Location } from '../../input/location.ts';
import type { Artifact } from '../artifact.ts';
import type { KubeEvent, ObjectMeta } from '../facts.ts';
import { longestText } from '../kube-meta.ts';
import { ageOf, repeatedAge, tableObject, timeBefore } from '../kube-times.ts';
import { kubectlMessage } from '../list-items.ts';
import { mask } from '../mask.ts';
import type { Reader, SourceFile } from '../reader.ts';
import { textLines } from '../text-lines.ts';
import { present, setOwn } from '../untyped.ts';

interface Column {
  readonly name: string;
  readonly start: number;
}

/** Which table a header line begins. Its labels may hold one blank (`LAST SEEN`). */
const headers: readonly (readonly [RegExp, Table])[] = [
  [/^(?:NAMESPACE {2,})?LAST SEEN {2,}TYPE\b/, 'event'],
  [/^(?:NAMESPACE {2,})?NAME {2,}TYPE {2,}DATA\b/, 'secret'],
  [/^NAME {2,}STATUS {2,}AGE {2,}LABELS$/, 'namespace'],
  [/^NAME {2,}STATUS {2,}ROLES {2,}AGE {2,}VERSION\b/, 'node'],
];
type Table = 'event' | 'secret' | 'namespace' | 'node';

/**
 * Tables of `kubectl get secrets`, `events [-o wide]`, `namespaces --show-labels` and `nodes`. Ages in them count back from
 * the moment of printing, which only the file's own time can tell.
 */
export const kubeTables: Reader = {
  name: 'kube-tables',
  title: 'kubectl get, as a table',
  open(file, { lineBytes }, emit) {
    let table: Table | undefined;
    let columns: readonly Column[] = [];
    let pending: KubeEvent | undefined;
    let rows = 0;
    let namespaced = false;
    const unread: number[] = [];
    const seen = new Set<Table>();

    function flush(): void {
      if (pending !== undefined) emit({ kind: 'event', value: { ...pending, message: messageOf(pending.message) } });
      pending = undefined;
    }

    function take(raw: string, line: number): void {
      const text = raw.trimEnd();
      const begun = headers.find(([header]) => header.test(text))?.[1];
      if (begun !== undefined) {
        flush();
        table = begun;
        seen.add(begun);
        columns = columnsOf(text);
        namespaced = text.startsWith('NAMESPACE');
      } else if (kubectlMessage.test(text)) {
        if (!/^(?:Error|error|Unable)/.test(text)) return;
        emit({
          kind: 'gap',
          value: { file: file.path, reason: 'not-available', detail: mask(text).slice(0, 300), line },
        });
      } else if (text !== '' && table === 'event') eventRow(text, line);
      else if (text !== '' && table !== undefined && table !== 'event') {
        const fact = rowOf[table](text, columns, { file: file.path, line });
        if (fact === undefined) unread.push(line);
        else {
          rows++;
          emit(fact);
        }
      }
    }

    function eventRow(text: string, line: number): void {
      const event = eventOf(text, columns, namespaced, file, line);
      if (event !== undefined) {
        flush();
        pending = event;
      } else if (pending === undefined) unread.push(line);
      else if (pending.message.length < 2 * longestText) {
        // A message of several lines: the columns behind it stand on its last one.
        pending = { ...pending, message: `${pending.message}\n${text.trim().split(/ {3,}/)[0] ?? ''}` };
      }
    }

    return textLines(lineBytes, take, (complete) => {
      flush();
      const gap = (reason: 'truncated' | 'malformed', detail: string, line?: number): void =>
        emit({ kind: 'gap', value: { file: file.path, reason, detail, ...present({ line }) } });
      if (!complete) gap('truncated', 'the table is cut short');
      if (unread.length > 0) gap('malformed', `${unread.length} rows do not fit their header`, unread[0]);
      if (seen.size > 0) emit({ kind: 'seen', value: { kinds: [...seen], at: { file: file.path } } });
      // A table that somebody attached may have been asked for, or cut down to, anything.
      const known = /(?:^|\/)cluster\/secrets$/.test(file.path);
      if (known && complete && namespaced && rows > 0 && unread.length === 0) {
        emit({ kind: 'listing', value: { kind: 'Secret', namespace: '*', at: { file: file.path } } });
      }
    });
  },
};

/** Columns of a header line with the place each begins at. */
function columnsOf(text: string): readonly Column[] {
  return [...text.matchAll(/\S+(?: \S+)*/g)].map((match) => ({ name: match[0], start: match.index }));
}

type Row = (text: string, columns: readonly Column[], at: Location) => Artifact | undefined;

/** Rows whose cells hold no blanks: there are as many as columns. */
const rowOf: Readonly<Record<Exclude<Table, 'event'>, Row>> = {
  secret(text, columns, at) {
    const cell = wordsOf(text, columns);
    const keys = cell?.('DATA') ?? '';
    if (cell === undefined || !/^\d+$/.test(keys)) return undefined;
    const value = { namespace: cell('NAMESPACE'), name: cell('NAME'), type: cell('TYPE'), keys: Number(keys), at };
    return { kind: 'secret', value };
  },
  namespace(text, columns, at) {
    const cell = wordsOf(text, columns);
    if (cell === undefined) return undefined;
    const labels: Record<string, string> = {};
    for (const label of cell('LABELS').split(',')) {
      const equals = label.indexOf('=');
      if (equals > 0) setOwn(labels, label.slice(0, equals), label.slice(equals + 1));
    }
    return { kind: 'namespace', value: { meta: { ...metaOf(cell), labels }, at, phase: cell('STATUS') } };
  },
  node(text, columns, at) {
    // The first five columns hold no blanks; OS-IMAGE of the wide form does.
    const cell = wordsOf(text.split(/ +/, 5).join(' '), columns.slice(0, 5));
    if (cell === undefined) return undefined;
    const [ready = '', ...more] = cell('STATUS').split(',');
    const status = ready === 'Ready' ? 'True' : ready === 'NotReady' ? 'False' : 'Unknown';
    const os = cellsOf(text, columns)?.get('OS-IMAGE');
    return {
      kind: 'node',
      value: {
        meta: metaOf(cell),
        at,
        conditions: [{ type: 'Ready', status }],
        kubeletVersion: cell('VERSION'),
        unschedulable: more.includes('SchedulingDisabled'),
        taints: [],
        ...present({ os: os === '' ? undefined : os }),
      },
    };
  },
};

function wordsOf(text: string, columns: readonly Column[]): ((name: string) => string) | undefined {
  const words = text.trim().split(/ +/);
  if (words.length !== columns.length) return undefined;
  return (name) => words[columns.findIndex((column) => column.name === name)] ?? '';
}

const metaOf = (cell: (name: string) => string): ObjectMeta => ({
  name: cell('NAME'),
  namespace: '',
  labels: {},
  annotations: {},
  owners: [],
});

/** A row by the columns of its header, or by its own form where copying has moved the columns. */
function eventOf(
  text: string,
  columns: readonly Column[],
  namespaced: boolean,
  file: SourceFile,
  line: number,
): KubeEvent | undefined {
  const sliced = cellsOf(text, columns);
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
    object: tableObject(cell('OBJECT'), cell('NAMESPACE')),
    ...present({
      source: source === '' || source === '<unset>' ? undefined : source,
      first: timeBefore(file.modified, first ?? (seen.count === undefined ? seen.last : undefined)),
      last: timeBefore(file.modified, seen.last),
    }),
    at: { file: file.path, line },
  };
}

function cellsOf(text: string, columns: readonly Column[]): ReadonlyMap<string, string> | undefined {
  const cells = new Map<string, string>();
  for (const [index, { name, start }] of columns.entries()) {
    if (index > 0 && start <= text.length && text[start - 1] !== ' ') return undefined;
    cells.set(name, text.slice(start, columns[index + 1]?.start).trim());
  }
  return cells;
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
  /^[A-Z][A-Za-z]*$/.test(cells?.get('TYPE') ?? '') && /^\S+\/\S+$/.test(cells?.get('OBJECT') ?? '');

const messageOf = (text: string): string => mask(text).slice(0, longestText);
