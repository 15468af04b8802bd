/**
 * Log bytes become lines: where each starts and ends, whether it opens an entry, when. Nothing is decoded here; the text of
 * a line is made only where somebody asks for it.
 */
import { stripPrefixes } from './log-prefix.ts';

/** What a line is within a log. */
export const lineKind = { continuation: 0, entry: 1, access: 2, accessJson: 3, banner: 4 } as const;

/** Lines of one block, column by column. Only the first `count` of each column are valid, and only during the call. */
export interface LineTable {
  count: number;
  /** Offsets in the block; `ends` is without line end and at most `lineBytes` after the start. */
  starts: Int32Array;
  ends: Int32Array;
  kinds: Uint8Array;
  /** Index of the line that opens the entry a line belongs to, -1 where the log does not hold it. */
  entries: Int32Array;
  /** Milliseconds since the epoch; of the line before where a line has none, NaN where none is known. */
  times: Float64Array;
}

/** Complete lines in order; entries are never split over two calls. */
export type TakeLines = (bytes: Buffer, lines: LineTable, firstLine: number) => void;

export interface LineSplitter {
  push(chunk: Uint8Array): void;
  /** Delivers what is left; says how many lines were longer than `lineBytes`. */
  end(): { readonly tooLong: number };
}

const blockBytes = 256 * 1024;
const newline = 10;

/** A block that is not in use; opening a log per pod would otherwise leave megabytes to collect. */
let spare: Buffer | undefined;

/**
 * Splits the bytes of one log into lines. Blocks are cut at offsets of the log, not of the chunks, so however the bytes arrive
 * the lines and entries are the same. An entry ends `lineBytes` after its start: what continues further stands alone.
 */
export function splitLines(
  lineBytes: number,
  access: boolean,
  year: number | undefined,
  take: TakeLines,
  minimumBlock = blockBytes,
): LineSplitter {
  const size = Math.max(minimumBlock, 4 * lineBytes);
  let block = spare?.length === size ? spare : Buffer.allocUnsafeSlow(size);
  spare = undefined;
  let filled = 0;
  let skipping = false;
  let firstLine = 1;
  let lastTime = Number.NaN;
  let tooLong = 0;
  const lines: LineTable = {
    count: 0,
    starts: new Int32Array(1024),
    ends: new Int32Array(1024),
    kinds: new Uint8Array(1024),
    entries: new Int32Array(1024),
    times: new Float64Array(1024),
  };

  const read = (bytes: Buffer, last: boolean): number => {
    let count = 0;
    let entry = -1;
    let time = lastTime;
    let at = 0;
    const long: number[] = [];
    while (at < bytes.length) {
      let end = bytes.indexOf(newline, at);
      if (end < 0) {
        if (!last) break;
        end = bytes.length;
      }
      const next = end + 1;
      if (end > at && bytes[end - 1] === 13) end--;
      if (end - at > lineBytes) {
        long.push(count);
        end = at + lineBytes;
      }
      if (count === lines.starts.length) grow(lines);
      let kind: number = lineKind.continuation;
      if (end > at) {
        const first = bytes[at] ?? 0;
        // Most continuation lines are told by their first byte: a blank, a lower case letter, a dash.
        if (opens[first] === 1) {
          const known = classify(bytes, at, end, access, time, year);
          kind = known;
          if (known === lineKind.banner) {
            time = Number.NaN;
            entry = count;
          } else if (known !== lineKind.continuation) {
            if (!Number.isNaN(foundTime)) time = foundTime;
            if (known === lineKind.entry) entry = count;
          }
        }
      }
      lines.starts[count] = at;
      lines.ends[count] = end;
      lines.kinds[count] = kind;
      const open = kind === lineKind.continuation ? entry : count;
      lines.entries[count] = open >= 0 && at - (lines.starts[open] ?? 0) <= lineBytes ? open : -1;
      lines.times[count] = time;
      count++;
      at = next;
    }
    const complete = Math.min(at, bytes.length);
    // The last entry may go on in the next block: it waits, unless it has reached the length up to which lines join it.
    let cut = complete;
    let kept = count;
    if (!last && entry >= 0) {
      const start = lines.starts[entry] ?? 0;
      if (complete - start <= lineBytes) {
        cut = start;
        kept = entry;
      }
    }
    lines.count = kept;
    if (kept > 0) {
      for (const line of long) if (line < kept) tooLong++;
      lastTime = lines.times[kept - 1] ?? Number.NaN;
      take(bytes, lines, firstLine);
      firstLine += kept;
    }
    return cut;
  };

  const drain = (last: boolean): void => {
    const cut = read(block.subarray(0, filled), last);
    block.copyWithin(0, cut, filled);
    filled -= cut;
    const open = block.subarray(0, filled).lastIndexOf(newline) + 1;
    // Of a line without end the first part is kept; `skipping` drops the rest as it comes.
    if (!last && filled - open > lineBytes + 4) {
      filled = open + lineBytes + 4;
      skipping = true;
    }
  };

  return {
    push(chunk) {
      const from = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      let at = 0;
      while (at < from.length) {
        if (skipping) {
          const end = from.indexOf(newline, at);
          if (end < 0) return;
          at = end;
          skipping = false;
        }
        const room = Math.min(size - filled, from.length - at);
        from.copy(block, filled, at, at + room);
        filled += room;
        at += room;
        if (filled === size) drain(false);
      }
    },
    end() {
      drain(true);
      spare = block;
      block = Buffer.alloc(0);
      return { tooLong };
    },
  };
}

