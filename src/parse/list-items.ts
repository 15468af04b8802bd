/**
 * Cuts `kubectl get -o yaml|json` output into its objects while the bytes go by, one object in memory at a time: items
 * of a List, single objects, several documents one after the other. Nothing is parsed here.
 */
import type { Parser } from './reader.ts';

/** What is known of the List an item stands in. Typed lists (`PodList`) have items without kind. */
export interface ListHead {
  apiVersion?: string;
  kind?: string;
}

/** The text of one object. */
export interface RawItem {
  /** YAML of an item keeps its dash: it is a sequence of one. */
  readonly text: string;
  readonly json: boolean;
  /** Line of the file it begins on, counted from 1. */
  readonly line: number;
  /** JSON pointer, for items of a file that is one JSON document. */
  readonly pointer?: string;
  /** Absent for an object that stands alone. YAML says the kind of a list behind its items. */
  readonly list?: Readonly<ListHead>;
}

/** Receives what was cut out, in file order. */
export interface ItemSink {
  item(item: RawItem): void;
  /** A List ended. `whole` says that its own end was seen. */
  list(head: Readonly<ListHead>, items: number, whole: boolean): void;
  /** An object longer than the cap was passed over. */
  tooLarge(line: number, bytes: number): void;
  /** The file ends within the object that begins on this line. */
  cut(line: number): void;
  /** A line of kubectl's stderr that went into the same file. */
  message(text: string, line: number): void;
}

/** No object of Kubernetes comes near: etcd takes 1.5 MiB. */
const defaultCap = 16 * 2 ** 20;

/** Messages of kubectl that `2>&1` puts among the output. */
export const kubectlMessage =
  /^(?:Warning: |error: |Error from server|No resources found|Unable to connect to the server)/;

const newline = 10;
const carriageReturn = 13;
const space = 32;
const doubleQuote = 34;
const dash = 45;
const colon = 58;
const openBracket = 91;
const backslash = 92;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

/** Bytes of one object, gathered over blocks, up to a cap. */
function piecesUpTo(cap: number) {
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  return {
    add(piece: Uint8Array): void {
      bytes += piece.length;
      if (bytes > cap) pieces = [];
      else if (piece.length > 0) pieces.push(piece);
    },
    /** Counts bytes that were already dropped. */
    skip(count: number): void {
      bytes += count;
      if (bytes > cap) pieces = [];
    },
    /** The text and its length in bytes; undefined text when it was longer than the cap. Starts over. */
    take(): { readonly text: string | undefined; readonly bytes: number } {
      const taken = { text: bytes > cap ? undefined : textOf(pieces), bytes };
      pieces = [];
      bytes = 0;
      return taken;
    },
  };
}

function textOf(pieces: readonly Uint8Array[]): string {
  const [only, second] = pieces;
  const whole = second === undefined ? (only ?? new Uint8Array()) : Buffer.concat(pieces);
  const text = Buffer.from(whole.buffer, whole.byteOffset, whole.byteLength).toString();
  return text.includes('\r') || text.startsWith('\uFEFF') ? text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n') : text;
}

const asBuffer = (chunk: Uint8Array): Buffer => Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);

/** Hands on blocks of whole lines. A line longer than the cap is passed over; `skipped` says how many bytes it had. */
function lineBlocks(
  cap: number,
  block: (bytes: Buffer) => void,
  skipped: (bytes: number) => void,
): { push(chunk: Uint8Array): void; end(): void } {
  let carry: Uint8Array[] = [];
  let carried = 0;
  let passing = false;
  return {
    push(chunk) {
      let rest = asBuffer(chunk);
      if (passing) {
        const stop = rest.indexOf(newline);
        if (stop < 0) return skipped(rest.length);
        skipped(stop);
        passing = false;
        rest = rest.subarray(stop);
      }
      const last = rest.lastIndexOf(newline);
      if (last >= 0) {
        const lines = rest.subarray(0, last + 1);
        block(carried === 0 ? lines : Buffer.concat([...carry, lines]));
        carry = [];
        carried = 0;
        rest = rest.subarray(last + 1);
      }
      if (rest.length === 0) return;
      carry.push(rest);
      carried += rest.length;
      if (carried > cap) {
        skipped(carried);
        carry = [];
        carried = 0;
        passing = true;
      }
    },
    end() {
      if (carried > 0) block(Buffer.concat([...carry, Buffer.from('\n')]));
    },
  };
}

/** Fields that Kubernetes objects begin with: where output begins behind lines of something else. */
const firstFields = new Set(['apiVersion', 'kind', 'metadata', 'items', 'data', 'spec']);

