import { extract, type Header } from 'tar-stream';
import { type Container, type Damage, type Flow, nextTurn } from './flow.ts';

const blockBytes = 512;

/** Unpacks a tar (ustar, GNU, pax and old v7) into the files of `container`. */
export function tarFlow(container: Container): Flow {
  // Old v7 tars have no `ustar`; the option is missing in the types.
  const untar = extract({ allowUnknownFormat: true } as Parameters<typeof extract>[0]);
  let current: Flow | undefined;
  let last: string | undefined;
  let tail: Buffer = Buffer.alloc(0);
  let links = 0;
  let busy: Promise<void> | undefined;
  let broken: string | undefined;
  let thrown: { readonly error: unknown } | undefined;
  let wake: (() => void) | undefined;

  const fail = (error: unknown): void => {
    thrown ??= { error };
    untar.destroy();
    wake?.();
  };
  // One step after the other: an entry may say `end` while its last piece is still being taken, also when paused.
  // Exceptions of the visitor must reach its caller again, not end as one of a stream's.
  const inTurn = (step: () => Promise<void> | undefined): void => {
    if (thrown !== undefined) return;
    try {
      const promise = busy === undefined ? step() : busy.then(step);
      if (promise === undefined) return;
      const mine = promise.then(() => {
        if (busy === mine) busy = undefined;
      });
      mine.catch(fail);
      busy = mine;
    } catch (error) {
      fail(error);
    }
  };

  untar.on('entry', (header: Header, stream, next) => {
    // Destroying `untar` destroys the entry as well; what happened is known by then.
    stream.on('error', () => undefined);
    let flow: Flow | undefined;
    try {
      flow = open(header);
    } catch (error) {
      return fail(error);
    }
    if (flow === undefined) {
      stream.on('end', next);
      stream.resume();
      return;
    }
    const target = flow;
    current = target;
    stream.on('data', (chunk) => {
      inTurn(() => {
        const wait = target.write(chunk as Buffer);
        if (wait === undefined) return undefined;
        stream.pause();
        return wait.then(() => void stream.resume());
      });
    });
    stream.on('end', () => {
      inTurn(() => {
        current = undefined;
        last = header.name;
        const wait = target.end();
        if (wait !== undefined) return wait.then(() => next());
        next();
        return undefined;
      });
    });
  });
  untar.on('error', (error: Error) => {
    broken = error.message;
    wake?.();
  });
  untar.on('drain', () => wake?.());
  untar.on('close', () => wake?.());

  const open = (header: Header): Flow | undefined => {
    if (header.type === 'directory') return undefined;
    if (header.type === 'link' || header.type === 'symlink') {
      links++;
      return undefined;
    }
    if (header.type !== 'file' && header.type !== 'contiguous-file') {
      container.gap('skipped', `this entry is no plain file (${header.type ?? 'unknown type'})`, header.name);
      return undefined;
    }
    // A time of zero is what tools write that do not know it.
    const modified = header.mtime.getTime() > 0 ? header.mtime : undefined;
    return container.open({ name: header.name, size: header.size, modified });
  };

  return {
    write(chunk) {
      if (broken !== undefined || container.stopped()) return undefined;
      tail = chunk.length >= blockBytes ? chunk : Buffer.concat([tail.subarray(-blockBytes), chunk]);
      const drained = untar.write(chunk);
      if (thrown !== undefined) throw thrown.error;
      if (drained) return undefined;
      return new Promise((resolve, reject) => {
        wake = () => {
          wake = undefined;
          if (thrown !== undefined) reject(thrown.error);
          else resolve();
        };
      });
    },

    async end(damage) {
      do {
        await busy;
        await nextTurn();
      } while (busy !== undefined);
      if (thrown !== undefined) throw thrown.error;
      if (links > 0) container.gap('skipped', `${links === 1 ? 'a link is' : `${links} links are`} not followed`);

      const open = current;
      if (open !== undefined || container.stopped()) {
        current = undefined;
        untar.destroy();
        return open?.end(
          container.stopped() ? undefined : (damage ?? { reason: 'truncated', detail: 'the tar ends early' }),
        );
      }
      const cut = damage ?? (await finish());
      if (cut === undefined) return;
      untar.destroy();
      const where = last === undefined ? 'no file of it is complete' : `the last complete file is ${last}`;
      container.gap(cut.reason, `${cut.detail}; ${where}, what followed is missing`);
    },
  };

  /** What is wrong with the end of a tar that has no file open. */
  async function finish(): Promise<Damage | undefined> {
    if (broken === undefined) {
      const closed = new Promise<void>((resolve) => untar.on('finish', resolve).on('close', resolve));
      untar.end(undefined);
      await closed;
      if (broken !== undefined) return { reason: 'truncated', detail: 'the tar ends inside a header' };
      const end = tail.subarray(-blockBytes);
      // Without the closing zeros the cut may lie exactly between two files.
      if (end.some((byte) => byte !== 0)) return { reason: 'truncated', detail: 'the tar ends without its end mark' };
      return undefined;
    }
    return { reason: 'malformed', detail: 'a tar header is damaged' };
  }
}
