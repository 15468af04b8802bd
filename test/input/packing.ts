import { Readable } from 'node:stream';
import { crc32, deflateRawSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { type ContainerGap, defaultLimits, type EntryHeader, type Limits } from '../../src/input/archive.ts';
import { openArchive } from '../../src/input/open.ts';

/** What a visitor saw of an archive. */
export interface Seen {
  /** Content by path; `…` at the end when the file was cut short. */
  readonly files: Record<string, string>;
  readonly headers: readonly EntryHeader[];
  readonly gaps: readonly ContainerGap[];
}

/** Visits bytes as standard input does, and keeps what comes. */
export async function see(bytes: Buffer, limits: Partial<Limits> = {}): Promise<Seen> {
  const archive = await openArchive('-', { ...defaultLimits, ...limits }, Readable.from([bytes]));
  return watch(archive);
}

/** Visits an archive and keeps what comes. */
export async function watch(archive: Awaited<ReturnType<typeof openArchive>>): Promise<Seen> {
  const files: Record<string, string> = {};
  const headers: EntryHeader[] = [];
  const gaps: ContainerGap[] = [];
  await archive.visit({
    entry(header) {
      headers.push(header);
      const chunks: Uint8Array[] = [];
      return {
        push: (chunk) => void chunks.push(chunk),
        end(complete) {
          files[header.path] = Buffer.concat(chunks).toString() + (complete ? '' : '…');
        },
      };
    },
    gap: (gap) => void gaps.push(gap),
  });
  return { files, headers, gaps };
}

const modified = new Date('2026-05-01T10:00:00Z');

/** A tar of the given files, modified at 2026-05-01T10:00:00Z. */
export async function tarOf(files: Record<string, string | Buffer>): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name, mtime: modified }, content);
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** How `zipOf` packs, where it should differ from what most tools do. */
export interface Packing {
  /** Stored instead of deflated. */
  readonly stored?: boolean;
  /** Sizes and check sum behind the data, as a packer writes that streams. */
  readonly streamed?: boolean;
  readonly encrypted?: boolean;
  readonly method?: number;
  /** Added to the declared check sum. */
  readonly wrongSum?: number;
  /** Added to the declared size. */
  readonly wrongSize?: number;
  /** Leaves the central directory out. */
  readonly withoutDirectory?: boolean;
}

/** A zip of the given files, modified at 2026-05-01T10:00:00. */
export function zipOf(files: Record<string, string | Buffer>, packing: Packing = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  const add = (part: Buffer): void => {
    parts.push(part);
    offset += part.length;
  };
  for (const [name, content] of Object.entries(files)) {
    const raw = Buffer.from(content);
    const data = packing.stored ? raw : deflateRawSync(raw);
    const sum = (crc32(raw) + (packing.wrongSum ?? 0)) >>> 0;
    const size = raw.length + (packing.wrongSize ?? 0);
    const header = Buffer.alloc(26);
    header.writeUInt16LE(20, 0);
    header.writeUInt16LE((packing.encrypted ? 1 : 0) | (packing.streamed ? 8 : 0), 2);
    header.writeUInt16LE(packing.method ?? (packing.stored ? 0 : 8), 4);
    header.writeUInt16LE(10 << 11, 6);
    header.writeUInt16LE(((2026 - 1980) << 9) | (5 << 5) | 1, 8);
    header.writeUInt32LE(sum, 10);
    header.writeUInt32LE(data.length, 14);
    header.writeUInt32LE(size, 18);
    header.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.from(header);
    if (packing.streamed) local.fill(0, 10, 22);
    const central = Buffer.alloc(14);
    central.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x03', 'latin1'), header, central, Buffer.from(name));
    add(Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), local, Buffer.from(name), data]));
    if (packing.streamed) {
      const record = Buffer.alloc(16);
      record.write('PK\x07\x08', 'latin1');
      record.writeUInt32LE(sum, 4);
      record.writeUInt32LE(data.length, 8);
      record.writeUInt32LE(size, 12);
      add(record);
    }
  }
  if (packing.withoutDirectory) return Buffer.concat(parts);
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(Object.keys(files).length, 8);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(listed.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, listed, end]);
}

/** Text that does not get much smaller, so that cuts and flips hit something. Same on each run. */
export function logOf(lines: number): string {
  let state = 42;
  const next = (): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 8;
  };
  return Array.from(
    { length: lines },
    () => `2026-05-01T10:00:00.${next()}Z\tinfo\tads\tpush ${next()} for cart.shop\n`,
  ).join('');
}
