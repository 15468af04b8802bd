/** Reads one log file of any kind: signatures, access lines, life signs, times. The readers name the kind. */
import { type AccessCollector, collectAccess } from './access-groups.ts';
import type { Artifact } from './artifact.ts';
import type { LogFile, ProxyRef } from './facts.ts';
import { readEntry } from './log-entry.ts';
import { type Candidate, collectHits } from './log-hits.ts';
import {
  entryText,
  isoTime,
  type LineSplitter,
  type LineTable,
  lineKind,
  looksLikeLog,
  previousBanner,
  splitLines,
} from './log-lines.ts';
import { logsByPod } from './log-pods.ts';
import { detectPrefixes, prefixBytes, prefixStripper } from './log-prefix.ts';
import { type LiteralTable, literalTable, scanLiterals } from './log-scan.ts';
import { mask } from './mask.ts';
import { chosenByHead } from './peek.ts';
import type { LogKind, LogSignature, Parser, ReadContext, SourceFile } from './reader.ts';

type Mark = LogFile['marks'][number];

/** Life signs of a container, found in the same pass as the signatures. */
const lifeSigns: readonly (readonly [contains: string, what: Mark['what'] | 'role', where: RegExp])[] = [
  // One of the flags every component prints at its start; the others would only be counted away again.
  ['FLAG: --help=', 'container-start', /^[^\t]*\t[^\t]*\tFLAG: --/],
  ['Version 1.', 'container-start', /^[^\t]*\t[^\t]*\tVersion 1\./],
  ['version.BuildInfo{', 'container-start', /version: version\.BuildInfo\{/i],
  ['Envoy proxy is ready', 'proxy-ready', /\tEnvoy proxy is ready/],
  ['Readiness succeeded', 'proxy-ready', /\tReadiness succeeded/],
  ['marking server ready', 'proxy-ready', /\treadiness\t.*marking server ready/],
  // istio pkg/envoy/agent.go; "Epoch 0" up to 1.19.
  [' exited with error', 'proxy-exit', /\t(?:Envoy|Epoch \d+) exited with error/],
  [' exited normally', 'proxy-exit', /\t(?:Envoy|Epoch \d+) exited normally/],
  [' terminated with an error', 'proxy-exit', /\t(?:Envoy|Epoch \d+) terminated with an error/],
  [' aborted normally', 'proxy-exit', /\t(?:Envoy|Epoch \d+) aborted normally/],
  [' aborted abnormally', 'proxy-exit', /\t(?:Envoy|Epoch \d+) aborted abnormally/],
  ['Aborting proxy', 'proxy-exit', /\tAborting proxy/],
  ['Aborted all epochs', 'proxy-exit', /\tAborted all epochs/],
  ['Proxy role', 'role', /\tProxy role/],
];

/** The agent prints these with configuration inside: words in them are no events. */
const printout = /^[^\t\n]*\t[^\t\n]*\t(?:Envoy command:|Effective config:)/;

interface KindTable {
  readonly table: LiteralTable;
  readonly signatures: readonly LogSignature[];
  /** Per literal: signatures it belongs to, and life signs after them as `signatures.length + index`. */
  readonly owners: readonly (readonly number[])[];
}

const tables = new WeakMap<readonly LogSignature[], Map<LogKind, KindTable>>();

function tableFor(all: readonly LogSignature[], kind: LogKind): KindTable {
  const byKind = tables.get(all) ?? new Map<LogKind, KindTable>();
  tables.set(all, byKind);
  const known = byKind.get(kind);
  if (known !== undefined) return known;
  const signatures = all.filter(({ log }) => log === kind);
  const owners = new Map<string, number[]>();
  const own = (text: string, index: number): void => {
    // In a JSON log a quote of the literal has a backslash before it.
    for (const literal of new Set([text, JSON.stringify(text).slice(1, -1)])) {
      owners.set(literal, [...(owners.get(literal) ?? []), index]);
    }
  };
  for (const [index, { contains }] of signatures.entries()) own(contains, index);
  for (const [index, [contains]] of lifeSigns.entries()) own(contains, signatures.length + index);
  const table: KindTable = { table: literalTable([...owners.keys()]), signatures, owners: [...owners.values()] };
  byKind.set(kind, table);
  return table;
}

const maximumMarks = 50;
/** Marks of one kind closer than this say the same thing. */
const sameMark = 2000;

/**
 * Opens a log. `kind` may be `proxy` for a file that turns out to be ztunnel's: both are stored as `istio-proxy.log`.
 * `minimumBlock` is for tests of block borders;
 * a file in which each line names its pod makes a log per container unless `mayHoldSeveral` is false.
 */
export function openLog(
  kind: LogKind,
  file: SourceFile,
  context: ReadContext,
  emit: (artifact: Artifact) => void,
  minimumBlock?: number,
  mayHoldSeveral = true,
): Parser {
  let started: { feed(chunk: Buffer): void; end(complete: boolean): void } | undefined;
  const head: Buffer[] = [];
  let headBytes = 0;

  const start = () => {
    const all = Buffer.concat(head);
    head.length = 0;
    const form = mayHoldSeveral ? podForm(all.subarray(0, prefixBytes)) : undefined;
    if (form !== undefined) {
      const several = logsByPod(
        form,
        file.path,
        context.lineBytes,
        ({ pod, container }, take) => {
          const own: SourceFile = { ...file, params: { ...file.params, pod, container } };
          const known = kindOfContainer[container];
          if (known !== undefined)
            return openLog(kind === 'ztunnel' ? kind : known, own, context, take, minimumBlock, false);
          // An application's: passed over, unless its first lines are those of a component after all.
          return chosenByHead((start) => {
            const seen = looksLikeLog(start);
            return seen === undefined ? unread : openLog(seen, own, context, take, minimumBlock, false);
          });
        },
        emit,
      );
      started = several;
      several.feed(all);
      return several;
    }
    const log = startLog(all.subarray(0, prefixBytes), kind, file, context, emit, minimumBlock);
    started = log;
    log.feed(all);
    return log;
  };
  return {
    push(chunk) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      if (started !== undefined) {
        started.feed(bytes);
        return;
      }
      head.push(bytes);
      headBytes += bytes.length;
      if (headBytes >= prefixBytes) start();
    },
    end: (complete) => (started ?? start()).end(complete),
  };
}

