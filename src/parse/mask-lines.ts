import { mask } from './mask.ts';
import { inlineField, namesSecret } from './mask-values.ts';

/**
 * Masks the lines of one file in order. Beyond `mask` it knows what spans lines: PEM private keys, a name and its value as two
 * fields of an element, options and their arguments, what stands below a field that names a secret, and the values under
 * `data:` and `stringData:` of a Kubernetes object in YAML or JSON. Whether that object is a Secret stands after its data, so
 * every value there that could be base64 is taken. `secret` is true for lines from below such a field.
 */
export function lineMasker({ secret = false } = {}): (line: string) => string {
  let inKey = false;
  let block: { readonly indent: number; readonly plain: boolean } | undefined;
  // The innermost field that names a secret and opens a map or a list, by its column.
  let below: { readonly column: number; readonly all: boolean } | undefined = secret ? outside : undefined;
  // The line before named a secret whose value comes next.
  let named = false;
  return (line) => {
    const inside = inKey;
    if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(line)) inKey = !line.includes('-----END');
    else if (inKey && line.includes('-----END')) inKey = false;
    if (inside) return '[masked private key]';

    const text = mask(line);
    if (line.trim() === '') return text;
    const column = line.search(/\S/);
    const wasNamed = named;
    named = opensValue(line);
    const { head = '', key = '', value = '' } = fieldOf(text);
    const { value: written = '' } = fieldOf(line);
    if (wasNamed && /^(?:value|values|notValues)$/.test(key)) {
      if (value !== '') return `${head}[masked]`;
      below = { column, all: false };
      return text;
    }
    if (wasNamed && key === '') {
      const argument = /^(\s*(?:- |")?)(?!-)\S/.exec(text);
      if (argument) return `${argument[1]}[masked]`;
    }

    if (below !== undefined && column <= below.column && !isElementOf(line, column, below.column)) {
      below = secret ? outside : undefined;
    }
    if (below !== undefined && value !== '' && inlineField.test(key)) return `${head}[masked]`;
    if (below !== undefined && below !== outside && (below.all || key === '') && !/^[\s{}[\],]*$/.test(text)) {
      return text.replace(/[^\s-].*/, '[masked]');
    }
    if (below === undefined && key !== '' && /^(?:[{[]|[|>][+-]?\d?)?$/.test(written) && namesSecret(key)) {
      below = { column, all: /^[|>]/.test(written) };
    }

    const opens = /^(\s*)(?:- )?"?(data|stringData)"?:\s*\{?\s*$/.exec(line);
    if (opens) {
      block = { indent: opens[1]?.length ?? 0, plain: opens[2] === 'stringData' };
      return text;
    }
    if (!block) return text;
    if (column <= block.indent) {
      block = undefined;
      return text;
    }
    const pair = /^(\s+"?[\w.-]+"?:\s+)"?(.*?)"?,?$/.exec(text);
    if (!pair) return block.plain ? text.replace(/\S.*/, '[masked]') : maskBase64(text);
    const stored = pair[2] ?? '';
    return stored !== '' && (block.plain || isBase64(stored)) ? `${pair[1]}[masked]` : text;
  };
}

/** All lines lie below a secret; single elements of theirs may be anything. */
const outside = { column: -1, all: false };

/** The parts of a line that is one field in YAML or JSON. */
function fieldOf(line: string): { readonly head?: string; readonly key?: string; readonly value?: string } {
  const found = /^(\s*(?:- )?["']?([^\s"':{}[\]]+)["']?\s*:(?:\s+|$))(.*?),?$/.exec(line.trimEnd());
  return found === null ? {} : { head: found[1] ?? '', key: found[2] ?? '', value: found[3] ?? '' };
}

/** `name: DB_PASSWORD`, `key: request.headers[authorization]`, `- --token`: the next line is the secret. */
function opensValue(line: string): boolean {
  const found = /^\s*(?:- )?"?(?:(?:name|key)"?\s*:\s*["']?|- ?["']?--?|"--?|--)([\w.[\]/-]+)["']?,?\s*$/.exec(
    line,
  )?.[1];
  return found !== undefined && namesSecret(/^request\.headers\[(.+)\]$/.exec(found)?.[1] ?? found);
}

/** Elements of a list stand in the column of their field. */
const isElementOf = (line: string, column: number, below: number): boolean =>
  column === below && line.startsWith('- ', column);

/** Continuation lines of a folded value hold nothing but base64. */
function maskBase64(text: string): string {
  const value = text.trim();
  return isBase64(value) ? text.replace(value, '[masked]') : text;
}

const isBase64 = (value: string) => value.length >= 8 && value.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(value);
