/** Access lines of one file, counted by the story they tell. */
import {
  type AccessLine,
  type AccessSuccess,
  readAccessJson,
  readAccessText,
  readLooseAccess,
  readSuccess,
  readZtunnelAccess,
} from './access-log.ts';
import type { AccessGroup, ProxyRef } from './facts.ts';
import { isoTime } from './log-lines.ts';
import { count, example, newTally, perMinute, samplesOf, type Tally } from './log-tally.ts';
import { mask } from './mask.ts';

/** Groups of failures kept whole per file; further ones lose caller, host tried and authority, then all but code and flags. */
const maximumFailures = 3000;
const maximumFolded = 1000;
/** Clusters with successes per file; further ones count without a name. */
const maximumClusters = 10_000;
const fieldLength = 1000;
/** Bytes of a line that are decoded for a sample. */
const sampleBytes = 8 * 1024;

interface Group {
  readonly line: Omit<AccessLine, 'time' | 'duration'>;
  readonly direction: AccessGroup['direction'];
  readonly failed: boolean;
  readonly tally: Tally;
  max: number;
  sum: number;
}

export interface AccessCollector {
  /** A line in brackets. */
  text(bytes: Buffer, start: number, end: number, line: number): void;
  json(text: string, line: number, time: number): void;
  /** False when the entry is not one of a connection's end. */
  ztunnel(text: string, line: number, time: number, sample: string): boolean;
  /** Lines seen, and those of them whose format is not the default. */
  readonly lines: number;
  readonly unfamiliar: number;
  /** First line of an unfamiliar format. */
  readonly firstUnfamiliar: number;
  groups(proxy: ProxyRef, file: string): AccessGroup[];
}

export function collectAccess(): AccessCollector {
  const successes = new Map<string, Group[]>();
  const failures = new Map<string, Group>();
  const folded = new Map<string, Group>();
  const found: AccessSuccess = { time: 0, tcp: false, code: 0, duration: 0, clusterStart: 0, clusterEnd: 0 };
  let lines = 0;
  let unfamiliar = 0;
  let firstUnfamiliar = 0;

  const successGroup = (cluster: string, code: number, tcp: boolean, given?: AccessLine['direction']): Group => {
    let known = successes.get(cluster);
    if (known === undefined) {
      if (successes.size >= maximumClusters && cluster !== '') return successGroup('', code, tcp, given);
      known = [];
      successes.set(cluster, known);
    }
    const direction = given ?? directionOf(cluster);
    for (const group of known) {
      if (group.line.code === code && group.line.tcp === tcp && group.direction === direction) return group;
    }
    const group = newGroup({ ...empty, cluster, code, tcp }, direction, false);
    known.push(group);
    return group;
  };

  const failureGroup = (line: AccessLine): Group => {
    const direction = line.direction ?? directionOf(line.cluster, line);
    const whole = keyOf(line, direction);
    const group = failures.get(whole);
    if (group !== undefined) return group;
    if (failures.size < maximumFailures) return store(failures, whole, newGroup(line, direction, true));
    const part = { ...line, authority: '', upstreamHost: '', peer: '' };
    const key = keyOf(part, direction);
    const known = failures.get(key) ?? folded.get(key);
    if (known !== undefined) return known;
    if (folded.size < maximumFolded) return store(folded, key, newGroup(part, direction, true));
    const least = { ...empty, code: line.code, flags: line.flags.slice(0, 40), tcp: line.tcp };
    const last = keyOf(least, direction);
    return folded.get(last) ?? store(folded, last, newGroup(least, direction, true));
  };

  const note = (group: Group, time: number, duration: number, line: number, sample: () => string): void => {
    count(group.tally, time);
    group.sum += duration;
    if (duration > group.max) group.max = duration;
    if (group.failed) example(group.tally, 3, 2, line, time, sample);
    else if (group.tally.head.length === 0) example(group.tally, 1, 0, line, time, sample);
  };

  const add = (access: AccessLine, line: number, sample: () => string): void => {
    const group = isFailure(access)
      ? failureGroup(access)
      : successGroup(access.cluster, access.code, access.tcp, access.direction);
    note(group, access.time, access.duration, line, sample);
  };

  return {
    text(bytes, start, end, line) {
      lines++;
      const sample = () => bytes.toString('utf8', start, Math.min(end, start + sampleBytes));
      const kind = readSuccess(bytes, start, end, found);
      if (kind === 'success') {
        let stop = found.clusterEnd;
        if (bytes[stop - 1] === 59) stop--;
        const bare = stop - found.clusterStart === 1 && bytes[found.clusterStart] === 45;
        const cluster = bare ? '' : bytes.toString('utf8', found.clusterStart, stop);
        if (cluster !== 'BlackHoleCluster') {
          note(successGroup(cluster, found.code, found.tcp), found.time, found.duration, line, sample);
          return;
        }
      }
      const access = readAccessText(bytes, start, end);
      if (access !== undefined) {
        add(access, line, sample);
        return;
      }
      if (unfamiliar++ === 0) firstUnfamiliar = line;
      const time = found.time;
      const loose = readLooseAccess(sample(), time);
      if (loose !== undefined) add(loose, line, sample);
    },
    json(text, line, time) {
      lines++;
      const access = readAccessJson(text, time);
      if (access !== undefined) add(access, line, () => text.slice(0, sampleBytes));
      else if (unfamiliar++ === 0) firstUnfamiliar = line;
    },
    ztunnel(text, line, time, sample) {
      const access = readZtunnelAccess(text, time);
      if (access === undefined) return false;
      lines++;
      add(access, line, () => sample);
      return true;
    },
    get lines() {
      return lines;
    },
    get unfamiliar() {
      return unfamiliar;
    },
    get firstUnfamiliar() {
      return firstUnfamiliar;
    },
    groups(proxy, file) {
      const all = [...failures.values(), ...folded.values(), ...[...successes.values()].flat()];
      return all.map((group) => toFact(group, proxy, file));
    },
  };
}

