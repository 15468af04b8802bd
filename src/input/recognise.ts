/** What the first bytes of a file say it is. Names are never asked: archives arrive renamed. */
export type Content =
  | { readonly kind: 'gzip' | 'zip' | 'tar' | 'text' | 'utf-16le' | 'utf-16be' | 'empty' }
  /** `unpack` is the command that makes it readable, where there is one. */
  | { readonly kind: 'foreign'; readonly what: string; readonly unpack?: string };

/** Bytes that `recognise` wants to see, if the file has that many: one tar header. */
export const headBytes = 512;

const foreign: readonly (readonly [magic: string, what: string, unpack?: string])[] = [
  ['28b52ffd', 'a zstd file', 'zstd -d'],
  ['fd377a585a00', 'an xz file', 'xz -d'],
  ['377abcaf271c', 'a 7-Zip file', '7z x'],
  ['526172211a07', 'a RAR file', 'unrar x'],
  ['425a6831', 'a bzip2 file', 'bzip2 -d'],
  ['04224d18', 'an lz4 file', 'lz4 -d'],
  ['1f9d', 'a compress (.Z) file', 'gzip -d'],
  ['4c5a4950', 'an lzip file', 'lzip -d'],
  ['4d534346', 'a Windows cabinet file', 'cabextract'],
  ['504b0708', 'one part of a split zip', 'zip -s 0'],
  ['255044462d', 'a PDF'],
  ['89504e47', 'a picture'],
  ['ffd8ff', 'a picture'],
  ['7f454c46', 'a program or core dump'],
  ['d4c3b2a1', 'a packet capture'],
  ['0a0d0d0a', 'a packet capture'],
  ['d0cf11e0', 'an old Office or Outlook file'],
];

/** Recognises a file by its first bytes; `head` should be 512 bytes or the whole file. */
export function recognise(head: Buffer): Content {
  if (head.length === 0) return { kind: 'empty' };
  const start = head.toString('hex', 0, 8);
  if (start.startsWith('1f8b')) return { kind: 'gzip' };
  if (start.startsWith('504b0304') || start.startsWith('504b0506')) return { kind: 'zip' };
  if (isTarHeader(head)) return { kind: 'tar' };
  // `BZh1` to `BZh9`: the digit is the block size.
  const known = foreign.find(
    ([magic]) => start.startsWith(magic) || (magic === '425a6831' && /^425a683[1-9]/.test(start)),
  );
  if (known !== undefined) {
    const [, what, unpack] = known;
    return unpack === undefined ? { kind: 'foreign', what } : { kind: 'foreign', what, unpack };
  }
  const utf16 = utf16Of(head);
  if (utf16 !== undefined) return { kind: utf16 };
  if (head.includes(0)) return { kind: 'foreign', what: 'a binary file' };
  return { kind: 'text' };
}

/** UTF-16 by its mark; without one by its zeros, which every second byte of mostly English text is. */
function utf16Of(head: Buffer): 'utf-16le' | 'utf-16be' | undefined {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  const pairs = Math.floor(head.length / 2);
  if (pairs < 8) return undefined;
  let even = 0;
  let odd = 0;
  for (let at = 0; at < 2 * pairs; at += 2) {
    if (head[at] === 0) even++;
    if (head[at + 1] === 0) odd++;
  }
  if (even === 0 && odd > pairs * 0.7) return 'utf-16le';
  return odd === 0 && even > pairs * 0.7 ? 'utf-16be' : undefined;
}

/**
 * Whether these are the first bytes of a tar. A header is known by its check sum (bytes 148 to 155, octal, itself counted as blanks), which old v7 tars without
 * `ustar` have too. A header that is cut short is known by `ustar` at 257 or by the zeros that fill its name field.
 */
export function isTarHeader(head: Buffer): boolean {
  if (head.length < headBytes) {
    if (head.length >= 262) return head.toString('latin1', 257, 262) === 'ustar';
    const nameEnd = head.indexOf(0);
    return nameEnd > 0 && head.length > 100 && head.subarray(nameEnd, 100).every((byte) => byte === 0) && nameEnd < 100;
  }
  const stored = Number.parseInt(head.toString('latin1', 148, 156), 8);
  let sum = 8 * 32;
  for (let i = 0; i < 148; i++) sum += head[i] ?? 0;
  for (let i = 156; i < headBytes; i++) sum += head[i] ?? 0;
  return stored === sum && head[0] !== 0;
}
