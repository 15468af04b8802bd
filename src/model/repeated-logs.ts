import type { AccessGroup, LogFile, LogHits, ProxyRef, Sample } from '../parse/facts.ts';
import { addTo } from './groups.ts';

/** What logs told, each entry counted once. */
export interface LogFacts {
  readonly logFiles: readonly LogFile[] | undefined;
  readonly hits: readonly LogHits[];
  readonly access: readonly AccessGroup[] | undefined;
}

/**
 * Counts once what an archive and a folder given together, or two copies of a log in one archive, say twice. Two files hold the same
 * log when they are of one kind and one pod (a namespace that is not known fits any) and the times of their lines
 * overlap: the logs of a previous container and rotated files do not. Groups of such files that agree in everything but
 * times and counts become one: per minute the larger count stands. A log whose pod nothing names is compared line by
 * line: its groups go where a log of a known pod shows one of the same lines.
 */
export function withoutRepeatedLogs({ logFiles, hits, access }: LogFacts): LogFacts {
  if (logFiles === undefined || logFiles.length < 2) return { logFiles, hits, access };
  const groupOf = sameLogs(logFiles);
  if (groupOf.size === 0) return { logFiles, hits, access };
  const first = new Map<number, LogFile>();
  const kept: LogFile[] = [];
  for (const file of logFiles) {
    const group = groupOf.get(idOf(file.at.file, file.pod));
    const other = group === undefined ? undefined : first.get(group);
    // A file that shows nothing but what another shows is not one more log.
    if (other !== undefined && contains(other, file)) continue;
    if (group !== undefined && other === undefined) first.set(group, file);
    kept.push(file);
  }
  const pods = new Map<number, ProxyRef>();
  for (const { at, pod } of logFiles) {
    const group = groupOf.get(idOf(at.file, pod));
    if (group !== undefined && (pods.get(group)?.namespace ?? '') === '') pods.set(group, pod);
  }
  /** The items with the owner their log has elsewhere, those of one log and one key as one. */
  const fold = <T extends Repeatable>(
    items: readonly T[],
    key: (item: T) => string,
    owner: (item: T) => ProxyRef,
    give: (item: T, owner: ProxyRef) => T,
  ): readonly T[] => {
    const one = folded(items, (item) => {
      const group = groupOf.get(idOf(item.file, owner(item)));
      return group === undefined ? undefined : `${group}\0${key(item)}`;
    }).map((item) => {
      const pod = pods.get(groupOf.get(idOf(item.file, owner(item))) ?? -1);
      return pod === undefined || pod.namespace === owner(item).namespace ? item : give(item, pod);
    });
    return withoutUnowned(one, key, owner);
  };
  const hitKey = ({ signature, captures }: LogHits): string => JSON.stringify([signature, captures]);
  return {
    logFiles: kept,
    hits: fold(
      hits,
      hitKey,
      ({ pod }) => pod,
      (hit, pod) => ({ ...hit, pod }),
    ),
    access:
      access &&
      fold(
        access,
        accessKey,
        ({ proxy }) => proxy,
        (group, proxy) => ({ ...group, proxy }),
      ),
  };
}

/** One log: a file may hold those of several pods. */
const idOf = (file: string, { namespace, pod }: ProxyRef): string => `${file}\0${namespace}/${pod}`;

interface Repeatable {
  readonly file: string;
  readonly count: number;
  readonly first?: string;
  readonly last?: string;
  readonly samples: readonly Sample[];
  readonly perMinute: Readonly<Record<string, number>>;
}

/** Number of the log that a file's is a copy of, by `idOf`; those that nothing repeats are left out. */
function sameLogs(files: readonly LogFile[]): ReadonlyMap<string, number> {
  const byPod = new Map<string, LogFile[]>();
  for (const file of files) {
    const key = `${file.log}\0${file.pod.pod}`;
    addTo(byPod, key, file);
  }
  const groupOf = new Map<string, number>();
  let groups = 0;
  for (const [key, same] of byPod) {
    if (same.length < 2) {
      // One log of an unknown pod may repeat those of known ones.
      if (key.endsWith('\0')) for (const { at, pod } of same) groupOf.set(idOf(at.file, pod), ++groups);
      continue;
    }
    const sorted = [...same].sort((one, other) => ((one.first ?? '') < (other.first ?? '') ? -1 : 1));
    for (const [index, file] of sorted.entries()) {
      for (const other of sorted.slice(0, index)) {
        if (other.at.file === file.at.file || !isCopy(other, file)) continue;
        const group = groupOf.get(idOf(other.at.file, other.pod)) ?? ++groups;
        groupOf.set(idOf(other.at.file, other.pod), group);
        groupOf.set(idOf(file.at.file, file.pod), group);
        break;
      }
    }
  }
  return groupOf;
}

