/**
 * Text as people save it, made UTF-8 line for line: the code pages of Windows, colours of a terminal. Most files are UTF-8
 * already and pass untouched; UTF-16 was turned into it before.
 */
import { isUtf8 } from 'node:buffer';

/** Makes UTF-8 of the chunks of one file. What it answers may be the chunk itself. */
export interface Recoder {
  push(chunk: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

const nothing = new Uint8Array(0);
const escapeByte = 0x1b;

/** The recoder for a file that begins with these bytes; undefined for bytes that are no text in any encoding known here. */
export function recoderFor(head: Uint8Array): Recoder | undefined {
  return head.includes(0) ? undefined : withoutColours(eightBit());
}

/** UTF-8, and lines that are none in the code page they show to be in. */
function eightBit(): Recoder {
  let rest: Uint8Array = nothing;
  const decode = (bytes: Uint8Array): Uint8Array => {
    if (isUtf8(bytes)) return bytes;
    const lines: Uint8Array[] = [];
    for (let from = 0; from < bytes.length; ) {
      const stop = bytes.indexOf(10, from);
      const end = stop < 0 ? bytes.length : stop + 1;
      const line = bytes.subarray(from, end);
      lines.push(isUtf8(line) ? line : Buffer.from(fromCodePage(line)));
      from = end;
    }
    return Buffer.concat(lines);
  };
  return {
    push(chunk) {
      // A chunk may end within a character: what follows the last line end waits where it is not plain.
      const last = chunk.lastIndexOf(10) + 1;
      const whole = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      rest = nothing;
      if (isUtf8(whole)) return whole;
      const cut = last === 0 ? 0 : whole.length - (chunk.length - last);
      // A line of megabytes is not kept: a character cut in two is the lesser evil.
      if (whole.length - cut > 1 << 20) return decode(whole);
      rest = whole.slice(cut);
      return decode(whole.subarray(0, cut));
    },
    end: () => decode(rest),
  };
}

// The upper half of code page 437, that of the Windows console in the West; letters are in the same places in 850.
const console437 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';

// 0x80 to 0x9F of code page 1252; above them it is Latin-1. Node's own decoder of that name takes all of it for Latin-1.
const quotes1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

const isLetter = (byte: number | undefined): boolean =>
  byte !== undefined && ((byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a));

/**
 * Text of a Windows code page. In 1252 letters stand from 0xC0 on and 0x80 to 0x9F are quotes and dashes, which do not stand
 * within words; in 437 letters are just there.
 */
function fromCodePage(bytes: Uint8Array): string {
  let inWords = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x80 || !isLetter(bytes[at + 1])) continue;
    // 0x92 is the apostrophe of 1252.
    if (byte <= 0xa5 && byte !== 0x92 && isLetter(bytes[at - 1])) inWords++;
    else if (byte >= 0xc0) inWords--;
  }
  let text = '';
  if (inWords <= 0) {
    for (const byte of bytes) text += quotes1252[byte - 0x80] ?? String.fromCharCode(byte);
    return text;
  }
  for (const byte of bytes) text += byte < 0x80 ? String.fromCharCode(byte) : (console437[byte - 0x80] ?? '?');
  return text;
}

const longestSequence = 64;

/** Takes terminal sequences out: colours, cursor moves, titles. They end within a few characters, maybe in the next chunk. */
function withoutColours(inner: Recoder): Recoder {
  let rest = '';
  const strip = (bytes: Uint8Array, last: boolean): Uint8Array => {
    if (rest === '' && !bytes.includes(escapeByte)) return bytes;
    let text = rest + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    rest = '';
    // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal sequences begin with that character
    text = text.replace(/\x1b(?:\[[0-9;?]{0,40}[A-Za-z]|\][^\x07\x1b\n]{0,200}(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>])/g, '');
    const open = last ? -1 : text.lastIndexOf('\x1b');
    if (open >= 0 && text.length - open < longestSequence && !text.slice(open).includes('\n')) {
      rest = text.slice(open);
      text = text.slice(0, open);
    }
    return Buffer.from(text, 'latin1');
  };
  return {
    push: (chunk) => strip(inner.push(chunk), false),
    end: () => strip(inner.end(), true),
  };
}
