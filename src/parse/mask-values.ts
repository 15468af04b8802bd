import { mask } from './mask.ts';
import { setOwn } from './untyped.ts';

/** Fields whose value is a secret though `mask` does not know their name from text. */
const secretField =
  /^(?:tokens?|secret|pass(?:word|wd|phrase)|private_?key|hmac_?secret|client_?secret|api_?key|credentials?)$/i;

/** Where Envoy writes a secret in place: below a field such as `private_key` or `password`. */
const inlineField = /^(?:inline_?string|inline_?bytes|value|exact)$/i;

const standIn = '[masked]';

/** A value masked with its name in mind: `password` hides all of it. */
export function maskNamed(name: string, value: string): string {
  if (secretField.test(name)) return standIn;
  const alone = mask(value);
  const prefix = `${name}: `;
  if (mask(prefix + value) !== prefix + alone) return standIn;
  // Environment variables are known by other names than fields: `GITHUB_TOKEN=`.
  return mask(`${name}=${value}`) === `${name}=${alone}` ? alone : standIn;
}

/** A copy of plain data without secrets in its strings. Names of objects (`credentialName`) stay. */
export function maskValues(value: unknown): unknown {
  return masked(value, false);
}

function masked(value: unknown, secret: boolean): unknown {
  if (typeof value === 'string') return mask(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => masked(each, secret));
  const fields = value as Readonly<Record<string, unknown>>;
  const name = fields['name'];
  const copy: Record<string, unknown> = {};
  for (const [key, each] of Object.entries(fields)) {
    if (typeof each !== 'string') setOwn(copy, key, masked(each, secret || secretField.test(key)));
    else if (secret && inlineField.test(key)) setOwn(copy, key, standIn);
    else if (key === 'value' && typeof name === 'string') setOwn(copy, key, maskNamed(name, each));
    else setOwn(copy, key, maskNamed(key, each));
  }
  return copy;
}

/** A list of command-line arguments without secrets, `--password x` included. */
export function maskArguments(list: readonly string[]): readonly string[] {
  return list.map((each, index) => {
    const before = list[index - 1] ?? '';
    const option = /^--?([\w-]+)$/.exec(before)?.[1];
    return option === undefined ? mask(each) : maskNamed(option, each);
  });
}
