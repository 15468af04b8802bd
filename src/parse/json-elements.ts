import { isAscii } from 'node:buffer';

/** Keys and indices from the document's root to a value. The scanner reuses the array: copy it to keep it. */
export type JsonPath = readonly (string | number)[];

/**
 * Says what becomes of each value: `enter` an object or array to be asked about its members, `take` its bytes, or `skip` it.
 * A scalar that is entered is taken.
 */
export interface JsonVisitor {
  choose(path: JsonPath): 'enter' | 'take' | 'skip';
  /**
   * The bytes of one taken value, valid until the call returns. Answers false when they are not JSON; the scanner relies
   * on that answer, so a visitor that does not parse the bytes must know them from an earlier parse.
   */
  value(path: JsonPath, bytes: Buffer): boolean;
  /** After the last member of an entered object or array. */
  close?(path: JsonPath): void;
}

/** Why a document was not understood to its end. `pointer` is where, as an RFC 6901 JSON pointer. */
interface JsonProblem {
  readonly reason: 'empty' | 'truncated' | 'malformed' | 'too-large';
  readonly detail: string;
  readonly pointer: string;
}

/** Takes a JSON document chunk by chunk. */
export interface JsonScanner {
  push(chunk: Uint8Array): void;
  /** The first thing that went wrong, if anything did. `whole` tells whether the document was closed. */
  end(): { readonly whole: boolean; readonly problem?: JsonProblem };
}

/** Longest value that is taken; a longer one is passed over and reported. */
const elementBytes = 32 * 2 ** 20;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const NEWLINE = 0x0a;
const SPACE = 0x20;

type Expecting =
  | 'value'
  | 'value-or-close'
  | 'key'
  | 'key-or-close'
  | 'colon'
  | 'comma-or-close'
  | 'nothing'
  | 'failed';

/** What is being captured: a key, a value to hand out, or one to pass over. */
type Capturing = 'key' | 'take' | 'skip';

/** How the end of a value is looked for. */
type Search = 'indentation' | 'depth' | 'string' | 'literal';

/**
 * Walks a JSON document as its bytes arrive and hands out the values a visitor takes, so that a document of any size is
 * read in the memory of its largest element. Pretty-printed containers are found by the indentation of their closing
 * bracket, which is a native search; that guess is right whenever the piece parses, since only the true end closes a
 * JSON value. A piece that does not parse is searched again by counting brackets outside of strings.
 */
