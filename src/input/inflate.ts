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

type Deliver = (chunk: Buffer) => Promise<void> | undefined;

// The zlib call that meets damage returns nothing of what it unpacked before it, up to 256 KiB: all of a small file. So the
// packed bytes are kept while they are few, to go there again in bites. 64 bytes hold a line or two of a log.
const keptBytes = 16 * 2 ** 20;
const bite = 64;

/** Unpacks raw deflate up to its end or to damage, handing pieces of up to 256 KiB to `deliver`; a promise it returns is waited for. */
export function inflater(deliver: Deliver): Inflater {
  let kept: Buffer[] | undefined = [];
  let packed = 0;
  let unpacked = 0;
  const first = plainInflater((chunk) => {
    unpacked += chunk.length;
    return deliver(chunk);
  });
  return {
    ...first,
    async write(chunk) {
      packed += chunk.length;
      if (packed > keptBytes) kept = undefined;
      kept?.push(chunk);
      const result = await first.write(chunk);
      if (result.damage !== undefined && kept !== undefined) {
        await first.delivered();
        await again(kept, unpacked, deliver);
        kept = undefined;
      }
      return result;
    },
  };
}

/** Unpacks once more up to the damage in the last of the `kept` chunks, and delivers what lies behind `known` bytes. */
async function again(kept: readonly Buffer[], known: number, deliver: Deliver): Promise<void> {
  let skip = known;
  const second = plainInflater((chunk) => {
    const fresh = chunk.subarray(skip);
    skip -= chunk.length - fresh.length;
    return fresh.length > 0 ? deliver(fresh) : undefined;
  });
  const last = kept.at(-1) ?? Buffer.alloc(0);
  for (const chunk of kept.slice(0, -1)) await second.write(chunk);
  for (let at = 0; at < last.length; at += bite) {
    const { damage } = await second.write(last.subarray(at, at + bite));
    if (damage !== undefined) break;
  }
  await second.delivered();
  second.close();
}

// Pieces that may wait for the reader: zlib works on the next ones meanwhile, on a thread of its own.
const ahead = 2 * 2 ** 20;

function plainInflater(deliver: Deliver): Inflater {
  const raw = createInflateRaw({ chunkSize });
  const waiting: Buffer[] = [];
  let waitingBytes = 0;
  let delivering: Promise<void> | undefined;
  let damage: string | undefined;
  let thrown: { readonly error: unknown } | undefined;
  let wake: (() => void) | undefined;

  const fail = (error: unknown): void => {
    thrown ??= { error };
    raw.destroy();
    wake?.();
  };
  const deliverWaiting = async (): Promise<void> => {
    // Delivered from the 'data' event itself, a piece would be looked at before zlib is told to go on.
    await nextTurn();
    for (let chunk = waiting.shift(); chunk !== undefined && thrown === undefined; chunk = waiting.shift()) {
      waitingBytes -= chunk.length;
      if (waitingBytes < ahead && raw.isPaused()) raw.resume();
      await deliver(chunk);
      if (waiting.length < 2) await nextTurn();
    }
  };
  raw.on('data', (chunk: Buffer) => {
    waiting.push(chunk);
    waitingBytes += chunk.length;
    if (waitingBytes >= ahead) raw.pause();
    delivering ??= deliverWaiting()
      .catch(fail)
      .finally(() => {
        delivering = undefined;
      });
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
      while (delivering !== undefined || waiting.length > 0 || (raw.readableLength > 0 && !raw.destroyed)) {
        await delivering;
        if (thrown !== undefined) break;
        await nextTurn();
      }
      if (thrown !== undefined) throw thrown.error;
    },
    close: () => void raw.destroy(),
  };
}