const empty: Omit<AccessLine, 'time' | 'duration' | 'direction'> = {
  tcp: false,
  code: 0,
  flags: '',
  details: '',
  reason: '',
  cluster: '',
  authority: '',
  upstreamHost: '',
  local: '',
  peer: '',
  sni: '',
  route: '',
};

/** An answer of 400 or more, any flag, a refused connection, or what would have left the mesh and was not let. */
const isFailure = ({ code, flags, details, tcp, cluster, reason }: AccessLine): boolean =>
  code >= 400 ||
  flags !== '' ||
  (code === 0 && (reason !== '' || (tcp && details !== ''))) ||
  cluster === 'BlackHoleCluster';

/** A refused filter chain has no cluster; only a listener for traffic that comes in refuses. */
function directionOf(cluster: string, line?: AccessLine): AccessGroup['direction'] {
  if (cluster.startsWith('outbound|') || cluster === 'PassthroughCluster' || cluster === 'BlackHoleCluster') {
    return 'outbound';
  }
  if (cluster.startsWith('inbound') || cluster.startsWith('InboundPassthroughCluster')) return 'inbound';
  if (cluster === '' && line?.tcp === true && line.code === 0 && line.flags.split(',').includes('NR')) return 'inbound';
  return 'unknown';
}

const keyOf = (line: Omit<AccessLine, 'time' | 'duration'>, direction: string): string =>
  [
    direction,
    line.tcp ? 't' : 'h',
    line.code,
    line.cluster,
    line.flags,
    line.details,
    line.reason,
    line.authority,
    line.upstreamHost,
    line.local,
    line.peer,
    line.sni,
    line.route,
  ].join('\u0000');

const newGroup = (line: Group['line'], direction: AccessGroup['direction'], failed: boolean): Group => ({
  line,
  direction,
  failed,
  tally: newTally(),
  max: 0,
  sum: 0,
});

function store(groups: Map<string, Group>, key: string, group: Group): Group {
  groups.set(key, group);
  return group;
}

const field = (text: string): string => mask(text).slice(0, fieldLength);

function toFact({ line, direction, tally, max, sum }: Group, proxy: ProxyRef, file: string): AccessGroup {
  return {
    proxy,
    file,
    direction,
    tcp: line.tcp,
    code: line.code,
    flags: line.flags === '' ? [] : line.flags.slice(0, fieldLength).split(','),
    details: field(line.details),
    reason: field(line.reason),
    cluster: field(line.cluster),
    // user:password@ is no part of a host.
    authority: field(line.authority.slice(line.authority.lastIndexOf('@') + 1)),
    upstreamHost: field(line.upstreamHost),
    local: field(line.local),
    peer: field(line.peer),
    sni: field(line.sni),
    route: field(line.route),
    count: tally.count,
    first: isoTime(tally.first) ?? '',
    last: isoTime(tally.last) ?? '',
    duration: { max, sum },
    samples: samplesOf(tally),
    perMinute: perMinute(tally),
  };
}
