/**
 * The line, counted from 0 within the item, where a JSON pointer's value stands in one item of a kubectl YAML list. The
 * form is kubectl's own: block style, two blanks per level, sequences not indented beneath their key, or indented as other
 * tools write them. Undefined where a step of the pointer is not found; the deepest step that was found is good enough for a person, so it is given back then.
 */
export function findYamlPointer(lines: readonly string[], pointer: string): number | undefined {
  const steps = pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  // An item of a list starts with `- `: its keys stand two columns in.
  const flat = lines.map((line) => line);
  const first = flat[0];
  let indent = 0;
  const dash = /^ *- /.exec(first ?? '')?.[0].length;
  if (first !== undefined && dash !== undefined) {
    flat[0] = `${' '.repeat(dash)}${first.slice(dash)}`;
    indent = dash;
  }
  let from = 0;
  let found: number | undefined;
  for (const step of steps) {
    const at = /^\d+$/.test(step)
      ? (element(flat, from, indent, Number(step)) ?? key(flat, from, indent, step))
      : key(flat, from, indent, step);
    if (at === undefined) return found;
    found = at.line;
    from = at.from;
    indent = at.indent;
    // An element's first key stands behind its dash: make it a line of its own level.
    if (at.dash) flat[at.line] = (flat[at.line] ?? '').replace(/^( *)- /, '$1  ');
  }
  return found;
}

interface Place {
  readonly line: number;
  /** Where to look for the next step, and at which column. */
  readonly from: number;
  readonly indent: number;
  readonly dash: boolean;
}

const width = (line: string): number => line.length - line.trimStart().length;

function key(lines: readonly string[], from: number, indent: number, name: string): Place | undefined {
  for (let index = from; index < lines.length; index++) {
    const line = lines[index] ?? '';
    if (line.trim() === '') continue;
    const column = width(line);
    if (column < indent) return undefined;
    if (column > indent) continue;
    const text = line.slice(column);
    if (text.startsWith(`${name}:`) || text.startsWith(`"${name}":`) || text.startsWith(`'${name}':`)) {
      const below = lines[index + 1] ?? '';
      // A sequence stands in the same column as its key; a map two further in.
      return {
        line: index,
        from: index + 1,
        indent: /^ *-( |$)/.test(below) ? width(below) : Math.max(width(below), indent + 1),
        dash: false,
      };
    }
  }
  return undefined;
}

function element(lines: readonly string[], from: number, indent: number, wanted: number): Place | undefined {
  let count = -1;
  for (let index = from; index < lines.length; index++) {
    const line = lines[index] ?? '';
    if (line.trim() === '') continue;
    const column = width(line);
    if (column < indent) return undefined;
    if (column > indent) continue;
    if (!/^-( |$)/.test(line.slice(column))) return undefined;
    count++;
    if (count === wanted) return { line: index, from: index, indent: indent + 2, dash: true };
  }
  return undefined;
}
