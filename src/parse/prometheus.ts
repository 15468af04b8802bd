/** One sample of the Prometheus text format. */
export interface PrometheusSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** NaN and the infinities as they are. */
  readonly value: number;
}

const sample =
  /^([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?[ \t]+([-+]?(?:\d[\d.]*(?:e[-+]?\d+)?|inf|nan))(?:[ \t]+-?\d+)?\s*$/i;
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

const unescaped = (text: string): string =>
  text.includes('\\') ? text.replace(/\\(.)/g, (_, next: string) => (next === 'n' ? '\n' : next)) : text;

/** Reads one line of an exposition, e.g. `envoy_server_live{} 1`. Undefined for comments, blank lines and anything else. */
export function parseSample(line: string): PrometheusSample | undefined {
  const match = sample.exec(line);
  if (match === null) return undefined;
  const [, name = '', inner, number = ''] = match;
  const value = toNumber(number);
  if (value === undefined) return undefined;
  const labels: Record<string, string> = {};
  if (inner !== undefined && inner !== '') {
    for (const [, key = '', text = ''] of inner.matchAll(label)) labels[key] = unescaped(text);
  }
  return { name, labels, value };
}

function toNumber(text: string): number | undefined {
  const lower = text.toLowerCase();
  if (lower.endsWith('inf')) return lower.startsWith('-') ? -Infinity : Infinity;
  if (lower.endsWith('nan')) return Number.NaN;
  const value = Number(text);
  return Number.isNaN(value) ? undefined : value;
}

/** The metric's name at the start of a line: up to `{` or a blank. '' for comments and blank lines. */
export function sampleName(line: string): string {
  for (let at = 0; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (code === 0x7b || code === 0x20 || code === 0x09) return line.slice(0, at);
    if (code === 0x23) return '';
  }
  return '';
}
