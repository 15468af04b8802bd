import { refusal } from '../admin-answer.ts';
import type { Artifact } from '../artifact.ts';
import { addressText, field, list, number, object, optional, text } from '../envoy-json.ts';
import { proxyOf, splitClusterName } from '../envoy-names.ts';
import { noLimit, thresholds } from '../envoy-resources.ts';
import type { EnvoyCluster, EnvoyEndpoint, Gap } from '../facts.ts';
import { type JsonVisitor, parseJson, pointerOf, scanJson } from '../json-elements.ts';
import type { Parser, ReadContext, Reader, SourceFile } from '../reader.ts';

type Emit = (artifact: Artifact) => void;

/** Envoy `/clusters`, as text or with `?format=json`. */
export const envoyClusters: Reader = {
  name: 'envoy-clusters',
  title: 'Envoy /clusters',
  open(file, context, emit) {
    let parser: Parser | undefined;
    // Blank beginnings wait until the first character tells which form it is.
    const blank: Uint8Array[] = [];
    const decide = (json: boolean): Parser => {
      parser = json ? readJson(file, emit) : readText(file, context, emit);
      for (const chunk of blank.splice(0)) parser.push(chunk);
      return parser;
    };
    return {
      push(chunk) {
        if (parser !== undefined) {
          parser.push(chunk);
          return;
        }
        blank.push(chunk);
        const first = chunk.find((byte) => byte > 0x20 && byte !== 0xef && byte !== 0xbb && byte !== 0xbf);
        if (first !== undefined || blank.length > 1000) decide(first === 0x7b || first === 0x5b);
      },
      end(complete) {
        (parser ?? decide(false)).end(complete);
      },
    };
  },
};

interface Endpoint {
  address: string;
  flags: readonly string[];
  hostname: string;
  cxActive: number;
  cxTotal: number;
  cxConnectFail: number;
  rqTotal: number;
  rqError: number;
  rqSuccess: number;
  rqTimeout: number;
  region: string;
  zone: string;
  subZone: string;
  line: number;
  healthSeen: boolean;
}

interface Cluster {
  readonly name: string;
  readonly line: number;
  readonly endpoints: EnvoyEndpoint[];
  limits: { connections?: number; pending?: number; requests?: number; retries?: number };
  addedViaApi: boolean;
}

// Rows about the cluster itself, and those about a host (source/server/admin/clusters_handler.cc).
const clusterRow =
  /^(.+?)::(observability_name|added_via_api|eds_service_name|outlier|default_priority|high_priority)::/;
const hostRow =
  /^(.+?)::(cx_active|cx_connect_fail|cx_total|rq_active|rq_error|rq_success|rq_timeout|rq_total|hostname|health_flags|weight|region|zone|sub_zone|canary|priority|success_rate|local_origin_success_rate)::/;
const addressAtEnd = /^(.+?)::(\[[0-9A-Fa-f:.%\w]+\]:\d+|\d{1,3}(?:\.\d{1,3}){3}:\d+|envoy:\/\/.*|@.*|\.{0,2}\/.*)$/;
// A host's row under a key that this version does not know.
const unknownHostRow = /^(\[[0-9A-Fa-f:.%\w]+\]:\d+|\d{1,3}(?:\.\d{1,3}){3}:\d+)::([a-z_]+)::/;

const limitOf: Readonly<Record<string, keyof Cluster['limits']>> = {
  max_connections: 'connections',
  max_pending_requests: 'pending',
  max_requests: 'requests',
  max_retries: 'retries',
};

const NEWLINE = 0x0a;
const COLON = 0x3a;

/**
 * Rows `cluster::key::value` and `cluster::address::key::value`; nothing is escaped, addresses and names may hold `::`. Rows of
 * one host begin alike, so most rows are a comparison with the row before and a look at the key behind it.
 */
