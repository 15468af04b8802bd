import type { Json } from './json.ts';

// What YAML 1.1 would read as something other than text, and so go-yaml puts in double quotes.
const ambiguous =
  /^(?:|~|null|Null|NULL|true|True|TRUE|false|False|FALSE|y|Y|n|N|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|[-+]?(?:\d[\d_]*)(?:\.\d*)?(?:[eE][-+]?\d+)?|0x[\da-fA-F]+|[-+]?\.(?:inf|Inf|INF)|\.nan|\d{4}-\d{1,2}-\d{1,2}(?:[Tt ].*)?|<<|=)$/;
const indicator = /^[-?:](?:\s|$)|^[,[\]{}#&*!|>'"%@`]|: |:$| #|^ | $/;

/** Writes a value as `kubectl get -o yaml` does: keys sorted, sequences not indented, long text folded after column 80. */
function kubectlYaml(value: Json, indent = 0): string {
  if (Array.isArray(value)) {
    return value.map((item: Json) => `${' '.repeat(indent)}- ${kubectlYaml(item, indent + 2).trimStart()}`).join('');
  }
  if (value === null || typeof value !== 'object') return `${scalar(value, indent, indent)}\n`;
  const map = value as { readonly [key: string]: Json };
  let text = '';
  for (const key of Object.keys(map).sort()) {
    const item = map[key] ?? null;
    const start = `${' '.repeat(indent)}${ambiguous.test(key) ? `"${key}"` : key}:`;
    if (item === null || typeof item !== 'object') {
      text += `${start} ${scalar(item, indent, start.length + 1)}\n`;
    } else if (Array.isArray(item)) {
      text += item.length === 0 ? `${start} []\n` : `${start}\n${kubectlYaml(item, indent)}`;
    } else {
      text += Object.keys(item).length === 0 ? `${start} {}\n` : `${start}\n${kubectlYaml(item, indent + 2)}`;
    }
  }
  return text === '' ? `${' '.repeat(indent)}{}\n` : text;
}

function scalar(value: null | boolean | number | string, indent: number, column: number): string {
  if (typeof value !== 'string') return String(value);
  if (value.includes('\n')) {
    const lines = value.endsWith('\n') ? value.slice(0, -1).split('\n') : value.split('\n');
    const padding = ' '.repeat(indent + 2);
    return `|${value.endsWith('\n') ? '' : '-'}${lines.map((line) => (line === '' ? '\n' : `\n${padding}${line}`)).join('')}`;
  }
  if (ambiguous.test(value)) return `"${value}"`;
  const quoted = indicator.test(value) ? `'${value.replaceAll("'", "''")}'` : value;
  return folded(quoted, indent + 2, column);
}

// go-yaml breaks at the first single space after column 80.
function folded(text: string, indent: number, column: number): string {
  if (column + text.length <= 80) return text;
  let result = '';
  let at = column;
  for (let i = 0; i < text.length; i += 1) {
    const single = text[i] === ' ' && text[i - 1] !== ' ' && text[i + 1] !== ' ' && i > 0 && i < text.length - 1;
    if (single && at > 80) {
      result += `\n${' '.repeat(indent)}`;
      at = indent;
    } else {
      result += text[i];
      at += 1;
    }
  }
  return result;
}

/** A `List` as kubectl prints several objects; the objects are made one at a time. */
export function* kubectlList(items: Iterable<Json>): Generator<string> {
  yield 'apiVersion: v1\nitems:\n';
  for (const item of items) yield kubectlYaml([item]);
  yield 'kind: List\nmetadata:\n  resourceVersion: ""\n';
}
