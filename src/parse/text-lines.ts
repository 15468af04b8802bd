import type { Parser } from './reader.ts';

const newline = 10;

/**
 * A parser that hands on one line of text at a time, without its line end, numbered from 1. Lines are cut at `lineBytes`.
 * `end` is called behind the last one.
 */
export function textLines(
  lineBytes: number,
  take: (line: string, number: number) => void,
  end: (complete: boolean) => void,
): Parser {
  let pieces: Uint8Array[] = [];
  let held = 0;
  let number = 0;

  function hold(piece: Uint8Array): void {
    const room = lineBytes - held;
    if (room <= 0 || piece.length === 0) return;
    const kept = piece.length > room ? piece.subarray(0, room) : piece;
    pieces.push(kept);
    held += kept.length;
  }

  function deliver(): void {
    number++;
    const line = Buffer.concat(pieces).toString().replace(/\r$/, '');
    pieces = [];
    held = 0;
    take(number === 1 ? line.replace(/^\uFEFF/, '') : line, number);
  }

  return {
    push(chunk) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      let from = 0;
      for (;;) {
        const stop = bytes.indexOf(newline, from);
        if (stop < 0) break;
        hold(bytes.subarray(from, stop));
        deliver();
        from = stop + 1;
      }
      hold(bytes.subarray(from));
    },
    end(complete) {
      if (held > 0) deliver();
      end(complete);
    },
  };
}
