const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/**
 * The JSON documents of a text that holds several one after another without a separator, as `istioctl` prints one answer
 * per istiod. Text before, between and after them is left out; a document that does not parse is reported as such.
 */
export function* jsonDocuments(text: string): Generator<{ readonly value?: unknown; readonly line: number }> {
  let level = 0;
  let start = -1;
  let inString = false;
  let line = 1;
  let startLine = 1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x0a) line += 1;
    if (inString) {
      if (code === BACKSLASH) at += 1;
      else if (code === QUOTE) inString = false;
    } else if (code === QUOTE && level > 0) {
      inString = true;
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (level === 0) {
        start = at;
        startLine = line;
      }
      level += 1;
    } else if ((code === CLOSE_BRACE || code === CLOSE_BRACKET) && level > 0) {
      level -= 1;
      if (level === 0) yield { ...parsed(text.slice(start, at + 1)), line: startLine };
    }
  }
  if (level > 0) yield { line: startLine };
}

/** `{ value }` of a JSON text, or nothing when it is none. */
export function parsed(text: string): { readonly value?: unknown } {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
