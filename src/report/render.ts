import type { CatalogEntry } from '../catalog/rule.ts';
import type { ChainStep } from './chain.ts';
import { defaultLimits, type Limits, severityView, toPage } from './page.ts';
import type { Report } from './report.ts';
import { assets, templates } from './templates.ts';
import { renderText } from './text.ts';

/** The drawings of a report. */
export const formats = ['html', 'markdown', 'json', 'text'] as const;
export type Format = (typeof formats)[number];

/** A page that people send by mail: never above this. */
const htmlBytes = 2_000_000;

/** Tried in order until the page is small enough. */
const smaller: readonly Limits[] = [
  defaultLimits,
  { causes: 8, rows: 100, innerRows: 20, cell: 240 },
  { causes: 3, rows: 30, innerRows: 5, cell: 120 },
];

function renderHtml(report: Report): string {
  let page = '';
  for (const limits of smaller) {
    page = templates.reportHtml()({ ...toPage(report, limits), ...assets() });
    if (Buffer.byteLength(page) <= htmlBytes) break;
  }
  return page;
}

/** Causes written out in the block for the ticket. */
const ticketCauses = 3;
const ticketEvidence = 3;

const markdownLimits: Limits = { causes: 20, rows: 50, innerRows: 20, cell: 240 };

function renderMarkdown(report: Report): string {
  const page = toPage(report, markdownLimits);
  const printed = new Set<string>();
  const ticket = page.causes.slice(0, ticketCauses).map((cause) => ({
    ...cause,
    evidence: firstAndLast(quotedSteps(cause.chain.steps), ticketEvidence),
    steps: cause.remedy.steps.map((step) => {
      const again = printed.has(step.run);
      printed.add(step.run);
      return again ? { ...step, run: '' } : step;
    }),
  }));
  const causes = page.causes.map((cause, index) => ({ ...cause, inTicket: index < ticketCauses }));
  const collectNext = [...new Set([...ticket.flatMap(({ missing }) => missing), ...page.helpMost])].slice(0, 6);
  const text = templates.reportMarkdown()({
    ...page,
    causes,
    ticket,
    ticketMore: page.causeCount - ticket.length,
    collectNext,
  });
  return `${text.replace(/\n{3,}/g, '\n\n').trim()}\n`;
}

/** Steps that have something to read, where there are enough of them. */
function quotedSteps(steps: readonly ChainStep[]): readonly ChainStep[] {
  const quoted = steps.filter(({ quotes }) => quotes.some(({ lines }) => lines.length > 0));
  return quoted.length >= ticketEvidence ? quoted : steps;
}

const firstAndLast = <T>(items: readonly T[], limit: number): readonly T[] =>
  items.length <= limit ? items : [...items.slice(0, 1), ...items.slice(1 - limit)];

/** Draws a report. The same report gives the same bytes: no clock is read and no locale is asked. */
export function render(report: Report, format: Format): string {
  switch (format) {
    case 'html':
      return renderHtml(report);
    case 'markdown':
      return renderMarkdown(report);
    case 'json':
      return `${JSON.stringify(report, null, 2)}\n`;
    case 'text':
      return renderText(report, { color: false, width: 100 });
  }
}

/** A catalog entry with what a rule adds to it. */
export interface RulePage extends CatalogEntry {
  readonly needs?: readonly string[];
  readonly uses?: readonly string[];
  readonly explains?: readonly string[];
}

/** The page of one catalog entry, in Markdown. */
export function renderRule(rule: RulePage): string {
  const text = templates.ruleMarkdown()({
    ...rule,
    severityWord: severityView(rule.severity).word,
    steps: rule.fix.map((step) => ({ do: step.do, run: step.run ?? '' })),
    needs: rule.needs ?? [],
    uses: rule.uses ?? [],
    explains: rule.explains ?? [],
    source: rule.source ?? '',
  });
  return `${text.replace(/\n{3,}/g, '\n\n').trim()}\n`;
}
