import { mask } from './mask.ts';

/**
 * Masks the lines of one file in order. Beyond `mask` it knows what spans lines: PEM private keys, and the values under
 * `data:` and `stringData:` of a Kubernetes object in YAML or JSON. Whether that object is a Secret stands after its data, so
 * every value there that could be base64 is taken.
 */
export function lineMasker(): (line: string) => string {
  let inKey = false;
  let block: { readonly indent: number; readonly plain: boolean } | undefined;
  return (line) => {
    const inside = inKey;
    if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(line)) inKey = !line.includes('-----END');
    else if (inKey && line.includes('-----END')) inKey = false;
    if (inside) return '[masked private key]';

    const text = mask(line);
    const opens = /^(\s*)(?:- )?"?(data|stringData)"?:\s*\{?\s*$/.exec(line);
    if (opens) {
      block = { indent: opens[1]?.length ?? 0, plain: opens[2] === 'stringData' };
      return text;
    }
    if (!block || line.trim() === '') return text;
    if (line.search(/\S/) <= block.indent) {
      block = undefined;
      return text;
    }
    const pair = /^(\s+"?[\w.-]+"?:\s+)"?(.*?)"?,?$/.exec(text);
    if (!pair) return block.plain ? text.replace(/\S.*/, '[masked]') : maskBase64(text);
    const value = pair[2] ?? '';
    return value !== '' && (block.plain || isBase64(value)) ? `${pair[1]}[masked]` : text;
  };
}

/** Continuation lines of a folded value hold nothing but base64. */
function maskBase64(text: string): string {
  const value = text.trim();
  return isBase64(value) ? text.replace(value, '[masked]') : text;
}

const isBase64 = (value: string) => value.length >= 8 && value.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(value);
