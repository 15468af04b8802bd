import type { ArchiveVisitor, ContainerGap, EntryHeader, EntrySink, Limits } from './archive.ts';
import { type Flow, ignored, sizeText } from './flow.ts';

/** One visit of an archive: who is told, what has been counted against the limits, and whether it is over. */
export interface Visit {
  readonly limits: Limits;
  /** The archive's base name, the place of gaps that concern all of it. */
  readonly name: string;
  gap(gap: ContainerGap): void;
  stopped(): boolean;
  /** Counts bytes that came into being by reading or unpacking; ends the visit when it is too many. */
  unpacked(bytes: number, file: string): void;
  /** Counts a file; false when there are too many. */
  admit(file: string): boolean;
  /** Counts a file that an operating system added. */
  debris(file: string): void;
  /** Takes a path for a file; false when it is taken already. */
  claim(path: string): boolean;
  /** Where the bytes of a plain file go. Asks the visitor. */
  file(header: EntryHeader): Flow;
  /** Reports what is only known at the end. */
  finish(): void;
}

// A few bytes unpack at any ratio; only a large result is worth a complaint.
const ratioFrom = 64 * 2 ** 20;

/** Starts a visit. `packed` is the archive's size in bytes, for the compression ratio; 0 does not check it. */
export function startVisit(name: string, packed: number, visitor: ArchiveVisitor, limits: Limits): Visit {
  const paths = new Set<string>();
  const left: string[] = [];
  let debris = 0;
  let entries = 0;
  let bytes = 0;
  let over = false;

  const gap = (found: ContainerGap): void => {
    if (!over) visitor.gap(found);
  };
  const exhausted = (file: string, detail: string): void => {
    gap({ file, reason: 'too-large', detail });
    over = true;
  };

  return {
    limits,
    name,
    gap,
    stopped: () => over,
    unpacked(count, file) {
      bytes += count;
      if (over) return;
      if (bytes > limits.totalBytes) {
        const limit = sizeText(limits.totalBytes);
        exhausted(
          file,
          `the archive unpacks to more than ${limit}; from here on nothing is read, raise --max-total to read on`,
        );
      } else if (packed > 0 && bytes > ratioFrom && bytes > packed * limits.ratio) {
        exhausted(
          file,
          `the archive unpacks to more than ${limits.ratio} times its size, which real ones do not; from here on nothing is read, raise --max-ratio to read on`,
        );
      }
    },
    admit(file) {
      entries++;
      if (entries <= limits.entries) return true;
      exhausted(
        file,
        `the archive has more than ${limits.entries} files; from here on nothing is read, raise --max-entries to read on`,
      );
      return false;
    },
    debris(file) {
      debris++;
      if (left.length < 3) left.push(file);
    },
    claim(path) {
      if (paths.has(path)) return false;
      paths.add(path);
      return true;
    },
    file(header) {
      if (over) return ignored;
      const answer = visitor.entry(header);
      if (answer === 'stop') {
        over = true;
        return ignored;
      }
      return fileFlow(header, answer);
    },
    finish() {
      if (debris === 0) return;
      const names = `${left.join(', ')}${debris > left.length ? ', …' : ''}`;
      const what =
        debris === 1
          ? '1 file that an operating system added is'
          : `${debris} files that an operating system added are`;
      gap({ file: name, reason: 'skipped', detail: `${what} not read: ${names}` });
    },
  };

  function fileFlow(header: EntryHeader, wanted: EntrySink | undefined): Flow {
    let sink = wanted;
    let taken = 0;
    return {
      write(chunk) {
        taken += chunk.length;
        if (sink === undefined || over) return undefined;
        if (taken > limits.entryBytes) {
          const room = limits.entryBytes - (taken - chunk.length);
          if (room > 0) sink.push(chunk.subarray(0, room));
          const limit = sizeText(limits.entryBytes);
          gap({
            file: header.path,
            reason: 'too-large',
            detail: `only the first ${limit} of this file are read, raise --max-entry to read all of it`,
          });
          sink.end(false);
          sink = undefined;
          return undefined;
        }
        sink.push(chunk);
        return visitor.ready?.();
      },
      end(damage) {
        if (damage !== undefined) {
          const read = header.size < 0 ? sizeText(taken) : `${taken} of ${header.size} bytes`;
          gap({
            file: header.path,
            reason: damage.reason,
            detail: `${damage.detail}; ${read} of this file could be read`,
          });
        }
        sink?.end(damage === undefined && !over);
        sink = undefined;
        return undefined;
      },
    };
  }
}
