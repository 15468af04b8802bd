import { createInflateRaw } from 'node:zlib';
import { nextTurn } from './flow.ts';

// 256 KiB pieces halve the time of Node's default of 16 KiB; larger ones gain little more.
const chunkSize = 256 * 1024;

/** One deflate stream being unpacked. */
export interface Inflater {
  /**
   * Resolves once the chunk is unpacked: `used` is less than its length when the deflate stream ended inside it (or before),
   * `damage` is zlib's word on bytes that are no deflate. Rejects only with what `deliver` throws.
   */
  write(chunk: Buffer): Promise<{ readonly used: number; readonly damage?: string }>;
  /** Resolves when everything unpacked so far has been delivered. */
  delivered(): Promise<void>;
  close(): void;
}

/** Unpacks raw deflate, handing pieces of up to 256 KiB to `deliver`; a promise it returns is waited for. */
export function inflater(deliver: (chunk: Buffer) => Promise<void> | undefined): Inflater {
  const raw = createInflateRaw({ chunkSize });
  let busy: Promise<void> | undefined;
  let damage: string | undefined;
  let thrown: { readonly error: unknown } | undefined;
  let wake: (() => void) | undefined;

  const fail = (error: unknown): void => {
    thrown ??= { error };
    raw.destroy();
    wake?.();
  };
  raw.on('data', (chunk: Buffer) => {
    if (thrown !== undefined) return;
    try {
      const wait = deliver(chunk);
      if (wait === undefined) return;
      raw.pause();
      busy = wait.then(() => {
        busy = undefined;
        raw.resume();
      });
      busy.catch(fail);
    } catch (error) {
      fail(error);
    }
  });
  raw.on('error', (error) => {
    damage ??= error.message;
    // zlib does not call back the write that failed.
    wake?.();
  });

  return {
    async write(chunk) {
      const before = raw.bytesWritten;
      if (damage === undefined && thrown === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          raw.write(chunk, () => resolve());
        });
        wake = undefined;
      }
      if (thrown !== undefined) throw thrown.error;
      const used = raw.bytesWritten - before;
      return damage === undefined ? { used } : { used, damage };
    },
    async delivered() {
      while (busy !== undefined || raw.readableLength > 0) {
        await busy;
        if (raw.destroyed) break;
        await nextTurn();
      }
      if (thrown !== undefined) throw thrown.error;
    },
    close: () => void raw.destroy(),
  };
}
