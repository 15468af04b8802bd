import { readFileSync } from 'node:fs';
import { builtInRules } from '../catalog/index.ts';
import type { AnyRule } from '../catalog/rule.ts';
import { UserError } from '../errors.ts';
import { writeDocument } from './output.ts';

/** The flags of `rules`. */
export interface RulesFlags {
  readonly json?: boolean;
  readonly index?: string;
  readonly verify?: boolean;
}

const begin = '<!-- rules: written by npm run docs -->';
const end = '<!-- /rules -->';

/** `rules`: lists the catalog, or keeps the index of rules in a Markdown file. */
export function runRules(flags: RulesFlags): number {
  if (flags.index !== undefined) return keepIndex(flags.index, flags.verify ?? false);
  if (flags.verify) throw new UserError('USAGE', '--verify compares a file: name it with --index');
  process.stdout.write(flags.json ? `${JSON.stringify(builtInRules.map(asData), null, 2)}\n` : listOf(builtInRules));
  return 0;
}

function keepIndex(file: string, verify: boolean): number {
  const text = read(file);
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new UserError('USAGE', `${file} has no lines '${begin}' and '${end}'`);
  const written = `${text.slice(0, from + begin.length)}\n\n${ruleIndex(builtInRules)}\n${text.slice(to)}`;
  if (written === text) return 0;
  if (verify) {
    process.stderr.write(`meshtriage: the index of rules in ${file} is out of date; run 'npm run docs'\n`);
    return 1;
  }
  writeDocument(file, written);
  return 0;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UserError('USAGE', `cannot read ${file}: ${why}`, { cause: error });
  }
}

/** Everything a rule says of itself that is data. */
function asData({ id, title, area, severity, why, fix, references, needs, uses, explains }: AnyRule): object {
  return { id, title, area, severity, why, fix, references, needs, uses: uses ?? [], explains: explains ?? [] };
}

const areasOf = (rules: readonly AnyRule[]) => [...new Set(rules.map(({ area }) => area))];

/** One Markdown table per area, rules in the order of the catalog. */
export function ruleIndex(rules: readonly AnyRule[]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  return areasOf(rules)
    .map((area) => {
      const rows = rules
        .filter((rule) => rule.area === area)
        .map(({ id, severity, title }) => `| \`${id}\` | ${severity} | ${cell(title)} |\n`);
      return `**${area}**\n\n| rule | severity | problem |\n|---|---|---|\n${rows.join('')}`;
    })
    .join('\n');
}

function listOf(rules: readonly AnyRule[]): string {
  const width = Math.max(0, ...rules.map(({ id }) => id.length));
  const areas = areasOf(rules).map((area) => {
    const lines = rules
      .filter((rule) => rule.area === area)
      .map(({ id, severity, title }) => `  ${id.padEnd(width)}  ${severity.padEnd(7)}  ${title}\n`);
    return `${area}\n${lines.join('')}`;
  });
  return `${areas.join('\n')}\n${rules.length} rules. 'meshtriage explain RULE' tells why each hurts and what to do.\n`;
}
