/**
 * The grammar of one access line: Envoy's default text as Istio 1.1 to 1.31 sets it (pilot/pkg/model/telemetry_logging.go), its
 * JSON, and ztunnel's. Text is read byte by byte, because most lines are successes of which only four fields matter.
 */
import { timeAt } from './log-lines.ts';

/** The fields of an access line that tell one story from another; '' where the line has `-`. */
export interface AccessLine {
  /** Milliseconds since the epoch, NaN where unknown. */
  readonly time: number;
  readonly tcp: boolean;
  readonly code: number;
  /** As written: `URX,UF`, '' for `-`. */
  readonly flags: string;
  readonly details: string;
  readonly reason: string;
  /** Milliseconds. */
  readonly duration: number;
  readonly cluster: string;
  readonly authority: string;
  readonly upstreamHost: string;
  readonly local: string;
  readonly peer: string;
  readonly sni: string;
  readonly route: string;
  /** ztunnel says it; for Envoy it follows from the cluster. */
  readonly direction?: 'inbound' | 'outbound';
}

/** A success of Envoy: all that is read of it. */
export interface AccessSuccess {
  time: number;
  tcp: boolean;
  code: number;
  duration: number;
  /** Offsets of the cluster's name. */
  clusterStart: number;
  clusterEnd: number;
}

const quote = 34;
const blank = 32;
const dash = 45;

/** Where the head of the line last read has its fields. */
const at = {
  request: 0,
  requestEnd: 0,
  flags: 0,
  flagsEnd: 0,
  middle: 0,
  middleEnd: 0,
  reason: 0,
  reasonEnd: 0,
  rest: 0,
};

/**
 * Reads a line as a success into `found`: no flags, code below 400, no termination details. `other` says it is well formed but no
 * success, `malformed` that its head is not that of the default format.
 */
export function readSuccess(
  b: Buffer,
  start: number,
  end: number,
  found: AccessSuccess,
): 'success' | 'other' | 'malformed' {
  if (!readHead(b, start, end, found)) return 'malformed';
  const flagged = at.flagsEnd - at.flags !== 1 || b[at.flags] !== dash;
  const terminated = at.middleEnd > at.middle && (b[at.middleEnd - 1] !== dash || b[at.middleEnd - 2] !== blank);
  if (flagged || terminated || found.code >= 400) return 'other';
  const last = b.lastIndexOf(quote, end - 1);
  if (last < at.rest || b[last + 1] !== blank) return 'other';
  let stop = last + 2;
  while (stop < end && b[stop] !== blank) stop++;
  if (stop >= end || stop === last + 2) return 'other';
  found.clusterStart = last + 2;
  found.clusterEnd = stop;
  return 'success';
}

/** `[time] "request" code flags [details termination] ["mixer"] "reason" received sent duration service-time `. */
function readHead(b: Buffer, start: number, end: number, found: AccessSuccess): boolean {
  found.time = timeAt(b, start + 1);
  let p = start + 25;
  if (b[p] !== 93) {
    p = start + 20;
    const stop = Math.min(end, start + 64);
    while (p < stop && b[p] !== 93) p++;
  }
  if (b[p] !== 93 || b[p + 1] !== blank || b[p + 2] !== quote) return false;
  p += 3;
  at.request = p;
  // A path may hold quotes: the request ends at the quote that a code follows.
  let code = -1;
  for (; p < end; p++) {
    if (b[p] !== quote || b[p + 1] !== blank) continue;
    let q = p + 2;
    if (b[q] === dash && b[q + 1] === blank) {
      code = 0;
      q++;
    } else {
      let value = 0;
      while (q < end && q < p + 5) {
        const digit = (b[q] ?? 0) - 48;
        if (digit >>> 0 > 9) break;
        value = value * 10 + digit;
        q++;
      }
      // 0 where nothing was answered.
      if (b[q] !== blank || (q !== p + 5 && (q !== p + 3 || value !== 0))) continue;
      code = value;
    }
    at.requestEnd = p;
    p = q + 1;
    break;
  }
  if (code < 0) return false;
  found.code = code;
  found.tcp = at.requestEnd - at.request === 5 && b[at.request] === dash && b[at.request + 2] === dash;
  at.flags = p;
  while (p < end && b[p] !== blank) p++;
  at.flagsEnd = p;
  p++;
  at.middle = p;
  at.middleEnd = p;
  if (b[p] !== quote) {
    while (p < end && (b[p] !== quote || b[p - 1] !== blank)) p++;
    if (p >= end) return false;
    at.middleEnd = p - 1;
  }
  for (let quoted = 0; ; quoted++) {
    at.reason = ++p;
    while (p < end && (b[p] !== quote || b[p + 1] !== blank)) p++;
    at.reasonEnd = p;
    p += 2;
    if (b[p] !== quote || quoted === 1) break;
  }
  for (let field = 0; field < 4; field++) {
    let value = 0;
    const from = p;
    while (p < end && b[p] !== blank) {
      const digit = (b[p] ?? 0) - 48;
      if (digit >>> 0 > 9 && (b[p] !== dash || p !== from)) return false;
      value = value * 10 + digit;
      p++;
    }
    if (p === from || p >= end) return false;
    if (field === 2) found.duration = b[from] === dash ? 0 : value;
    p++;
  }
  at.rest = p;
  return b[p] === quote;
}

