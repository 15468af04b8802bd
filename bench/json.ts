/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Envoy's pretty form: one space of indentation; `depth` is how far the value is inside its document. */
export function pretty(value: Json, depth: number): string {
  const text = JSON.stringify(value, null, 1);
  return depth === 0 ? text : text.replaceAll('\n', `\n${' '.repeat(depth)}`);
}

/**
 * A list of a document in pretty form, item by item, so that a document of any size needs the memory of one item.
 * The items are texts already indented to `depth` + 1.
 */
export function* prettyList(items: Iterable<string>, depth: number): Generator<string> {
  const inner = `\n${' '.repeat(depth + 1)}`;
  let first = true;
  for (const item of items) {
    yield (first ? `[${inner}` : `,${inner}`) + item;
    first = false;
  }
  yield first ? '[]' : `\n${' '.repeat(depth)}]`;
}
