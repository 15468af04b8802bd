import { Readable } from 'node:stream';
import { crc32, inflateRawSync } from 'node:zlib';
import type { CentralDirectory, File } from 'unzipper';
import { type Bytes, readBytes } from './bytes.ts';
import type { Container, Damage, Flow } from './flow.ts';
import { inflater } from './inflate.ts';

// Below this size one synchronous call is many times cheaper than a stream per file.
const syncBytes = 16 * 2 ** 20;

const localSignature = 0x04034b50;
const centralSignature = 0x02014b50;
const endSignature = Buffer.from('PK\x05\x06', 'latin1');

/** One file of a zip, from its directory or its local header. */
interface ZipEntry {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly modified: Date | undefined;
  /** Where the file's own header starts. */
  readonly offset: number;
  readonly link: boolean;
}

/**
 * Visits the files of a zip. Sizes and check sums are compared here: a wrong one is a gap, with the bytes delivered all the
 * same. A zip without a usable directory (cut short) is read forward, header by header.
 */
export async function visitZip(bytes: Bytes, container: Container): Promise<void> {
  const entries = await readDirectory(bytes);
  const left = { encrypted: 0, links: 0 };
  if (typeof entries === 'string') {
    container.gap('truncated', `${entries}; its files are read one after the other as far as they go`);
    await readForward(bytes, container, left);
  } else {
    if (entries.length === 0) container.gap('truncated', 'the zip lists no files');
    for (const entry of entries) {
      if (container.stopped()) return;
      if (isFolder(entry)) continue;
      const local = readLocal(bytes, entry.offset);
      if (local === undefined) {
        container.gap('malformed', 'the directory of the zip points to a place where this file is not', entry.name);
        continue;
      }
      const flow = openEntry({ ...entry, modified: local.entry.modified }, container, left);
      if (flow !== undefined) await readEntry(bytes, entry, local.data, flow, container);
    }
  }
  const { encrypted, links } = left;
  if (encrypted > 0) {
    const files = encrypted === 1 ? '1 file is' : `${encrypted} files are`;
    container.gap('skipped', `${files} encrypted and not read; pack them again without a password`);
  }
  if (links > 0) container.gap('skipped', `${links === 1 ? 'a link is' : `${links} links are`} not followed`);
}

const isFolder = ({ name, size }: ZipEntry): boolean => size <= 0 && /[/\\]$/.test(name);

function openEntry(
  entry: ZipEntry,
  container: Container,
  left: { encrypted: number; links: number },
): Flow | undefined {
  if ((entry.flags & 1) !== 0) {
    left.encrypted++;
    return undefined;
  }
  if (entry.link) {
    left.links++;
    return undefined;
  }
  if (entry.method !== 0 && entry.method !== 8) {
    const method = methods.get(entry.method) ?? `method ${entry.method}`;
    container.gap('skipped', `it is packed with ${method}; unpack the zip and analyse the folder`, entry.name);
    return undefined;
  }
  return container.open({ name: entry.name, size: entry.size, modified: entry.modified });
}

const methods: ReadonlyMap<number, string> = new Map([
  [1, 'shrink'],
  [6, 'implode'],
  [9, 'Deflate64 (Windows Explorer, above 2 GB)'],
  [12, 'bzip2'],
  [14, 'LZMA'],
  [93, 'Zstandard'],
  [95, 'xz'],
  [98, 'PPMd'],
]);

/** Delivers the bytes of one file whose sizes are known. */
async function readEntry(bytes: Bytes, entry: ZipEntry, data: number, flow: Flow, container: Container): Promise<void> {
  if (entry.packed <= syncBytes && entry.size <= syncBytes) {
    const whole = readSmall(bytes, entry, data);
    if (whole !== undefined) {
      container.unpacked(whole.length);
      if (!container.stopped()) {
        const wait = whole.length > 0 ? flow.write(whole) : undefined;
        if (wait !== undefined) await wait;
      }
      await flow.end(container.stopped() ? undefined : sumDamage(crc32(whole), entry.crc));
      return;
    }
  }
  // Large, or not as the directory says: as far as it goes, in pieces.
  const result = await readPieces(bytes, entry, data, data + entry.packed, flow, container);
  await flow.end(
    container.stopped()
      ? undefined
      : (result.damage ?? sizeDamage(result.size, entry) ?? sumDamage(result.sum, entry.crc)),
  );
}

