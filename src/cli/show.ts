import { UserError } from '../errors.ts';
import { type Archive, defaultLimits, type EntrySink } from '../input/archive.ts';
import { openArchive } from '../input/open.ts';
import { maskedPath, quotable } from '../parse/mask-files.ts';
import { clip, grouped } from '../report/format.ts';
import { nearest } from './near.ts';

/** Lines shown before and after the place. */
const context = 5;
/** Lines before those that are read for what they open: a private key, the data of a Secret. */
const lookBack = 2_000;
/** Characters of a line that are shown, bytes that are kept of it. */
const lineCharacters = 2_000;
const lineBytes = 16 * 1024;
const longestRange = 10_000;

/** A place as reports write it. */
interface Reference {
  readonly file: string;
  readonly from: number;
  readonly to: number;
}

/** `show ARCHIVE REF`: prints the cited lines with those around them, masked. */
export async function runShow(path: string, ref: string): Promise<number> {
  const reference = parseReference(ref);
  const archive = await openArchive(path, defaultLimits, process.stdin);
  process.stdout.write(await placeIn(archive, reference));
  return 0;
}

/** `path:line` or `path:from-to`; the path itself may hold colons. */
export function parseReference(ref: string): Reference {
  const match = /^(.+):(\d+)(?:-(\d+))?$/.exec(ref);
  const from = Number(match?.[2]);
  const to = Number(match?.[3] ?? match?.[2]);
  if (!match?.[1] || from < 1 || to < from) {
    throw new UserError(
      'REFERENCE_INVALID',
      `'${ref}' is no place; expected FILE:LINE or FILE:FROM-TO as reports cite it`,
    );
  }
  if (to - from >= longestRange) {
    throw new UserError('REFERENCE_INVALID', `'${ref}' spans more than ${grouped(longestRange)} lines`);
  }
  return { file: match[1].replace(/^\.\//, ''), from, to };
}

async function placeIn(archive: Archive, { file, from, to }: Reference): Promise<string> {
  const paths: string[] = [];
  const shown: string[] = [];
  let lines: number | undefined;
  let cut = false;
  await archive.visit({
    entry(header) {
      if (lines !== undefined) return 'stop';
      const path = maskedPath(header.path);
      paths.push(path);
      if (path !== file && header.path !== file) return undefined;
      lines = 0;
      const masked = quotable(path);
      return lineSink((line, text, bytes) => {
        lines = line;
        if (line < from - context - lookBack || line > to + context) return;
        const safe = masked(text);
        if (line < from - context) return;
        const sign = line >= from && line <= to ? '>' : ' ';
        const rest = bytes > lineBytes ? ` (the line has ${grouped(bytes)} bytes)` : '';
        shown.push(
          `${sign} ${String(line).padStart(String(to + context).length)} │ ${clip(safe, lineCharacters)}${rest}\n`,
        );
      });
    },
    gap(gap) {
      if (gap.file === file) cut = true;
    },
  });
  if (lines === undefined) throw unknownFile(archive.name, file, paths);
  if (lines < from) {
    const end = cut ? 'is cut short after' : 'has';
    throw new UserError(
      'REFERENCE_INVALID',
      `${file} ${end} ${grouped(lines)} lines; there is no line ${grouped(from)}`,
    );
  }
  return `${clip(maskedPath(file), lineCharacters)}:${from}${to > from ? `-${to}` : ''}\n${shown.join('')}`;
}

function unknownFile(archive: string, file: string, paths: readonly string[]): UserError {
  const name = file.slice(file.lastIndexOf('/') + 1);
  const same = paths.filter((path) => path.endsWith(`/${name}`) || path === name || file.endsWith(`/${path}`));
  const near = same.length > 0 ? same.slice(0, 3) : nearest(file, paths.slice(0, 5_000));
  const advice = near.length > 0 ? `; did you mean ${near.map((path) => clip(path, 200)).join(' or ')}?` : '';
  return new UserError('REFERENCE_INVALID', `${archive} has no file ${file}${advice}`);
}

/** Splits bytes into lines and keeps the beginning of each. A last line without its end counts. */
function lineSink(take: (line: number, text: string, bytes: number) => void): EntrySink {
  let line = 0;
  let bytes = 0;
  let kept: Uint8Array[] = [];
  let room = lineBytes;
  const add = (part: Uint8Array) => {
    bytes += part.length;
    if (room <= 0 || part.length === 0) return;
    const head = part.slice(0, room);
    kept.push(head);
    room -= head.length;
  };
  const finish = () => {
    line += 1;
    take(line, new TextDecoder().decode(Buffer.concat(kept)).replace(/\r$/, ''), bytes);
    kept = [];
    bytes = 0;
    room = lineBytes;
  };
  return {
    push(chunk) {
      let at = 0;
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, at)) {
        add(chunk.subarray(at, end));
        finish();
        at = end + 1;
      }
      add(chunk.subarray(at));
    },
    end() {
      if (bytes > 0) finish();
    },
  };
}
