import { expect } from 'vitest';
import type { Artifact } from '../../src/parse/artifact.ts';
import { openLog } from '../../src/parse/log-reader.ts';
import type { LogKind, LogSignature, SourceFile } from '../../src/parse/reader.ts';

interface Options {
  readonly signatures?: readonly LogSignature[];
  readonly lineBytes?: number;
  readonly blockBytes?: number;
  readonly complete?: boolean;
  readonly params?: SourceFile['params'];
  readonly modified?: string;
  /** Sizes of the chunks the log arrives in, over and over; all at once without. */
  readonly chunks?: readonly number[];
}

/** What the reader of a kind of log makes of a text or of bytes. */
export function readLog(kind: LogKind, log: string | Buffer, options: Options = {}): Artifact[] {
  const artifacts: Artifact[] = [];
  const file = {
    path: 'log',
    params: options.params ?? { namespace: 'shop', pod: 'cart-1' },
    size: -1,
    ...(options.modified === undefined ? {} : { modified: options.modified }),
  };
  const context = { signatures: options.signatures ?? [], lineBytes: options.lineBytes ?? 64 * 1024 };
  const parser = openLog(kind, file, context, (artifact) => artifacts.push(artifact), options.blockBytes);
  const bytes = typeof log === 'string' ? Buffer.from(log) : log;
  const chunks = options.chunks ?? [bytes.length];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, chunks[turn % chunks.length] ?? 1);
    parser.push(Uint8Array.from(bytes.subarray(at, at + size)));
    at += size;
  }
  parser.end(options.complete ?? true);
  return artifacts;
}

/** Numbers that look random and are the same in each run. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
}

/** However the bytes of a log arrive, it must say the same. */
export function staysTheSameInAnyChunks(kind: LogKind, log: string, options: Options = {}): void {
  const whole = readLog(kind, log, options);
  const length = Buffer.byteLength(log);
  for (let cut = 1; cut < length; cut += Math.max(1, Math.floor(length / 400))) {
    expect(readLog(kind, log, { ...options, chunks: [cut, length] })).toEqual(whole);
  }
  const random = randomNumbers(length + 1);
  for (let round = 0; round < 20; round++) {
    const chunks = Array.from({ length: 50 }, () => 1 + random(round < 5 ? 4 : 300));
    expect(readLog(kind, log, { ...options, chunks })).toEqual(whole);
  }
}
