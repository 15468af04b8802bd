import { FAILSAFE_SCHEMA, load, Type } from 'js-yaml';
import { beyondSubset, parseSubset, plainScalar } from './yaml-subset.ts';

/** Values a document may hold after its aliases are followed. A few hundred bytes of aliases can mean billions. */
const maxValues = 2_000_000;

/** js-yaml with the subset's scalars: no time stamps, numbers that overflow stay text. */
const schema = FAILSAFE_SCHEMA.extend({
  implicit: [
    scalar('null', (value) => value === null),
    scalar('bool', (value) => typeof value === 'boolean'),
    scalar('float', (value) => typeof value === 'number'),
    new Type('tag:yaml.org,2002:merge', { kind: 'scalar', resolve: (text: string | null) => text === '<<' }),
  ],
});

function scalar(name: string, accepts: (value: unknown) => boolean): Type {
  const read = (text: string | null): unknown => (text === null || text === '' ? null : plainScalar(text));
  return new Type(`tag:yaml.org,2002:${name}`, {
    kind: 'scalar',
    resolve: (text: string | null) => accepts(read(text)),
    construct: read,
  });
}

/**
 * The value of one YAML document, as Kubernetes reads it. Fast for what kubectl writes, complete for the rest. Throws
 * for text that is not YAML. Strings in the result may share the text's memory.
 */
export function parseYaml(text: string): unknown {
  const value = parseSubset(text);
  if (value !== beyondSubset) return value;
  const loaded = load(text, { schema, json: true });
  if (text.includes('&')) requireBounded(loaded);
  return loaded;
}

function requireBounded(root: unknown): void {
  const open: unknown[] = [root];
  for (let seen = 0; open.length > 0; seen++) {
    if (seen > maxValues) throw new Error('its aliases expand to too many values');
    const value = open.pop();
    if (typeof value === 'object' && value !== null) for (const child of Object.values(value)) open.push(child);
  }
}