/** Which log a container of the mesh writes. */
const kindOfContainer: Readonly<Record<string, LogKind>> = {
  'istio-proxy': 'proxy',
  discovery: 'istiod',
  'install-cni': 'cni',
  'istio-operator': 'operator',
};

const unread: Parser = { push: () => undefined, end: () => undefined };

/** How the lines of a file name their pods; undefined where they do not, or where colours stand between. */
function podForm(head: Buffer): 'pod' | 'stern' | undefined {
  if (decoderFor(head) !== undefined) return undefined;
  const text = head.toString('latin1').replace(byteOrderMark, '').replaceAll('\r', '');
  const [first] = detectPrefixes(text)?.[0] ?? [];
  return first === 'pod' || first === 'stern' ? first : undefined;
}

const byteOrderMark = /^\ufeff|^\u00ef\u00bb\u00bf/;

function startLog(
  head: Buffer,
  asked: LogKind,
  file: SourceFile,
  context: ReadContext,
  emit: (artifact: Artifact) => void,
  minimumBlock: number | undefined,
) {
  const decode = decoderFor(head);
  const beginning = decode === undefined ? head.toString('latin1') : new TextDecoder('utf-16le').decode(head);
  const prefixes = detectPrefixes(beginning.replace(byteOrderMark, '').replaceAll('\r', ''));
  const stripper = prefixes === undefined ? undefined : prefixStripper(prefixes, context.lineBytes);
  const kind = asked === 'proxy' && isZtunnel(beginning, file) ? 'ztunnel' : asked;
  const { table, signatures, owners } = tableFor(context.signatures, kind);
  const hits = collectHits(signatures);
  const access: AccessCollector | undefined = kind === 'proxy' || kind === 'ztunnel' ? collectAccess() : undefined;

  let lineCount = 0;
  let entries = 0;
  let blankLines = 0;
  let first = Number.NaN;
  let last = Number.NaN;
  let hasPrevious = false;
  let previousLine = 0;
  let previousLast = Number.NaN;
  let firstText = '';
  let role: ProxyRef | undefined;
  let lastFlagLine = -1000;
  let unfamiliarBefore = 0;
  /** First entry of the file, or of the previous container's log. */
  let sectionLine = 0;
  let sectionTime = Number.NaN;
  const marks: Mark[] = [];
  const lastMarks: Mark[] = [];
  /** Per signature and life sign the entry it was last found in: an entry counts once. */
  const lastEntry = new Float64Array(signatures.length + lifeSigns.length).fill(-1);

  const mark = (what: Mark['what'], time: number, line: number): void => {
    const iso = isoTime(time);
    if (iso === undefined) return;
    const before = lastMarks.at(-1) ?? marks.at(-1);
    if (before?.what === what && before.line > previousLine && Math.abs(Date.parse(before.time) - time) < sameMark)
      return;
    if (marks.length < maximumMarks / 2) marks.push({ what, time: iso, line });
    else {
      if (lastMarks.length >= maximumMarks / 2) lastMarks.shift();
      lastMarks.push({ what, time: iso, line });
    }
  };

  const lifeSign = (index: number, entry: Candidate, line: number): void => {
    const [, what, where] = lifeSigns[index] ?? [];
    if (what === undefined || !where?.test(entry.text)) return;
    if (what === 'role') {
      const id = /(?:\bid=|\bID:")([^\s"]+)\.([a-z0-9-]+)/.exec(entry.text);
      if (id?.[1] !== undefined && id[2] !== undefined) role ??= { pod: id[1], namespace: id[2] };
      return;
    }
    if (what === 'container-start') {
      // One start prints dozens of flags and then its version.
      const follows = line - lastFlagLine < 200;
      lastFlagLine = line;
      if (follows) return;
      // The flags come after a line or two; the container began with the first of them all.
      if (sectionLine > 0 && line - sectionLine < 200 && !Number.isNaN(sectionTime)) {
        mark(what, sectionTime, sectionLine);
        return;
      }
    }
    mark(what, entry.time, line);
  };

  const readLines = (bytes: Buffer, lines: LineTable, firstLine: number): void => {
    let cached = -1;
    let entry: Candidate = { level: 'unknown', text: '', time: Number.NaN };
    let raw = '';
    let skipped = false;
    let cursor = 0;

    const hit = (literal: number, at: number): void => {
      // Hits come in order; only the few literals searched on their own start over.
      if (at < (lines.starts[cursor] ?? 0)) cursor = 0;
      while (cursor + 1 < lines.count && (lines.starts[cursor + 1] ?? 0) <= at) cursor++;
      if (at + (table.literals[literal]?.length ?? 0) > (lines.ends[cursor] ?? 0)) return;
      const opener = lines.entries[cursor] ?? -1;
      const owner = opener < 0 ? cursor : opener;
      const line = firstLine + owner;
      for (const index of owners[literal] ?? []) {
        if (lastEntry[index] === line) continue;
        lastEntry[index] = line;
        if (cached !== owner) {
          cached = owner;
          raw = entryText(bytes, lines, owner, context.lineBytes);
          entry = { ...readEntry(raw), time: lines.times[owner] ?? Number.NaN };
          skipped = kind === 'proxy' && printout.test(entry.text);
        }
        if (index >= signatures.length) {
          lifeSign(index - signatures.length, entry, line);
          continue;
        }
        if (skipped) continue;
        // Of a long entry the line that holds the literal is shown, of a short one all of it.
        const hitLine = cursor;
        const near = (lines.starts[hitLine] ?? 0) - (lines.starts[owner] ?? 0) < 900;
        const shown = near ? line : firstLine + hitLine;
        hits.take(index, entry, shown, () =>
          near ? raw : bytes.toString('utf8', lines.starts[hitLine] ?? 0, lines.ends[hitLine] ?? 0),
        );
      }
    };

    const banner = (line: number): void => {
      hasPrevious = true;
      lastFlagLine = -1000;
      sectionLine = 0;
      const text = bytes.toString('latin1', lines.starts[line] ?? 0, lines.ends[line] ?? 0);
      if (text.startsWith(`${previousBanner} present`)) return;
      previousLine = firstLine + line;
      previousLast = Number.NaN;
    };

    let segment = -1;
    for (let line = 0; line < lines.count; line++) {
      const found = lines.kinds[line] ?? 0;
      const start = lines.starts[line] ?? 0;
      if (found === lineKind.continuation) {
        if (segment < 0) segment = start;
        if (lines.ends[line] === start) blankLines++;
        else if (firstText === '') firstText = bytes.toString('utf8', start, lines.ends[line]);
        continue;
      }
      if (found === lineKind.entry) {
        entries++;
        if (segment < 0) segment = start;
        if (sectionLine === 0) {
          sectionLine = firstLine + line;
          sectionTime = lines.times[line] ?? Number.NaN;
        }
        if (kind === 'ztunnel' && access !== undefined && isZtunnelAccess(bytes, start, lines.ends[line] ?? start)) {
          const text = bytes.toString('utf8', start, lines.ends[line]);
          access.ztunnel(readEntry(text).text, firstLine + line, lines.times[line] ?? Number.NaN, text);
        }
      } else {
        if (segment >= 0) {
          scanLiterals(table, bytes, segment, start, hit);
          segment = -1;
        }
        if (found === lineKind.banner) {
          banner(line);
          continue;
        }
        const end = lines.ends[line] ?? start;
        unfamiliarBefore = access?.unfamiliar ?? 0;
        if (found === lineKind.access) access?.text(bytes, start, end, firstLine + line);
        else access?.json(bytes.toString('utf8', start, end), firstLine + line, lines.times[line] ?? Number.NaN);
      }
      const time = lines.times[line] ?? Number.NaN;
      if (time > last || !(time >= first)) {
        // Written so that a first NaN gives way.
        if (!(first <= time) && !Number.isNaN(time)) first = time;
        if (!(last >= time) && !Number.isNaN(time)) last = time;
      }
      if (previousLine > 0 && !(previousLast >= time) && !Number.isNaN(time)) previousLast = time;
    }
    if (segment >= 0) scanLiterals(table, bytes, segment, lines.ends[lines.count - 1] ?? segment, hit);
    lineCount = firstLine + lines.count - 1;
  };

  const year = file.modified === undefined ? undefined : new Date(file.modified).getUTCFullYear();
  const splitter: LineSplitter = splitLines(context.lineBytes, kind === 'proxy', year, readLines, minimumBlock);
  let lastByte = 10;
  let atStart = true;

  const feed = (chunk: Buffer): void => {
    let bytes = chunk;
    if (decode !== undefined) bytes = decode(bytes);
    if (atStart && bytes.length > 0) {
      atStart = false;
      if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) bytes = bytes.subarray(3);
    }
    if (stripper !== undefined) bytes = stripper.strip(bytes);
    if (bytes.length > 0) lastByte = bytes[bytes.length - 1] ?? 10;
    splitter.push(bytes);
  };

  const podOf = (): ProxyRef => {
    const { namespace = '', pod = '' } = file.params;
    if (namespace !== '' && pod !== '') return { namespace, pod };
    // The prefix of a line, and some command lines, tell the pod or the namespace only.
    if (kind === 'proxy' && role !== undefined && (pod === '' || pod === role.pod)) return role;
    if (pod !== '') return { namespace, pod };
    const [named] = stripper?.pods ?? [];
    return { namespace, pod: named !== undefined && stripper?.pods.size === 1 ? named : '' };
  };

  const gap = (reason: 'truncated' | 'malformed' | 'too-large' | 'unrecognised', detail: string, line?: number): void =>
    emit({ kind: 'gap', value: { file: file.path, reason, detail, ...(line === undefined ? {} : { line }) } });

  const end = (complete: boolean): void => {
    if (stripper !== undefined) {
      const rest = stripper.end();
      if (rest.length > 0) lastByte = 0;
      splitter.push(rest);
    }
    const { tooLong } = splitter.end();
    const pod = podOf();
    const accessLines = access?.lines ?? 0;
    if (previousLine > 0) mark('previous-container', previousLast, previousLine);
    if (!complete) gap('truncated', 'the log is cut short');
    if (tooLong > 0) {
      const which = tooLong === 1 ? '1 line is' : `${tooLong} lines are`;
      gap('too-large', `${which} longer than ${context.lineBytes} bytes; only the first part was matched`);
    }
    if (access !== undefined && accessLines > 0) {
      // The last line of a file that was cut is half a line, not a format of its own.
      const cut = !complete && lastByte !== 10 && access.unfamiliar > unfamiliarBefore ? 1 : 0;
      const unfamiliar = access.unfamiliar - cut;
      if (unfamiliar > accessLines * 0.2) {
        gap(
          'malformed',
          `${unfamiliar} of ${accessLines} access lines are not in Envoy's default format (meshConfig.accessLogFormat?); ` +
            'code, flags and cluster were read where they stand as usual',
          access.firstUnfamiliar,
        );
      }
    }
    if (entries === 0 && accessLines === 0 && lineCount > blankLines && !hasPrevious) {
      gap('unrecognised', `no line reads as a log entry; the file begins: ${mask(firstText).slice(0, 200)}`, 1);
    }
    const firstIso = isoTime(first);
    const lastIso = isoTime(last);
    emit({
      kind: 'log-file',
      value: {
        log: kind,
        pod,
        lines: lineCount,
        entries,
        accessLines,
        ...(firstIso === undefined ? {} : { first: firstIso }),
        ...(lastIso === undefined ? {} : { last: lastIso }),
        marks: [...marks, ...lastMarks],
        hasPrevious,
        at: { file: file.path },
      },
    });
    for (const value of hits.hits(kind, file.path, pod)) emit({ kind: 'log-hits', value });
    for (const value of access?.groups(pod, file.path) ?? []) emit({ kind: 'access', value });
    // Access logging is off by default: only a log that has such lines tells that others did not happen.
    emit({
      kind: 'seen',
      value: { kinds: accessLines > 0 ? ['log-hits', 'access'] : ['log-hits'], at: { file: file.path } },
    });
  };
  return { feed, end };
}