export function scanJson(visitor: JsonVisitor, limit = elementBytes): JsonScanner {
  // data[keep..end) is what may still be needed; data is either the latest chunk itself or a buffer of our own.
  let data: Buffer = Buffer.alloc(0);
  let own: Buffer | undefined;
  let position = 0;
  let end = 0;
  let passed = 0;

  const path: (string | number)[] = [];
  const inArray: boolean[] = [];
  let expecting: Expecting = 'value';
  let indent = -1;
  let startsLine = false;
  let trustIndentation = true;
  let problem: JsonProblem | undefined;
  let anything = false;
  let closed = false;

  let capturing: Capturing | undefined;
  let search: Search = 'depth';
  let start = 0;
  let scan = 0;
  let depth = 0;
  let inString = false;
  let closing: Buffer = Buffer.alloc(0);

  const note = (reason: JsonProblem['reason'], detail: string): void => {
    problem ??= { reason, detail, pointer: pointerOf(path) };
  };
  const fail = (detail: string): void => {
    note('malformed', `${detail} at byte ${passed + position}`);
    expecting = 'failed';
    capturing = undefined;
  };

  const append = (chunk: Buffer): void => {
    const keep = capturing === undefined || capturing === 'skip' ? position : start;
    const rest = end - keep;
    passed += keep;
    if (rest === 0) {
      data = chunk;
      end = chunk.length;
    } else {
      const needed = rest + chunk.length;
      if (own === undefined || own.length < needed) {
        const larger = Buffer.allocUnsafe(Math.max(64 * 1024, needed + (needed >> 1)));
        data.copy(larger, 0, keep, end);
        own = larger;
      } else {
        data.copy(own, 0, keep, end);
      }
      chunk.copy(own, rest);
      data = own;
      end = needed;
    }
    position -= keep;
    start -= keep;
    scan -= keep;
  };

  const afterValue = (): void => {
    capturing = undefined;
    if (path.length === 0) {
      expecting = 'nothing';
      closed = true;
    } else {
      expecting = 'comma-or-close';
    }
  };

  const beginValue = (): void => {
    const first = data[position] ?? 0;
    const container = first === OPEN_BRACE || first === OPEN_BRACKET;
    if (!container && first !== QUOTE && !startsLiteral(first)) {
      fail('a value is missing');
      return;
    }
    const choice = visitor.choose(path);
    if (container && choice === 'enter') {
      position += 1;
      inArray.push(first === OPEN_BRACKET);
      path.push(first === OPEN_BRACKET ? 0 : '');
      expecting = first === OPEN_BRACKET ? 'value-or-close' : 'key-or-close';
      return;
    }
    capturing = choice === 'skip' ? 'skip' : 'take';
    start = position;
    scan = position;
    depth = 0;
    inString = false;
    if (!container) {
      search = first === QUOTE ? 'string' : 'literal';
      if (first === QUOTE) scan += 1;
    } else if (capturing === 'take' && trustIndentation && indent >= 0 && indent <= deepestIndent) {
      search = 'indentation';
      closing = closer(first, indent);
    } else {
      search = 'depth';
    }
  };

  const closeContainer = (bracket: number): void => {
    if ((bracket === CLOSE_BRACKET) !== inArray.at(-1)) {
      fail('a bracket closes what it did not open');
      return;
    }
    position += 1;
    inArray.pop();
    path.pop();
    visitor.close?.(path);
    afterValue();
  };

  /** Index after the captured value, -1 while it goes on. */
  const findEnd = (): number => {
    switch (search) {
      case 'indentation': {
        // A container that does not begin a new line is short: count its brackets.
        if (start + 1 >= end) return -1;
        const next = data[start + 1];
        if (next !== NEWLINE && next !== 0x0d) {
          search = 'depth';
          return findEnd();
        }
        const found = data.subarray(0, end).indexOf(closing, scan);
        if (found >= 0) return found + closing.length;
        scan = Math.max(start, end - closing.length + 1);
        return -1;
      }
      case 'string':
        while (scan < end) {
          const byte = data[scan];
          if (byte === BACKSLASH) {
            // The escaped byte may be in the next chunk: the index then points behind this one.
            scan += 2;
          } else if (byte === QUOTE) {
            return scan + 1;
          } else {
            scan += 1;
          }
        }
        return -1;
      case 'literal':
        while (scan < end) {
          const byte = data[scan] ?? 0;
          if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || byte <= SPACE) return scan;
          scan += 1;
        }
        return -1;
      case 'depth':
        return findDepthEnd();
    }
  };

  const findDepthEnd = (): number => {
    // Locals instead of the closure's variables: this loop sees every byte of compact documents.
    const bytes = data;
    const stop = end;
    let at = scan;
    let level = depth;
    let string = inString;
    while (at < stop) {
      const byte = bytes[at];
      if (string) {
        if (byte === QUOTE) string = false;
        else if (byte === BACKSLASH) at += 1;
      } else if (byte === QUOTE) {
        string = true;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        level += 1;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        level -= 1;
        if (level === 0) return at + 1;
      }
      at += 1;
    }
    scan = at;
    depth = level;
    inString = string;
    return -1;
  };

  /** Goes on with a captured value. False when more bytes are needed. */
  const capture = (): boolean => {
    const after = findEnd();
    if (after < 0) {
      if (capturing === 'skip') {
        // Nothing of a skipped value is kept; an escape may reach one byte past the end.
        position = end;
      } else if (end - start > limit) {
        if (search === 'indentation') {
          countBrackets();
        } else {
          note('too-large', `a value of more than ${limit} bytes was passed over`);
          capturing = 'skip';
        }
        return true;
      }
      return false;
    }
    if (capturing === 'key') {
      path[path.length - 1] = keyText(data.subarray(start + 1, after - 1));
      position = after;
      capturing = undefined;
      expecting = 'colon';
      return true;
    }
    if (capturing === 'take' && after - start > limit) {
      note('too-large', `a value of ${after - start} bytes was passed over`);
    } else if (capturing === 'take' && !visitor.value(path, data.subarray(start, after))) {
      if (search === 'indentation') {
        countBrackets();
        return true;
      }
      note('malformed', `a value that is not JSON ends at byte ${passed + after}`);
    }
    position = after;
    afterValue();
    return true;
  };

  /** Looks for the end of the captured value again, without trust in this document's indentation. */
  const countBrackets = (): void => {
    trustIndentation = false;
    search = 'depth';
    scan = start;
  };

  const run = (): void => {
    for (;;) {
      if (expecting === 'failed') {
        position = end;
        return;
      }
      if (capturing !== undefined) {
        if (!capture()) return;
        continue;
      }
      while (position < end) {
        const byte = data[position] ?? 0;
        if (byte === NEWLINE) {
          indent = 0;
          startsLine = true;
        } else if (byte === SPACE) {
          if (startsLine) indent += 1;
        } else if (byte === 0x09) {
          indent = -1;
          startsLine = false;
        } else if (byte !== 0x0d && (anything || !ofByteOrderMark(byte))) {
          break;
        }
        position += 1;
      }
      if (position >= end) return;
      startsLine = false;
      step(data[position] ?? 0);
    }
  };

  const step = (byte: number): void => {
    anything = true;
    switch (expecting) {
      case 'value':
        beginValue();
        return;
      case 'value-or-close':
        if (byte === CLOSE_BRACKET) closeContainer(byte);
        else beginValue();
        return;
      case 'key':
      case 'key-or-close':
        if (byte === QUOTE) {
          capturing = 'key';
          search = 'string';
          start = position;
          scan = position + 1;
        } else if (byte === CLOSE_BRACE && expecting === 'key-or-close') {
          closeContainer(byte);
        } else {
          fail('a key is missing');
        }
        return;
      case 'colon':
        if (byte !== COLON) {
          fail('a colon is missing');
          return;
        }
        position += 1;
        expecting = 'value';
        return;
      case 'comma-or-close':
        if (byte === COMMA) {
          position += 1;
          const last = path.length - 1;
          const index = path[last];
          if (typeof index === 'number' && inArray.at(-1) === true) {
            path[last] = index + 1;
            expecting = 'value';
          } else {
            expecting = 'key';
          }
        } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
          closeContainer(byte);
        } else {
          fail('a comma is missing');
        }
        return;
      default:
        fail('more text follows the end of the document');
    }
  };

  return {
    push(chunk) {
      if (chunk.length === 0) return;
      append(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
      run();
    },
    end() {
      if (capturing === 'take' && search === 'indentation') {
        countBrackets();
        run();
      }
      // A bare literal ends with the document.
      if (capturing !== undefined && search === 'literal' && path.length === 0) {
        append(Buffer.from('\n'));
        run();
      }
      if (!closed) {
        if (!anything) note('empty', 'the file is empty');
        else note('truncated', `the document breaks off after ${passed + end} bytes`);
      }
      return problem === undefined ? { whole: closed } : { whole: closed, problem };
    },
  };
}

