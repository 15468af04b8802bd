import type { Parser } from './reader.ts';

/** Enough of a file to see its format behind a few lines of warnings. */
const headBytes = 8 * 1024;

/** A parser that is chosen by the first bytes of the file. All bytes reach it. */
export function chosenByHead(choose: (head: string) => Parser): Parser {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  let chosen: Parser | undefined;

  function start(): Parser {
    const head = Buffer.concat(waiting).subarray(0, headBytes).toString();
    const parser = choose(head.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n'));
    for (const chunk of waiting) parser.push(chunk);
    waiting = [];
    chosen = parser;
    return parser;
  }

  return {
    push(chunk) {
      if (chosen !== undefined) {
        chosen.push(chunk);
        return;
      }
      waiting.push(chunk);
      bytes += chunk.length;
      if (bytes >= headBytes) start();
    },
    end: (complete) => (chosen ?? start()).end(complete),
  };
}
