import { Worker } from 'node:worker_threads';
import { type Crew, type Finished, ownCrew, type Reading } from './read.ts';
import type { ReadContext, SourceFile } from './reader.ts';

/** What the reading thread tells a worker. Files are numbered in the order of the archive. */
export type ToThread =
  | { readonly open: number; readonly reader: string; readonly file: SourceFile }
  | { readonly id: number; readonly chunk: Uint8Array }
  | { readonly id: number; readonly complete: boolean };

/** What a worker answers: bytes it is done with, or what became of a file. */
export type FromThread =
  | { readonly id: number; readonly taken: number }
  | { readonly id: number; readonly finished: Finished };

/** Unread bytes that may wait for the workers; beyond it the archive is not read on. */
const inFlight = 64 * 2 ** 20;
/** Chunks of one file are sent together up to this size: a message costs more than its bytes. */
const parcel = 512 * 1024;

/** With this much waiting for every worker the reading thread reads a file itself: it would only wait for them otherwise. */
const ownShare = 12 * 2 ** 20;

/** Archives below this many packed bytes are read sooner than a worker starts. */
const worthWorkers = 2 * 2 ** 20;

/**
 * A crew for this machine: `jobs` threads in all, one of which reads the archive. One job, a small archive, or running
 * from TypeScript source (a worker cannot load it on Node 20) means the calling thread does everything.
 */
export function crewFor(jobs: number, packedBytes: number, context: ReadContext): Crew {
  const fromSource = import.meta.url.endsWith('.ts');
  return jobs <= 1 || packedBytes < worthWorkers || fromSource ? ownCrew(context) : threadCrew(jobs - 1, context);
}

interface Thread {
  readonly worker: Worker;
  waiting: number;
}

/**
 * Runs readers on worker threads and, while all of those are busy, on the calling one: a file stays on the thread that was
 * least busy when it began.
 */
export function threadCrew(count: number, context: ReadContext): Crew {
  const settle = new Map<number, (finished: Finished) => void>();
  let waiting = 0;
  let wake: (() => void) | undefined;
  const less = (thread: Thread, bytes: number): void => {
    thread.waiting -= bytes;
    waiting -= bytes;
    if (waiting <= inFlight) {
      wake?.();
      wake = undefined;
    }
  };

  const threads = Array.from({ length: count }, (): Thread => {
    const worker = new Worker(new URL('./thread.js', import.meta.url), { workerData: context });
    const thread: Thread = { worker, waiting: 0 };
    worker.on('message', (message: FromThread) => {
      if ('taken' in message) {
        less(thread, message.taken);
        return;
      }
      settle.get(message.id)?.(message.finished);
      settle.delete(message.id);
    });
    // A worker that dies (out of memory) costs the files it still held, each with its reason.
    const lose = (reason: string): void => {
      dead.add(thread);
      for (const [id, done] of [...settle]) {
        if (owner.get(id) !== thread) continue;
        settle.delete(id);
        const artifacts = [lost(files.get(id)?.path ?? '', reason)];
        done({ reader: 'none', title: '', by: 'none', artifacts, recognised: true, broken: true });
      }
      less(thread, thread.waiting);
    };
    worker.on('error', (error) => lose(error.message));
    worker.on('messageerror', (error) => lose(error.message));
    worker.on('exit', (code) => lose(`it ended with status ${code}`));
    return thread;
  });
  const own = ownCrew(context);
  const owner = new Map<number, Thread>();
  const files = new Map<number, SourceFile>();
  const dead = new Set<Thread>();
  let next = 0;

  return {
    start(reader, file): Reading {
      const id = next++;
      const alive = threads.filter((thread) => !dead.has(thread));
      const thread = alive.reduce<Thread | undefined>(
        (least, one) => (least === undefined || one.waiting < least.waiting ? one : least),
        undefined,
      );
      if (thread === undefined || thread.waiting > ownShare) return own.start(reader, file);
      const send = (message: ToThread, transfer: ArrayBuffer[] = []): void =>
        thread.worker.postMessage(message, transfer);
      owner.set(id, thread);
      files.set(id, file);
      const done = new Promise<Finished>((resolve) => {
        settle.set(id, resolve);
      }).finally(() => {
        owner.delete(id);
        files.delete(id);
      });
      let parts: Uint8Array[] = [];
      let size = 0;
      const ship = (): void => {
        if (size === 0) return;
        // Chunks are views into larger buffers: one copy makes a buffer that can be given away.
        const bytes = new Uint8Array(size);
        let at = 0;
        for (const part of parts) {
          bytes.set(part, at);
          at += part.length;
        }
        parts = [];
        size = 0;
        send({ id, chunk: bytes }, [bytes.buffer]);
      };
      send({ open: id, reader, file });
      return {
        done,
        push(chunk) {
          if (dead.has(thread)) return;
          parts.push(chunk);
          size += chunk.length;
          thread.waiting += chunk.length;
          waiting += chunk.length;
          if (size >= parcel) ship();
        },
        end(complete) {
          ship();
          send({ id, complete });
        },
      };
    },
    ready() {
      if (waiting <= inFlight) return undefined;
      return new Promise((resolve) => {
        wake = resolve;
      });
    },
    async close() {
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
}

const lost = (file: string, reason: string) =>
  ({
    kind: 'gap',
    value: {
      file,
      reason: 'skipped',
      detail: `the thread that read it ended: ${reason}; --jobs 1 reads without threads`,
    },
  }) as const;