/** The unpacked bytes, undefined when they are not as declared. */
function readSmall(bytes: Bytes, entry: ZipEntry, data: number): Buffer | undefined {
  const packed = bytes.read(data, entry.packed);
  if (packed.length < entry.packed) return undefined;
  if (entry.method === 0) return entry.packed === entry.size ? packed : undefined;
  try {
    const whole = inflateRawSync(packed, { maxOutputLength: Math.max(entry.size, 1) });
    return whole.length === entry.size ? whole : undefined;
  } catch {
    // Damaged or longer than declared: the caller reads it in pieces and says which.
    return undefined;
  }
}

interface Pieces {
  /** Where the packed bytes ended. */
  readonly end: number;
  readonly size: number;
  readonly sum: number;
  readonly damage?: Damage | undefined;
}

async function readPieces(
  bytes: Bytes,
  entry: ZipEntry,
  from: number,
  to: number,
  flow: Flow,
  container: Container,
): Promise<Pieces> {
  let size = 0;
  let sum = 0;
  const deliver = (chunk: Buffer): Promise<void> | undefined => {
    // A file that holds more than it declares is a trick; what was declared is delivered.
    const room = entry.size < 0 ? chunk.length : Math.max(0, entry.size - size);
    size += chunk.length;
    container.unpacked(chunk.length);
    if (container.stopped() || room === 0) return undefined;
    sum = crc32(chunk, sum);
    return flow.write(chunk.subarray(0, room));
  };
  const cut: Damage = { reason: 'truncated', detail: 'the zip ends inside this file' };
  const member = entry.method === 8 ? inflater(deliver) : undefined;
  try {
    let at = from;
    while (at < to && !container.stopped() && (entry.size < 0 || size <= entry.size)) {
      const chunk = bytes.read(at, Math.min(readBytes, to - at));
      if (chunk.length === 0) {
        await member?.delivered();
        return { end: at, size, sum, damage: cut };
      }
      if (member === undefined) {
        at += chunk.length;
        const wait = deliver(chunk);
        if (wait !== undefined) await wait;
        continue;
      }
      const { used, damage } = await member.write(chunk);
      if (damage !== undefined) {
        return {
          end: at,
          size,
          sum,
          damage: { reason: 'malformed', detail: `its packed bytes are damaged (${damage})` },
        };
      }
      at += used;
      if (used < chunk.length) break;
    }
    await member?.delivered();
    return { end: at, size, sum };
  } finally {
    member?.close();
  }
}

function sizeDamage(size: number, entry: ZipEntry): Damage | undefined {
  if (size === entry.size) return undefined;
  const found = size > entry.size ? 'more' : `${size}`;
  return { reason: 'malformed', detail: `the zip declares ${entry.size} bytes for it and holds ${found}` };
}

function sumDamage(sum: number, expected: number): Damage | undefined {
  if (sum === expected >>> 0) return undefined;
  return { reason: 'malformed', detail: 'its check sum is wrong: some of its bytes were changed' };
}

/** The files the central directory lists, or what is wrong with it. */
async function readDirectory(bytes: Bytes): Promise<readonly ZipEntry[] | string> {
  const end = findEnd(bytes);
  if (end === undefined) return 'the zip has no directory at its end (it is cut short)';
  const { Open } = await import('unzipper');
  // unzipper takes the first end record of the tail, which is the wrong one where a stored zip is among the last files; so
  // it is shown the bytes up to the right one, and a tail of exactly that record.
  const view = {
    size: () => Promise.resolve(end.stop - end.shift),
    stream: (offset: number) => Readable.from(pieces(bytes, offset + end.shift, end.stop), { objectMode: false }),
  };
  let directory: CentralDirectory;
  try {
    directory = await (
      Open.custom as (source: typeof view, options: { tailSize: number }) => Promise<CentralDirectory>
    )(view, {
      tailSize: end.stop - end.start,
    });
  } catch (error) {
    return `the directory of the zip is damaged (${error instanceof Error ? error.message : String(error)})`;
  }
  if (!directory.files.every((file) => file.signature === centralSignature && isPlausible(file))) {
    return 'the directory of the zip is damaged';
  }
  return directory.files.map((file) => ({
    name: nameOf(file.pathBuffer),
    flags: file.flags,
    method: file.compressionMethod,
    crc: file.crc32,
    packed: file.compressedSize,
    size: file.uncompressedSize,
    modified: undefined,
    offset: file.offsetToLocalFileHeader + end.shift,
    // The upper half holds Unix' mode where the packer ran on Unix.
    link: file.versionMadeBy >>> 8 === 3 && ((file.externalFileAttributes >>> 16) & 0o170000) === 0o120000,
  }));
}

