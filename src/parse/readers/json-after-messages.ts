import { mask } from '../mask.ts';
import type { Parser, Reader } from '../reader.ts';

const newline = 10;
/** Lines of warnings are short; a file that has not begun by here holds no JSON. */
const mostMessages = 64 * 1024;

/**
 * A reader of JSON whose file may begin with lines of a command's other stream (`2>&1`): they are passed over as blank lines, so
 * that line numbers stay. A file of nothing else says why there is no answer.
 */
export const jsonAfterMessages = (reader: Reader): Reader => ({
  ...reader,
  open(file, context, emit) {
    let head: Buffer = Buffer.alloc(0);
    let parser: Parser | undefined;
    let begun = false;
    const begin = (at: number): void => {
      begun = true;
      let lines = 0;
      for (let i = head.indexOf(newline); i >= 0 && i < at; i = head.indexOf(newline, i + 1)) lines++;
      parser = reader.open(file, context, emit);
      if (lines > 0) parser.push(Buffer.alloc(lines, newline));
      parser.push(head.subarray(at));
      head = Buffer.alloc(0);
    };
    const look = (): void => {
      const at = head.toString('latin1').search(/^[{[]/m);
      if (at >= 0) begin(at);
      else if (head.length > mostMessages) begun = true;
    };
    return {
      push(chunk) {
        if (begun) {
          parser?.push(chunk);
          return;
        }
        head = Buffer.concat([head, chunk]);
        look();
      },
      end(complete) {
        if (parser !== undefined) {
          parser.end(complete);
          return;
        }
        const [text = ''] = head.toString().trim().split('\n');
        const said = text === '' ? 'the file is empty' : `no JSON: ${mask(text).slice(0, 300)}`;
        emit({ kind: 'gap', value: { file: file.path, reason: 'not-available', detail: said } });
      },
    };
  },
});
