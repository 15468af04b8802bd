import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../src/report/report.ts';
import { meshtriage, sample } from './cli/run.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshtriage-cli-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const place = (name: string) => join(folder, name);

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(place(name), content);
  return place(name);
}

/** Lines of standard error; a stack trace would be several. */
const lines = (text: string) => text.split('\n').filter((line) => line !== '');

describe('help', () => {
  it('tells the commands, the exit statuses and examples', () => {
    const { status, stdout, stderr } = meshtriage(['--help']);
    expect([status, stderr]).toEqual([0, '']);
    for (const word of ['analyze', 'explain', 'rules', 'show', 'schema', 'Examples:', 'Exit status']) {
      expect(stdout).toContain(word);
    }
    for (const exit of [0, 1, 2, 3, 4]) expect(stdout).toMatch(new RegExp(`^ {2}${exit} {2}\\w`, 'm'));
  });

  it('describes every flag of analyze, and the README names each', () => {
    const { stdout } = meshtriage(['analyze', '--help']);
    const options = stdout.slice(stdout.indexOf('Options:'), stdout.indexOf('The report goes to'));
    const flags = [...options.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)(?: <\S+>)? {2,}(\S.*)$/gm)];
    expect(flags.length).toBe(options.match(/^ {2}-/gm)?.length);
    const readme = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8');
    const missing = flags.map(([, flag]) => flag ?? '').filter((flag) => flag !== '--help' && !readme.includes(flag));
    expect(missing).toEqual([]);
  });

  it('prints the version alone on a line', () => {
    const { version } = JSON.parse(readFileSync(fileURLToPath(new URL('../package.json', import.meta.url)), 'utf8'));
    expect(meshtriage(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('wrong use ends with 2 and one line', () => {
  it.each([
    ['an unknown flag', ['analyze', 'x', '--formt', 'json'], /unknown option '--formt'/],
    ['a missing archive', ['analyze'], /missing required argument 'archive'/],
    ['an unknown format', ['analyze', 'x', '--format', 'pdf'], /unknown format 'pdf'; expected one of text, markdown/],
    ['an unknown severity', ['analyze', 'x', '--fail-on', 'fatal'], /Allowed choices are info, warning, error, never/],
    ['a size that is none', ['analyze', 'x', '--max-total', 'lots'], /Expected a size/],
    ['an empty list of rules', ['analyze', 'x', '--only', ' ,'], /Expected a name/],
    ['a mistyped rule', ['analyze', 'x', '--only', 'undefined-subsett'], /did you mean undefined-subset/],
    [
      'a rule that is like none',
      ['analyze', 'x', '--skip', 'quantum'],
      /no rule is named 'quantum'; 'meshtriage rules'/,
    ],
    ['a report in no folder', ['analyze', 'x', '-o', 'absent/report.html'], /the folder absent does not exist/],
    ['standard input twice', ['analyze', '-', '-'], /named twice/],
    ['a rule to explain that is unknown', ['explain', 'undefined-subst'], /did you mean undefined-subset/],
    ['a place that is none', ['show', sample('healthy'), 'cluster/crs'], /expected FILE:LINE or FILE:FROM-TO/],
    ['--verify without a file', ['rules', '--verify'], /name it with --index/],
  ])('%s', (_, args, message) => {
    const { status, stdout, stderr } = meshtriage(args, { cwd: folder });
    expect(stderr).toMatch(message);
    expect(lines(stderr)).toHaveLength(1);
    expect([status, stdout]).toEqual([2, '']);
  });

  it('an unknown command, with a hint where a file was meant', () => {
    const { status, stderr } = meshtriage([sample('healthy')]);
    expect(status).toBe(2);
    expect(stderr).toContain("try 'meshtriage analyze FILE'");
  });

  it('overwriting the archive', () => {
    const archive = write('bug-report.json', '{}');
    const { status, stderr } = meshtriage(['analyze', archive, '-o', archive]);
    expect([status, lines(stderr).length]).toEqual([2, 1]);
    expect(stderr).toContain('is part of the archive');
    expect(readFileSync(archive, 'utf8')).toBe('{}');
  });
});

describe('input that cannot be analysed ends with 3 and one line', () => {
  const refused = (path: string, input?: Uint8Array) => {
    const { status, stdout, stderr } = meshtriage(['analyze', path], input ? { input } : {});
    expect(lines(stderr)).toHaveLength(1);
    expect(stderr).toMatch(/^meshtriage: /);
    expect([status, stdout]).toEqual([3, '']);
    return stderr;
  };

  it('no such file', () => {
    expect(refused(place('absent.tar.gz'))).toContain('absent.tar.gz');
  });

  it('an empty file', () => {
    expect(refused(write('empty.tar.gz', ''))).toMatch(/empty/);
  });

  it('a file that is no archive', () => {
    refused(write('photo.tar.gz', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')));
  });

  it('an archive without anything of Istio', async () => {
    const tar = pack();
    tar.entry({ name: 'holiday/notes.txt' }, 'Sunny all week.\n');
    tar.finalize();
    const chunks: Uint8Array[] = [];
    for await (const chunk of tar) chunks.push(chunk as Uint8Array);
    expect(refused(write('holiday.tar', Buffer.concat(chunks)))).toMatch(/Istio/);
  });

  it('an empty folder', () => {
    mkdirSync(place('empty-folder'));
    refused(place('empty-folder'));
  });

  it.skipIf(process.getuid?.() === 0)('a folder without permission', () => {
    mkdirSync(place('locked'));
    chmodSync(place('locked'), 0o000);
    try {
      expect(refused(place('locked'))).toMatch(/permission/);
    } finally {
      chmodSync(place('locked'), 0o700);
    }
  });

  it('nothing on standard input', () => {
    refused('-');
  });
});

describe('analyze', () => {
  it('prints the cause first, as plain text in a pipe, and ends with 1', () => {
    const { status, stdout, stderr } = meshtriage(['analyze', sample('undefined-subset')]);
    expect([status, stderr]).toEqual([1, '']);
    expect(stdout).toContain('undefined-subset');
    expect(stdout).not.toContain('\x1b[');
  });

  it('colours on request, and NO_COLOR has the last word', () => {
    const args = ['analyze', sample('undefined-subset')];
    expect(meshtriage(args, { env: { FORCE_COLOR: '1' } }).stdout).toContain('\x1b[');
    expect(meshtriage(args, { env: { FORCE_COLOR: '1', NO_COLOR: '1' } }).stdout).not.toContain('\x1b[');
    expect(meshtriage([...args, '--no-color'], { env: { FORCE_COLOR: '1' } }).stdout).not.toContain('\x1b[');
  });

  it.each(['text', 'markdown', 'html', 'json'])('ends with the same status for %s', (format) => {
    expect(meshtriage(['analyze', sample('undefined-subset'), '--format', format]).status).toBe(1);
    expect(meshtriage(['analyze', sample('undefined-subset'), '--format', format, '--fail-on', 'never']).status).toBe(
      0,
    );
    expect(meshtriage(['analyze', sample('healthy'), '--format', format]).status).toBe(0);
  });

  it('names the cause first in the JSON report', () => {
    const { stdout } = meshtriage(['analyze', sample('undefined-subset'), '--format', 'json']);
    const report: Report = JSON.parse(stdout);
    expect(report.diagnoses[0]?.cause.id).toBe('undefined-subset');
  });

  it('writes several documents in one run, says where, and nothing else anywhere', () => {
    const empty = place('several');
    mkdirSync(empty);
    const args = ['analyze', sample('undefined-subset'), '-o', 'report.html', '-o', 'reply.md', '-o', 'report.json'];
    const { status, stdout, stderr } = meshtriage(args, { cwd: empty });
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/html report: report\.html\nmarkdown report: reply\.md\njson report: report\.json\n$/);
    expect(readdirSync(empty).toSorted()).toEqual(['reply.md', 'report.html', 'report.json']);
    expect(readFileSync(join(empty, 'report.html'), 'utf8')).toMatch(/^<!doctype html>/i);
  });

  it('is silent with --quiet', () => {
    const args = ['analyze', sample('healthy'), '--quiet', '-o', place('quiet.html')];
    expect(meshtriage(args)).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(existsSync(place('quiet.html'))).toBe(true);
  });

  it('knows its own reports in every format, so that one beside the input can be written again', () => {
    for (const format of ['text', 'markdown', 'html', 'json']) {
      const { stdout } = meshtriage(['analyze', sample('healthy'), '--format', format]);
      expect(stdout.slice(0, 64 * 1024)).toContain('meshtriage');
    }
  });

  it('reads standard input', () => {
    const { status, stdout } = meshtriage(['analyze', '-', '--format', 'json'], {
      input: readFileSync(sample('undefined-subset')),
    });
    const report: Report = JSON.parse(stdout);
    expect([status, report.archive.name]).toEqual([1, 'standard input']);
  });

  it('gives the same bytes again, with any number of threads', () => {
    // Small archives are read by one thread: unpacked, the sample is large enough for several.
    const tar = write('large.tar', gunzipSync(readFileSync(sample('undefined-subset'))));
    const json = (...more: string[]) => meshtriage(['analyze', tar, '--format', 'json', ...more]).stdout;
    const first = json('--jobs', '1');
    expect(first).toMatch(/^\{/);
    expect(json('--jobs', '1')).toBe(first);
    expect(json('--jobs', '3')).toBe(first);
  });

  it('ends with 4 where an archive without findings was cut short', () => {
    const bytes = readFileSync(sample('healthy'));
    const { status, stdout } = meshtriage(['analyze', '-'], { input: bytes.subarray(0, bytes.length / 2) });
    expect(status).toBe(4);
    expect(stdout).toMatch(/truncated|cut short|ends/i);
  });

  it('ends with 4 and a gap where a limit was hit', () => {
    const { status, stdout } = meshtriage(['analyze', sample('healthy'), '--max-entries', '60', '--format', 'json']);
    const report: Report = JSON.parse(stdout);
    expect(status).toBe(4);
    expect(report.coverage.complete).toBe(false);
    expect(report.gaps).not.toEqual([]);
  });

  it('checks only the rules asked for', () => {
    const { stdout } = meshtriage([
      'analyze',
      sample('undefined-subset'),
      '--only',
      'undefined-subset',
      '--format',
      'json',
    ]);
    const report: Report = JSON.parse(stdout);
    expect(new Set(report.diagnoses.map(({ cause }) => cause.id))).toEqual(new Set(['undefined-subset']));
    const without = meshtriage([
      'analyze',
      sample('undefined-subset'),
      '--skip',
      'undefined-subset',
      '--format',
      'json',
    ]);
    expect((JSON.parse(without.stdout) as Report).diagnoses.map(({ cause }) => cause.id)).not.toContain(
      'undefined-subset',
    );
  });

  it('leaves lower findings out with --min-severity and keeps the status', () => {
    const args = [
      'analyze',
      sample('undefined-subset'),
      '--format',
      'json',
      '--min-severity',
      'error',
      '--fail-on',
      'info',
    ];
    const { status, stdout } = meshtriage(args);
    const report: Report = JSON.parse(stdout);
    const severities = report.diagnoses.flatMap(({ consequences }) => consequences.map(({ severity }) => severity));
    expect(status).toBe(1);
    expect(new Set(severities)).not.toContain('info');
    expect(report.diagnoses.length).toBeGreaterThan(0);
  });

  it('ends quietly where the reader of its output goes away', () => {
    const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
    const { stdout, stderr } = spawnSync(
      'sh',
      ['-c', '"$0" "$1" analyze "$2" --format json | head -c 10', process.execPath, cli, sample('undefined-subset')],
      { encoding: 'utf8' },
    );
    expect(stdout).toHaveLength(10);
    expect(stderr).toBe('');
  });
});

describe('show', () => {
  it('prints every place that a report cites', () => {
    const { stdout } = meshtriage(['analyze', sample('undefined-subset'), '--format', 'json']);
    const report: Report = JSON.parse(stdout);
    const places = report.diagnoses.flatMap(({ cause, consequences }) =>
      [cause, ...consequences].flatMap(({ occurrences }) => occurrences.flatMap(({ evidence }) => evidence)),
    );
    const cited = [...new Set(places.map(({ file, line }) => `${file}:${line}`))];
    expect(cited.length).toBeGreaterThan(0);
    expect(cited.filter((ref) => !/:\d+$/.test(ref))).toEqual([]);
    for (const ref of cited.slice(0, 8)) {
      const shown = meshtriage(['show', sample('undefined-subset'), ref]);
      expect([ref, shown.status, shown.stderr]).toEqual([ref, 0, '']);
      expect(shown.stdout).toMatch(/^> *\d+ │/m);
    }
  });

  it('marks the lines asked for and shows five around them', () => {
    const { stdout } = meshtriage(['show', sample('healthy'), 'cluster/nodes:10-11']);
    const shown = stdout.trimEnd().split('\n');
    expect(shown[0]).toBe('cluster/nodes:10-11');
    expect(shown).toHaveLength(1 + 5 + 2 + 5);
    expect(shown.filter((line) => line.startsWith('>')).map((line) => line.slice(2, 4))).toEqual(['10', '11']);
  });

  it('says how many lines a file has, and which file may have been meant', () => {
    const beyond = meshtriage(['show', sample('healthy'), 'cluster/kubectl-version:99']);
    expect([beyond.status, beyond.stderr]).toEqual([
      2,
      'meshtriage: cluster/kubectl-version has 3 lines; there is no line 99\n',
    ]);
    const absent = meshtriage(['show', sample('healthy'), 'bug-report/cluster/crs:1']);
    expect(absent.status).toBe(2);
    expect(absent.stderr).toContain('did you mean cluster/crs?');
  });

  it('masks secrets', () => {
    const planted = 'cGxhbnRlZC1zZWNyZXQ=';
    const secret = write('secret.yaml', `apiVersion: v1\ndata:\n  password: ${planted}\nkind: Secret\n`);
    const { stdout } = meshtriage(['show', secret, 'secret.yaml:3']);
    expect(stdout).toContain('password: [masked]');
    expect(stdout).not.toContain(planted);
  });

  it('names files without the signature of the URL they were saved under', () => {
    mkdirSync(place('saved'));
    write('saved/config_dump?sv=1&sig=Pl4nted%3D', 'x\n'.repeat(3));
    const { stdout, stderr } = meshtriage(['show', place('saved'), 'config_dump?sv=1&sig=Pl4nted%3D:2']);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^config_dump\?sv=1&sig=\[masked\]:2\n/);
  });
});

describe('the catalog on the command line', () => {
  it('lists the rules, and as JSON with everything they say', () => {
    const { status, stdout } = meshtriage(['rules']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ {2}undefined-subset +warning +\S/m);
    const rules: { id: string; fix: unknown[] }[] = JSON.parse(meshtriage(['rules', '--json']).stdout);
    expect(rules.find(({ id }) => id === 'undefined-subset')?.fix.length).toBeGreaterThan(0);
  });

  it('explains a rule', () => {
    const { status, stdout } = meshtriage(['explain', 'undefined-subset']);
    expect(status).toBe(0);
    expect(stdout).toContain('kubectl');
  });

  it('writes the index of rules between its marks and tells when it is out of date', () => {
    const file = write('INDEX.md', 'Before\n\n<!-- rules: written by npm run docs -->\n<!-- /rules -->\n\nAfter\n');
    expect(meshtriage(['rules', '--index', file, '--verify']).status).toBe(1);
    expect(meshtriage(['rules', '--index', file]).status).toBe(0);
    expect(meshtriage(['rules', '--index', file, '--verify']).status).toBe(0);
    expect(readFileSync(file, 'utf8')).toMatch(/^Before\n[\s\S]*\| `undefined-subset` \| warning \|[\s\S]*\nAfter\n$/);
  });

  it('keeps the index in the README current', () => {
    const readme = fileURLToPath(new URL('../README.md', import.meta.url));
    expect(meshtriage(['rules', '--index', readme, '--verify'])).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('describes every field of the JSON report in its schema', () => {
    const schema: { properties: Record<string, unknown> } = JSON.parse(meshtriage(['schema']).stdout);
    const { stdout } = meshtriage(['analyze', sample('healthy'), '--format', 'json']);
    const known = Object.keys(schema.properties);
    expect(Object.keys(JSON.parse(stdout)).filter((key) => !known.includes(key))).toEqual([]);
  });
});
