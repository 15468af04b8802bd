import type { Severity } from '../catalog/rule.ts';
import type { ChainStep } from './chain.ts';
import { counted, grouped, oneLine } from './format.ts';
import { type CauseView, type Limits, type Page, toPage } from './page.ts';
import type { Quote } from './quote.ts';
import type { Report } from './report.ts';

/** How text for a terminal is drawn. */
export interface TextOptions {
  /** ANSI colours; the caller knows about `NO_COLOR` and whether there is a terminal. */
  readonly color: boolean;
  /** Columns; prose wraps there, places and commands do not. */
  readonly width: number;
}

type Style = 'bold' | 'dim' | 'mark' | Severity;
type Paint = (style: Style, text: string) => string;

const sequence = '\u001b[';
const codes: Readonly<Record<Style, string>> = {
  bold: '1',
  dim: '2',
  mark: '4',
  error: '1;31',
  warning: '1;33',
  info: '1;34',
};

const limits: Limits = { causes: 20, rows: 20, innerRows: 10, cell: 240 };

/** Unnamed rules and gaps beyond this are counted. */
const listed = 10;

/** Columns of a text; characters outside the basic plane take one. */
const columns = (text: string): number => [...text].length;

/**
 * Wraps prose at spaces, the first line after `lead`, the others after `hang`. A word that is longer than the line stays
 * whole, so that it can be copied.
 */
function wrap(text: string, width: number, hang: string, lead = hang): readonly string[] {
  const lines: string[] = [];
  let line = lead;
  let used = columns(lead);
  let empty = true;
  for (const word of oneLine(text).split(' ')) {
    const size = columns(word);
    if (!empty && used + 1 + size > Math.max(width, 40)) {
      lines.push(line);
      line = hang + word;
      used = columns(hang) + size;
    } else {
      line += empty ? word : ` ${word}`;
      used += empty ? size : size + 1;
    }
    empty = false;
  }
  lines.push(line);
  return lines;
}

/** Prose after a lead such as `1. ` or `Seen  `; following lines stand beneath its first word, or beneath a long lead. */
function led(lead: string, text: string, width: number): readonly string[] {
  const own = columns(lead);
  const hang = own <= 20 ? own : own - columns(lead.trimStart()) + 2;
  return wrap(text, width, ' '.repeat(hang), lead);
}

/** The one line of a quote that tells, cut to the width around its mark. */
function telling(quote: Quote, width: number, paint: Paint): string {
  const line = quote.lines.find((parts) => parts.some(({ mark }) => mark)) ?? quote.lines[0] ?? [];
  const characters: { readonly text: string; readonly mark: boolean }[] = [];
  for (const { text, mark } of line)
    for (const character of text) characters.push({ text: character === '\t' ? ' ' : character, mark });
  while (characters[0]?.text === ' ') characters.shift();
  const at = characters.findIndex(({ mark }) => mark);
  const end = characters.findIndex(({ mark }, index) => index > at && !mark);
  const fits = characters.length <= width || at === -1 || (end !== -1 && end <= width);
  const from = fits ? 0 : Math.max(0, Math.min(at - Math.floor(width / 3), characters.length - width));
  const shown = characters.slice(from, from + width);
  let result = from > 0 ? '…' : '';
  for (let index = 0; index < shown.length; ) {
    const mark = shown[index]?.mark ?? false;
    let run = '';
    while (index < shown.length && shown[index]?.mark === mark) {
      run += shown[index]?.text ?? '';
      index += 1;
    }
    result += mark ? paint('mark', run) : run;
  }
  return from + width < characters.length ? `${result}…` : result;
}

function evidenceLines(step: ChainStep, width: number, paint: Paint): readonly string[] {
  const lines: string[] = [];
  if (step.say === '') lines.push(`    ${step.stage}`);
  else lines.push(...led(`    ${step.stage}: `, step.say, width));
  const [quote] = step.quotes;
  if (quote === undefined) return lines;
  lines.push(`      ${paint('dim', quote.where)}`);
  if (quote.lines.length > 0) lines.push(`      > ${telling(quote, Math.max(40, width - 10), paint)}`);
  return lines;
}

function remedyLines({ remedy }: Pick<CauseView, 'remedy'>, width: number): readonly string[] {
  const lines: string[] = [];
  for (const [index, step] of remedy.steps.entries()) {
    lines.push(...led(`    ${index + 1}. `, step.do, width));
    for (const line of step.run === '' ? [] : step.run.split('\n')) lines.push(`       $ ${line}`);
  }
  if (remedy.note !== '') lines.push(...wrap(remedy.note, width, '    '));
  return lines;
}

