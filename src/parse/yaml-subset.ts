/**
 * The part of YAML that kubectl writes (go-yaml's block style): block maps and sequences, plain, quoted and literal
 * scalars, `{}` and `[]`. It answers `beyondSubset` to everything else – comments, anchors, tags, flow collections,
 * folded blocks, tabs – so that a full parser can take over. Three times as fast as js-yaml on kubectl's output.
 *
 * Parsing is synchronous and never re-entered, so its place in the text is module state: that is where the speed is.
 */

/** The text needs a full YAML parser. */
export const beyondSubset: unique symbol = Symbol('beyond the YAML subset');

const beyond = new Error('beyond the YAML subset');

/** js-yaml's own bound: what nests deeper is refused there, with a message. */
const maxDepth = 100;

let source = '';
/** Index of the next unread character; at the start of a line's content it is the first that is not a blank. */
let at = 0;
let end = 0;
/** Indentation of the line `at` is in; -1 behind the last line. */
let indent = -1;
let depth = 0;

/** Keys that were looked at; most keys of a list are the same few hundred words. */
const keyNames = new Map<string, string>();
const mostKeyNames = 10_000;
/** The last key by a hash of a few characters: quicker still, for it needs no search for the key's end. */
const knownKeys: (string | undefined)[] = new Array<string | undefined>(4096);

const tab = 9;
const newline = 10;
const space = 32;
const doubleQuote = 34;
const hash = 35;
const singleQuote = 39;
const dash = 45;
const colon = 58;
const questionMark = 63;
const openBracket = 91;
const backslash = 92;
const closeBracket = 93;
const openBrace = 123;
const bar = 124;
const closeBrace = 125;

/** Characters that cannot begin a plain scalar or that begin something outside the subset: # % & * , > @ ` ! ] } */
const indicators = new Set([33, 35, 37, 38, 42, 44, 62, 64, 93, 96, 125]);

const numberForm = /^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/;
const basedNumber = /^0(?:x[0-9a-fA-F]+|o[0-7]+)$/;

/**
 * A plain scalar's value: null, boolean, number or the text. A number that is not finite stays text: kubectl leaves
 * strings such as the pod-template-hash `6484e12501` unquoted because they overflow a float. So does a hexadecimal
 * number beyond 64 bits.
 */
export function plainScalar(text: string): string | number | boolean | null {
  const first = text.charCodeAt(0);
  if (first <= 57) {
    if (numberForm.test(text)) {
      const value = Number(text);
      return Number.isFinite(value) ? value : text;
    }
    if (basedNumber.test(text)) {
      const value = Number(text);
      return value < 2 ** 64 ? value : text;
    }
    return text;
  }
  switch (text) {
    case 'null':
    case 'Null':
    case 'NULL':
    case '~':
      return null;
    case 'true':
    case 'True':
    case 'TRUE':
      return true;
    case 'false':
    case 'False':
    case 'FALSE':
      return false;
    default:
      return text;
  }
}

/** The value of a YAML document, or `beyondSubset`. Strings in it may share the text's memory. */
export function parseSubset(text: string): unknown {
  if (text.includes('\r')) return beyondSubset;
  source = text;
  at = 0;
  end = text.length;
  depth = 0;
  try {
    nextLine();
    if (indent < 0) return null;
    const value = atDash() ? sequence(indent) : mapping(indent);
    return at < end ? beyondSubset : value;
  } catch (error) {
    if (error === beyond) return beyondSubset;
    throw error;
  } finally {
    source = '';
  }
}

/** Goes to the content of the next line that has any. `at` is at the start of a line. */
function nextLine(): void {
  for (;;) {
    let i = at;
    while (source.charCodeAt(i) === space) i++;
    if (i >= end) {
      at = end;
      indent = -1;
      return;
    }
    const c = source.charCodeAt(i);
    if (c === newline) {
      at = i + 1;
      continue;
    }
    if (c === hash || c === tab) throw beyond;
    indent = i - at;
    at = i;
    return;
  }
}

/** Behind a value nothing may follow on its line. */
function endOfLine(): void {
  if (at >= end) {
    indent = -1;
    return;
  }
  if (source.charCodeAt(at) !== newline) throw beyond;
  at++;
  nextLine();
}

/** A dash that begins an entry of a sequence. */
function atDash(): boolean {
  if (source.charCodeAt(at) !== dash) return false;
  const next = source.charCodeAt(at + 1);
  return next === space || next === newline;
}