function readText(file: SourceFile, context: ReadContext, emit: Emit): Parser {
  const proxy = proxyOf(file);
  const seen = new Set<string>();
  let carry: Buffer[] = [];
  let carried = 0;
  let line = 0;
  let head = '';

  let cluster: Cluster | undefined;
  let clusterPrefix = '';
  let clusterBytes: Buffer = Buffer.alloc(0);
  let endpoint: Endpoint | undefined;
  // The bytes `cluster::address::` of the host whose rows are being read; empty between hosts.
  let hostPrefix: Buffer = Buffer.alloc(0);
  let repeated = false;

  let clusters = 0;
  let strange = 0;
  let strangeLine = 0;
  let twice: { readonly name: string; readonly line: number } | undefined;

  const finishEndpoint = (): void => {
    if (endpoint === undefined || cluster === undefined) return;
    const { address, flags, hostname, region, zone, subZone } = endpoint;
    // Written out: an archive holds 100,000 of these, and spreading costs several times as much.
    const fact: { -readonly [K in keyof EnvoyEndpoint]: EnvoyEndpoint[K] } = {
      address,
      healthy: flags.length === 0,
      flags,
      cxActive: endpoint.cxActive,
      cxTotal: endpoint.cxTotal,
      cxConnectFail: endpoint.cxConnectFail,
      rqTotal: endpoint.rqTotal,
      rqError: endpoint.rqError,
      rqSuccess: endpoint.rqSuccess,
      rqTimeout: endpoint.rqTimeout,
      at: { file: file.path, line: endpoint.line },
    };
    if (hostname !== '') fact.hostname = hostname;
    const locality = subZone !== '' ? `${region}/${zone}/${subZone}` : zone !== '' ? `${region}/${zone}` : region;
    if (locality !== '') fact.locality = locality;
    cluster.endpoints.push(fact);
    endpoint = undefined;
  };

  const finishCluster = (): void => {
    finishEndpoint();
    if (cluster !== undefined && !repeated) {
      clusters += 1;
      const { name, endpoints, limits, addedViaApi, line: at } = cluster;
      const { direction, port, subset, host } = splitClusterName(name);
      const value: EnvoyCluster = {
        name,
        direction,
        port,
        subset,
        host,
        proxy,
        endpoints,
        limits,
        addedViaApi,
        at: { file: file.path, line: at },
      };
      emit({ kind: 'cluster', value });
    }
    cluster = undefined;
    hostPrefix = Buffer.alloc(0);
  };

  const beginCluster = (name: string): Cluster => {
    finishCluster();
    repeated = seen.has(name);
    if (repeated) twice ??= { name, line };
    seen.add(name);
    clusterPrefix = `${name}::`;
    clusterBytes = Buffer.from(clusterPrefix, 'utf8');
    cluster = { name, line, endpoints: [], limits: {}, addedViaApi: false };
    return cluster;
  };

  const strangeRow = (): void => {
    strange += 1;
    if (strange === 1) strangeLine = line;
  };

  /** A row that does not go on with the host before it. True when a host begins with it. */
  const readRow = (row: string): boolean => {
    if (row.trim() === '') return false;
    finishEndpoint();
    hostPrefix = Buffer.alloc(0);
    const mine = cluster !== undefined && row.startsWith(clusterPrefix);
    const rest = mine ? row.slice(clusterPrefix.length) : '';
    const about = clusterRow.exec(row);
    if (about !== null && (!mine || about[1] === cluster?.name || !hostRow.test(rest))) {
      const [start, name = '', key = ''] = about;
      const current = cluster?.name === name ? cluster : beginCluster(name);
      readClusterRow(current, key, row.slice(start.length));
      return false;
    }
    const host = mine ? (hostRow.exec(rest) ?? unknownHostRow.exec(rest)) : undefined;
    if (host !== null && host !== undefined) {
      beginEndpoint(`${clusterPrefix}${host[1]}::`, host[1] ?? '');
      return true;
    }
    // Rows of a host whose cluster's own rows are missing: a file cut at its beginning, or by grep.
    const named = hostRow.exec(row)?.[1] ?? '';
    const [, name, address] = addressAtEnd.exec(named) ?? [];
    if (name === undefined || address === undefined) {
      strangeRow();
      return false;
    }
    beginCluster(name);
    beginEndpoint(`${clusterPrefix}${address}::`, address);
    return true;
  };

  const readClusterRow = (current: Cluster, key: string, value: string): void => {
    if (key === 'added_via_api') current.addedViaApi = value === 'true';
    if (key !== 'default_priority') return;
    const [name = '', limit = ''] = value.split('::');
    setLimit(name, limit);
  };

  const beginEndpoint = (prefix: string, address: string): void => {
    hostPrefix = Buffer.from(prefix, 'utf8');
    endpoint = newEndpoint(address, line);
  };

  const again = (address: string): void => {
    finishEndpoint();
    endpoint = newEndpoint(address, line);
  };

  /** The part of a host's row after its prefix; `from` is the key, `to` the end of the row. */
  const readHostRow = (host: Endpoint, data: Buffer, from: number, to: number): void => {
    let colon = from;
    while (colon < to && data[colon] !== COLON) colon += 1;
    const value = colon + 2;
    // Keys differ in their first letter and length, but for the pairs told apart by one more letter.
    switch (data[from]) {
      case 0x63: // cx_…, canary
        if (data[from + 1] !== 0x78) return;
        if (colon - from === 9) {
          // The first key again: the same address once more, in another priority.
          if (host.healthSeen) again(host.address);
          (endpoint ?? host).cxActive = digits(data, value, to);
        }
        if (colon - from === 8) host.cxTotal = digits(data, value, to);
        if (colon - from === 15) host.cxConnectFail = digits(data, value, to);
        return;
      case 0x72: // rq_…, region
        if (data[from + 1] !== 0x71) {
          if (colon - from === 6) host.region = latin(data, value, to);
        } else if (data[from + 3] === 0x74) {
          if (colon - from === 10) host.rqTimeout = digits(data, value, to);
          else if (colon - from === 8) host.rqTotal = digits(data, value, to);
        } else if (data[from + 3] === 0x65) {
          host.rqError = digits(data, value, to);
        } else if (data[from + 3] === 0x73) {
          host.rqSuccess = digits(data, value, to);
        }
        return;
      case 0x68: // hostname, health_flags
        if (data[from + 1] === 0x6f) {
          host.hostname = latin(data, value, to);
        } else if (colon - from === 12) {
          host.healthSeen = true;
          if (to - value === 7 && data[value] === 0x68) return;
          host.flags = data
            .toString('latin1', value, to)
            .split('/')
            .filter((flag) => flag !== '' && flag !== 'healthy');
          if (host.flags.length > 0) host.line = line;
        }
        return;
      case 0x7a: // zone
        host.zone = latin(data, value, to);
        return;
      case 0x73: // sub_zone, success_rate
        if (data[from + 2] === 0x62) host.subZone = latin(data, value, to);
        return;
      default:
    }
  };

  /** True for the rows of the cluster being read that hold nothing but, perhaps, a limit: ten of each cluster's eleven. */
  const isClusterRow = (data: Buffer, begin: number): boolean => {
    if (cluster === undefined || endpoint !== undefined) return false;
    const key = begin + clusterBytes.length;
    const expected = quickKeys[data[key] ?? 0];
    return expected !== undefined && continues(data, key, expected) && continues(data, begin, clusterBytes);
  };

  /** `default_priority::max_connections::100`. */
  const readLimit = (data: Buffer, key: number, newline: number): void => {
    // Most limits are Envoy's largest number: not worth a string.
    if (endsWithNoLimit(data, newline)) return;
    const [name = '', limit = ''] = data.toString('latin1', key + 18, newline).split('::');
    setLimit(name, limit);
  };

  const setLimit = (name: string, limit: string): void => {
    const known = limitOf[name];
    const most = Number(limit);
    if (known !== undefined && Number.isFinite(most) && most !== noLimit && cluster !== undefined)
      cluster.limits[known] = most;
  };

  /** Reads the whole rows of data[from..to). Answers where the unfinished row begins. */
  const readRows = (data: Buffer, from: number, to: number): number => {
    let begin = from;
    while (begin < to) {
      const keyAt = begin + hostPrefix.length;
      const host = endpoint;
      if (host !== undefined && keyAt < to && continues(data, begin, hostPrefix)) {
        // What follows the prefix is short: look at it byte by byte.
        let finish = keyAt;
        while (finish < to && data[finish] !== NEWLINE) finish += 1;
        if (finish === to) return begin;
        line += 1;
        readHostRow(host, data, keyAt, data[finish - 1] === 0x0d ? finish - 1 : finish);
        begin = finish + 1;
        continue;
      }
      const newline = data.indexOf(NEWLINE, begin);
      if (newline < 0) return begin;
      line += 1;
      if (!isClusterRow(data, begin)) takeRow(data, begin, newline);
      else if (data[begin + clusterBytes.length] === 0x64) readLimit(data, begin + clusterBytes.length, newline);
      begin = newline + 1;
    }
    return to;
  };

  const takeRow = (data: Buffer, from: number, to: number): void => {
    const finish = to > from && data[to - 1] === 0x0d ? to - 1 : to;
    if (finish - from > context.lineBytes) {
      strangeRow();
      return;
    }
    const row = data.toString('utf8', from, finish);
    const begins = readRow(line === 1 ? row.replace(/^\uFEFF/, '') : row);
    if (!begins || endpoint === undefined) return;
    const start = line === 1 && data[from] === 0xef ? from + 3 : from;
    readHostRow(endpoint, data, start + hostPrefix.length, finish);
  };

  const keepRest = (rest: Buffer): void => {
    if (rest.length === 0) return;
    // A row longer than any is not kept, only counted when it ends.
    if (carried <= context.lineBytes) carry.push(Buffer.from(rest));
    carried += rest.length;
  };

  return {
    push(chunk) {
      const data = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      if (head.length < 300) head += data.toString('latin1', 0, 300);
      let from = 0;
      if (carried > 0) {
        const newline = data.indexOf(NEWLINE);
        if (newline < 0) {
          keepRest(data);
          return;
        }
        from = newline + 1;
        if (carried > context.lineBytes) {
          line += 1;
          strangeRow();
        } else {
          const whole = Buffer.concat([...carry, data.subarray(0, from)]);
          readRows(whole, 0, whole.length);
        }
        carry = [];
        carried = 0;
      }
      const rest = readRows(data, from, data.length);
      keepRest(data.subarray(rest));
    },

    end(complete) {
      const refused = clusters === 0 && cluster === undefined ? refusal(head, file) : undefined;
      if (refused !== undefined) {
        emit({ kind: 'gap', value: refused });
        return;
      }
      let cut = !complete;
      if (carried > 0 && !cut) {
        // Without a line end the last row may be half: whole rows are recognised by the last key of a host.
        const last = Buffer.concat([...carry, Buffer.from('\n')]);
        cut = !lastRow.test(last.toString('latin1'));
        if (!cut) readRows(last, 0, last.length);
      }
      if (endpoint !== undefined && !endpoint.healthSeen) cut = true;
      if (cut) {
        // The last cluster may lack hosts: half of its members would be read as all of them.
        cluster = undefined;
        endpoint = undefined;
      }
      finishCluster();
      if (clusters > 0) emit({ kind: 'seen', value: { kinds: ['cluster'], at: { file: file.path } } });
      const gap = gapOf(cut);
      if (gap !== undefined) emit({ kind: 'gap', value: gap });
    },
  };

  function gapOf(cut: boolean): Gap | undefined {
    const at = { file: file.path };
    if (cut) return { ...at, reason: 'truncated', detail: 'the file is cut short; its last cluster is left out', line };
    if (twice !== undefined) {
      const detail = `the cluster ${twice.name} comes a second time; the file holds more than one answer, the first was read`;
      return { ...at, reason: 'malformed', detail, line: twice.line };
    }
    if (strange === 0) return undefined;
    if (clusters === 0) return { ...at, reason: 'unrecognised', detail: 'no row of Envoy /clusters is in this file' };
    return { ...at, reason: 'malformed', detail: `${strange} rows are none of Envoy /clusters`, line: strangeLine };
  }
}