function isCopy(one: LogFile, other: LogFile): boolean {
  const namespaces = new Set([one.pod.namespace, other.pod.namespace].filter((name) => name !== ''));
  if (namespaces.size > 1 || one.first === undefined || one.last === undefined) return false;
  if (other.first === undefined || other.last === undefined) return false;
  const equal =
    one.first === other.first &&
    one.last === other.last &&
    one.entries === other.entries &&
    one.accessLines === other.accessLines;
  // Two logs of nobody may be of two pods that run at the same time.
  if (one.pod.pod === '') return equal;
  return equal || (one.first < other.last && other.first < one.last);
}

/** Whether all times of the second lie within those of the first. */
const contains = (one: LogFile, other: LogFile): boolean =>
  (one.first ?? '') <= (other.first ?? '') && (one.last ?? '') >= (other.last ?? '');

/** Items of one key as one, in the place of the first; those without a key stay. */
function folded<T extends Repeatable>(items: readonly T[], key: (item: T) => string | undefined): readonly T[] {
  const places = new Map<string, number>();
  const result: T[] = [];
  for (const item of items) {
    const name = key(item);
    const place = name === undefined ? undefined : places.get(name);
    const known = place === undefined ? undefined : result[place];
    if (place === undefined || known === undefined) {
      if (name !== undefined) places.set(name, result.length);
      result.push(item);
    } else if (known.file !== item.file) result[place] = merged(known, item);
    else result.push(item);
  }
  return result;
}

function merged<T extends Repeatable>(one: T, other: T): T {
  const larger = other.count > one.count ? other : one;
  const perMinute: Record<string, number> = { ...one.perMinute };
  for (const [minute, count] of Object.entries(other.perMinute))
    perMinute[minute] = Math.max(perMinute[minute] ?? 0, count);
  const sum = (minutes: Readonly<Record<string, number>>): number =>
    Object.values(minutes).reduce((total, count) => total + count, 0);
  // Only where every entry has a minute do the minutes tell how many there were.
  const dated = sum(one.perMinute) === one.count && sum(other.perMinute) === other.count;
  const first = [one.first, other.first].filter((time) => time !== undefined).sort()[0];
  const last = [one.last, other.last]
    .filter((time) => time !== undefined)
    .sort()
    .at(-1);
  return {
    ...larger,
    count: dated ? sum(perMinute) : larger.count,
    perMinute,
    ...(first === undefined ? {} : { first }),
    ...(last === undefined ? {} : { last }),
  };
}

/** Drops groups of unknown pods of which a known pod shows the same lines. */
function withoutUnowned<T extends Repeatable>(
  items: readonly T[],
  key: (item: T) => string,
  owner: (item: T) => ProxyRef,
): readonly T[] {
  if (!items.some((item) => owner(item).pod === '')) return items;
  const known = new Map<string, Set<string>>();
  for (const item of items) {
    if (owner(item).pod === '') continue;
    const lines = known.get(key(item)) ?? new Set<string>();
    known.set(key(item), lines);
    for (const { text } of item.samples) lines.add(text);
  }
  return items.filter(
    (item) => owner(item).pod !== '' || !item.samples.some(({ text }) => known.get(key(item))?.has(text)),
  );
}

/** What makes two groups of access lines one: everything but times, counts and the file. */
const accessKey = (group: AccessGroup): string => {
  const { file: _file, proxy: _proxy, count: _count, first: _first, last: _last, duration: _duration, ...rest } = group;
  const { samples: _samples, perMinute: _perMinute, ...identity } = rest;
  return JSON.stringify(identity);
};
