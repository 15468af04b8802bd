import { crc32 } from 'node:zlib';
import type { Damage, Flow } from './flow.ts';
import { type Inflater, inflater } from './inflate.ts';

/** What a gzip flow tells the visit it is part of. */
export interface GzipHost {
  unpacked(bytes: number): void;
  stopped(): boolean;
  gap(reason: 'malformed' | 'skipped', detail: string): void;
}

/**
 * Unpacks gzip (RFC 1952) into `inner`: several members in a row, and zeros or anything else after the last one. The frame is
 * read here and only the deflate inside goes to zlib, because zlib in gzip mode drops its last piece of output, up to
 * 256 KiB, when the check sum is wrong or something follows.
 */
export function gzipFlow(inner: Flow, host: GzipHost): Flow {
  let expect: 'header' | 'body' | 'trailer' | 'nothing' = 'header';
  let rest: Buffer = Buffer.alloc(0);
  let member: Inflater | undefined;
  let members = 0;
  let sum = 0;
  let length = 0;
  let damage: Damage | undefined;

  const deliver = (chunk: Buffer): Promise<void> | undefined => {
    host.unpacked(chunk.length);
    if (host.stopped()) return undefined;
    sum = crc32(chunk, sum);
    length += chunk.length;
    return inner.write(chunk);
  };

  const write = async (chunk: Buffer): Promise<void> => {
    let input = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    rest = Buffer.alloc(0);
    while (input.length > 0 && expect !== 'nothing' && !host.stopped()) {
      if (expect === 'header') {
        const header = headerBytes(input);
        if (header === 'more') {
          rest = input;
          return;
        }
        if (header === 'none') {
          expect = 'nothing';
          if (members === 0) damage = { reason: 'malformed', detail: 'the gzip header is damaged' };
          // Tapes and some file systems pad with zeros.
          else if (input.some((byte) => byte !== 0))
            host.gap('skipped', 'something that is not gzip follows the gzip stream; it is not read');
          return;
        }
        input = input.subarray(header);
        member = inflater(deliver);
        sum = 0;
        length = 0;
        expect = 'body';
      } else if (expect === 'body') {
        if (member === undefined) return;
        const result = await member.write(input);
        if (result.damage !== undefined) {
          damage = { reason: 'malformed', detail: `the gzip stream is damaged (${result.damage})` };
          expect = 'nothing';
          return;
        }
        if (result.used === input.length) return;
        input = input.subarray(result.used);
        await member.delivered();
        member.close();
        member = undefined;
        expect = 'trailer';
      } else {
        if (input.length < 8) {
          rest = input;
          return;
        }
        if (input.readUInt32LE(0) !== sum || input.readUInt32LE(4) !== length % 2 ** 32) {
          host.gap('malformed', 'the check sum of the gzip stream is wrong: some of its bytes were changed');
        }
        input = input.subarray(8);
        members++;
        expect = 'header';
      }
    }
  };

  return {
    write: (chunk) => (expect === 'nothing' ? undefined : write(chunk)),
    async end(outer) {
      await member?.delivered();
      member?.close();
      const cut = outer ?? damage;
      if (cut !== undefined) return inner.end(cut);
      const whole = members > 0 && (expect === 'nothing' || (expect === 'header' && rest.length === 0));
      return inner.end(whole ? undefined : { reason: 'truncated', detail: 'the gzip stream ends early' });
    },
  };
}

/** Bytes of the gzip header at the start of `input`: `more` when it goes on, `none` when this is no gzip header. */
function headerBytes(input: Buffer): number | 'more' | 'none' {
  if (input[0] !== 0x1f || (input.length > 1 && input[1] !== 0x8b) || (input.length > 2 && input[2] !== 8))
    return 'none';
  if (input.length < 10) return 'more';
  const flags = input[3] ?? 0;
  if ((flags & 0xe0) !== 0) return 'none';
  let at = 10;
  if ((flags & 4) !== 0) {
    if (input.length < at + 2) return 'more';
    at += 2 + input.readUInt16LE(at);
  }
  // File name and comment, each ended by a zero.
  for (const flag of [8, 16]) {
    if ((flags & flag) === 0) continue;
    const end = input.indexOf(0, at);
    if (end < 0) return input.length > 64 * 1024 ? 'none' : 'more';
    at = end + 1;
  }
  if ((flags & 2) !== 0) at += 2;
  return input.length < at ? 'more' : at;
}
