import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Flow } from './flow.ts';

/** Bytes in one read: large enough that the number of reads does not matter, measured with gunzip. */
export const readBytes = 256 * 1024;

/** Packed bytes that can be read at any place, and more than once. */
export interface Bytes {
  readonly size: number;
  /** Bytes from `position` on; fewer than `length` only where they end. The buffer belongs to the caller. */
  read(position: number, length: number): Buffer;
  close(): void;
}

/** The bytes of a file, which stays open until `close`. */
export function fileBytes(path: string): Bytes {
  const file = openSync(path, 'r');
  return {
    size: fstatSync(file).size,
    read(position, length) {
      const buffer = Buffer.allocUnsafe(length);
      let filled = 0;
      while (filled < length) {
        const count = readSync(file, buffer, filled, length - filled, position + filled);
        if (count === 0) break;
        filled += count;
      }
      return filled === length ? buffer : buffer.subarray(0, filled);
    },
    close: () => closeSync(file),
  };
}

const blockBytes = 4 * 1024 * 1024;

/** Bytes kept in memory, collected chunk by chunk without ever being copied into one piece. */
export function memoryBytes(): Bytes & { append(chunk: Uint8Array): void } {
  const blocks: Buffer[] = [];
  let size = 0;
  return {
    get size() {
      return size;
    },
    append(chunk) {
      for (let taken = 0; taken < chunk.length; ) {
        if (size % blockBytes === 0) blocks.push(Buffer.allocUnsafe(blockBytes));
        const part = chunk.subarray(taken, taken + blockBytes - (size % blockBytes));
        blocks.at(-1)?.set(part, size % blockBytes);
        size += part.length;
        taken += part.length;
      }
    },
    read(position, length) {
      const end = Math.min(position + length, size);
      const parts: Buffer[] = [];
      for (let at = position; at < end; ) {
        const offset = at % blockBytes;
        const part = (blocks[Math.floor(at / blockBytes)] ?? Buffer.alloc(0)).subarray(offset, offset + end - at);
        parts.push(part);
        at += part.length;
      }
      return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
    },
    close: () => undefined,
  };
}

/** Writes bytes from start to end into a flow. A disk that fails ends the flow as damaged, never the visit. */
export async function pump(
  open: () => Bytes,
  flow: Flow,
  visit: { stopped(): boolean; unpacked?(bytes: number): void },
): Promise<void> {
  let bytes: Bytes | undefined;
  let failure: string | undefined;
  const next = (position: number): Buffer | undefined => {
    try {
      bytes ??= open();
      const chunk = bytes.read(position, readBytes);
      return chunk.length > 0 ? chunk : undefined;
    } catch (error) {
      failure = reasonOf(error);
      return undefined;
    }
  };
  try {
    let position = 0;
    while (!visit.stopped()) {
      const chunk = next(position);
      if (chunk === undefined) break;
      position += chunk.length;
      visit.unpacked?.(chunk.length);
      const wait = visit.stopped() ? undefined : flow.write(chunk);
      if (wait !== undefined) await wait;
    }
  } finally {
    bytes?.close();
  }
  await flow.end(
    failure === undefined ? undefined : { reason: 'truncated', detail: `this file cannot be read (${failure})` },
  );
}

/** An error of the file system in words: `permission denied` rather than `EACCES`. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return reasons.get(code) ?? (error instanceof Error ? error.message : String(error));
}

const reasons: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'permission denied'],
  ['EPERM', 'permission denied'],
  ['ENOENT', 'no such file'],
  ['ENOTDIR', 'no such file'],
  ['EIO', 'the disk reports an error'],
  ['EMFILE', 'too many open files'],
]);