function causeLines(cause: CauseView, width: number, paint: Paint): readonly string[] {
  const { severity, state, confidence, key } = cause;
  const rank = `${cause.rank}. `;
  const lines = [
    '',
    `${paint(severity.name, `${rank}${severity.word}`)} ${state}, ${confidence}  ${paint('dim', key)}`,
    ...wrap(cause.headline, width, '  ').map((line) => paint('bold', line)),
    ...wrap(cause.past ? cause.why : `${cause.title}. ${cause.why}`, width, '  '),
    ...led('  Objects  ', cause.subjects, width),
  ];
  if (cause.scope !== '') lines.push(...led('  Scope    ', cause.scope, width));
  lines.push(...led('  Seen     ', cause.seen.join(', '), width));
  if (cause.consequences.total > 0) lines.push(...wrap(`${cause.consequencesSay}.`, width, '  '));
  for (const text of cause.past ? [] : cause.contradicts) lines.push(...led('  Against  ', text, width));
  lines.push('  Evidence');
  const steps = cause.past ? cause.chain.steps.slice(-1) : cause.chain.steps;
  for (const step of steps) lines.push(...evidenceLines(step, width, paint));
  lines.push('  What to do', ...remedyLines(cause, width));
  for (const text of cause.past ? [] : cause.missing) lines.push(...led('  Missing  ', text, width));
  return lines;
}

function gapLines(page: Page, width: number, paint: Paint): readonly string[] {
  const lines = ['', paint('bold', 'Not checked and gaps'), ...wrap(page.notCheckedSay, width, '  ')];
  const more = (total: number): void => {
    if (total > listed) lines.push(`    ${grouped(total - listed)} more, see JSON.`);
  };
  if (page.notChecked.total > 0) {
    lines.push(`  ${counted(page.notCheckedRules, 'rule')} not checked:`);
    for (const { count, because, collect } of page.notChecked.rows.slice(0, listed)) {
      lines.push(...led(`    ${count}: `, collect === '' ? because : `${because}; collect ${collect}`, width));
    }
    more(page.notChecked.total);
  }
  if (page.failedRules.total > 0) {
    lines.push(`  ${counted(page.failedRules.total, 'rule')} failed, an error of this tool:`);
    for (const { rule, error } of page.failedRules.rows.slice(0, listed))
      lines.push(...led(`    ${rule}: `, error, width));
    more(page.failedRules.total);
  }
  if (page.gaps.total > 0) {
    lines.push(`  ${counted(page.gaps.total, 'gap')}:`);
    for (const { at, reason, detail } of page.gaps.rows.slice(0, listed)) {
      lines.push(...led('    ', `${at} ${reason}: ${detail}`, width));
    }
    more(page.gaps.total);
  }
  lines.push(...wrap(`${page.filesSay}.`, width, '  '));
  return lines;
}

/** The report for a terminal: verdict, causes with evidence and steps, then what was not checked. */
export function renderText(report: Report, { color, width }: TextOptions): string {
  const page = toPage(report, limits);
  const paint: Paint = (style, text) => (color ? `${sequence}${codes[style]}m${text}${sequence}0m` : text);
  const about = [page.tool, page.name, page.captured, page.context].filter(Boolean).join(', ');
  const lines: string[] = [
    ...wrap(page.verdict, width, '').map((line) => paint('bold', line)),
    ...wrap(page.detail, width, ''),
    ...wrap(about, width, '').map((line) => paint('dim', line)),
  ];
  if (page.noCause) {
    const said = `No finding of severity error or warning. ${page.judged} This is not a proof that nothing is wrong.`;
    lines.push('', ...wrap(said, width, ''));
    if (page.helpMost.length > 0) {
      lines.push('What would help most:');
      for (const text of page.helpMost) lines.push(...led('  - ', text, width));
    }
  }
  for (const cause of page.causes) lines.push(...causeLines(cause, width, paint));
  if (page.moreCauses.total > 0) lines.push('', `${counted(page.moreCauses.total, 'further cause')}, see JSON.`);
  if (page.others.total > 0) {
    lines.push('', paint('bold', 'Other findings'));
    for (const row of page.others.rows) {
      const [first = '', ...rest] = led(`  ${row.severity.word}  `, `${row.what} (${row.where}), ${row.state}`, width);
      lines.push(first.replace(row.severity.word, paint('info', row.severity.word)), ...rest);
      lines.push(`        ${paint('dim', row.at)}`);
    }
    if (page.others.more > 0) lines.push(`  ${grouped(page.others.more)} more, see JSON.`);
  }
  lines.push(...gapLines(page, width, paint));
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}