const newEndpoint = (address: string, line: number): Endpoint => ({
  address,
  flags: none,
  hostname: '',
  cxActive: 0,
  cxTotal: 0,
  cxConnectFail: 0,
  rqTotal: 0,
  rqError: 0,
  rqSuccess: 0,
  rqTimeout: 0,
  region: '',
  zone: '',
  subZone: '',
  line,
  healthSeen: false,
});

const none: readonly string[] = [];

/** Rows that are whole without a line end: those after which a cluster's or a host's rows end. */
const lastRow =
  /::(?:(?:local_origin_)?success_rate::-?\d[\d.]*|eds_service_name::.+|added_via_api::(?:true|false))\n$/;

/** Keys of a cluster's own rows that say nothing facts hold, and `default_priority`, by their first byte. */
const quickKeys: Readonly<Record<number, Buffer>> = Object.fromEntries(
  ['default_priority::', 'high_priority::', 'outlier::', 'eds_service_name::'].map((key) => [
    key.charCodeAt(0),
    Buffer.from(key),
  ]),
);

const noLimitBytes = Buffer.from(`::${noLimit}`);

function endsWithNoLimit(data: Buffer, newline: number): boolean {
  const end = data[newline - 1] === 0x0d ? newline - 1 : newline;
  return end >= noLimitBytes.length && continues(data, end - noLimitBytes.length, noLimitBytes);
}

