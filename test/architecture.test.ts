import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { builtInRules } from '../src/catalog/index.ts';

const src = fileURLToPath(new URL('../src/', import.meta.url));

/** Left to right: a file imports from its own folder and from folders before it. */
const layers = ['', 'input', 'parse', 'model', 'catalog', 'diagnosis', 'report', 'pipeline', 'batch', 'cli'];

/** Files of the top folder and the layer they stand for; the empty one may be imported by all and imports nothing. */
const topFiles: Readonly<Record<string, string>> = {
  'errors.ts': '',
  'version.ts': '',
  'analyze.ts': 'pipeline',
  'index.ts': 'pipeline',
  'cli.ts': 'cli',
};

const layerOf = (file: string) => (file.includes('/') ? (file.split('/')[0] ?? '') : (topFiles[file] ?? 'unknown'));

const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file: file.replaceAll('\\', '/'), text: readFileSync(join(src, file), 'utf8') }));

// Statements stand at the beginning of a line; the word `from` is also one of log lines.
const importsOf = (text: string) =>
  [
    ...text.matchAll(/^(?:import|export)\b[^'"`;]*?\bfrom '([^'\n]+)'/gm),
    ...text.matchAll(/(?:^import |\bimport\(|new URL\()'([^'\n]+)'/gm),
  ].map(([, path]) => path ?? '');

const imports = sources.flatMap(({ file, text }) =>
  importsOf(text)
    .filter((path) => path.startsWith('.') && path.endsWith('.ts'))
    .map((path) => ({ from: file, to: relative(src, join(src, dirname(file), path)).replaceAll('\\', '/') })),
);

describe('architecture', () => {
  it('knows a layer for each source file', () => {
    expect(sources.map(({ file }) => file).filter((file) => !layers.includes(layerOf(file)))).toEqual([]);
  });

  it('imports go one way, from cli back to input', () => {
    const wrong = imports.filter(({ from, to }) => layers.indexOf(layerOf(to)) > layers.indexOf(layerOf(from)));
    expect(wrong).toEqual([]);
  });

  it('each import names a file that exists', () => {
    const files = new Set(sources.map(({ file }) => file));
    expect(imports.filter(({ to }) => !files.has(to))).toEqual([]);
  });

  it('only the command line prints, reads arguments and ends the process', () => {
    const talks = /\bconsole\.|process\.(?:stdout|stderr|exit|exitCode|argv)\b/;
    const wrong = sources.filter(({ file, text }) => layerOf(file) !== 'cli' && talks.test(text));
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });

  it('nothing can reach a network or start a program', () => {
    const modules = /^(?:node:)?(?:https?|http2|net|tls|dgram|dns(?:\/promises)?|child_process)$/;
    const reaches = sources.filter(
      ({ text }) => importsOf(text).some((path) => modules.test(path)) || /\bfetch\(|\bWebSocket\b/.test(text),
    );
    expect(reaches.map(({ file }) => file)).toEqual([]);
  });

  it('only the command line writes files', () => {
    const writes = /\b(?:writeFile|appendFile|createWriteStream|mkdir|mkdtemp|copyFile|rename|symlink)(?:Sync)?\(/;
    const wrong = sources.filter(({ file, text }) => layerOf(file) !== 'cli' && writes.test(text));
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });

  it('reads no clock while it judges and renders: the same archive gives the same bytes', () => {
    const clock = /\bDate\.now\(\)|\bnew Date\(\)|\bMath\.random\(/;
    const judged = ['parse', 'model', 'catalog', 'diagnosis', 'report'];
    const wrong = sources.filter(({ file, text }) => judged.includes(layerOf(file)) && clock.test(text));
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });

  it('uses only the packages of package.json', () => {
    const { dependencies } = JSON.parse(readFileSync(join(src, '../package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const packages = sources.flatMap(({ file, text }) =>
      importsOf(text)
        .filter((path) => !path.startsWith('.') && !path.startsWith('node:'))
        .map((path) => ({ file, name: path })),
    );
    expect(packages.filter(({ name }) => !(name in dependencies))).toEqual([]);
  });
});

describe('the catalog', () => {
  it('gives each id once', () => {
    const ids = builtInRules.map(({ id }) => id);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  });

  it('names each file of one rule as its id', () => {
    const wrong = sources.filter(({ file, text }) => {
      const id = /\bdefineRule\(\{\s*id: '([^']+)'/.exec(text)?.[1];
      return file.startsWith('catalog/') && id !== undefined && `${id}.ts` !== basename(file);
    });
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });
});
