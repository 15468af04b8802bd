import type { Location } from '../../input/location.ts';
import type { Artifact } from '../artifact.ts';
import { jsonDocuments, parsed } from '../json-documents.ts';
import { mask } from '../mask.ts';
import { textReader } from '../reader.ts';
import { isCollector, proxyRef, type SyncState, type SyncType, syncOfClientConfig } from '../sync-status.ts';
import { recordOf, recordsOf, textOf } from '../untyped.ts';
import { parseYaml } from '../yaml.ts';

/**
 * `istioctl proxy-status` of 1.5 to 1.31: the table with a column for each xDS type, the one of 1.27 with only the types
 * a proxy subscribed to, and JSON and YAML since 1.30.
 */
export const proxyStatus = textReader('proxy-status', 'istioctl proxy-status', function* (text, file) {
  const at = (line: number): Location => ({ file: file.path, line });
  let proxies = 0;
  let refusal: { readonly line: number; readonly text: string } | undefined;
  let header: readonly Column[] | undefined;
  const unread: number[] = [];

  if (text.trimStart().startsWith('{')) {
    for (const { value, line } of jsonDocuments(text)) {
      yield* fromJson(value, at(line));
      if (value !== undefined) continue;
      const gap = { file: file.path, reason: 'malformed', detail: 'the JSON does not parse', line } as const;
      yield { kind: 'gap', value: gap };
    }
    yield { kind: 'seen', value: { kinds: ['sync'], at: { file: file.path } } };
    return;
  }
  if (/^(?:controlPlane|resources):/m.test(text) && text.includes('ClientConfig')) {
    yield* fromYaml(text, file.path);
    yield { kind: 'seen', value: { kinds: ['sync'], at: { file: file.path } } };
    return;
  }

  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(COLOUR, '').trimEnd();
    if (line.trim() === '') continue;
    if (HEADER.test(line)) {
      header = columns(line);
    } else if (/^Error: |^Sync diff is not available/.test(line)) {
      refusal ??= { line: index + 1, text: line };
    } else if (header !== undefined && !/^\d{4}-\d\d-\d\dT/.test(line)) {
      const row = rowOf(line, header, at(index + 1));
      if (row === undefined) {
        unread.push(index + 1);
      } else {
        proxies += 1;
        if (row !== 'collector') yield row;
      }
    }
  }

  if (refusal !== undefined && proxies === 0) {
    const detail = `istioctl could not tell: ${mask(refusal.text).slice(0, 400)}`;
    yield { kind: 'gap', value: { file: file.path, reason: 'not-available', detail, line: refusal.line } };
  }
  const [firstUnread] = unread;
  if (firstUnread !== undefined) {
    const detail = `${unread.length} lines of the table are not understood`;
    yield { kind: 'gap', value: { file: file.path, reason: 'malformed', detail, line: firstUnread } };
  }
  if (header !== undefined) yield { kind: 'seen', value: { kinds: ['sync'], at: { file: file.path } } };
});

interface Column {
  readonly title: string;
  readonly start: number;
}

/** The first line of the table; also used to recognise it in a file of any name. */
export const HEADER = /^ ?NAME[ \t]+(?:\S+[ \t]+)*?(?:ISTIOD|PILOT)[ \t]+VERSION\b/;

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what a terminal's colours start with.
const COLOUR = /\x1b\[[\d;]*m/g;

const CELL = /^(SYNCED|STALE|NOT SENT|IGNORED|ERROR)\b/;
const states: Readonly<Record<string, SyncState>> = {
  SYNCED: 'synced',
  STALE: 'stale',
  'NOT SENT': 'not-sent',
  IGNORED: 'ignored',
  ERROR: 'error',
};
const types: ReadonlySet<string> = new Set<SyncType>(['cds', 'lds', 'eds', 'rds', 'ecds']);
const isType = (name: string): name is SyncType => types.has(name);

function columns(line: string): Column[] {
  const found: Column[] = [];
  // `SUBSCRIBED TYPES` is the only title with a blank in it.
  for (const match of line.matchAll(/SUBSCRIBED TYPES|\S+/g)) found.push({ title: match[0], start: match.index });
  return found;
}

/** One row of the table. Undefined when it is none. */
function rowOf(line: string, header: readonly Column[], at: Location): Artifact | 'collector' | undefined {
  const cells = byOffset(line, header) ?? byBlanks(line, header) ?? byWords(line, header);
  if (cells === undefined) return undefined;
  const proxy = proxyRef(cells.get('NAME') ?? '');
  if (proxy === undefined || /\s/.test(cells.get('NAME') ?? '')) return undefined;
  const version = cells.get('VERSION') ?? '';
  if (isCollector(version)) return 'collector';

  const known: Partial<Record<SyncType, SyncState>> = {};
  for (const [title, cell] of cells) {
    const type = title.toLowerCase();
    const state = states[CELL.exec(cell)?.[1] ?? ''];
    if (isType(type) && state !== undefined) known[type] = state;
  }
  const subscribed = /^\d+ \(([^)]*)\)|^0$/.exec(cells.get('SUBSCRIBED TYPES') ?? '');
  if (subscribed !== null) {
    // This form tells only what a proxy asked for, not how far it got.
    const asked = (subscribed[1] ?? '').split(',').map((name) => name.trim().toLowerCase());
    for (const type of ['cds', 'lds', 'eds', 'rds', 'ecds'] as const)
      if (!asked.includes(type)) known[type] = 'ignored';
  }
  const istiod = cells.get('ISTIOD') ?? cells.get('PILOT') ?? '';
  return {
    kind: 'sync',
    value: {
      proxy,
      ...(istiod === '' ? {} : { istiod }),
      ...(version === '' ? {} : { version }),
      types: known,
      at,
    },
  };
}