const scratch: AccessSuccess = { time: 0, tcp: false, code: 0, duration: 0, clusterStart: 0, clusterEnd: 0 };

/** `"forwarded-for" "user agent" "id" "authority" "upstream host" cluster upstream-local local remote sni [route]`. */
const tail =
  /^"[^"]*" ".*?" "[^"]*" "(?<authority>[^"]*)" "(?<upstreamHost>[^"]*)" (?<cluster>\S+) \S+ (?<local>\S+) (?<peer>\S+) (?<sni>[^\s"]+)(?: (?<route>.*))?$/;

/** Reads a line of the default format with all its fields; undefined where it is another format. */
export function readAccessText(b: Buffer, start: number, end: number): AccessLine | undefined {
  if (!readHead(b, start, end, scratch)) return undefined;
  const text = b.toString('utf8', at.rest, end);
  // The user agent may hold anything; beyond this length the search for its end would take too long.
  const groups = text.length > 16 * 1024 ? undefined : tail.exec(text)?.groups;
  if (groups === undefined) return undefined;
  const [details, termination] = splitDetails(b.toString('utf8', at.middle, at.middleEnd));
  // Istio 1.1 has the mixer's status where later versions have the failure reason, and no route name.
  const mixerOnly = groups['route'] === undefined && at.middleEnd === at.middle && b[at.reason - 3] !== quote;
  const flags = given(b.toString('latin1', at.flags, at.flagsEnd));
  return {
    time: scratch.time,
    tcp: scratch.tcp,
    code: scratch.code,
    flags,
    details: details === '' ? termination : details,
    reason: mixerOnly ? '' : given(b.toString('utf8', at.reason, at.reasonEnd)),
    duration: scratch.duration,
    cluster: clusterName(groups['cluster']),
    authority: given(groups['authority']),
    upstreamHost: given(groups['upstreamHost']),
    local: given(groups['local']),
    peer: ipOf(given(groups['peer'])),
    sni: given(groups['sni']),
    route: routeName(groups['route']),
  };
}

/** Details end at the first blank outside braces and brackets; termination details follow. */
function splitDetails(text: string): readonly [details: string, termination: string] {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '{' || character === '[') depth++;
    else if ((character === '}' || character === ']') && depth > 0) depth--;
    else if (character === ' ' && depth === 0) return [given(text.slice(0, i)), given(text.slice(i + 1))];
  }
  return [given(text), ''];
}

const given = (text: string | undefined): string => (text === undefined || text === '-' ? '' : text);

/** Istio 1.23 and 1.24 leak the `;` that parts an alternate name from the name. */
const clusterName = (text: string | undefined): string => given(text).replace(/;$/, '');

/** Formats that only append fields to the default one keep the route's name in front. */
const routeName = (text: string | undefined): string => {
  const route = given(text);
  return /^(?:default|-) /.test(route) ? given(route.slice(0, route.indexOf(' '))) : route;
};

const ipOf = (address: string): string => address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');

const looseHead =
  /"(?<request>[^"]*)" (?<code>\d{1,3}) (?:(?<flags>-|[A-Z]{2,6}(?:,[A-Z]{2,6})*) )?(?<details>[a-z][\w.]*(?:[{[]\S*)? )?/;