/** PowerShell's `>` writes UTF-16 with a byte order mark. */
function decoderFor(head: Buffer): ((chunk: Buffer) => Buffer) | undefined {
  if (head[0] !== 0xff || head[1] !== 0xfe) return undefined;
  const decoder = new TextDecoder('utf-16le');
  return (chunk) => Buffer.from(decoder.decode(chunk, { stream: true }));
}

/** Whether a file stored as a proxy's is ztunnel's: by its first lines, by its pod's name where they tell nothing. */
function isZtunnel(head: string, file: SourceFile): boolean {
  const seen = looksLikeLog(head);
  if (seen === 'ztunnel') return true;
  return seen !== 'proxy' && /^ztunnel-/.test(file.params['pod'] ?? '');
}

/** `TIME⇥level⇥access⇥` or JSON with that scope. */
function isZtunnelAccess(bytes: Buffer, start: number, end: number): boolean {
  if (bytes[start] === 123)
    return bytes.toString('latin1', start, Math.min(end, start + 300)).includes('"scope":"access"');
  let at = start + 20;
  const stop = Math.min(end, start + 36);
  while (at < stop && bytes[at] !== 9) at++;
  at++;
  const level = at + 6;
  while (at < end && at < level && bytes[at] !== 9) at++;
  return (
    bytes[at] === 9 &&
    bytes[at + 1] === 97 &&
    bytes[at + 2] === 99 &&
    bytes.toString('latin1', at + 1, at + 8) === 'access\t'
  );
}