function mapping(column: number): Record<string, unknown> {
  if (++depth > maxDepth) throw beyond;
  const map: Record<string, unknown> = {};
  for (;;) {
    const name = key();
    const value = mappedValue(column);
    if (name === '__proto__')
      Object.defineProperty(map, name, { value, enumerable: true, configurable: true, writable: true });
    else map[name] = value;
    if (indent > column) throw beyond;
    if (indent < column || atDash()) {
      depth--;
      return map;
    }
  }
}

/** Reads a key and stops at its colon. */
function key(): string {
  const c = source.charCodeAt(at);
  if (c === doubleQuote || c === singleQuote) {
    const name = c === doubleQuote ? doubleQuoted(Number.POSITIVE_INFINITY) : singleQuoted(Number.POSITIVE_INFINITY);
    if (source.charCodeAt(at) !== colon) throw beyond;
    return name;
  }
  const slot = ((c * 31 + source.charCodeAt(at + 2)) * 31 + source.charCodeAt(at + 4)) & 4095;
  const known = knownKeys[slot];
  if (known !== undefined && source.startsWith(known, at)) {
    const behind = at + known.length;
    if (source.charCodeAt(behind) === colon && source.charCodeAt(behind + 1) <= space) {
      at = behind;
      return known;
    }
  }
  if (indicators.has(c) || c === bar || c === openBrace || c === openBracket || c === questionMark) throw beyond;
  const stop = keyEnd(end);
  const name = keyNamed(source.substring(at, stop));
  at = stop;
  knownKeys[slot] = name;
  return name;
}

