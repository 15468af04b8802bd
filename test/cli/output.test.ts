import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkTargets, targetsOf, writeDocument } from '../../src/cli/output.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshtriage-output-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('where documents go', () => {
  it('is text on standard output unless told otherwise', () => {
    expect(targetsOf([], [])).toEqual([{ format: 'text', file: '-' }]);
    expect(targetsOf([], ['json'])).toEqual([{ format: 'json', file: '-' }]);
  });

  it('follows from the extension', () => {
    expect(targetsOf(['a.html', 'b.MD', 'c.json', 'd.txt'], []).map(({ format }) => format)).toEqual([
      'html',
      'markdown',
      'json',
      'text',
    ]);
  });

  it('pairs formats and files by order', () => {
    expect(targetsOf(['a.html', 'b'], ['json', 'text'])).toEqual([
      { format: 'json', file: 'a.html' },
      { format: 'text', file: 'b' },
    ]);
  });

  it('names the file in a folder after its format', () => {
    expect(targetsOf([folder], [])).toEqual([{ format: 'html', file: join(folder, 'report.html') }]);
    expect(targetsOf([folder], ['markdown', 'json']).map(({ file }) => file)).toEqual([
      join(folder, 'report.md'),
      join(folder, 'report.json'),
    ]);
  });

  it.each([
    ['more formats than outputs', [], ['json', 'html'], /2 formats for standard output/],
    ['fewer formats than outputs', ['a', 'b'], ['json'], /as many of each/],
    ['an unknown extension', ['report.pdf'], [], /name it .html, .md, .json or .txt/],
    ['one file for two documents', ['a.html', 'a.html'], [], /named twice/],
    ['two documents on standard output', ['-', '-'], ['json', 'text'], /standard output is named twice/],
  ] as const)('refuses %s', (_, files, formats, message) => {
    expect(() => targetsOf(files, formats)).toThrow(message);
  });
});

describe('checking targets before reading', () => {
  const check = (file: string, input: string) => checkTargets([{ format: 'html', file }], [input]);

  it('refuses to overwrite the archive, under whatever name', () => {
    const archive = join(folder, 'bug-report.tar.gz');
    const link = join(folder, 'report.html');
    writeFileSync(archive, 'archive');
    symlinkSync(archive, link);
    expect(() => check(archive, archive)).toThrow(/is part of the archive/);
    expect(() => check(link, archive)).toThrow(/is part of the archive/);
  });

  it('refuses to overwrite a file of a folder that is read, but not an earlier report in it', () => {
    const note = join(folder, 'notes.html');
    const report = join(folder, 'report.html');
    writeFileSync(note, '<html>');
    writeFileSync(report, '<html><meta name="generator" content="meshtriage">');
    expect(() => check(note, folder)).toThrow(/is part of the archive/);
    expect(() => check(report, folder)).not.toThrow();
    expect(() => check(join(folder, 'new.html'), folder)).not.toThrow();
  });

  it('refuses a path below a file, and a name too long, with its reason', () => {
    const file = join(folder, 'report.html');
    writeFileSync(file, 'first');
    expect(() => check(join(file, 'report.html'), '-')).toThrow(/cannot write .*: .*report\.html is not a folder/);
    expect(() => check(join(folder, 'x'.repeat(300)), '-')).toThrow(/cannot write .*: the name is too long/);
  });

  it('refuses a folder that does not exist', () => {
    expect(() => check(join(folder, 'absent/report.html'), '-')).toThrow(/the folder .*absent does not exist/);
  });
});

describe('writing a document', () => {
  it('replaces an earlier one and leaves nothing beside it', () => {
    const file = join(folder, 'report.html');
    writeDocument(file, 'first');
    writeDocument(file, 'second');
    expect(readFileSync(file, 'utf8')).toBe('second');
    expect(readdirSync(folder)).toEqual(['report.html']);
  });

  it('writes through a link to where it points', () => {
    const file = join(folder, 'kept.html');
    const link = join(folder, 'latest.html');
    writeFileSync(file, 'first');
    symlinkSync(file, link);
    writeDocument(link, 'second');
    expect(readFileSync(file, 'utf8')).toBe('second');
  });

  it('leaves no half file where the place is taken by a folder', () => {
    const file = join(folder, 'report.html');
    mkdirSync(file);
    expect(() => writeDocument(file, 'text')).toThrow(/cannot write .*: it is a folder/);
    expect(readdirSync(folder)).toEqual(['report.html']);
  });
});
