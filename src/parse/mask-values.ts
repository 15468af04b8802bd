import { mask } from './mask.ts';
import { setOwn } from './untyped.ts';

/** Fields whose value is a secret though `mask` does not know their name from text. */
const secretField =
  /^(?:tokens|private_?key|session_?ticket_?keys|(?:.*[-_./])?(?:token|secret|pass(?:word|wd|phrase)?|pwd|api_?key|credentials?))$|(?:hmac|client)secret$/i;

/** Fields in which YAML may have read a password as a number. */
const passwordField = /(?:pass(?:word|wd|phrase)?|pwd|secret)$/i;

/** Where Envoy writes a secret in place: below a field such as `private_key` or `password`. */
export const inlineField = /^(?:inline_?string|inline_?bytes|value|exact|prefix)$/i;

/** How AuthorizationPolicies name a header they compare. */
const headerKey = /^request\.headers\[(.+)\]$/;

const standIn = '[masked]';

/** Which names were found to name secrets; lists repeat the same few hundred. */
const known = new Map<string, boolean>();
const mostKnown = 10_000;

/** Whether the value of a field, a header or a variable of this name is a secret. */
export function namesSecret(name: string): boolean {
  let secret = known.get(name);
  if (secret === undefined) {
    const field = `${name}: x`;
    const variable = `${name}=x`;
    secret = secretField.test(name) || mask(field) !== field || mask(variable) !== variable;
    if (known.size >= mostKnown) known.clear();
    known.set(name, secret);
  }
  return secret;
}

/** A value masked with its name in mind: of a `password` nothing is left. */
export function maskNamed(name: string, value: string): string {
  return value !== '' && namesSecret(name) ? standIn : mask(value);
}

/** A copy of plain data without secrets in its strings. Names of objects (`credentialName`) stay. */
export function maskValues(value: unknown): unknown {
  return masked(value, false, 0);
}

/** Levels that are followed; no kind of Istio or Kubernetes has a tenth of them, and what is deeper would exhaust the stack. */
const deepest = 200;

function masked(value: unknown, secret: boolean, depth: number): unknown {
  if (typeof value === 'string') return mask(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= deepest) return '[nested too deep]';
  const below = (each: unknown, named: boolean): unknown => masked(each, named, depth + 1);
  if (Array.isArray(value)) return value.map((each) => below(each, secret));
  const fields = value as Readonly<Record<string, unknown>>;
  const name = fields['name'] ?? fields['key'];
  const header = typeof fields['key'] === 'string' ? headerKey.exec(fields['key'])?.[1] : undefined;
  const compared = header !== undefined && namesSecret(header);
  const copy: Record<string, unknown> = {};
  for (const [key, each] of Object.entries(fields)) {
    if (Array.isArray(each) && (secretField.test(key) || (compared && /^(?:notV|v)alues$/.test(key))))
      setOwn(
        copy,
        key,
        each.map((one) => (typeof one === 'string' ? standIn : below(one, true))),
      );
    else if (typeof each === 'number' && passwordField.test(key)) setOwn(copy, key, standIn);
    else if (typeof each !== 'string') setOwn(copy, key, below(each, secret || namesSecret(key)));
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
    if (option === undefined) return mask(each);
    return /(?:^|[-_])(?:pass|token|secret)$/i.test(option) ? standIn : maskNamed(option, each);
  });
}