/** The key if it is a plain one, as a string of its own: one cut from the text would keep all of it in memory. */
function keyNamed(cut: string): string {
  const known = keyNames.get(cut);
  if (known !== undefined) return known;
  if (cut === '' || cut === '<<' || cut.endsWith(' ') || /[\t\n]| #/.test(cut)) throw beyond;
  const value = plainScalar(cut);
  if (typeof value !== 'string' && String(value) !== cut) throw beyond;
  const name = Buffer.from(cut).toString();
  if (keyNames.size >= mostKeyNames) keyNames.clear();
  if (name.length < 256) keyNames.set(name, name);
  return name;
}

/** Index of the colon that ends a plain key before `limit`. */
function keyEnd(limit: number): number {
  let i = at;
  for (;;) {
    i = source.indexOf(':', i);
    if (i < 0 || i >= limit) throw beyond;
    const next = source.charCodeAt(i + 1);
    if (next === space || next === newline || i + 1 >= end) return i;
    i++;
  }
}

/** The value behind a key's colon, on its line or below it. */
function mappedValue(column: number): unknown {
  const next = source.charCodeAt(at + 1);
  if (next === space) {
    at += 2;
    return inlineValue(column);
  }
  if (next !== newline && at + 1 < end) throw beyond;
  at = Math.min(at + 2, end);
  nextLine();
  if (indent > column) return atDash() ? sequence(indent) : mapping(indent);
  // kubectl writes a sequence at the indentation of its key.
  if (indent === column && atDash()) return sequence(column);
  return null;
}

function sequence(column: number): unknown[] {
  if (++depth > maxDepth) throw beyond;
  const values: unknown[] = [];
  for (;;) {
    // An entry that begins on the next line is YAML, but not kubectl's.
    if (source.charCodeAt(at + 1) !== space) throw beyond;
    at += 2;
    values.push(entry(column));
    if (indent > column) throw beyond;
    if (indent < column || !atDash()) {
      depth--;
      return values;
    }
  }
}

/** What stands behind a dash in the given column. */
function entry(column: number): unknown {
  const c = source.charCodeAt(at);
  if (c === dash && atDash()) {
    indent = column + 2;
    return sequence(indent);
  }
  if (c === doubleQuote || c === singleQuote) {
    const start = at;
    const value = c === doubleQuote ? doubleQuoted(column) : singleQuoted(column);
    if (source.charCodeAt(at) !== colon) {
      endOfLine();
      return value;
    }
    at = start;
    indent = column + 2;
    return mapping(indent);
  }
  if (c !== openBrace && c !== openBracket && c !== bar && keyOnLine()) {
    indent = column + 2;
    return mapping(indent);
  }
  return inlineValue(column);
}

function keyOnLine(): boolean {
  // Not by indexOf: the next colon may be at the far end of a list of thousands of hosts.
  for (let i = at; i < end; i++) {
    const c = source.charCodeAt(i);
    if (c === newline) return false;
    if (c !== colon) continue;
    const next = source.charCodeAt(i + 1);
    if (next === space || next === newline || i + 1 >= end) return true;
  }
  return false;
}

function lineEnd(from: number): number {
  const stop = source.indexOf('\n', from);
  return stop < 0 ? end : stop;
}

/** A scalar or an empty collection that begins on this line. `column` is that of the key or dash it belongs to. */
function inlineValue(column: number): unknown {
  const c = source.charCodeAt(at);
  switch (c) {
    case space:
    case tab:
    case newline:
      throw beyond;
    case doubleQuote: {
      const value = doubleQuoted(column);
      endOfLine();
      return value;
    }
    case singleQuote: {
      const value = singleQuoted(column);
      endOfLine();
      return value;
    }
    case bar:
      return literal(column);
    case openBrace:
      return emptyCollection(closeBrace, {});
    case openBracket:
      return emptyCollection(closeBracket, []);
    case dash:
    case questionMark: {
      const next = source.charCodeAt(at + 1);
      if (next === space || next === newline) throw beyond;
      return plain(column);
    }
    default:
      if (indicators.has(c)) throw beyond;
      return plain(column);
  }
}

function emptyCollection<T>(close: number, value: T): T {
  if (source.charCodeAt(at + 1) !== close) throw beyond;
  at += 2;
  endOfLine();
  return value;
}

/** A plain scalar, with the lines it is folded over. */
function plain(column: number): unknown {
  const first = plainLine(column);
  if (indent <= column) return plainScalar(first);
  const lines = [first];
  while (indent > column) lines.push(plainLine(column));
  return lines.join(' ');
}

function plainLine(column: number): string {
  const stop = lineEnd(at);
  const line = source.substring(at, stop);
  const last = line.charCodeAt(line.length - 1);
  if (last === space || last === colon || line.includes(': ') || line.includes(' #') || line.includes('\t'))
    throw beyond;
  at = Math.min(stop + 1, end);
  const next = at;
  nextLine();
  // Blank lines inside a folded scalar are line ends; leave them, and what could be them, to the full parser.
  if (source.charCodeAt(next) === newline && indent > column) throw beyond;
  return line;
}

function singleQuoted(column: number): string {
  const start = at + 1;
  let i = start;
  let doubled = false;
  for (;;) {
    const quote = source.indexOf("'", i);
    if (quote < 0) throw beyond;
    if (source.charCodeAt(quote + 1) === singleQuote) {
      doubled = true;
      i = quote + 2;
      continue;
    }
    const raw = source.substring(start, quote);
    at = quote + 1;
    const text = raw.includes('\n') ? folded(raw, column) : raw;
    return doubled ? text.replaceAll("''", "'") : text;
  }
}

/** Joins the lines of a quoted scalar: one line end is a space, n + 1 are n line ends. */
function folded(raw: string, column: number): string {
  const lines = raw.split('\n');
  let text = (lines[0] ?? '').replace(/[ \t]+$/, '');
  let blank = 0;
  for (const [index, line] of lines.entries()) {
    if (index === 0) continue;
    const last = index === lines.length - 1;
    const content = last ? line.replace(/^[ \t]+/, '') : line.trim();
    if (content === '' && !last) {
      blank++;
      continue;
    }
    requireDeeper(line, column);
    text += blank > 0 ? '\n'.repeat(blank) : ' ';
    text += content;
    blank = 0;
  }
  return text;
}

/** A quoted scalar's lines stand deeper than its key; what does not is a missing quote. */
function requireDeeper(line: string, column: number): void {
  let i = 0;
  while (line.charCodeAt(i) === space) i++;
  if (i <= column) throw beyond;
}

const escapes: Readonly<Record<string, string>> = {
  '0': '\0',
  a: '\x07',
  b: '\b',
  t: '\t',
  '\t': '\t',
  n: '\n',
  v: '\v',
  f: '\f',
  r: '\r',
  e: '\x1b',
  ' ': ' ',
  '"': '"',
  '/': '/',
  '\\': '\\',
  N: '\x85',
  _: '\xa0',
  L: '\u2028',
  P: '\u2029',
};

function doubleQuoted(column: number): string {
  const start = at + 1;
  const quote = source.indexOf('"', start);
  if (quote < 0) throw beyond;
  const raw = source.substring(start, quote);
  if (!raw.includes('\\') && !raw.includes('\n')) {
    at = quote + 1;
    return raw;
  }
  let text = '';
  /** Length of `text` up to its last escape: blanks before it were meant, even at a line's end. */
  let meant = 0;
  let i = start;
  for (;;) {
    if (i >= end) throw beyond;
    const c = source.charCodeAt(i);
    if (c === doubleQuote) {
      at = i + 1;
      return text;
    }
    if (c === backslash) {
      const [character, next] = escaped(i, column);
      text += character;
      meant = text.length;
      i = next;
    } else if (c === newline) {
      let keep = text.length;
      while (keep > meant && isBlank(text.charCodeAt(keep - 1))) keep--;
      text = text.substring(0, keep);
      let blank = -1;
      while (source.charCodeAt(i) === newline) {
        blank++;
        i = continuation(i + 1, column);
      }
      text += blank > 0 ? '\n'.repeat(blank) : ' ';
      meant = text.length;
    } else {
      let j = i + 1;
      for (; j < end; j++) {
        const d = source.charCodeAt(j);
        if (d === doubleQuote || d === backslash || d === newline) break;
      }
      text += source.substring(i, j);
      i = j;
    }
  }
}

const isBlank = (c: number): boolean => c === space || c === tab;

/** Start of the content of a quoted scalar's next line. */
function continuation(from: number, column: number): number {
  let i = from;
  while (source.charCodeAt(i) === space) i++;
  const deep = i - from > column;
  while (isBlank(source.charCodeAt(i))) i++;
  if (!deep && source.charCodeAt(i) !== newline) throw beyond;
  return i;
}

/** The character an escape at `i` stands for, none for an escaped line end, and the index behind it. */
function escaped(i: number, column: number): readonly [string, number] {
  const kind = source.charAt(i + 1);
  if (kind === '\n') {
    const next = continuation(i + 2, column);
    if (source.charCodeAt(next) === newline) throw beyond;
    return ['', next];
  }
  const digits = kind === 'x' ? 2 : kind === 'u' ? 4 : kind === 'U' ? 8 : 0;
  if (digits > 0) {
    const hex = source.substring(i + 2, i + 2 + digits);
    const code = /^[0-9a-fA-F]+$/.test(hex) ? Number.parseInt(hex, 16) : Number.NaN;
    if (hex.length < digits || !(code <= 0x10ffff)) throw beyond;
    return [String.fromCodePoint(code), i + 2 + digits];
  }
  const character = escapes[kind];
  if (character === undefined) throw beyond;
  return [character, i + 2];
}

/** A literal block, `|` with its chomping and indentation indicators. */
function literal(column: number): string {
  let i = at + 1;
  let chomping = '';
  let indicator = 0;
  for (; source.charCodeAt(i) !== newline; i++) {
    const c = source.charAt(i);
    if ((c === '-' || c === '+') && chomping === '') chomping = c;
    else if (c >= '1' && c <= '9' && indicator === 0) indicator = Number(c);
    else throw beyond;
  }
  i++;
  const inner = indicator > 0 ? column + indicator : literalIndentation(i);
  if (inner <= column && chomping === '+') throw beyond;
  let text = '';
  let blank = 0;
  while (inner > column && i < end) {
    const content = i + inner;
    let k = i;
    while (k < content && source.charCodeAt(k) === space) k++;
    if (k >= end) {
      i = end;
      break;
    }
    if (source.charCodeAt(k) === newline) {
      blank++;
      i = k + 1;
      continue;
    }
    if (k < content) break;
    const stop = lineEnd(k);
    if (blank > 0) text += '\n'.repeat(blank);
    blank = 0;
    text += source.substring(k, Math.min(stop + 1, end));
    i = stop + 1;
  }
  at = Math.min(i, end);
  nextLine();
  if (text !== '' && !text.endsWith('\n')) text += '\n';
  if (chomping === '-') return text.endsWith('\n') ? text.substring(0, text.length - 1) : text;
  return chomping === '+' ? text + '\n'.repeat(blank) : text;
}

/** Indentation of the first line with content; 0 when there is none. */
function literalIndentation(from: number): number {
  let longestBlank = 0;
  for (let i = from; ; ) {
    let k = i;
    while (source.charCodeAt(k) === space) k++;
    if (k >= end) return 0;
    if (source.charCodeAt(k) !== newline) {
      if (longestBlank > k - i) throw beyond;
      return k - i;
    }
    longestBlank = Math.max(longestBlank, k - i);
    i = k + 1;
  }
}
