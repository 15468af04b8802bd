import type { Progress } from '../analyze.ts';
import { counted, bytes as readable } from '../report/format.ts';

/** A line on a terminal that is rewritten in place, at most ten times a second, and erased at the end. */
export interface ProgressLine {
  show(progress: Progress): void;
  erase(): void;
}

/** The progress line on standard error; does nothing where that is no terminal. */
export function progressLine(stream: NodeJS.WriteStream, quiet: boolean): ProgressLine | undefined {
  if (quiet || !stream.isTTY || process.env['TERM'] === 'dumb') return undefined;
  let next = 0;
  let shown = false;
  return {
    show(progress) {
      const now = performance.now();
      if (now < next) return;
      next = now + 100;
      shown = true;
      stream.write(`\r\x1b[2K${describe(progress, (stream.columns || 80) - 1)}`);
    },
    erase() {
      if (shown) stream.write('\r\x1b[2K');
      shown = false;
    },
  };
}

function describe({ stage, entries, bytes, entry }: Progress, width: number): string {
  const doing = `${stage} · ${counted(entries, 'file')} · ${readable(bytes)}`;
  // An entry's name is the archive's: only printable ASCII may reach the terminal.
  const name = (entry ?? '').replace(/[^ -~]/g, '?');
  const room = width - doing.length - 3;
  if (name === '' || room < 10) return doing.slice(0, width);
  return `${doing} · ${name.length > room ? `…${name.slice(name.length - room + 1)}` : name}`;
}
