import type { Artifact } from '../artifact.ts';
import type { Collection } from '../facts.ts';
import { parsed } from '../json-documents.ts';
import { mask } from '../mask.ts';
import type { Reader, SourceFile } from '../reader.ts';
import { recordOf } from '../untyped.ts';

/**
 * `bug-report.log`: what istioctl itself logged while it collected, as text or JSON. It tells when and from where, which
 * containers should be in the archive, and what could not be fetched. Paths of the collector's machine are left out.
 * The end of the log is missing by nature: the archive is made before istioctl stops.
 */
export const bugReportLog: Reader = {
  name: 'bug-report-log',
  title: 'Log of istioctl bug-report',
  open(file, _context, emit) {
    const chunks: Uint8Array[] = [];
    return {
      push: (chunk) => void chunks.push(chunk),
      end(complete) {
        if (!complete) {
          emit({ kind: 'gap', value: { file: file.path, reason: 'truncated', detail: 'the file is cut short' } });
        }
        emit(collectionOf(new TextDecoder().decode(Buffer.concat(chunks)), file, complete));
      },
    };
  },
};

/** Which list the following lines belong to. */
type Section = 'config' | 'containers' | 'running' | 'prose' | undefined;
type Failure = Collection['failures'][number];

function collectionOf(text: string, file: SourceFile, complete: boolean): Artifact {
  const facts: { [Key in 'context' | 'apiServer' | 'istioNamespace' | 'include' | 'exclude' | 'since']?: string } = {};
  const expected = new Set<string>();
  const failures = new Map<string, { readonly failure: Failure; count: number }>();
  const unfinished = new Map<string, { readonly line: number; count: number; slow: boolean }>();
  let section: Section;
  let endTime: string | undefined;
  let last: string | undefined;
  let level = 'info';
  let problem: { readonly line: number; readonly lines: string[] } | undefined;

  const fail = (what: string, detail: string, line: number): void => {
    const cut = mask(withoutLocalPaths(detail)).slice(0, 1000);
    const key = `${what}\n${cut}`;
    const known = failures.get(key);
    if (known === undefined) {
      failures.set(key, { failure: { what, detail: cut, at: { file: file.path, line } }, count: 1 });
    } else {
      known.count += 1;
    }
  };
  const closeProblem = (): void => {
    if (problem === undefined) return;
    for (const error of splitErrors(problem.lines, problem.line)) fail(error.what, error.detail, error.line);
    problem = undefined;
  };

  /** One line without its time and level. */
  const understand = (content: string, line: number): void => {
    const words = content.replace(/^[^\p{L}\p{N}/"'([{*-]+/u, '').trimEnd();
    const heading = /^(?:Target cluster context|Cluster endpoint): (\S.*)$/.exec(words);
    const task = /^(STARTING|COMPLETED) (\S.*)$/.exec(words);
    if (heading !== null) {
      facts[words.startsWith('Target') ? 'context' : 'apiServer'] = mask(heading[1] ?? '').slice(0, 300);
      section = undefined;
    } else if (task !== null) {
      const name = withoutLocalPaths(task[2] ?? '').slice(0, 500);
      const known = unfinished.get(name);
      if (task[1] === 'STARTING') {
        if (known === undefined) unfinished.set(name, { line, count: 1, slow: false });
        else known.count += 1;
      } else if (known !== undefined) {
        known.count -= 1;
        if (known.count === 0) unfinished.delete(name);
      }
      section = undefined;
    } else if (/^Running with the following config:/.test(words)) {
      section = 'config';
    } else if (/^Fetching (?:proxy )?logs for (?:the following )?containers?:?/.test(words)) {
      section = 'containers';
    } else if (/^The following fetches are still running:/.test(words)) {
      section = 'running';
    } else if (/^(?:Cluster resource tree|Analysis Report|Running Istio analyze)\b/.test(words)) {
      section = 'prose';
    } else if (/^Timeout when running bug report command/.test(words)) {
      fail('istioctl bug-report', words, line);
    } else if (section === 'config') {
      const option = /^([a-z][a-z -]*?)(?: \(mins\))?: ?(.*)$/.exec(words);
      const value = mask(option?.[2] ?? '').slice(0, 2000);
      // `kubeconfig:` is a path of the collector's machine.
      if (option?.[1] === 'context') facts.context ??= value;
      else if (option?.[1] === 'istio-namespace') facts.istioNamespace = value;
      else if (option?.[1] === 'include') facts.include = value;
      else if (option?.[1] === 'exclude') facts.exclude = value;
      else if (option?.[1] === 'since') facts.since = value;
      else if (option?.[1] === 'end-time') endTime = goTime(value) ?? endTime;
    } else if (section === 'containers') {
      if (/^[^/\s]+(?:\/[^/\s]*){2}\/[^/\s]+$/.test(words.trim())) expected.add(words.trim());
    } else if (section === 'running') {
      const name = withoutLocalPaths(words.trim()).slice(0, 500);
      const known = unfinished.get(name);
      if (known !== undefined) known.slow = true;
    } else if (section !== 'prose' && /^[^\p{L}]*[\u26a0\u274c\u2718]/u.test(content) && words.trim() !== '') {
      // Since 1.30 a warning sign stands before what failed.
      fail('istioctl bug-report', words.trim(), line);
    }
  };

  for (const [index, raw] of text.split('\n').entries()) {
    const line = index + 1;
    const content = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    const entry = entryOf(content);
    if (entry === undefined) {
      if (level === 'error' || level === 'fatal') problem?.lines.push(content);
      else understand(content, line);
      continue;
    }
    closeProblem();
    level = entry.level;
    if (entry.time !== undefined && (last === undefined || entry.time > last)) last = entry.time;
    if (level === 'error' || level === 'fatal') {
      problem = { line, lines: entry.text.split('\n') };
      section = undefined;
      continue;
    }
    const lines = entry.text.split('\n');
    // Each running fetch is an entry of its own, indented; the list ends with an empty one.
    if (!(section === 'running' && (entry.text.startsWith('  ') || entry.text.trim() === ''))) section = undefined;
    for (const part of lines) understand(part, line);
  }
  closeProblem();

  if (complete) {
    for (const [task, { line, slow }] of unfinished) {
      fail(task, slow ? 'started and never completed; reported as still running' : 'started and never completed', line);
    }
  }

  const time =
    [last, endTime]
      .filter((known) => known !== undefined)
      .sort()
      .at(-1) ?? file.modified;
  return {
    kind: 'collection',
    value: {
      ...(time === undefined ? {} : { time }),
      ...facts,
      failures: [...failures.values()].map(({ failure, count }) =>
        count === 1 ? failure : { ...failure, detail: `${failure.detail} (${count} times)` },
      ),
      expected: [...expected],
      at: { file: file.path, line: 1 },
    },
  };
}

/** Time, level and text of a line that starts an entry. The scope of a text entry (`klog`) is left out. */
function entryOf(line: string): { readonly time?: string; readonly level: string; readonly text: string } | undefined {
  const text =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z)(?:\t| {1,8})(debug|info|warn|error|fatal)(?:$|\t| {1,8})(.*)$/.exec(
      line,
    );
  if (text !== null) {
    const [, time = '', level = '', rest = ''] = text;
    return { time, level, text: rest.replace(/^[a-z][\w-]{0,39}\t/, '') };
  }
  if (!line.startsWith('{"')) return undefined;
  const { time, level, msg } = recordOf(parsed(line).value);
  if (typeof level !== 'string' || typeof msg !== 'string') return undefined;
  const known = typeof time === 'string' ? { time } : {};
  return { ...known, level, text: msg };
}

const ERROR_START =
  /, (?=kubectl error: |podExec error: |unexpected status code: |failure running |error running |open |\d{1,6} errors? occurred:)/;

/**
 * The separate errors of one entry. istioctl joins them with commas and with the bullets of `N errors occurred:`; each
 * may carry `stderr:` and `stdout:` blocks. What a command printed on stdout is not kept: it may be anything.
 */
function splitErrors(lines: readonly string[], first: number): { what: string; detail: string; line: number }[] {
  const errors: { line: number; readonly text: string[] }[] = [];
  let stdout = false;
  for (const [index, content] of lines.entries()) {
    const parts = content.split(ERROR_START);
    for (const [position, part] of parts.entries()) {
      const bullet = /^\s*\* (.*)$/.exec(part);
      const starts = bullet !== null || position > 0 || index === 0 || startsError(part);
      const text = (bullet?.[1] ?? part).trim();
      if (starts) {
        stdout = false;
        errors.push({ line: first + index, text: [text] });
      } else if (/^stdout:/.test(text)) {
        stdout = true;
      } else if (text !== '' && text !== ',' && text !== 'stderr:' && !stdout) {
        errors.at(-1)?.text.push(text);
      }
    }
  }
  return errors
    .map(({ line, text }) => ({ line, ...named(text.join(' ').trim()) }))
    .filter(({ detail }) => detail !== '' && !/^\d+ errors? occurred:$/.test(detail));
}

const startsError = (text: string): boolean =>
  /^(?:, )?(?:kubectl error|podExec error|unexpected status code|failure running port forward process|error running|open [^\s:]|\d+ errors? occurred:)/.test(
    text,
  );

/** Which command an error is about, and what it said. */
function named(error: string): { what: string; detail: string } {
  const text = error.replace(/^, /, '');
  const exec = /^podExec error: error exec'ing into (\S+) (\S+) container: (.*)$/.exec(text);
  if (exec !== null) return { what: `podExec ${exec[1] ?? ''}/${exec[2] ?? ''}`, detail: exec[3] ?? '' };
  // `open C:\Users\…\bug-report\cluster\crs: The system cannot find the path specified.`
  const open = /^(?:error: )?(?:open|mkdir|create) (.+): (The system .*|[^:]*)$/.exec(text);
  if (open !== null) return { what: `write ${withoutLocalPaths(open[1] ?? '')}`, detail: open[2] ?? '' };
  const kubectl = /^kubectl error: (.*)$/.exec(text);
  if (kubectl !== null) return { what: 'kubectl', detail: kubectl[1] ?? '' };
  const forward = /^(?:failure running port forward process: )+(.*)$/.exec(text);
  if (forward !== null) return { what: 'port forward', detail: forward[1] ?? '' };
  if (/^(?:an error occurred forwarding|port forward failed)\b/.test(text))
    return { what: 'port forward', detail: text };
  return { what: 'istioctl bug-report', detail: text };
}

/** Go's `2025-03-04 11:12:13.4 +0100 CET m=+0.1` as ISO 8601 UTC. */
function goTime(text: string): string | undefined {
  const match = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)? ?(?:([+-]\d\d):?(\d\d)|Z)/.exec(text);
  if (match === null) return undefined;
  const [, day = '', clock = '', fraction = '', hours = '+00', minutes = '00'] = match;
  const milliseconds = Date.parse(`${day}T${clock}${fraction.slice(0, 4)}${hours}:${minutes}`);
  return Number.isNaN(milliseconds) ? undefined : new Date(milliseconds).toISOString();
}

/**
 * The text without paths of the collector's machine, which hold the user's name. Of a path within the folder of the
 * report the part inside it stays: `cluster/crs`.
 */
export function withoutLocalPaths(text: string): string {
  if (!/[\\/]/.test(text)) return text;
  return text
    .replace(/--kubeconfig[= ]\S+ ?/g, '')
    .replace(
      /\b[A-Za-z]:\\[^:"'\n]*|(?:^|(?<=[\s"'=(]))\/(?:home|Users|root|tmp|private|var\/folders|mnt)\/[^\s:"']*/g,
      inReport,
    );
}

function inReport(path: string): string {
  const slashed = path.replaceAll('\\', '/');
  const root = slashed.lastIndexOf('bug-report/');
  return root < 0 ? '<local path>' : slashed.slice(root + 'bug-report/'.length);
}
