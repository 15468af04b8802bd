import Handlebars from 'handlebars';
import { counted, grouped, oneLine, parts, visible } from './format.ts';
import type { Marked } from './quote.ts';

const escapeHtml = Handlebars.escapeExpression;
const safe = (html: string): Handlebars.SafeString => new Handlebars.SafeString(html);

/** Helpers throw where a template names something that the page does not have: a typo fails a test, not a customer. */
function text(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  throw new TypeError(`a template passes ${value === undefined ? 'nothing' : typeof value} where text is needed`);
}

/** HTML of archive text that may break after `|`, `::` and `/`. Escaped first, so nothing in it is markup. */
const breakable = (value: string): string =>
  value
    .split(/(?<=\||::|\/)/)
    .map((piece) => escapeHtml(visible(piece)))
    .join('<wbr>');

/** Helpers of the HTML templates. What they return is built from escaped parts. */
export const htmlHelpers = {
  /** Archive text that may break at its separators: paths, host names. */
  breakable: (value: unknown) => safe(breakable(text(value))),
  /** Prose with `code` between backticks. */
  prose: (value: unknown) =>
    safe(
      parts(visible(text(value)))
        .map(({ code, text }) => (code ? `<code>${breakable(text)}</code>` : escapeHtml(text)))
        .join(''),
    ),
  /** Quoted lines: escaped first, marked second. */
  quoted: (lines: readonly (readonly Marked[])[]) =>
    safe(
      lines
        .map((line) =>
          line.map(({ text, mark }) => (mark ? `<mark>${breakable(text)}</mark>` : breakable(text))).join(''),
        )
        .join('\n'),
    ),
  /** An https address without its scheme, as people read it. */
  address: (value: unknown) =>
    safe(
      breakable(
        text(value)
          .replace(/^https:\/\//, '')
          .replace(/\/$/, ''),
      ),
    ),
  number: (value: number) => grouped(value),
  counted: (value: number, one: string, many?: unknown) =>
    counted(value, one, typeof many === 'string' ? many : undefined),
};

/** Characters that mean something somewhere in Markdown of GitHub or Azure DevOps. */
const special = /[\\`*_[\]<>#!|~$&]/g;

/** Text that stays text in Markdown: one line, no emphasis, link, mention, HTML or table border. */
export const markdown = (value: string): string =>
  oneLine(visible(value))
    .replace(special, '\\$&')
    .replace(/^[-+=]/, '\\$&')
    .replace(/^(\d+)([.)])(?=\s|$)/, '$1\\$2')
    .replace(/:(?=\/\/)/g, '\\:')
    .replace(/\bwww(?=\.)/gi, '$&<!-- -->')
    .replace(/@(?=\w)/g, '@<!-- -->');

/** A code span of any text: the fence is longer than every run of backticks in it. In a table `|` is escaped as well. */
export function markdownCode(value: string, inTable = false): string {
  const content = oneLine(visible(value));
  if (content === '') return '';
  const longest = Math.max(0, ...(content.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  const pad = longest > 0 && /^`|`$/.test(content) ? ' ' : '';
  const span = `${fence}${pad}${content}${pad}${fence}`;
  return inTable ? span.replaceAll('|', '\\|') : span;
}

/** Markdown of prose with `code` between backticks. */
export const markdownProse = (value: string, inTable = false): string =>
  parts(value)
    .map(({ code, text }) => {
      if (code) return markdownCode(text, inTable);
      const shown = markdown(text);
      const before = /^\s/.test(text) ? ' ' : '';
      return shown === '' ? before : `${before}${shown}${/\s$/.test(text) ? ' ' : ''}`;
    })
    .join('');

/** A fenced block, every line indented so that it stays inside its list item. */
export function markdownFence(value: string, language: string, indent: number): string {
  const lines = visible(value).split('\n');
  const longest = lines.reduce((most, line) => Math.max(most, /^\s*(`+)/.exec(line)?.[1]?.length ?? 0), 2);
  const fence = '`'.repeat(longest + 1);
  return [`${fence}${language}`, ...lines, fence].map((line) => `${' '.repeat(indent)}${line}`).join('\n');
}

/** Helpers of the Markdown templates; every value in them passes one of these. */
export const markdownHelpers = {
  md: (value: unknown) => markdown(text(value)),
  prose: (value: unknown) => markdownProse(text(value)),
  cell: (value: unknown) => markdownProse(text(value), true),
  code: (value: unknown) => markdownCode(text(value)),
  cellCode: (value: unknown) => markdownCode(text(value), true),
  fence: (value: unknown, language: string, indent: number) => markdownFence(text(value), language, indent),
  quoted: (lines: readonly (readonly Marked[])[], indent: number) =>
    markdownFence(lines.map((line) => line.map(({ text }) => text).join('')).join('\n'), 'text', indent),
  /** Position in a list, counted from 1. */
  position: (index: number) => String(index + 1),
  /** An https address as a link that shows itself. */
  link: (value: unknown) => `<${text(value).replace(/[<>\s]/g, encodeURIComponent)}>`,
  number: (value: number) => grouped(value),
  counted: (value: number, one: string, many?: unknown) =>
    counted(value, one, typeof many === 'string' ? many : undefined),
};