const isPlausible = ({ compressedSize, uncompressedSize, offsetToLocalFileHeader }: File): boolean =>
  [compressedSize, uncompressedSize, offsetToLocalFileHeader].every(
    (value) => Number.isSafeInteger(value) && value >= 0,
  );

function* pieces(bytes: Bytes, from: number, to: number): Generator<Buffer> {
  for (let at = Math.max(0, from); at < to; ) {
    const chunk = bytes.read(at, Math.min(readBytes, to - at));
    if (chunk.length === 0) return;
    at += chunk.length;
    yield chunk;
  }
}

/**
 * The end record of the directory: `start` and `stop` in the file, and how far all offsets are `shift`ed because something was put
 * before the zip. Undefined when there is none that fits.
 */
function findEnd(bytes: Bytes): { start: number; stop: number; shift: number } | undefined {
  const tailStart = Math.max(0, bytes.size - 65_557);
  const tail = bytes.read(tailStart, bytes.size - tailStart);
  for (let at = tail.lastIndexOf(endSignature); at >= 0; at = at === 0 ? -1 : tail.lastIndexOf(endSignature, at - 1)) {
    if (at + 22 > tail.length) continue;
    const stop = at + 22 + tail.readUInt16LE(at + 20);
    if (stop > tail.length) continue;
    const start = tailStart + at;
    const count = tail.readUInt16LE(at + 10);
    const length = tail.readUInt32LE(at + 12);
    const offset = tail.readUInt32LE(at + 16);
    const found = { start, stop: tailStart + stop, shift: 0 };
    // Counts or offsets too large for this record stand in another one (zip64). A count that does not fit into the
    // directory would make unzipper count to it.
    if (count === 0xffff || offset === 0xffffffff) {
      if (zip64Fits(bytes, start)) return found;
      continue;
    }
    if (length > start || count * 46 > length) continue;
    const shift = start - length - offset;
    if (count === 0 || signatureAt(bytes, offset) === centralSignature) return found;
    if (shift > 0 && signatureAt(bytes, offset + shift) === centralSignature) return { ...found, shift };
  }
  return undefined;
}

function zip64Fits(bytes: Bytes, end: number): boolean {
  const locator = bytes.read(Math.max(0, end - 20), 20);
  if (locator.length < 20 || locator.readUInt32LE(0) !== 0x07064b50) return false;
  const record = bytes.read(Number(locator.readBigUInt64LE(8)), 56);
  if (record.length < 56 || record.readUInt32LE(0) !== 0x06064b50) return false;
  return record.readBigUInt64LE(32) * 46n <= record.readBigUInt64LE(40) && record.readBigUInt64LE(40) <= BigInt(end);
}

function signatureAt(bytes: Bytes, position: number): number | undefined {
  const word = bytes.read(position, 4);
  return word.length < 4 ? undefined : word.readUInt32LE(0);
}