const startsLiteral = (byte: number): boolean =>
  byte === 0x2d || (byte >= 0x30 && byte <= 0x39) || byte === 0x74 || byte === 0x66 || byte === 0x6e;

const ofByteOrderMark = (byte: number): boolean => byte === 0xef || byte === 0xbb || byte === 0xbf;

/** Deeper indentation than any printer gives an element is not looked for. */
const deepestIndent = 64;

const closers = new Map<number, Buffer>();
function closer(open: number, indent: number): Buffer {
  const code = indent * 2 + (open === OPEN_BRACE ? 1 : 0);
  let bytes = closers.get(code);
  if (bytes === undefined) {
    bytes = Buffer.from(`\n${' '.repeat(indent)}${open === OPEN_BRACE ? '}' : ']'}`);
    closers.set(code, bytes);
  }
  return bytes;
}

function keyText(bytes: Buffer): string {
  if (!bytes.includes(BACKSLASH)) return bytes.toString('utf8');
  const key = parseJson(Buffer.concat([Buffer.from('"'), bytes, Buffer.from('"')]));
  return typeof key === 'string' ? key : bytes.toString('utf8');
}

/** The value of a JSON text in bytes, undefined when it is none. ASCII is decoded the cheap way. */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(isAscii(bytes) ? bytes.toString('latin1') : bytes.toString('utf8'));
  } catch {
    // Not JSON: the answer says so. Anything JSON.parse throws on bytes of ours is a syntax error or too deep a nesting.
    return undefined;
  }
}

/** The RFC 6901 JSON pointer of a path. */
export function pointerOf(path: JsonPath): string {
  let pointer = '';
  for (const part of path) {
    pointer += `/${typeof part === 'number' || !/[~/]/.test(part) ? part : part.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  }
  return pointer;
}
