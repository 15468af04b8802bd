import { setOwn } from './untyped.ts';

interface Compiled {
  readonly expression: RegExp;
  readonly names: readonly string[];
}

const compiled = new Map<string, Compiled>();

/**
 * Values of a pattern's names where it matches a path, else undefined. `:name` stands for one segment or a part of one;
 * `:name(a|b)` for what the expression in brackets says, whose own groups must not capture; `**` followed by a slash, at the beginning, for any folders or none.
 */
export function matchPath(pattern: string, path: string): Readonly<Record<string, string>> | undefined {
  let known = compiled.get(pattern);
  if (known === undefined) {
    known = compile(pattern);
    compiled.set(pattern, known);
  }
  const found = known.expression.exec(path);
  if (found === null) return undefined;
  const params: Record<string, string> = {};
  for (const [index, name] of known.names.entries()) setOwn(params, name, found[index + 1] ?? '');
  return params;
}

function compile(pattern: string): Compiled {
  const names: string[] = [];
  const anywhere = pattern.startsWith('**/');
  const rest = anywhere ? pattern.slice(3) : pattern;
  const source = rest
    .split(/(:[a-z]+(?:\((?:[^()]|\([^()]*\))*\))?)/)
    .map((part, index) => {
      if (index % 2 === 0) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      const [, name = '', , allowed = '[^/]*'] = /^:([a-z]+)(\((.*)\))?$/.exec(part) ?? [];
      names.push(name);
      return `(${allowed})`;
    })
    .join('');
  return { expression: new RegExp(`^${anywhere ? '(?:.*/)?' : ''}${source}$`), names };
}
