import type { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { threadCrew } from '../../src/parse/threads.ts';

const { workers, StillWorker } = await vi.hoisted(async () => {
  const { EventEmitter } = await import('node:events');
  class StillWorker extends EventEmitter {
    postMessage(): void {}
    terminate(): Promise<number> {
      return Promise.resolve(0);
    }
  }
  return { workers: [] as StillWorker[], StillWorker };
});

vi.mock('node:worker_threads', () => ({
  Worker: class extends StillWorker {
    constructor() {
      super();
      workers.push(this);
    }
  },
}));

const file = { path: 'cluster/pods', params: {}, size: 3 };

describe('a crew of threads', () => {
  beforeEach(() => {
    workers.length = 0;
  });

  it.each([
    ['an error', (worker: EventEmitter) => worker.emit('error', new Error('out of memory')), 'out of memory'],
    ['an exit', (worker: EventEmitter) => worker.emit('exit', 1), 'it ended with status 1'],
    ['an answer that cannot be read', (worker: EventEmitter) => worker.emit('messageerror', new Error('no')), 'no'],
  ])('loses the files of a thread that ends with %s, and no other', async (_, die, reason) => {
    const crew = threadCrew(2, { signatures: [], lineBytes: 100 });
    const first = crew.start('kube-tables', file);
    first.push(Buffer.from('abc'));
    const second = crew.start('kube-tables', { ...file, path: 'cluster/nodes' });
    const [dying, living] = workers;
    if (dying === undefined || living === undefined) throw new Error('no workers');
    die(dying);
    first.end(true);
    expect(await first.done).toMatchObject({
      broken: true,
      artifacts: [{ kind: 'gap', value: { file: 'cluster/pods', detail: expect.stringContaining(reason) } }],
    });
    living.emit('message', { id: 1, finished: { reader: 'kube-tables', artifacts: [], recognised: true } });
    expect(await second.done).toMatchObject({ reader: 'kube-tables', recognised: true });
    await crew.close();
  });

  it('reads on the calling thread once all others have ended', async () => {
    const crew = threadCrew(1, { signatures: [], lineBytes: 100 });
    workers[0]?.emit('exit', 0);
    const reading = crew.start('netstat', file);
    reading.push(Buffer.from('NAME   READY\n'));
    reading.end(true);
    expect((await reading.done).reader).toBe('netstat');
    expect(crew.ready()).toBeUndefined();
  });
});