function grow(lines: LineTable): void {
  const length = lines.starts.length * 4;
  const wider = <T extends Int32Array | Float64Array | Uint8Array>(column: T, wide: T): T => {
    wide.set(column);
    return wide;
  };
  lines.starts = wider(lines.starts, new Int32Array(length));
  lines.ends = wider(lines.ends, new Int32Array(length));
  lines.kinds = wider(lines.kinds, new Uint8Array(length));
  lines.entries = wider(lines.entries, new Int32Array(length));
  lines.times = wider(lines.times, new Float64Array(length));
}

/** First bytes an entry can have: a digit, `[`, `{`, klog's letters, `=`, and those of `panic`, `fatal error`, `thread`. */
const opens = new Uint8Array(256);
for (const character of '0123456789[{IWEF=pft') opens[character.charCodeAt(0)] = 1;

/** Time found by the last `classify`; a second result without an object per line. */
let foundTime = Number.NaN;

function classify(
  b: Buffer,
  at: number,
  end: number,
  access: boolean,
  before: number,
  year: number | undefined,
): number {
  foundTime = Number.NaN;
  const first = b[at] ?? 0;
  if (first >= 48 && first <= 57) {
    foundTime = timeAt(b, at);
    return Number.isNaN(foundTime) ? lineKind.continuation : lineKind.entry;
  }
  const second = b[at + 1] ?? 0;
  switch (first) {
    case 91: // [
      if (second >= 48 && second <= 57) {
        foundTime = timeAt(b, at + 1);
        // Envoy's own form has a blank between date and time and goes on with `][thread]`.
        const isEntry = b[at + 11] === 32 && !Number.isNaN(foundTime);
        if (access && !isEntry) return lineKind.access;
        return Number.isNaN(foundTime) ? lineKind.continuation : lineKind.entry;
      }
      if (startsWith(b, at, end, '[Envoy (Epoch ')) {
        const open = b.indexOf(91, at + 1);
        if (open > 0 && open < end) foundTime = timeAt(b, open + 1);
        return lineKind.entry;
      }
      return lineKind.continuation;
    case 123: // {
      if (second !== 34) return lineKind.continuation;
      foundTime = jsonTimeAt(b, at, end);
      return access && isAccessJson(b, at, end) ? lineKind.accessJson : lineKind.entry;
    case 61: // =
      return startsWith(b, at, end, previousBanner) ? lineKind.banner : lineKind.continuation;
    case 112:
      return startsWith(b, at, end, 'panic: ') ? lineKind.entry : lineKind.continuation;
    case 102:
      return startsWith(b, at, end, 'fatal error: ') ? lineKind.entry : lineKind.continuation;
    case 116:
      return startsWith(b, at, end, "thread '") ? lineKind.entry : lineKind.continuation;
    default:
      return klogTimeAt(b, at, end, before, year);
  }
}

/** Opens both lines bug-report writes around a previous container's log (istio tools/bug-report/pkg/content). */
export const previousBanner = '========= Previous log';

