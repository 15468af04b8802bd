/**
 * The grammar of one log entry: istio's text and JSON, Envoy's own form, klog, Go's log, panics. Whatever the form, the
 * entry reads as istio's text afterwards, so that one expression serves all.
 */
import { isoTime, timeAt } from './log-lines.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'unknown';

/** An entry as rules see it. */
export interface Entry {
  readonly level: Level;
  /** `TIME⇥level⇥[scope⇥]message[⇥labels]` for every form that has these parts, else as written. */
  readonly text: string;
}

const words: Readonly<Record<string, Level>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  critical: 'fatal',
  fatal: 'fatal',
};

const order: readonly Level[] = ['unknown', 'debug', 'info', 'warn', 'error', 'fatal'];

/** The more severe of two levels. */
export const higherLevel = (one: Level, other: Level): Level =>
  one === other || order.indexOf(one) >= order.indexOf(other) ? one : other;

const levelOf = (word: string | undefined): Level => words[word?.toLowerCase() ?? ''] ?? 'unknown';

/** `YYYY-MM-DDTHH:MM:SS.ffffffZ`, then TAB or blanks: terminals and chats lose TABs. */
const istio = /^(\S{20,35}Z)([\t ] *)([A-Za-z]+)(?=[\t ]|$)/;
/** Envoy before its bootstrap is read, and Istio 1.5: `[time][thread][level][logger] [file:line] message`. */
const envoy =
  /^(?:\[Envoy \(Epoch \d+\)\] )?\[(\d{4}-\d\d-\d\d [\d:.]+)\]\[(\d+)\]\[(\w+)\]\[([^\]]+)\] (?:\[([^\]\s]+:\d+)\] )?/;
/** `2026/11/25 08:46:27 INFO message`, from Go's slog before logging is configured. */
const go = /^\d{4}\/\d\d\/\d\d [\d:.]+ ([A-Z]+) /;

/** Reads an entry's text, whatever writer it came from. */
export function readEntry(raw: string): Entry {
  switch (raw[0]) {
    case '{':
      return readJson(raw);
    case '[': {
      const found = envoy.exec(raw);
      if (!found) break;
      const [head, time = '', thread = '', level, logger = '', file] = found;
      const iso = isoTime(timeAt(Buffer.from(time), 0)) ?? time;
      const from = file === undefined ? logger : `${logger} ${file}`;
      return {
        level: levelOf(level),
        text: `${iso}\t${level}\tenvoy ${from}\t${raw.slice(head.length)}\tthread=${thread}`,
      };
    }
    case 'I':
      return { level: 'info', text: raw };
    case 'W':
      return { level: 'warn', text: raw };
    case 'E':
      return { level: 'error', text: raw };
    case 'F':
    case 'p':
    case 'f':
    case 't':
      return { level: 'fatal', text: raw };
  }
  const found = istio.exec(raw);
  if (!found) return { level: levelOf(go.exec(raw)?.[1]), text: raw };
  const [head, time = '', separator = '', level = ''] = found;
  // Upper case is ztunnel before 1.22, whose blanks are its own.
  if (separator.startsWith('\t') || level !== level.toLowerCase()) return { level: levelOf(level), text: raw };
  const end = raw.indexOf('\n');
  const first = end < 0 ? raw : raw.slice(0, end);
  const tail = first.slice(head.length).replace(/^ +/, '\t').replace(/ {2,}/g, '\t');
  return { level: levelOf(level), text: `${time}\t${level}${tail}${end < 0 ? '' : raw.slice(end)}` };
}

/** Keys that are the entry's frame; all others are labels. */
const frame = new Set([
  'level',
  'severity',
  'time',
  'timestamp',
  'scope',
  'logger',
  'caller',
  'msg',
  'message',
  'stack',
  'stacktrace',
  'thread',
]);

function readJson(raw: string): Entry {
  const end = raw.indexOf('\n');
  const first = end < 0 ? raw : raw.slice(0, end);
  let entry: Readonly<Record<string, unknown>>;
  try {
    entry = JSON.parse(first) as Readonly<Record<string, unknown>>;
  } catch {
    // Envoy of Istio 1.9 does not escape its message, and a line may be cut.
    return readBrokenJson(first, raw);
  }
  const text = (...keys: readonly string[]): string => {
    for (const key of keys) {
      const value = entry[key];
      if (typeof value === 'string' && value !== '') return value;
      if (typeof value === 'number') return String(value);
    }
    return '';
  };
  const level = text('level', 'severity');
  const isZtunnel = 'message' in entry && /^(?:ztunnel|access)\b/.test(text('scope'));
  const scope = text('scope', 'logger').replace(/^ztunnel::/, '');
  const caller = text('caller');
  const labels = Object.entries(entry)
    .filter(([key]) => !frame.has(key))
    .map(([key, value]) => `${key}=${isZtunnel || typeof value !== 'string' ? JSON.stringify(value) : value}`)
    .join(' ');
  const thread = text('thread');
  const isEnvoy = scope.startsWith('envoy ');
  const parts = [
    text('time', 'timestamp'),
    level.toLowerCase(),
    ...(scope === '' ? [] : [isEnvoy && caller !== '' ? `${scope} ${caller}` : scope]),
    ...(caller === '' || isEnvoy ? [] : [caller]),
    text('msg', 'message'),
    ...(labels === '' ? [] : [labels]),
    ...(thread === '' ? [] : [`thread=${thread}`]),
  ];
  const stack = text('stack', 'stacktrace');
  return {
    level: levelOf(level),
    text: `${parts.join('\t')}${stack === '' ? '' : `\n${stack}`}${end < 0 ? '' : raw.slice(end)}`,
  };
}

function readBrokenJson(first: string, raw: string): Entry {
  const field = (name: string) => new RegExp(`"${name}":"([^"]*)"`).exec(first)?.[1];
  const level = field('level');
  if (level === undefined) return { level: 'unknown', text: raw };
  const scope = field('scope');
  const start = first.search(/"(?:msg|message)":"/);
  const message = start < 0 ? first : first.slice(first.indexOf(':"', start) + 2).replace(/"\}?\s*$/, '');
  return { level: levelOf(level), text: [field('time') ?? '', level, ...(scope ? [scope] : []), message].join('\t') };
}