/** Cells under their titles, as the tool aligns them. Undefined when a value reaches across a border: pasted text. */
function byOffset(line: string, header: readonly Column[]): Map<string, string> | undefined {
  const characters = [...line];
  const cells = new Map<string, string>();
  for (const [index, { title, start }] of header.entries()) {
    if (index > 0 && characters.length >= start && characters[start - 1] !== ' ') return undefined;
    const end = header[index + 1]?.start ?? characters.length;
    cells.set(title, characters.slice(start, end).join('').trim());
  }
  return looksRight(cells) ? cells : undefined;
}

/** Cells between two or more blanks or tabs, when none is empty. */
function byBlanks(line: string, header: readonly Column[]): Map<string, string> | undefined {
  const values = line.trim().split(/\t+| {2,}/);
  if (values.length !== header.length) return undefined;
  const cells = new Map(header.map(({ title }, index) => [title, values[index] ?? '']));
  return looksRight(cells) ? cells : undefined;
}

/** Single blanks only, as chats and issues leave them: states and lists in parentheses still hold together. */
function byWords(line: string, header: readonly Column[]): Map<string, string> | undefined {
  const values = line.match(/(?:NOT SENT|\d+(?= \())(?: \([^)]*\))?|[^\s()]+(?: \([^)]*\))?/g) ?? [];
  if (values.length !== header.length) return undefined;
  const cells = new Map(header.map(({ title }, index) => [title, values[index] ?? '']));
  return looksRight(cells) ? cells : undefined;
}

/** Whether names are names and states are states. */
function looksRight(cells: ReadonlyMap<string, string>): boolean {
  if (/\s/.test(cells.get('NAME') ?? '')) return false;
  for (const [title, cell] of cells) {
    if (title === 'ISTIOD' || title === 'PILOT' || title === 'VERSION' || title === 'CLUSTER') {
      if (/\s/.test(cell)) return false;
    } else if (isType(title.toLowerCase()) && cell !== '' && !CELL.test(cell)) {
      return false;
    }
  }
  return true;
}

/** One answer for each istiod, their keys in alphabetical order, with nothing between the answers. */
function* fromYaml(text: string, file: string): Generator<Artifact> {
  let line = 1;
  for (const piece of text.split(/^(?=controlPlane:)|^---\n/m)) {
    if (piece.trim() !== '' && !/^[^\n]*istioctl [^\n]*\n$/.test(piece)) {
      try {
        yield* fromJson(parseYaml(piece), { file, line });
      } catch (error) {
        const detail = `this is not YAML: ${error instanceof Error ? error.message.slice(0, 200) : ''}`;
        yield { kind: 'gap', value: { file, reason: 'malformed', detail, line } };
      }
    }
    line += piece.split('\n').length - 1;
  }
}

/** An answer of one istiod: `controlPlane.identifier` is itself JSON and holds the pod. */
function* fromJson(value: unknown, at: Location): Generator<Artifact> {
  const answer = recordOf(value);
  const identifier = textOf(recordOf(answer['controlPlane'])['identifier']) ?? '';
  const istiod = textOf(recordOf(parsed(identifier).value)['ID']) ?? '';
  for (const resource of recordsOf(answer['resources'])) {
    const status = syncOfClientConfig(resource, istiod, at);
    if (status !== undefined) yield { kind: 'sync', value: status };
  }
}