function startsWith(b: Buffer, at: number, end: number, text: string): boolean {
  if (end - at < text.length) return false;
  for (let i = 0; i < text.length; i++) if (b[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** klog: `E0923 12:34:56.789012       1 reflector.go:138] …`, without a year. */
function klogTimeAt(b: Buffer, at: number, end: number, before: number, year: number | undefined): number {
  if (end - at < 22 || b[at + 5] !== 32 || b[at + 8] !== 58 || b[at + 11] !== 58) return lineKind.continuation;
  const month = digits2(b, at + 1);
  const day = digits2(b, at + 3);
  const time = digits2(b, at + 6) * 3600 + digits2(b, at + 9) * 60 + digits2(b, at + 12);
  if (month < 1 || month > 12 || day < 1 || day > 31 || time < 0) return lineKind.continuation;
  const known = Number.isNaN(before) ? year : new Date(before).getUTCFullYear();
  foundTime =
    known === undefined ? Number.NaN : Date.UTC(known, month - 1, day) + time * 1000 + milliseconds(b, at + 14);
  return lineKind.entry;
}

/** First string value of a JSON line that is a time; bounded, because a line may hold none. */
function jsonTimeAt(b: Buffer, at: number, end: number): number {
  const stop = Math.min(end - 20, at + 512);
  for (let i = at + 2; i < stop; i++) {
    if (b[i] !== 58 || b[i - 1] !== 34) continue;
    const quote = b[i + 1] === 32 ? i + 2 : i + 1;
    if (b[quote] !== 34) continue;
    const first = b[quote + 1] ?? 0;
    if (first < 48 || first > 57) continue;
    const time = timeAt(b, quote + 1);
    if (!Number.isNaN(time)) return time;
  }
  return Number.NaN;
}

/** Envoy's JSON access line: keys stand in any order, a log entry never has them unescaped. */
function isAccessJson(b: Buffer, at: number, end: number): boolean {
  const head = b.toString('latin1', at, Math.min(end, at + 16 * 1024));
  return head.includes('"response_code"') || head.includes('"start_time"');
}

const digits2 = (b: Uint8Array, at: number): number => {
  const tens = (b[at] ?? 0) - 48;
  const ones = (b[at + 1] ?? 0) - 48;
  return tens >>> 0 > 9 || ones >>> 0 > 9 ? -100_000 : tens * 10 + ones;
};

/** `.fff` at a place, 0 where there is none. */
function milliseconds(b: Uint8Array, at: number): number {
  if (b[at] !== 46) return 0;
  let value = 0;
  for (let i = 1, unit = 100; i <= 3; i++, unit /= 10) {
    const digit = (b[at + i] ?? 0) - 48;
    if (digit >>> 0 > 9) break;
    value += digit * unit;
  }
  return value;
}

let cachedDay = -1;
let cachedStart = 0;

/**
 * Milliseconds since the epoch of `2026-05-01T10:00:00.123456Z` at a place, also with a blank for `T` (Envoy's own form) and
 * with slashes (Go's log). NaN where no time stands. All these writers print UTC.
 */
export function timeAt(b: Uint8Array, at: number): number {
  const dash = b[at + 4];
  if ((dash !== 45 && dash !== 47) || b[at + 7] !== dash || b[at + 13] !== 58 || b[at + 16] !== 58) return Number.NaN;
  const between = b[at + 10];
  if (between !== 84 && between !== 32) return Number.NaN;
  const year = digits2(b, at) * 100 + digits2(b, at + 2);
  const month = digits2(b, at + 5);
  const date = digits2(b, at + 8);
  const hour = digits2(b, at + 11);
  const minute = digits2(b, at + 14);
  const second = digits2(b, at + 17);
  if (year < 1000 || month < 1 || date < 1 || hour < 0 || minute < 0 || second < 0) return Number.NaN;
  if (month > 12 || date > 31 || hour > 23 || minute > 59 || second > 60) return Number.NaN;
  const day = (year * 100 + month) * 100 + date;
  if (day !== cachedDay) {
    cachedDay = day;
    cachedStart = Date.UTC(year, month - 1, date);
  }
  return cachedStart + ((hour * 60 + minute) * 60 + second) * 1000 + milliseconds(b, at + 19);
}

/**
 * Text of the entry that a line of the table opens: the line and its continuation lines, at most `lineBytes`. Access lines
 * that another writer put in between are left out.
 */
export function entryText(bytes: Buffer, lines: LineTable, line: number, lineBytes: number): string {
  const start = lines.starts[line] ?? 0;
  let text = bytes.toString('utf8', start, lines.ends[line] ?? start);
  let used = (lines.ends[line] ?? start) - start;
  if (lines.kinds[line] !== lineKind.entry) return text;
  for (let next = line + 1; next < lines.count; next++) {
    const kind = lines.kinds[next];
    const from = lines.starts[next] ?? 0;
    if (from - start > lineBytes) break;
    if (kind === lineKind.access || kind === lineKind.accessJson) continue;
    if (kind !== lineKind.continuation) break;
    const to = Math.min(lines.ends[next] ?? from, from + lineBytes - used);
    if (to < from) break;
    text += `\n${bytes.toString('utf8', from, to)}`;
    used += to - from;
  }
  return text.trimEnd();
}

/** ISO 8601 UTC of milliseconds since the epoch; undefined for NaN. */
export const isoTime = (milliseconds: number): string | undefined =>
  Number.isNaN(milliseconds) ? undefined : new Date(milliseconds).toISOString();

/** What the start of a file of unknown path shows to be, from its first 64 KiB. */
export function looksLikeLog(head: string): 'proxy' | 'istiod' | 'ztunnel' | 'cni' | undefined {
  const text = stripPrefixes(head.slice(0, 64 * 1024));
  const scores = (['proxy', 'istiod', 'ztunnel', 'cni'] as const).map((kind) => {
    let score = 0;
    for (const [pattern, weight] of tells[kind]) score += weight * Math.min(5, text.match(pattern)?.length ?? 0);
    return { kind, score };
  });
  const [best] = scores.sort((one, other) => other.score - one.score);
  if (best !== undefined && best.score > 0) return best.kind;
  return undefined;
}

/** Scopes and messages only one component prints, with how much each tells. `ads`, `cache` and others are shared. */
const tells: Readonly<Record<'proxy' | 'istiod' | 'ztunnel' | 'cni', readonly (readonly [RegExp, number])[]>> = {
  proxy: [
    [/^\[\d{4}-\d\d-\d\dT[^\]]+\] "/gm, 5],
    [/^\{.*"(?:response_flags|upstream_cluster)":/gm, 5],
    [/\tenvoy [\w.-]+(?: \S+:\d+)?\t|"scope":"envoy /g, 5],
    [/^(?:\[Envoy \(Epoch \d+\)\] )?\[\d{4}-\d\d-\d\d [\d:.]+\]\[\d+\]\[\w+\]\[/gm, 5],
    [/Envoy proxy is (?:ready|NOT ready)|Proxy role|Envoy command:|FLAG: --(?:proxyLogLevel|serviceCluster)=/g, 5],
    [/[\t"](?:xdsproxy|sds)[\t"]/g, 2],
  ],
  istiod: [
    [/FLAG: --(?:registries|caCertFile|meshConfig|httpsAddr|monitoringAddr)=/g, 3],
    [/Push debounce stable|XDS: (?:Incremental )?Pushing|[CLRE]DS: PUSH|pushing to \d+ proxies/gi, 5],
    [/ADS: new (?:delta )?connection for node:[a-z]/g, 3],
    [/[\t"](?:validationController|validationServer|rootcertrotator|serverca|ingress status|krt|model)[\t"]/g, 2],
    [/initializing Istiod|initializing Kubernetes|discovery service|Istiod/g, 3],
  ],
  ztunnel: [
    [/\taccess\tconnection |"scope":"access"/g, 6],
    [/ztunnel::|[\t ]ztunnel(?:[\t:{]|$)/gm, 6],
    [
      /\t(?:inpod(?:::\w+)*|state_manager|proxyfactory|proxy::\w+|xds::client\S*|identity::\w+\S*|readiness)(?:[:{]\S*)?\t/g,
      3,
    ],
  ],
  cni: [
    [/[\t"](?:cni-agent|cni-plugin|install|repair)[\t"]/g, 4],
    [/istio-cni|install-cni|CNI (?:plugin|config)|cni\.conf/gi, 3],
  ],
};
