import type { Artifact } from '../artifact.ts';
import type { KubeEvent } from '../facts.ts';
import { longestText } from '../kube-meta.ts';
import { ageOf, repeatedAge, tableObject, timeBefore } from '../kube-times.ts';
import { kubectlMessage } from '../list-items.ts';
import { mask } from '../mask.ts';
import type { Reader, SourceFile } from '../reader.ts';
import { textLines } from '../text-lines.ts';
import { present } from '../untyped.ts';

interface Column {
  readonly name: string;
  readonly start: number;
}

/** A header is upper case; its labels may hold one blank (`LAST SEEN`). */
const header = /^(?:NAMESPACE {2,})?(?:NAME {2,}TYPE {2,}DATA\b|LAST SEEN {2,}TYPE\b)/;

/**
 * Tables of `kubectl get secrets` and `kubectl get events [-o wide]`. Ages in them count back from the moment of printing, which
 * only the file's own time can tell.
 */
export const kubeTables: Reader = {
  name: 'kube-tables',
  title: 'kubectl get secrets or events',
  open(file, { lineBytes }, emit) {
    let columns: readonly Column[] | undefined;
    let events = false;
    let pending: KubeEvent | undefined;
    let rows = 0;
    let namespaced = false;
    const unread: number[] = [];

    function flush(): void {
      if (pending !== undefined) emit({ kind: 'event', value: { ...pending, message: messageOf(pending.message) } });
      pending = undefined;
    }

    function take(raw: string, line: number): void {
      const text = raw.trimEnd();
      if (header.test(text)) {
        flush();
        columns = columnsOf(text);
        events = text.includes('LAST SEEN');
        namespaced = text.startsWith('NAMESPACE');
        return;
      }
      if (text === '') return;
      if (kubectlMessage.test(text)) {
        const missing = /^(?:Error|error|Unable)/.test(text);
        const value = { file: file.path, reason: 'not-available', detail: text.slice(0, 300), line } as const;
        if (missing) emit({ kind: 'gap', value });
        return;
      }
      if (columns === undefined) return;
      if (!events) {
        const secret = secretOf(text, namespaced, file, line);
        if (secret === undefined) unread.push(line);
        else {
          rows++;
          emit(secret);
        }
        return;
      }
      const event = eventOf(text, columns, namespaced, file, line);
      if (event !== undefined) {
        flush();
        rows++;
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
      if (columns === undefined) return;
      emit({ kind: 'seen', value: { kinds: [events ? 'event' : 'secret'], at: { file: file.path } } });
      // A table that somebody attached may have been asked for, or cut down to, anything.
      const whole =
        complete && namespaced && rows > 0 && unread.length === 0 && /(?:^|\/)cluster\/secrets$/.test(file.path);
      if (whole && !events)
        emit({ kind: 'listing', value: { kind: 'Secret', namespace: '*', at: { file: file.path } } });
    });
  },
};

/** Columns of a header line with the place each begins at. */
function columnsOf(text: string): readonly Column[] {
  return [...text.matchAll(/\S+(?: \S+)*/g)].map((match) => ({ name: match[0], start: match.index }));
}

function secretOf(text: string, namespaced: boolean, file: SourceFile, line: number): Artifact | undefined {
  const cells = text.trim().split(/ +/);
  const [namespace = '', name = '', type = '', keys = ''] = namespaced ? cells : ['', ...cells];
  if (cells.length !== (namespaced ? 5 : 4) || !/^\d+$/.test(keys)) return undefined;
  return { kind: 'secret', value: { namespace, name, type, keys: Number(keys), at: { file: file.path, line } } };
}

/** A row by the columns of its header, or by its own form where copying has moved the columns. */
function eventOf(
  text: string,
  columns: readonly Column[],
  namespaced: boolean,
  file: SourceFile,
  line: number,
): KubeEvent | undefined {
  const cells = cellsOf(text, columns) ?? looseCells(text, namespaced);
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
  return isEvent(cells.get('TYPE'), cells.get('OBJECT')) ? cells : undefined;
}

function looseCells(text: string, namespaced: boolean): ReadonlyMap<string, string> | undefined {
  const row = /^(?:(\S+)\s+)?(\S+(?: \(x\d+(?: over \S+)?\))?)\s+(Normal|Warning)\s+(\S+)\s+(\S+\/\S+)\s+(.*)$/.exec(
    text,
  );
  if (row === null || (row[1] !== undefined) !== namespaced) return undefined;
  const names = ['NAMESPACE', 'LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE'];
  return new Map(names.map((name, index) => [name, row[index + 1] ?? '']));
}

const isEvent = (type: string | undefined, object: string | undefined): boolean =>
  type !== undefined && /^[A-Z][A-Za-z]*$/.test(type) && object !== undefined && /^\S+\/\S+$/.test(object);

const messageOf = (text: string): string => mask(text).slice(0, longestText);
