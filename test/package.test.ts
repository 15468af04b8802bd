import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sample } from './cli/run.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const manifest: { bin: { meshtriage: string }; dependencies: Record<string, string> } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
);

let folder = '';
let files: string[] = [];

/** Installs the packed file as npm would, with the packages of this checkout, so that no network is needed. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meshtriage-package-'));
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const packed = execFileSync(npm, ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const answer: unknown = JSON.parse(packed);
  const [{ filename }] = (Array.isArray(answer) ? answer : Object.values(answer as object)) as [{ filename: string }];
  const modules = join(folder, 'node_modules');
  const entries = extract();
  entries.end(gunzipSync(readFileSync(join(folder, filename))));
  for await (const entry of entries) {
    const file = entry.header.name.replace(/^package\//, '');
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry) chunks.push(chunk as Uint8Array);
    const path = join(modules, 'meshtriage', file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, Buffer.concat(chunks));
    files.push(file);
  }
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!name.startsWith('.') && name !== 'meshtriage') {
      symlinkSync(join(root, 'node_modules', name), join(modules, name), 'junction');
    }
  }
  files = files.toSorted();
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const installed = (args: readonly string[]) =>
  spawnSync(process.execPath, [join(folder, 'node_modules/meshtriage', manifest.bin.meshtriage), ...args], {
    cwd: folder,
    encoding: 'utf8',
  });

describe('the packed file', () => {
  it('holds what it needs to run, its licence and its README, and nothing of the workshop', () => {
    for (const file of ['package.json', 'README.md', 'LICENSE', 'dist/cli.js', 'dist/index.js', 'dist/index.d.ts']) {
      expect(files).toContain(file);
    }
    expect(files.some((file) => file.startsWith('templates/'))).toBe(true);
    const folders = new Set(files.filter((file) => file.includes('/')).map((file) => file.split('/')[0]));
    expect([...folders].toSorted()).toEqual(['dist', 'templates']);
  });

  it('imports only packages that an installation brings', () => {
    const foreign = files
      .filter((file) => file.endsWith('.js'))
      .flatMap((file) => {
        const text = readFileSync(join(folder, 'node_modules/meshtriage', file), 'utf8');
        const names = [
          // Statements begin a line; the word `from` is also one of log lines.
          ...text.matchAll(/^(?:import|export)\b[^'"`;]*?\bfrom '([^'.\n][^'\n]*)'/gm),
          ...text.matchAll(/\bimport\('([^'.\n][^'\n]*)'/g),
        ].map(([, name]) => name ?? '');
        return names.filter((name) => !name.startsWith('node:') && !(name in manifest.dependencies));
      });
    expect(foreign).toEqual([]);
  });

  it('analyzes an archive from an empty folder', () => {
    const { status, stdout, stderr } = installed([
      'analyze',
      sample('undefined-subset'),
      '-o',
      'report.html',
      '-o',
      '-',
    ]);
    expect([status, stderr.includes('html report: report.html')]).toEqual([1, true]);
    expect(stdout).toContain('undefined-subset');
    expect(existsSync(join(folder, 'report.html'))).toBe(true);
  });

  it('explains a rule, lists the rules and prints the schema', () => {
    expect(installed(['explain', 'undefined-subset']).status).toBe(0);
    expect(installed(['rules']).stdout).toContain('undefined-subset');
    expect(JSON.parse(installed(['schema']).stdout)).toHaveProperty('properties');
  });

  it('is a library whose analysis and rendering can be called', () => {
    const program = `
      import { analyze, render, UserError } from 'meshtriage';
      const report = await analyze([${JSON.stringify(sample('undefined-subset'))}], { jobs: 1 });
      const refused = await analyze(['absent.tar.gz']).catch((error) => error instanceof UserError && error.code);
      console.log(JSON.stringify([report.schema, render(report, 'markdown').length > 0, refused]));
    `;
    writeFileSync(join(folder, 'program.mjs'), program);
    const { stdout, stderr } = spawnSync(process.execPath, ['program.mjs'], { cwd: folder, encoding: 'utf8' });
    expect([stdout, stderr]).toEqual(['[1,true,"ARCHIVE_NOT_FOUND"]\n', '']);
  });
});
