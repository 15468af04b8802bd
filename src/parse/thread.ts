import { parentPort, workerData } from 'node:worker_threads';
import { type Reading, startReading } from './read.ts';
import type { ReadContext } from './reader.ts';
import type { FromThread, ToThread } from './threads.ts';

/** A worker: the same readers as on the main thread, fed by messages. */
const context = workerData as ReadContext;
const open = new Map<number, Reading>();
const answer = (message: FromThread): void => parentPort?.postMessage(message);

parentPort?.on('message', (message: ToThread) => {
  if ('open' in message) {
    open.set(message.open, startReading(message.reader, message.file, context));
    return;
  }
  const reading = open.get(message.id);
  if (reading === undefined) return;
  if ('chunk' in message) {
    reading.push(message.chunk);
    answer({ id: message.id, taken: message.chunk.length });
    return;
  }
  open.delete(message.id);
  reading.end(message.complete);
  void reading.done.then((finished) => answer({ id: message.id, finished }));
});