const looseCluster =
  /(?:^|[\s"=])((?:in|out)bound\|\d*\|[^|\s"]*\|[^\s"]*|PassthroughCluster|BlackHoleCluster|InboundPassthroughCluster\w*)/;

/** What can be told of a line of a format of the user's own: request, code, flags and cluster where they stand as usual. */
export function readLooseAccess(text: string, time: number): AccessLine | undefined {
  const groups = looseHead.exec(text.slice(0, 16 * 1024))?.groups;
  if (groups === undefined) return undefined;
  return {
    time,
    tcp: groups['request'] === '- - -',
    code: Number(groups['code']),
    flags: given(groups['flags']),
    details: given(groups['details']?.trim()),
    reason: '',
    duration: 0,
    cluster: clusterName(looseCluster.exec(text.slice(0, 16 * 1024))?.[1]),
    authority: '',
    upstreamHost: '',
    local: '',
    peer: '',
    sni: '',
    route: '',
  };
}

/** Envoy's JSON access line; values are strings up to 1.7, later typed, missing ones null, `-` or left out. */
export function readAccessJson(text: string, time: number): AccessLine | undefined {
  let line: Readonly<Record<string, unknown>>;
  try {
    line = JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    // Cut off or of a broken format: the caller counts it.
    return undefined;
  }
  const string = (key: string): string => {
    const value = line[key];
    return typeof value === 'string' ? given(value) : typeof value === 'number' ? String(value) : '';
  };
  const number = (key: string): number => Number(string(key)) || 0;
  const start = string('start_time');
  const details = string('response_code_details');
  const code = number('response_code');
  return {
    time: start === '' ? time : timeAt(Buffer.from(start), 0),
    tcp: code === 0 && string('method') === '',
    code,
    flags: string('response_flags'),
    details: details === '' ? string('connection_termination_details') : details,
    reason: string('upstream_transport_failure_reason'),
    duration: number('duration'),
    cluster: clusterName(string('upstream_cluster')),
    authority: string('authority'),
    upstreamHost: string('upstream_host'),
    local: string('downstream_local_address'),
    peer: ipOf(string('downstream_remote_address')),
    sni: string('requested_server_name'),
    route: string('route_name'),
  };
}

/** `key=value` of ztunnel: strings quoted with escapes since 1.23, addresses and numbers bare. */
const ztunnelField = /([\w.]+)=("(?:[^"\\]|\\.)*"|[^\s"]\S*)/g;
const ztunnelUnits: Readonly<Record<string, number>> = { ns: 1e-6, µs: 1e-3, us: 1e-3, ms: 1, s: 1000 };

/**
 * An `access` entry of ztunnel 1.22 and later (ztunnel src/proxy/metrics.rs), as text. A connection has no code: what ended
 * it is the reason.
 */
export function readZtunnelAccess(text: string, time: number): AccessLine | undefined {
  const parts = /\taccess\t(connection complete|connection failed)\t/.exec(text);
  if (parts === null) return undefined;
  const fields = new Map<string, string>();
  for (const [, key = '', value = ''] of text.slice(parts.index + parts[0].length).matchAll(ztunnelField)) {
    fields.set(key, value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value);
  }
  const field = (key: string): string => fields.get(key) ?? '';
  const took = /^([\d.]+)(ns|µs|us|ms|s)$/.exec(field('duration'));
  const direction = field('direction');
  const reason = field('error');
  return {
    time,
    tcp: true,
    code: 0,
    flags: '',
    details: '',
    reason: reason === '' && parts[1] === 'connection failed' ? 'connection failed' : reason,
    duration: took === null ? 0 : Number(took[1]) * (ztunnelUnits[took[2] ?? ''] ?? 0),
    cluster: field('dst.service'),
    authority: '',
    upstreamHost: field('dst.hbone_addr') === '' ? field('dst.addr') : field('dst.hbone_addr'),
    local: field('dst.addr'),
    peer: ipOf(field('src.addr')),
    sni: '',
    route: '',
    ...(direction === 'inbound' || direction === 'outbound' ? { direction } : {}),
  };
}
