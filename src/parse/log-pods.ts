/**
 * One file with the logs of several pods: `kubectl logs --prefix`, stern. Each line names its pod and container; each of them is
 * read as a log of its own, with the lines of the file.
 */
import type { Artifact } from './artifact.ts';
import type { Parser } from './reader.ts';
import { withLines } from './shift-lines.ts';

/** What stands before a line. */
interface Named {
  readonly pod: string;
  readonly container: string;
  /** Characters of the prefix. */
  readonly length: number;
}

/** Opens the log of one container among others; undefined leaves its lines out. */
export type OpenLog = (
  named: { readonly pod: string; readonly container: string },
  emit: (artifact: Artifact) => void,
) => Parser | undefined;

interface Log {
  readonly parser: Parser | undefined;
  /** Lines in the log at which it goes on elsewhere in the file, and where. */
  readonly own: number[];
  readonly inFile: number[];
  lines: number;
}

/** Logs that are read at once; each takes some hundred KiB until the file ends. */
const mostLogs = 100;
const longestPrefix = 600;
const newline = 10;

const byForm = {
  pod: /^\[pod\/([^/\]\s]{1,253})\/([^\]\s]{1,63})\] ?/,
  stern: /^([a-z0-9][a-z0-9.-]{0,252}) ([a-z0-9][a-z0-9-]{0,62}) (?=\[?\d{4}-\d\d-\d\d[T ]|\{"|[IWEF]\d{4} )/,
} as const;

/** Deals the lines of a file to the logs of the containers they name. A line that names none belongs to the one before. */
export function logsByPod(
  form: keyof typeof byForm,
  path: string,
  lineBytes: number,
  open: OpenLog,
  emit: (artifact: Artifact) => void,
): { feed(chunk: Buffer): void; end(complete: boolean): void } {
  const pattern = byForm[form];
  const logs = new Map<string, Log>();
  let current: Log | undefined;
  let currentPrefix = '';
  let line = 0;
  let held: Buffer[] = [];
  let heldBytes = 0;
  let leftOut = 0;
  let leftOutLine = 0;

  const nameOf = (text: string): Named | undefined => {
    const found = pattern.exec(text);
    if (found?.[1] !== undefined && found[2] !== undefined) {
      return { pod: found[1], container: found[2], length: found[0].length };
    }
    return undefined;
  };

  const logOf = ({ pod, container }: Named): Log | undefined => {
    const key = `${pod}/${container}`;
    const known = logs.get(key);
    if (known !== undefined) return known;
    if (logs.size >= mostLogs) {
      if (leftOut++ === 0) leftOutLine = line;
      return undefined;
    }
    const log: Log = {
      own: [],
      inFile: [],
      lines: 0,
      parser: open({ pod, container }, (artifact) => emit(withLines(artifact, (number) => lineInFile(log, number)))),
    };
    logs.set(key, log);
    return log;
  };

  /** One line with its end; the last one may have none. */
  const takeLine = (bytes: Buffer, parts: Map<Log, Buffer[]>): void => {
    line++;
    const text = bytes.toString('latin1', 0, longestPrefix);
    const named = nameOf(text);
    let from = 0;
    if (named !== undefined) {
      current = logOf(named);
      currentPrefix = text.slice(0, named.length);
      from = named.length;
    } else if (currentPrefix !== '' && text.startsWith(currentPrefix)) from = currentPrefix.length;
    if (current === undefined) return;
    current.lines++;
    const last = current.own.length - 1;
    const expected = (current.inFile[last] ?? -1) + current.lines - (current.own[last] ?? 0);
    if (last < 0 || expected !== line) {
      current.own.push(current.lines);
      current.inFile.push(line);
    }
    const own = parts.get(current);
    if (own === undefined) parts.set(current, [bytes.subarray(from)]);
    else own.push(bytes.subarray(from));
  };

  const give = (parts: Map<Log, Buffer[]>): void => {
    for (const [log, pieces] of parts) log.parser?.push(Buffer.concat(pieces));
  };

  return {
    feed(chunk) {
      const parts = new Map<Log, Buffer[]>();
      let from = 0;
      for (;;) {
        const stop = chunk.indexOf(newline, from);
        if (stop < 0) break;
        const piece = chunk.subarray(from, stop + 1);
        takeLine(heldBytes > 0 ? Buffer.concat([...held, piece]) : piece, parts);
        held = [];
        heldBytes = 0;
        from = stop + 1;
      }
      const rest = chunk.subarray(from);
      // The start of an endless line is enough: nobody looks at more of it.
      const room = lineBytes + 2 * longestPrefix - heldBytes;
      if (rest.length > 0 && room > 0) {
        held.push(Buffer.from(rest.subarray(0, room)));
        heldBytes += Math.min(rest.length, room);
      }
      give(parts);
    },
    end(complete) {
      const parts = new Map<Log, Buffer[]>();
      if (heldBytes > 0) takeLine(Buffer.concat(held), parts);
      give(parts);
      for (const log of logs.values()) log.parser?.end(complete || log !== current);
      if (leftOut > 0) {
        emit({
          kind: 'gap',
          value: {
            file: path,
            reason: 'skipped',
            detail: `logs of more than ${mostLogs} containers in one file; ${leftOut} lines of further ones were not read`,
            line: leftOutLine,
          },
        });
      }
    },
  };
}

/** The line of the file that a line of a log is. */
function lineInFile({ own, inFile }: Log, line: number): number {
  let low = 0;
  let high = own.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((own[middle] ?? 0) <= line) low = middle;
    else high = middle - 1;
  }
  return (inFile[low] ?? line) + line - (own[low] ?? line);
}
