/** Where a pointer's value stands in a JSON text: its line, counted from 1, and the text from that line on. */
export interface JsonPlace {
  readonly line: number;
  readonly text: readonly string[];
}

const maxText = 2000;

/**
 * Finds JSON pointers in a text that arrives in chunks, of any length, without parsing it: it follows keys and indexes and
 * counts lines. A value's place is the line of its key, or of the element itself.
 */
export function findJsonPointers(pointers: readonly string[]) {
  const wanted = new Set(pointers);
  const depths = new Set(pointers.map((pointer) => pointer.split('/').length - 1));
  const found = new Map<string, { line: number; text: string }>();
  // The path so far: one step per open object or array.
  const path: { array: boolean; index: number; key: string }[] = [];
  const decoder = new TextDecoder();
  let line = 1;
  let inString = false;
  let escaped = false;
  let string = '';
  let expectKey = false;
  // A number or word of a list begins at the first character after `[` or `,`.
  let expectElement = false;
  let collecting: { text: string }[] = [];

  const pointer = (): string =>
    path.map(({ array, index, key }) => `/${array ? index : key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  const begin = (start: string): void => {
    // Most keys of a large dump are not even at the depth of a wanted one.
    if (!depths.has(path.length)) return;
    const here = pointer();
    if (!wanted.has(here) || found.has(here)) return;
    const place = { line, text: start };
    found.set(here, place);
    collecting.push(place);
  };

  return {
    push(chunk: Uint8Array): void {
      if (wanted.size === 0 || (found.size === wanted.size && collecting.length === 0)) return;
      const text = decoder.decode(chunk, { stream: true });
      for (let index = 0; index < text.length; index++) {
        const char = text.charCodeAt(index);
        if (char === 10) line++;
        if (collecting.length > 0) {
          const char = text[index] ?? '';
          for (const place of collecting) place.text += char;
          collecting = collecting.filter((place) => place.text.length < maxText);
        }
        if (inString) {
          if (escaped) escaped = false;
          else if (char === 92) escaped = true;
          else if (char === 34) {
            inString = false;
            const top = path.at(-1);
            if (expectKey && top !== undefined && !top.array) {
              top.key = string;
              begin(`"${string}"`);
            }
            expectKey = false;
            continue;
          }
          if (expectKey && string.length < 300) string += text[index];
          continue;
        }
        if (char === 32 || char === 10 || char === 13 || char === 9) continue;
        const top = path.at(-1);
        if (expectElement && top?.array && char !== 93) begin(text[index] ?? '');
        expectElement = char === 91 || char === 44;
        if (char === 34) {
          inString = true;
          string = '';
        } else if (char === 123 || char === 91) {
          path.push({ array: char === 91, index: 0, key: '' });
          expectKey = char === 123;
        } else if (char === 125 || char === 93) {
          path.pop();
          expectKey = false;
        } else if (char === 44 && top !== undefined) {
          if (top.array) top.index++;
          else expectKey = true;
        }
      }
    },
    end(): ReadonlyMap<string, JsonPlace> {
      return new Map([...found].map(([key, { line: at, text }]) => [key, { line: at, text: shorten(text) }]));
    },
  };
}

/** The first lines, without the indentation they share. */
function shorten(text: string): readonly string[] {
  const lines = text.split('\n').slice(0, 5);
  const indents = lines
    .slice(1)
    .filter((line) => line.trim() !== '')
    .map((line) => line.length - line.trimStart().length);
  const shared = indents.length === 0 ? 0 : Math.max(0, Math.min(...indents) - 1);
  return lines.map((line, index) => (index === 0 ? line : line.slice(shared)));
}
