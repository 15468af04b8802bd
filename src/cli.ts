#!/usr/bin/env node
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { exitStatus, exitStatusHelp, severities, statusOfError } from './cli/exit.ts';
import { extensions } from './cli/output.ts';
import { formatSize, parseCount, parseSize } from './cli/sizes.ts';
import { UserError } from './errors.ts';
import { defaultLimits } from './input/archive.ts';
import { visible } from './report/format.ts';
import type { Format } from './report/render.ts';
import { version } from './version.ts';

// Each command loads what it needs when it runs: `--help` answers without the rules and readers.

const list = (value: string, before: readonly string[] = []) => {
  const items = value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  if (items.length === 0) throw new InvalidArgumentError('Expected a name.');
  return [...before, ...items];
};

const sizeOption = (flag: string, text: string, bytes: number) =>
  new Option(`${flag} <size>`, text).argParser(parseSize).default(bytes, formatSize(bytes));

const countOption = (flag: string, text: string, least: number, count: number) =>
  new Option(`${flag} <n>`, text).argParser(parseCount(least)).default(count);

const program = new Command('meshtriage')
  .description('Offline analyzer of Istio support archives: root cause first, with evidence and remedy.')
  .version(version, '--version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .helpCommand(false)
  .exitOverride()
  .configureHelp({ showGlobalOptions: false })
  .configureOutput({
    outputError: (text, write) =>
      write(text.replace(/^error: /, 'meshtriage: ').replace(/\n\(Did you mean (.+)\?\)/, '; did you mean $1?')),
  })
  .addHelpText(
    'after',
    `
Examples:
  meshtriage analyze bug-report.tar.gz                       text on the terminal
  meshtriage analyze bug-report.tar.gz -o report.html        a page to forward
  meshtriage explain undefined-subset                        one rule: why, and what to do
  meshtriage show bug-report.tar.gz cluster/crs:41           a cited place, with the lines around it
  meshtriage inspect ticket.zip                              what each file was taken for
${exitStatusHelp}

Nothing leaves this machine: there is no network access, and nothing is written but the report.`,
  );

program
  .command('analyze')
  .description('diagnose an archive, or several that belong to one ticket')
  .argument('<archive...>', '.tar.gz, .tar, .zip, a folder, a single file, or - for standard input')
  .option('-o, --output <file>', 'write the report there; repeatable; a folder takes report.<ext>', collect)
  .addOption(
    new Option(
      '--format <format>',
      'repeatable, paired with -o by order; else from the name of -o, else text',
    ).argParser(formatOf),
  )
  .addOption(
    new Option('--fail-on <severity>', 'end with 1 from this severity on')
      .choices([...severities, 'never'])
      .default('error'),
  )
  .addOption(
    new Option('--min-severity <severity>', 'leave lower findings out of the report')
      .choices(severities)
      .default('info'),
  )
  .option('--only <rules>', 'check only these rules: ids, comma-separated or repeated', list)
  .option('--skip <rules>', 'leave these rules out: ids, comma-separated or repeated', list)
  .option('--namespace <name>', 'keep findings of this namespace and of the mesh as a whole; repeatable', list)
  .addOption(
    new Option('--jobs <n>', 'threads that read, at most the cores and 4 (default: as many)').argParser(parseCount(1)),
  )
  .option('-q, --quiet', 'no progress and no closing lines on standard error')
  .option('--no-color', 'no colour; so do NO_COLOR and a pipe, FORCE_COLOR asks for it')
  .addOption(sizeOption('--max-total', 'unpacked size of everything', defaultLimits.totalBytes))
  .addOption(countOption('--max-entries', 'number of files', 1, defaultLimits.entries))
  .addOption(
    sizeOption(
      '--max-entry',
      'unpacked size of one file; the rest of a larger one is not read',
      defaultLimits.entryBytes,
    ),
  )
  .addOption(countOption('--max-ratio', 'unpacked bytes per packed byte', 1, defaultLimits.ratio))
  .addOption(countOption('--max-nesting', 'archives within archives', 0, defaultLimits.nesting))
  .addOption(
    sizeOption('--max-line', 'length of a line; the rest of a longer one is not looked at', defaultLimits.lineBytes),
  )
  .addHelpText(
    'after',
    `
The report goes to standard output unless -o is given; everything else goes to standard error. A limit that was hit is
listed in the report as a gap.

Examples:
  meshtriage analyze bug-report.tar.gz -o report.html -o reply.md
  meshtriage analyze bug-report.tar.gz --format json | jq -r '.verdict.sentence'
  kubectl exec -n tools collector -- cat bug-report.tar.gz | meshtriage analyze -
  meshtriage analyze bug-report.tar.gz --fail-on never --only undefined-subset,unhealthy-upstream
${exitStatusHelp}`,
  )
  .action(async (archives, flags) => end((await import('./cli/analyze.ts')).runAnalyze(archives, flags)));

program
  .command('explain')
  .description('print what is known about one problem: why it hurts, what to do, where to read on')
  .argument('<rule>', 'id of the rule')
  .action(async (rule) => end((await import('./cli/explain.ts')).runExplain(rule)));

program
  .command('rules')
  .description('list the rules')
  .option('--json', 'as JSON, with everything a rule says of itself')
  .option('--index <file>', 'write the index of rules between its two marks in this Markdown file')
  .option('--verify', 'with --index: write nothing, end with 1 when the file is out of date')
  .action(async (flags) => end((await import('./cli/rules.ts')).runRules(flags)));

program
  .command('show')
  .description('print a place that a report cites, with five lines around it, secrets masked')
  .argument('<archive>', 'the archive, or - for standard input')
  .argument('<place>', 'FILE:LINE or FILE:FROM-TO, as reports cite it')
  .action(async (archive, place) => end((await import('./cli/show.ts')).runShow(archive, place)));

program
  .command('inspect')
  .description('print what each file was taken for, by what, and what was not understood; judges nothing')
  .argument('<archive...>', 'as for analyze')
  .option('--json', 'as JSON')
  .addOption(
    new Option('--jobs <n>', 'threads that read, at most the cores and 4 (default: as many)').argParser(parseCount(1)),
  )
  .action(async (archives, flags) => end((await import('./cli/inspect.ts')).runInspect(archives, flags)));

program
  .command('schema')
  .description('print the JSON schema of the JSON report')
  .action(async () => end((await import('./cli/schema.ts')).runSchema()));

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function formatOf(value: string, before: readonly Format[] = []): Format[] {
  const names = Object.keys(extensions) as Format[];
  const format = names.find((name) => name === value);
  if (format) return [...before, format];
  throw new UserError('USAGE', `unknown format '${value}'; expected one of ${names.join(', ')}`);
}

/** Standard output must drain, so the process is left to end by itself. */
async function end(status: number | Promise<number>): Promise<void> {
  process.exitCode = await status;
}

process.stderr.on('error', () => {
  // Nobody reads what is said about the run: the report may still be wanted.
});
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `| head` closes the pipe early; that is no error of ours and the status stays.
  if (error.code === 'EPIPE') return;
  process.stderr.write(`meshtriage: cannot write standard output: ${error.message}\n`);
  process.exit(exitStatus.usage);
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? exitStatus.clean : exitStatus.usage;
    if (error.code === 'commander.unknownCommand') process.stderr.write("try 'meshtriage analyze FILE', or --help\n");
  } else if (error instanceof UserError) {
    process.exitCode = statusOfError(error);
    process.stderr.write(`meshtriage: ${visible(error.message.replace(/\s*\n\s*/g, ' '))}\n`);
  } else {
    process.exitCode = exitStatus.unreadable;
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`meshtriage: internal error, please report it\n${stack}\n`);
  }
}