/** Reads the header that stands before a file's bytes; undefined when there is none at `offset`. */
function readLocal(bytes: Bytes, offset: number): { readonly entry: ZipEntry; readonly data: number } | undefined {
  const header = bytes.read(offset, 30);
  if (header.length < 30 || header.readUInt32LE(0) !== localSignature) return undefined;
  const nameLength = header.readUInt16LE(26);
  const extraLength = header.readUInt16LE(28);
  const variable = bytes.read(offset + 30, nameLength + extraLength);
  if (variable.length < nameLength + extraLength) return undefined;
  const extra = variable.subarray(nameLength);
  const flags = header.readUInt16LE(6);
  let packed = header.readUInt32LE(18);
  let size = header.readUInt32LE(22);
  const wide = extraField(extra, 1);
  if (size === 0xffffffff && packed === 0xffffffff && wide !== undefined && wide.length >= 16) {
    size = Number(wide.readBigUInt64LE(0));
    packed = Number(wide.readBigUInt64LE(8));
  }
  // Bit 3: sizes and check sum follow the data, because the packer was streaming.
  const later = (flags & 8) !== 0 && packed === 0;
  return {
    data: offset + 30 + nameLength + extraLength,
    entry: {
      name: nameOf(variable.subarray(0, nameLength)),
      flags,
      method: header.readUInt16LE(8),
      crc: header.readUInt32LE(14),
      packed: later ? -1 : packed,
      size: later ? -1 : size,
      modified: timeOf(header, extra),
      offset,
      link: false,
    },
  };
}

/** Names are UTF-8, flagged or not, but for old Windows tools; those bytes are kept apart, if not spelled right. */
function nameOf(raw: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw);
  } catch {
    // Not UTF-8.
    return raw.toString('latin1');
  }
}

/** UTC from the extended timestamp (0x5455) where the packer wrote it; else the DOS time, whose zone nobody knows, as if UTC. */
function timeOf(header: Buffer, extra: Buffer): Date | undefined {
  const unix = extraField(extra, 0x5455);
  if (unix !== undefined && unix.length >= 5 && ((unix[0] ?? 0) & 1) !== 0) return new Date(unix.readInt32LE(1) * 1000);
  const time = header.readUInt16LE(10);
  const date = header.readUInt16LE(12);
  if (date === 0) return undefined;
  return new Date(
    Date.UTC(1980 + (date >> 9), ((date >> 5) & 15) - 1, date & 31, time >> 11, (time >> 5) & 63, (time & 31) * 2),
  );
}

function extraField(extra: Buffer, id: number): Buffer | undefined {
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === id) return extra.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
  return undefined;
}

/** Reads a zip without its directory: each file's own header, the file, and on to the next header. */
async function readForward(
  bytes: Bytes,
  container: Container,
  left: { encrypted: number; links: number },
): Promise<void> {
  let at = findLocal(bytes, 0);
  while (at !== undefined && !container.stopped()) {
    const local = readLocal(bytes, at);
    if (local === undefined) {
      if (bytes.size - at < 30 + 65_535 * 2) container.gap('truncated', 'the zip ends inside the header of a file');
      return;
    }
    const { entry, data } = local;
    const known = entry.packed >= 0;
    let next = known ? data + entry.packed : data;
    if (!isFolder(entry)) {
      if (!known && entry.method === 0) {
        container.gap('skipped', 'its length stands only in the directory of the zip', entry.name);
      } else {
        const flow = openEntry(entry, container, left);
        if (flow !== undefined && known) await readEntry(bytes, entry, data, flow, container);
        else if (flow !== undefined) {
          const result = await readPieces(bytes, entry, data, bytes.size + 1, flow, container);
          await flow.end(
            container.stopped() ? undefined : (result.damage ?? sumDamage(result.sum, sumAfter(bytes, result.end))),
          );
          next = result.end;
        }
      }
    }
    at = findLocal(bytes, next);
  }
}

/** The check sum in the record behind a streamed file; its signature is optional. */
function sumAfter(bytes: Bytes, position: number): number {
  const record = bytes.read(position, 8);
  if (record.length < 8) return -1;
  return record.readUInt32LE(0) === 0x08074b50 ? record.readUInt32LE(4) : record.readUInt32LE(0);
}

/** Where the next header of a file starts, from `position` on; undefined when there is none. */
function findLocal(bytes: Bytes, position: number): number | undefined {
  const signature = Buffer.from('PK\x03\x04', 'latin1');
  for (let at = position; at < bytes.size; at += readBytes) {
    const window = bytes.read(at, readBytes + 3);
    const found = window.indexOf(signature);
    if (found >= 0) return at + found;
  }
  return undefined;
}
