import { createReadStream, type Stats, statSync } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { type Archive, type ArchiveFormat, defaultLimits, type Limits } from './archive.ts';
import { type Bytes, fileBytes, memoryBytes, pump, readBytes, reasonOf } from './bytes.ts';
import { containerOf, contentFlow, type Place } from './content.ts';
import { listDirectory, visitDirectory } from './directory.ts';
import { type Flow, sizeText } from './flow.ts';
import { gzipFlow } from './gzip.ts';
import { visible } from './path.ts';
import { type Content, headBytes, recognise } from './recognise.ts';
import { startVisit } from './visit.ts';
import { visitZip } from './zip.ts';

const expected = 'expected a .tar.gz, .tar, .zip, a folder or a text file';

// A stream is visited twice (once to read, once to quote), so it is kept, packed as it comes.
const streamBytes = 512 * 2 ** 20;

/**
 * Opens a support archive: a `.tar.gz`, `.tar` or `.zip`, a folder, a single file (gzipped or not), or `-` for standard input.
 * What it is, is read from its first bytes. Nothing is unpacked to disk. Throws a UserError when there is nothing to visit.
 */
export async function openArchive(
  path: string,
  limits: Limits = defaultLimits,
  stdin: NodeJS.ReadableStream = process.stdin,
): Promise<Archive> {
  if (path === '-') {
    const name = 'standard input';
    if ('isTTY' in stdin && stdin.isTTY === true) {
      throw new UserError('ARCHIVE_UNREADABLE', `nothing is piped into standard input; ${expected} there`);
    }
    const bytes = await collect(stdin, name);
    return openBytes(name, () => bytes, limits);
  }

  const stats = statOf(path);
  const name = visible(basename(resolve(path))) || path;
  if (stats.isDirectory()) return openDirectory(path, name, limits);
  if (stats.isFile()) return openBytes(name, () => openFile(path), limits);
  if (stats.isFIFO() || stats.isSocket() || stats.isCharacterDevice()) {
    const bytes = await collect(createReadStream(path), name);
    return openBytes(name, () => bytes, limits);
  }
  throw new UserError('ARCHIVE_UNRECOGNISED', `${visible(path)} is a device; ${expected}`);
}

function statOf(path: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new UserError('ARCHIVE_NOT_FOUND', `${visible(path)}: no such file or folder; ${expected}`, {
        cause: error,
      });
    }
    throw unreadable(visible(path), error);
  }
}

const unreadable = (what: string, error: unknown): UserError =>
  new UserError('ARCHIVE_UNREADABLE', `${what} cannot be read: ${reasonOf(error)}`, { cause: error });

function openFile(path: string): Bytes {
  try {
    return fileBytes(path);
  } catch (error) {
    throw unreadable(visible(path), error);
  }
}

async function collect(stream: NodeJS.ReadableStream, name: string): Promise<Bytes> {
  const bytes = memoryBytes();
  try {
    for await (const chunk of stream) {
      bytes.append(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
      if (bytes.size > streamBytes) break;
    }
  } catch (error) {
    throw unreadable(name, error);
  }
  if (bytes.size > streamBytes) {
    const limit = sizeText(streamBytes);
    throw new UserError(
      'ARCHIVE_UNREADABLE',
      `${name} is larger than ${limit}, more than is kept in memory; save it to a file and analyse that`,
    );
  }
  return bytes;
}

async function openDirectory(path: string, name: string, limits: Limits): Promise<Archive> {
  try {
    // fast-glob would answer with an empty list.
    await (await opendir(path)).close();
  } catch (error) {
    throw unreadable(`the folder ${visible(path)}`, error);
  }
  const listing = await listDirectory(path, limits);
  if (listing.files.length === 0 && listing.unreadable.length === 0) {
    throw new UserError(
      'ARCHIVE_UNRECOGNISED',
      `the folder ${visible(path)} holds no files; expected an unpacked bug report`,
    );
  }
  return {
    name,
    format: 'directory',
    bytes: listing.bytes,
    async visit(visitor) {
      const visit = startVisit(name, listing.bytes, visitor, limits);
      await visitDirectory(path, listing, containerOf(visit, { path: name, size: -1, level: 0, outermost: true }, 0));
      visit.finish();
    },
  };
}

async function openBytes(name: string, open: () => Bytes, limits: Limits): Promise<Archive> {
  const bytes = open();
  const { size } = bytes;
  let format: ArchiveFormat;
  try {
    format = await formatOf(bytes, name);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw unreadable(name, error);
  } finally {
    bytes.close();
  }
  const packed = format === 'tar.gz' || format === 'zip' || format === 'file.gz';
  const place: Place = { path: name, size: packed ? -1 : size, level: 0, outermost: true };

  return {
    name,
    format,
    bytes: size,
    async visit(visitor) {
      const visit = startVisit(name, size, visitor, limits);
      if (format === 'zip') {
        const zip = open();
        try {
          await visitZip(zip, containerOf(visit, place, 0));
        } finally {
          zip.close();
        }
      } else {
        // What comes out of packing is counted where it comes out.
        const unpacked = packed ? undefined : { unpacked: (count: number) => visit.unpacked(count, name) };
        await pump(open, contentFlow(visit, place), { stopped: visit.stopped, ...unpacked });
      }
      visit.finish();
    },
  };
}

async function formatOf(bytes: Bytes, name: string): Promise<ArchiveFormat> {
  const content = recognise(bytes.read(0, headBytes));
  if (content.kind !== 'gzip') {
    if (content.kind === 'zip' || content.kind === 'tar') return content.kind;
    refuseBinary(content, name, 'is');
    return 'file';
  }
  const { head, damage } = await unpackedHead(bytes);
  if (head.length === 0 && damage !== undefined) {
    throw new UserError(
      'ARCHIVE_UNREADABLE',
      `${name} is a gzip file of which nothing can be unpacked (${damage}); copy it again from its source`,
    );
  }
  const inner = recognise(head);
  if (inner.kind === 'tar') return 'tar.gz';
  refuseBinary(inner, name, 'is a gzip file and holds');
  return 'file.gz';
}

function refuseBinary(content: Content, name: string, verb: string): void {
  if (content.kind === 'empty') {
    throw new UserError(
      'ARCHIVE_UNRECOGNISED',
      `${name} ${verb === 'is' ? 'is empty' : `${verb} nothing`}; ${expected}`,
    );
  }
  if (content.kind === 'foreign') {
    const { what, unpack } = content;
    const advice = unpack === undefined ? '' : `; unpack it first (\`${unpack} ${name}\`)`;
    throw new UserError('ARCHIVE_UNRECOGNISED', `${name} ${verb} ${what}; ${expected}${advice}`);
  }
}

/** The first bytes inside a gzip file, as many as `recognise` wants, and what is wrong with the gzip when there are fewer. */
async function unpackedHead(bytes: Bytes): Promise<{ head: Buffer; damage: string | undefined }> {
  let head = Buffer.alloc(0);
  let damage: string | undefined;
  const sink: Flow = {
    write(chunk) {
      head = Buffer.concat([head, chunk.subarray(0, headBytes - head.length)]);
      return undefined;
    },
    end(cut) {
      damage = cut?.detail;
      return undefined;
    },
  };
  const full = (): boolean => head.length >= headBytes;
  const gzip = gzipFlow(sink, { unpacked: () => undefined, stopped: full, gap: () => undefined });
  for (let at = 0; !full() && at < bytes.size; at += readBytes) await gzip.write(bytes.read(at, readBytes));
  await gzip.end();
  return { head, damage };
}
