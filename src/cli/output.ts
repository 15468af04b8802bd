import {
  accessSync,
  closeSync,
  constants,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, extname, join, relative, sep } from 'node:path';
import { UserError } from '../errors.ts';
import type { Format } from '../report/render.ts';

/** File extension of each format. */
export const extensions: Readonly<Record<Format, string>> = {
  text: '.txt',
  markdown: '.md',
  html: '.html',
  json: '.json',
};

/** Where one document goes. */
export interface Target {
  readonly format: Format;
  /** Path of the file, `-` for standard output. */
  readonly file: string;
}

const usage = (message: string) => new UserError('USAGE', message);

/** Pairs `--format` with `-o` by order; a format not given follows from the file's extension. */
export function targetsOf(files: readonly string[], wanted: readonly Format[]): Target[] {
  const [first] = files;
  if (first === undefined) {
    if (wanted.length > 1) throw usage(`${wanted.length} formats for standard output; add one -o FILE for each`);
    return [{ format: wanted[0] ?? 'text', file: '-' }];
  }
  if (files.length === 1 && isFolder(first)) {
    const inFolder = wanted.length > 0 ? wanted : (['html'] as const);
    return distinct(inFolder.map((format) => ({ format, file: join(first, `report${extensions[format]}`) })));
  }
  if (wanted.length > 0 && wanted.length !== files.length) {
    throw usage(`${files.length} -o for ${wanted.length} --format; give as many of each, or only -o`);
  }
  return distinct(
    files.map((file, index) => {
      const format = wanted[index] ?? (file === '-' ? 'text' : formatOf(file));
      return { format, file: isFolder(file) ? join(file, `report${extensions[format]}`) : file };
    }),
  );
}

function formatOf(file: string): Format {
  if (isFolder(file)) return 'html';
  const extension = extname(file).toLowerCase();
  const aliases: Readonly<Record<string, string>> = { '.htm': '.html', '.markdown': '.md' };
  const names = Object.keys(extensions) as Format[];
  const format = names.find((name) => extensions[name] === (aliases[extension] ?? extension));
  if (format) return format;
  throw usage(`cannot tell the format of ${file}; name it .html, .md, .json or .txt, or add --format`);
}

function distinct(targets: Target[]): Target[] {
  const seen = new Set<string>();
  for (const { file } of targets) {
    if (seen.has(file)) throw usage(`${file === '-' ? 'standard output' : file} is named twice as -o`);
    seen.add(file);
  }
  return targets;
}

const isFolder = (path: string) => statOf(path)?.isDirectory() ?? false;

/** What lies there; undefined for nothing, and for what may not be seen: writing or opening it will say why. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/**
 * Refuses, before minutes are spent on reading, a target that cannot be written or that is part of the input. A report of
 * ours that lies in an input folder may be written again.
 */
export function checkTargets(targets: readonly Target[], inputs: readonly string[]): void {
  for (const { file } of targets) {
    if (file === '-') continue;
    for (const input of inputs) {
      if (input !== '-' && overwrites(file, input)) {
        throw new UserError('OUTPUT_UNWRITABLE', `${file} is part of the archive ${input}; name another file for -o`);
      }
    }
    try {
      const there = statSync(file, { throwIfNoEntry: false });
      if (there && !there.isFile()) accessSync(file, constants.W_OK);
      else accessSync(dirname(there ? realpathSync(file) : file), constants.W_OK | constants.X_OK);
    } catch (error) {
      throw unwritable(file, error);
    }
  }
}

function overwrites(file: string, input: string): boolean {
  const there = statOf(file);
  const source = statOf(input);
  if (!there?.isFile() || !source) return false;
  if (there.ino === source.ino && there.dev === source.dev) return true;
  if (!source.isDirectory()) return false;
  const inside = relative(realpathSync(input), realpathSync(file));
  return inside !== '..' && !inside.startsWith(`..${sep}`) && !isReport(file);
}

/** Every format names the tool near its beginning; a file of a bug-report does not. */
function isReport(file: string): boolean {
  const head = Buffer.alloc(64 * 1024);
  let handle: number | undefined;
  try {
    handle = openSync(file, 'r');
    return head.toString('latin1', 0, readSync(handle, head)).includes('meshtriage');
  } catch {
    return false; // What cannot be read cannot be known as ours, so it is kept.
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

/** Writes a file as a whole or not at all: beside its place first, then renamed. A device or pipe is written directly. */
export function writeDocument(file: string, text: string): void {
  const there = statOf(file);
  let beside: string | undefined;
  try {
    if (there && !there.isFile()) {
      writeFileSync(file, text);
      return;
    }
    // A link keeps pointing where it points: the file behind it is replaced.
    const place = there ? realpathSync(file) : file;
    beside = join(dirname(place), `.${basename(place)}.${process.pid}.tmp`);
    writeFileSync(beside, text, { flag: 'wx' });
    renameSync(beside, place);
  } catch (error) {
    if (beside) rmSync(beside, { force: true });
    throw unwritable(file, error);
  }
}

function unwritable(file: string, cause: unknown): UserError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
  const why: Readonly<Record<string, string>> = {
    ENOENT: `the folder ${dirname(file)} does not exist`,
    ENOTDIR: `${dirname(file)} is not a folder`,
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EROFS: 'the file system is read-only',
    ENOSPC: 'no space left',
    EISDIR: 'it is a folder',
    ENAMETOOLONG: 'the name is too long',
  };
  return new UserError('OUTPUT_UNWRITABLE', `cannot write ${file}: ${why[code] ?? code}`, { cause });
}
