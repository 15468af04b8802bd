import type { ContainerGap } from './archive.ts';

/** Why a run of bytes ends before it should, or cannot be trusted. */
export interface Damage {
  readonly reason: 'truncated' | 'malformed';
  readonly detail: string;
}

/**
 * Takes the bytes of one container or file, piece by piece, in order. A returned promise asks the caller to wait: before the
 * next `write`, or, from `end`, before going on to what follows. Flows nest: gzip writes into tar, tar into the file.
 */
export interface Flow {
  write(chunk: Buffer): Promise<void> | undefined;
  /** Called once. `damage` is reported by the innermost flow that is open, so that one cut gives one gap. */
  end(damage?: Damage): Promise<void> | undefined;
}

/** Swallows what nobody wants to see. */
export const ignored: Flow = { write: () => undefined, end: () => undefined };

/** One file as its container describes it, the name raw. */
export interface StoredFile {
  readonly name: string;
  /** Unpacked bytes, -1 when the container does not say. */
  readonly size: number;
  readonly modified?: Date | undefined;
}

/** What the decoder of a container (tar, zip, folder) needs of the visit it is part of. */
export interface Container {
  /** Where the container's bytes belong, for gaps: a path of the archive, or its name. */
  readonly path: string;
  /** Where the bytes of a file go; undefined when it is not wanted (the reason has been reported). */
  open(file: StoredFile): Flow | undefined;
  /** `file` is a name as stored in the container; without it the container itself is meant. */
  gap(reason: ContainerGap['reason'], detail: string, file?: string): void;
  /** Counts bytes that came out of packing, against the limits of the visit. */
  unpacked(bytes: number): void;
  /** True once the visit is over; a decoder then lets go of what it holds. */
  stopped(): boolean;
}

/** Bytes as people say them: `64 GiB`, `1.5 MiB`, `512 bytes`. */
export function sizeText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  if (unit === 0) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`;
}

/** The next turn of the event loop: streams have emitted by then what they hold. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
