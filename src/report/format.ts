/** How numbers, times and archive text are written. No locale and no clock: the same report gives the same bytes. */

/** `1234567` as `1,234,567`. */
export const grouped = (value: number): string =>
  Number.isInteger(value) ? String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',') : String(value);

/** `1 proxy`, `1,200 proxies`; the plural adds an `s` unless given. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${grouped(value)} ${value === 1 ? one : many}`;

/** Bytes in binary units with one decimal: `38.4 MiB`. */
export function bytes(value: number): string {
  if (value < 1024) return `${grouped(value)} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let amount = value / 1024;
  let unit = 0;
  while (amount >= 1023.95 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${amount.toFixed(1)} ${units[unit] ?? ''}`;
}

/** A share in whole per cent, rounded down so that only everything reads as 100. */
export const percent = (part: number, whole: number): string =>
  whole === 0 ? '0 %' : `${Math.floor((part / whole) * 100)} %`;

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/;

/** An ISO 8601 time as `2026-11-25 08:40:25` in UTC; what is no such time stays as it is. */
export function utc(time: string): string {
  const at = isoTime.test(time) ? Date.parse(time) : Number.NaN;
  return Number.isNaN(at) ? visible(time) : new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}

/** First and last time, the date once where both share it: `2026-11-25 09:15:02 to 09:40:58 UTC`. */
export function span(when: { readonly first: string; readonly last: string }): string {
  const first = utc(when.first);
  const last = utc(when.last);
  // A log line may have no readable time.
  if (first === '' || last === '')
    return first === last ? 'at an unknown time' : `${first === '' ? 'until' : 'from'} ${first || last} UTC`;
  if (first === last) return `${first} UTC`;
  return `${first} to ${last.slice(0, 11) === first.slice(0, 11) ? last.slice(11) : last} UTC`;
}

/**
 * Shows what would otherwise act: terminal escapes, other control characters and marks that turn the writing direction
 * become `\x1b`, `\u202e`. Line ends and tabs stay.
 */
export const visible = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (found) => {
    if (found === '\n' || found === '\t') return found;
    const code = found.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
  });

/** At most `limit` characters, with `…` where something was cut. */
export const clip = (text: string, limit: number): string =>
  visible(text.length > limit ? `${text.slice(0, limit - 1).replace(/[\ud800-\udbff]$/, '')}…` : text);

/** Line ends and runs of space become one space. */
export const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** Names that keep their small letter. */
const lowerNames: ReadonlySet<string> = new Set(['istiod', 'istioctl', 'kubectl', 'ztunnel', 'kubelet', 'iptables']);

/** A message as a headline: first letter large unless the first word is a name (`shop/cart`, `istiod-1`). */
export function headline(message: string): string {
  const text = oneLine(message);
  const word = text.split(' ', 1)[0] ?? '';
  return /^[a-z]+[,:;]?$/.test(word) && !lowerNames.has(word) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

/** Ends with a full stop, a question mark, an exclamation mark or a colon. */
export const sentence = (text: string): string => (/[.!?:…]$/.test(text.trim()) ? text.trim() : `${text.trim()}.`);

/** A part of prose: plain, or code that was written between backticks. */
export interface Part {
  readonly code: boolean;
  readonly text: string;
}

/** Splits prose at single backticks around code on one line; other backticks are text. */
export function parts(prose: string): readonly Part[] {
  const found: Part[] = [];
  let at = 0;
  for (const match of prose.matchAll(/(?<!`)`([^`\n]+)`(?!`)/g)) {
    if (match.index > at) found.push({ code: false, text: prose.slice(at, match.index) });
    found.push({ code: true, text: match[1] ?? '' });
    at = match.index + match[0].length;
  }
  if (at < prose.length) found.push({ code: false, text: prose.slice(at) });
  return found;
}
