import { type Extract, extract, type Header } from 'tar-stream';
import { type Container, type Damage, type Flow, nextTurn } from './flow.ts';
import { headBytes as blockBytes, isTarHeader } from './recognise.ts';

const magic = Buffer.from('ustar', 'latin1');
const magicAt = 257;

/**
 * Unpacks a tar (ustar, GNU, pax and old v7) into the files of `container`. Where a header is damaged, reading goes on at the
 * next one that is not.
 */
export function tarFlow(container: Container): Flow {
  let untar = start();
  let current: Flow | undefined;
  let last: string | undefined;
  let links = 0;
  let tail: Buffer = Buffer.alloc(0);
  let busy: Promise<void> | undefined;
  let thrown: { readonly error: unknown } | undefined;
  let wake: (() => void) | undefined;

  // Both count from where `untar` started.
  let written = 0;
  let lastEnd = 0;

  let broken = false;
  let resumed = false;
  let searched: Buffer = Buffer.alloc(0);
  let damagedHeaders = 0;
  let damagedAfter: string | undefined;

  const rethrow = (): void => {
    if (thrown !== undefined) throw thrown.error;
  };
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

  function start(): Extract {
    // The smallest mark makes `drain` say for each piece that it was taken. Old v7 tars have no `ustar`; the option that
    // admits them is missing in the types.
    const options = { highWaterMark: 1, allowUnknownFormat: true };
    const fresh = extract(options);
    fresh.on('entry', (header, stream, next) => {
      const { byteOffset = 0 } = header as { byteOffset?: number };
      lastEnd = byteOffset + Math.ceil(header.size / blockBytes) * blockBytes;
      // Destroying `untar` destroys the entry as well; what happened is known by then.
      stream.on('error', () => undefined);
      let target: Flow | undefined;
      try {
        target = open(header);
      } catch (error) {
        fail(error);
        return;
      }
      if (target === undefined) {
        stream.on('end', () => next());
        stream.resume();
        return;
      }
      const flow = target;
      current = flow;
      stream.on('data', (chunk) => {
        inTurn(() => {
          const wait = flow.write(chunk as Buffer);
          if (wait === undefined) return undefined;
          stream.pause();
          return wait.then(() => void stream.resume());
        });
      });
      stream.on('end', () => {
        inTurn(() => {
          current = undefined;
          last = header.name;
          const wait = flow.end();
          if (wait !== undefined) return wait.then(() => next());
          next();
          return undefined;
        });
      });
    });
    fresh.on('error', () => {
      broken = true;
      wake?.();
    });
    fresh.on('drain', () => wake?.());
    fresh.on('close', () => wake?.());
    return fresh;
  }

  function open(header: Header): Flow | undefined {
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
  }

  async function write(chunk: Buffer): Promise<void> {
    rethrow();
    const before = written;
    written += chunk.length;
    await new Promise<void>((resolve) => {
      wake = resolve;
      untar.write(chunk);
    });
    wake = undefined;
    rethrow();
    if (!broken || container.stopped()) return;
    // The header that failed starts at `lastEnd` or, after the records of a long name, a little later.
    searched = Buffer.alloc(0);
    // A sound header can fail for what it says: a long name of 1 GiB, a size below zero. Where reading went on at just that one
    // it must not again.
    const again = resumed && before === 0 && lastEnd === 0;
    if (!again && ++damagedHeaders === 1) damagedAfter = last;
    await search(chunk.subarray(again ? blockBytes : Math.max(0, lastEnd - before)));
  }

  /** Looks for the next header and goes on there. */
  async function search(chunk: Buffer): Promise<void> {
    const bytes = searched.length > 0 ? Buffer.concat([searched, chunk]) : chunk;
    for (let at = bytes.indexOf(magic); at >= 0; at = bytes.indexOf(magic, at + 1)) {
      const header = at - magicAt;
      if (header < 0 || !isTarHeader(bytes.subarray(header, header + blockBytes))) continue;
      broken = false;
      resumed = true;
      written = 0;
      lastEnd = 0;
      untar = start();
      await write(bytes.subarray(header));
      return;
    }
    searched = bytes.subarray(Math.max(0, bytes.length - blockBytes + 1));
  }

  return {
    write(chunk) {
      if (container.stopped()) return undefined;
      tail = chunk.length >= blockBytes ? chunk : Buffer.concat([tail.subarray(-blockBytes), chunk]);
      return broken ? search(chunk) : write(chunk);
    },

    async end(damage) {
      do {
        await busy;
        await nextTurn();
      } while (busy !== undefined);
      rethrow();
      if (links > 0) container.gap('skipped', `${links === 1 ? 'a link is' : `${links} links are`} not followed`);
      if (damagedHeaders > 0) {
        const headers = damagedHeaders === 1 ? 'a tar header is' : `${damagedHeaders} tar headers are`;
        container.gap('malformed', `${headers} damaged, the files there are missing; ${placeOf(damagedAfter)}`);
      }

      const open = current;
      if (open !== undefined || container.stopped()) {
        current = undefined;
        untar.destroy();
        const cut = damage ?? { reason: 'truncated', detail: 'the tar ends early' };
        return open?.end(container.stopped() ? undefined : cut);
      }
      const cut = damage ?? (await finish());
      untar.destroy();
      if (cut !== undefined) container.gap(cut.reason, `${cut.detail}; ${placeOf(last)}, what followed is missing`);
    },
  };

  /** What is wrong with the end of a tar that has no file open. */
  async function finish(): Promise<Damage | undefined> {
    // Reported already, and nothing readable came after it.
    if (broken) return undefined;
    await new Promise<void>((resolve) => {
      untar.on('finish', resolve).on('close', resolve);
      untar.end(undefined);
    });
    if (broken) return { reason: 'truncated', detail: 'the tar ends inside a header' };
    // Without the closing zeros the cut may lie exactly between two files.
    const marked = tail.subarray(-blockBytes).every((byte) => byte === 0);
    return marked ? undefined : { reason: 'truncated', detail: 'the tar ends without its end mark' };
  }
}

const placeOf = (last: string | undefined): string =>
  last === undefined ? 'no file before it is complete' : `the last complete file before it is ${last}`;