/** Cuts YAML. A block sequence's entries can only begin at their dash, so what is inside an object is not looked at. */
export function yamlItems(sink: ItemSink, cap = defaultCap): Parser {
  /**
   * `before`: in no document; `object`: in one, or in the head of a list; `first`: behind `items:`; `items`: among them;
   * `tail`: behind them.
   */
  let state: 'before' | 'object' | 'first' | 'items' | 'tail' = 'before';
  let head: ListHead = {};
  let listed = false;
  let items = 0;
  /** Column of the items' dashes. */
  let column = 0;
  /** An object was begun and not yet handed on; its text is in `pieces` and in `bytes` from `from`. */
  let open = false;
  let openLine = 0;
  const pieces = piecesUpTo(cap);
  let bytes: Buffer = Buffer.alloc(0);
  let from = 0;
  /** Start and number of the line that is looked at. */
  let start = 0;
  let line = 0;

  function begin(next: 'object' | 'items'): 'keep' {
    if (!open) pieces.take();
    state = next;
    open = true;
    openLine = line;
    from = start;
    return 'keep';
  }

  /** What was begun goes on up to here. */
  function gather(): void {
    if (open) pieces.add(bytes.subarray(from, start));
    from = start;
  }

  /** What was begun ends before this line. */
  function close(): void {
    gather();
    const { text, bytes: size } = pieces.take();
    if (!open) return;
    open = false;
    if (state === 'items') items++;
    if (text === undefined) sink.tooLarge(openLine, size);
    else sink.item({ text, json: false, line: openLine, ...(listed ? { list: head } : {}) });
  }

  function closeDocument(): void {
    // A list says its kind before its items or behind them; when it does not, its end is missing.
    const whole = head.kind !== undefined;
    if (open && listed && !whole) {
      sink.cut(openLine);
      open = false;
    }
    // Text that is no object of Kubernetes.
    if (state === 'object' && head.apiVersion === undefined && !whole) open = false;
    close();
    if (listed) sink.list(head, items, whole);
    state = 'before';
    head = {};
    listed = false;
    items = 0;
    column = 0;
  }

  function beginList(empty: boolean): 'drop' {
    open = false;
    pieces.take();
    listed = true;
    state = empty ? 'tail' : 'first';
    return 'drop';
  }

  /** What a line means whose first character stands in column 0. Lines to drop belong to no object. */
  function decide(text: string): 'keep' | 'drop' {
    if (kubectlMessage.test(text)) {
      sink.message(text, line);
      return 'drop';
    }
    if (/^(?:---|\.\.\.)(?:\s|$)/.test(text)) {
      closeDocument();
      return 'drop';
    }
    const [, name = '', value = ''] = /^["']?([A-Za-z]\w*)["']?:(?:\s+["']?([^"'\s]*).*)?$/.exec(text) ?? [];
    // Outputs put one behind the other: kubectl sorts fields, so each begins with its apiVersion.
    if (name === 'apiVersion' && head.apiVersion !== undefined) closeDocument();
    if (state === 'before') {
      if (text.startsWith('- ')) return begin('items');
      if (!firstFields.has(name)) return 'drop';
      begin('object');
    }
    if (state === 'items' && !listed) return 'keep';
    if ((state === 'items' || state === 'first') && name !== 'kind' && name !== 'metadata' && name !== 'apiVersion')
      return 'keep';
    if (state !== 'object') close();
    if (name === 'apiVersion') head.apiVersion = value;
    if (name === 'kind') head.kind = value;
    if (state === 'object')
      return name === 'items' && (value === '' || value === '[]') ? beginList(value !== '') : 'keep';
    state = 'tail';
    return 'drop';
  }

  function atDash(): boolean {
    if (state !== 'first' && state !== 'items') return false;
    let i = start;
    while (bytes[i] === space) i++;
    if (bytes[i] !== dash || bytes[i + 1] !== space || (state === 'items' && i - start !== column)) return false;
    column = i - start;
    return true;
  }

  function block(lines: Buffer): void {
    bytes = lines;
    from = 0;
    for (start = 0; start < bytes.length; ) {
      line++;
      const stop = lineEnd(bytes, start);
      const first = bytes[start];
      const inside = first === space && state === 'items' && column === 0;
      if (!inside && atDash()) {
        close();
        begin('items');
      } else if (!inside && first !== space && first !== newline && first !== carriageReturn) {
        gather();
        const text = bytes.toString('utf8', start, Math.min(stop, start + 1000)).trimEnd();
        if (decide(text.replace(/^\uFEFF/, '')) === 'drop') from = stop + 1;
      }
      start = stop + 1;
    }
    start = bytes.length;
    gather();
  }

  const lines = lineBlocks(cap, block, pieces.skip);
  return {
    push: lines.push,
    end(complete) {
      lines.end();
      if (!complete && open) {
        sink.cut(openLine);
        open = false;
      }
      closeDocument();
    },
  };
}

/** Most lines are short, and a call costs more than looking at them. */
function lineEnd(bytes: Buffer, start: number): number {
  const near = Math.min(start + 64, bytes.length);
  for (let i = start; i < near; i++) if (bytes[i] === newline) return i;
  const stop = bytes.indexOf(newline, near);
  return stop < 0 ? bytes.length : stop;
}

/** Cuts JSON: Lists, arrays of objects, single objects, several of them one behind the other. */
export function jsonItems(sink: ItemSink, cap = defaultCap): Parser {
  const pieces = piecesUpTo(cap);
  let documents = 0;
  let depth = 0;
  let quoted = false;
  let escaped = false;
  let line = 1;
  /** Depth of the array that holds the items; -1 outside it. */
  let itemDepth = -1;
  let head: ListHead = {};
  let listed = false;
  let items = 0;
  let open = false;
  let openLine = 1;
  /** A string at depth 1, and the field it names. */
  let word = '';
  let field = '';
  let valued = false;
  /** Outside documents: the line so far. */
  let outside = '';

  function begin(): void {
    pieces.take();
    open = true;
    openLine = line;
  }

  function close(): void {
    const { text, bytes } = pieces.take();
    open = false;
    if (text === undefined) {
      sink.tooLarge(openLine, bytes);
      return;
    }
    const inList = itemDepth >= 0;
    const pointer = `${listed ? '/items' : ''}/${items}`;
    sink.item({
      text,
      json: true,
      line: openLine,
      ...(inList && documents === 0 ? { pointer } : {}),
      ...(listed ? { list: head } : {}),
    });
  }

  function closeDocument(whole: boolean): void {
    if (listed) sink.list(head, items, whole);
    documents++;
    itemDepth = -1;
    head = {};
    listed = false;
    items = 0;
    field = '';
    valued = false;
  }

  function endOfOutside(): void {
    if (kubectlMessage.test(outside)) sink.message(outside, line);
    outside = '';
  }

  /** Takes one structural byte at `i`; the text of what is open began at `from`. Returns where it goes on from. */
  function structure(c: number, bytes: Buffer, i: number, from: number): number {
    if (c === openBrace || c === openBracket) {
      let start = from;
      if (depth === 0) {
        if (c === openBracket) itemDepth = 1;
        else {
          begin();
          start = i;
        }
      } else if (c === openBrace && depth === itemDepth) {
        begin();
        start = i;
      } else if (c === openBracket && depth === 1 && itemDepth < 0 && field === 'items') {
        open = false;
        pieces.take();
        listed = true;
        itemDepth = 2;
      }
      depth++;
      valued = false;
      return start;
    }
    depth--;
    if (open && depth === Math.max(itemDepth, 0)) {
      pieces.add(bytes.subarray(from, i + 1));
      close();
      if (itemDepth >= 0) items++;
    }
    if (depth < itemDepth && depth > 0) itemDepth = 0;
    if (depth === 0) closeDocument(true);
    return from;
  }

  function wordEnds(): void {
    if (valued && field === 'kind') head.kind = word;
    if (valued && field === 'apiVersion') head.apiVersion = word;
    valued = false;
  }

  function push(chunk: Uint8Array): void {
    const bytes = asBuffer(chunk);
    let from = 0;
    for (let i = 0; i < bytes.length; i++) {
      const c = bytes[i] ?? 0;
      if (c === newline) {
        if (depth === 0) endOfOutside();
        line++;
      } else if (quoted) {
        if (escaped) escaped = false;
        else if (c === backslash) escaped = true;
        else if (c === doubleQuote) {
          quoted = false;
          if (depth === 1) wordEnds();
        } else if (depth > 1) i = stringEnd(bytes, i) - 1;
        else if (word.length < 80) word += String.fromCharCode(c);
      } else if (c === openBrace || c === openBracket) {
        if (depth > 0 || outside.trim() === '') from = structure(c, bytes, i, from);
        else outside += String.fromCharCode(c);
      } else if (depth === 0) {
        if (outside.length < 1000) outside += String.fromCharCode(c);
      } else if (c === closeBrace || c === closeBracket) from = structure(c, bytes, i, from);
      else if (c === doubleQuote) {
        quoted = true;
        if (depth === 1) word = '';
      } else if (c === colon && depth === 1) {
        field = word;
        valued = true;
      }
    }
    if (open) pieces.add(bytes.subarray(from));
  }

  return {
    push,
    end() {
      if (depth === 0) return endOfOutside();
      if (open) sink.cut(openLine);
      if (listed) closeDocument(false);
    },
  };
}

/** Index of the next byte that means something inside a string. */
function stringEnd(bytes: Buffer, from: number): number {
  let i = from + 1;
  while (i < bytes.length && bytes[i] !== doubleQuote && bytes[i] !== backslash) i++;
  return i;
}