/** True when data goes on with these bytes at `from`. From the end, where rows of different hosts differ. */
function continues(data: Buffer, from: number, prefix: Buffer): boolean {
  for (let at = prefix.length - 1; at >= 0; at--) {
    if (data[from + at] !== prefix[at]) return false;
  }
  return true;
}

function digits(data: Buffer, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = (data[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  return value;
}

// Zones and host names of one mesh are few: one copy of each serves all endpoints.
const words = new Map<string, string>();

function latin(data: Buffer, from: number, to: number): string {
  if (to <= from) return '';
  const word = data.toString('latin1', from, to);
  const before = words.get(word);
  if (before !== undefined) return before;
  if (words.size >= 10_000) words.clear();
  words.set(word, word);
  return word;
}

/** `{"cluster_statuses":[…]}` of `?format=json`, or the bare list `istioctl proxy-config endpoint -o json` prints. */
function readJson(file: SourceFile, emit: Emit): Parser {
  let clusters = 0;
  const visitor: JsonVisitor = {
    choose(path) {
      if (path.length === 0) return 'enter';
      if (typeof path[0] === 'number') return 'take';
      if (path[0] !== 'cluster_statuses' && path[0] !== 'clusterStatuses') return 'skip';
      return path.length === 1 ? 'enter' : 'take';
    },
    value(path, bytes) {
      const status = parseJson(bytes);
      if (status === undefined) return false;
      const cluster = statusFacts(status, pointerOf(path), file);
      if (cluster === undefined) return true;
      clusters += 1;
      emit({ kind: 'cluster', value: cluster });
      return true;
    },
  };
  const scanner = scanJson(visitor);
  return {
    push: (chunk) => scanner.push(chunk),
    end(complete) {
      const { whole, problem } = scanner.end();
      if (clusters > 0) emit({ kind: 'seen', value: { kinds: ['cluster'], at: { file: file.path } } });
      if (problem !== undefined || !complete) {
        const reason = !complete || !whole ? 'truncated' : problem?.reason === 'too-large' ? 'too-large' : 'malformed';
        const detail =
          problem === undefined ? 'the file is cut short' : `${problem.detail}, in ${problem.pointer || '/'}`;
        emit({ kind: 'gap', value: { file: file.path, reason, detail } });
      } else if (clusters === 0) {
        const detail = 'no cluster of Envoy /clusters is in this file';
        emit({ kind: 'gap', value: { file: file.path, reason: 'unrecognised', detail } });
      }
    },
  };
}

/** Flags of `health_status` under the names the text form gives them. */
const healthFlags: Readonly<Record<string, string>> = {
  failed_active_health_check: 'failed_active_hc',
  failed_outlier_check: 'failed_outlier_check',
  failed_active_degraded_check: 'degraded_active_hc',
  pending_dynamic_removal: 'pending_dynamic_removal',
  pending_active_hc: 'pending_active_hc',
  excluded_via_immediate_hc_fail: 'excluded_via_immediate_hc_fail',
  active_hc_timeout: 'active_hc_timeout',
};
const edsFlags: Readonly<Record<string, string>> = {
  UNHEALTHY: 'failed_eds_health',
  DEGRADED: 'degraded_eds_health',
  DRAINING: 'eds_status_draining',
};

function statusFacts(status: unknown, pointer: string, file: SourceFile): EnvoyCluster | undefined {
  const name = text(field(status, 'name'));
  if (name === undefined) return undefined;
  const hosts = list(field(status, 'host_statuses'));
  const key = object(status)['host_statuses'] === undefined ? 'hostStatuses' : 'host_statuses';
  return {
    ...splitClusterName(name),
    proxy: proxyOf(file),
    endpoints: hosts.map((host, index) => hostFacts(host, `${pointer}/${key}/${index}`, file)),
    limits: thresholds(field(status, 'circuit_breakers')),
    addedViaApi: field(status, 'added_via_api') === true,
    at: { file: file.path, pointer },
  };
}

function hostFacts(host: unknown, pointer: string, file: SourceFile): EnvoyEndpoint {
  const stats: Record<string, number> = {};
  for (const stat of list(field(host, 'stats'))) {
    const name = text(field(stat, 'name'));
    if (name !== undefined) stats[name] = number(field(stat, 'value')) ?? 0;
  }
  const health = field(host, 'health_status');
  const flags = Object.entries(healthFlags).flatMap(([key, flag]) => (field(health, key) === true ? [flag] : []));
  const eds = edsFlags[text(field(health, 'eds_health_status')) ?? ''];
  if (eds !== undefined) flags.push(eds);
  const locality = object(field(host, 'locality'));
  const place = ['region', 'zone', 'sub_zone'].flatMap((part) => text(field(locality, part)) ?? []).join('/');
  return {
    address: addressText(field(host, 'address')),
    healthy: flags.length === 0,
    flags,
    ...optional('hostname', text(field(host, 'hostname'))),
    cxActive: stats['cx_active'] ?? 0,
    cxTotal: stats['cx_total'] ?? 0,
    cxConnectFail: stats['cx_connect_fail'] ?? 0,
    rqTotal: stats['rq_total'] ?? 0,
    rqError: stats['rq_error'] ?? 0,
    rqSuccess: stats['rq_success'] ?? 0,
    rqTimeout: stats['rq_timeout'] ?? 0,
    ...optional('locality', text(place)),
    at: { file: file.path, pointer },
  };
}
