import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { finished, pipeline } from 'node:stream/promises';
import { crc32, createGzip, deflateRawSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { entriesOf, type GeneratedEntry } from './entries.ts';
import { collectedAt, type GeneratedMesh } from './mesh.ts';

/** What was written: enough to recognise the same archive again. */
export interface Written {
  readonly entries: number;
  /** Unpacked bytes over all entries. */
  readonly bytes: number;
  /** Of the paths and contents, not of the container: equal over all variants of one archive. */
  readonly sha256: string;
}

/** Entries up to this many bytes are held whole; larger ones are made twice, once for their length. */
const heldBytes = 64 * 2 ** 20;

interface Sized {
  readonly length: number;
  chunks(): Iterable<Buffer>;
}

function sized(entry: GeneratedEntry): Sized {
  const held: Buffer[] = [];
  let length = 0;
  for (const text of entry.content()) {
    const chunk = Buffer.from(text);
    length += chunk.length;
    if (length <= heldBytes) held.push(chunk);
    else held.length = 0;
  }
  if (length <= heldBytes) return { length, chunks: () => held };
  return {
    length,
    *chunks() {
      for (const text of entry.content()) yield Buffer.from(text);
    },
  };
}

/** Writes the mesh's files as a tar, gzipped or not. Needs the memory of one entry of at most 64 MiB. */
export async function writeTar(mesh: GeneratedMesh, file: string, gzip: boolean): Promise<Written> {
  const tar = pack();
  const output = createWriteStream(file);
  const done = gzip ? pipeline(tar, createGzip({ chunkSize: 256 * 1024 }), output) : pipeline(tar, output);
  const hash = createHash('sha256');
  let entries = 0;
  let bytes = 0;
  for (const entry of entriesOf(mesh)) {
    const content = sized(entry);
    const header = { name: entry.path, size: content.length, mode: 0o644, mtime: new Date(collectedAt) };
    const stream = tar.entry(header);
    const ended = finished(stream);
    hash.update(entry.path);
    for (const chunk of content.chunks()) {
      hash.update(chunk);
      if (!stream.write(chunk)) await once(stream, 'drain');
    }
    stream.end(undefined);
    await ended;
    entries += 1;
    bytes += content.length;
  }
  tar.finalize();
  await done;
  return { entries, bytes, sha256: hash.digest('hex') };
}

/** Writes the mesh's files into a folder. `?` stays in the names, as on Linux. */
export async function writeDirectory(mesh: GeneratedMesh, folder: string): Promise<void> {
  for (const entry of entriesOf(mesh)) {
    const file = join(folder, entry.path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, Buffer.concat([...sized(entry).chunks()]));
    await utimes(file, new Date(collectedAt), new Date(collectedAt));
  }
}

/** Writes the mesh's files as a zip: deflated, or stored when that is shorter. Below 4 GiB only. */
export async function writeZip(mesh: GeneratedMesh, file: string): Promise<void> {
  const output = createWriteStream(file);
  const directory: Buffer[] = [];
  let offset = 0;
  const write = async (chunk: Buffer): Promise<void> => {
    offset += chunk.length;
    if (!output.write(chunk)) await once(output, 'drain');
  };
  for (const entry of entriesOf(mesh)) {
    const plain = Buffer.concat([...sized(entry).chunks()]);
    const deflated = deflateRawSync(plain);
    const stored = deflated.length >= plain.length;
    const packed = stored ? plain : deflated;
    const name = Buffer.from(entry.path);
    const fields = zipFields(stored, plain, packed.length, name.length);
    const start = offset;
    if (start > 0xffffffff) throw new RangeError('the zip writer ends at 4 GiB');
    await write(Buffer.concat([Buffer.from([0x50, 0x4b, 3, 4]), fields, name]));
    await write(packed);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(0x0314, 4);
    fields.copy(central, 6);
    central.writeUInt32LE(0o100644 * 65536, 38);
    central.writeUInt32LE(start, 42);
    directory.push(central, name);
  }
  const start = offset;
  for (const part of directory) await write(part);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(directory.length / 2, 8);
  end.writeUInt16LE(directory.length / 2, 10);
  end.writeUInt32LE(offset - start, 12);
  end.writeUInt32LE(start, 16);
  await write(end);
  output.end();
  await finished(output);
}

/** The 26 bytes that local and central header share, from "version needed" to the length of the extra field. */
function zipFields(stored: boolean, plain: Buffer, packedLength: number, nameLength: number): Buffer {
  const moment = new Date(collectedAt);
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(20, 0);
  fields.writeUInt16LE(0x0800, 2);
  fields.writeUInt16LE(stored ? 0 : 8, 4);
  fields.writeUInt16LE((moment.getUTCHours() << 11) | (moment.getUTCMinutes() << 5), 6);
  fields.writeUInt16LE(
    ((moment.getUTCFullYear() - 1980) << 9) | ((moment.getUTCMonth() + 1) << 5) | moment.getUTCDate(),
    8,
  );
  fields.writeUInt32LE(crc32(plain), 10);
  fields.writeUInt32LE(packedLength, 14);
  fields.writeUInt32LE(plain.length, 18);
  fields.writeUInt16LE(nameLength, 22);
  return fields;
}
