import fs, { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { defaultLimits } from '../../src/input/archive.ts';
import { openArchive } from '../../src/input/open.ts';
import { logOf, see, tarOf, watch, zipOf } from './packing.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshtriage-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function save(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const message = async (path: string, stdin?: Readable): Promise<string> => {
  try {
    await openArchive(path, defaultLimits, stdin);
  } catch (error) {
    if (error instanceof UserError) return `${error.code}: ${error.message.replaceAll(folder, '…')}`;
    throw error;
  }
  return 'opened';
};

describe('openArchive', () => {
  it('recognises what a file is by its content, whatever its name', async () => {
    const tar = await tarOf({ versions: 'v' });
    const formats = [];
    for (const content of [gzipSync(tar), tar, zipOf({ versions: 'v' }), gzipSync('text\n'), 'text\n']) {
      const archive = await openArchive(save('bug-report.txt', content));
      formats.push(archive.format);
      expect(Object.values((await watch(archive)).files)).toHaveLength(1);
    }
    expect(formats).toEqual(['tar.gz', 'tar', 'zip', 'file.gz', 'file']);
  });

  it('delivers a single file under its name, unpacked', async () => {
    expect((await watch(await openArchive(save('istiod.log', 'ads\n')))).files).toEqual({ 'istiod.log': 'ads\n' });
    const packed = await openArchive(save('istiod.log.gz', gzipSync('ads\n')));
    expect(packed.bytes).toBe(gzipSync('ads\n').length);
    const { files, headers } = await watch(packed);
    expect(files).toEqual({ 'istiod.log.gz': 'ads\n' });
    expect(headers[0]?.size).toBe(-1);
  });

  it('turns UTF-16 without a mark into UTF-8, in either order of bytes', async () => {
    const text = 'NAME     READY\ncart-7d9 2/2 \u2713\n';
    for (const bytes of [Buffer.from(text, 'utf16le'), Buffer.from(text, 'utf16le').swap16()]) {
      const { files } = await watch(await openArchive(save('pods.txt', bytes)));
      expect(files).toEqual({ 'pods.txt': text });
    }
  });

  it('turns UTF-16 of Windows PowerShell into UTF-8', async () => {
    const text = 'NAME   READY\r\ncart   2/2 ✓\r\n';
    const { files } = await watch(await openArchive(save('pods.txt', Buffer.from(`\ufeff${text}`, 'utf16le'))));
    expect(files).toEqual({ 'pods.txt': text });
  });

  it('says that a folder it may not list is missing, not left out', async () => {
    save('locked/versions', 'v');
    save('locked/cluster/pods', 'p');
    const list = fs.readdir;
    const denied = Object.assign(new Error('denied'), { code: 'EACCES' });
    const spy = vi
      .spyOn(fs, 'readdir')
      .mockImplementation(((path: string, options: object, done: () => void) =>
        path.endsWith('cluster')
          ? (done as (error: Error) => void)(denied)
          : (list as (...all: unknown[]) => void)(path, options, done)) as unknown as typeof fs.readdir);
    const { files, gaps } = await watch(await openArchive(join(folder, 'locked')));
    spy.mockRestore();
    expect(files).toEqual({ versions: 'v' });
    expect(gaps).toEqual([
      { file: 'cluster', reason: 'truncated', detail: 'this folder cannot be read (permission denied)' },
    ]);
  });

  it('reads standard input, more than once', async () => {
    const archive = await openArchive('-', defaultLimits, Readable.from([gzipSync(await tarOf({ versions: 'v' }))]));
    expect(archive).toMatchObject({ name: 'standard input', format: 'tar.gz' });
    expect((await watch(archive)).files).toEqual({ versions: 'v' });
    expect((await watch(archive)).files).toEqual({ versions: 'v' });
  });

  it('says in one line what was found and what was expected', async () => {
    expect(await message(join(folder, 'missing.tar.gz'))).toBe(
      'ARCHIVE_NOT_FOUND: …/missing.tar.gz: no such file or folder; expected a .tar.gz, .tar, .zip, a folder or a text file',
    );
    expect(await message(save('empty.tar.gz', ''))).toMatch(/^ARCHIVE_UNRECOGNISED: empty.tar.gz is empty; expected/);
    expect(await message(save('bug-report.tar.zst', Buffer.from('28b52ffd0458', 'hex')))).toBe(
      'ARCHIVE_UNRECOGNISED: bug-report.tar.zst is a zstd file; expected a .tar.gz, .tar, .zip, a folder or a text file; unpack it first (`zstd -d bug-report.tar.zst`)',
    );
    expect(await message(save('a.rar', Buffer.from('526172211a0701', 'hex')))).toContain('a.rar is a RAR file');
    expect(await message(save('a.7z', Buffer.from('377abcaf271c0004', 'hex')))).toContain('a.7z is a 7-Zip file');
    expect(await message(save('a.xz', Buffer.from('fd377a585a000004', 'hex')))).toContain('`xz -d a.xz`');
    expect(await message(save('a.bz2', Buffer.from('BZh9\x31\x41', 'latin1')))).toContain('a.bz2 is a bzip2 file');
    expect(await message(save('core', Buffer.alloc(900, 'ab\0')))).toContain('core is a binary file');
    expect(await message(save('x.gz', gzipSync(Buffer.alloc(900, 'ab\0'))))).toContain(
      'x.gz is a gzip file and holds a binary file',
    );
    expect(await message(save('x.gz', gzipSync('')))).toContain('x.gz is a gzip file and holds nothing');
    expect(await message('-', Readable.from([]))).toContain('standard input is empty');
    mkdirSync(join(folder, 'hollow'));
    expect(await message(join(folder, 'hollow'))).toContain('holds no files');
  });

  it('gives up on a gzip file of which nothing can be unpacked', async () => {
    expect(await message(save('cut.tar.gz', gzipSync('x').subarray(0, 9)))).toMatch(
      /^ARCHIVE_UNREADABLE: cut.tar.gz is a gzip file of which nothing can be unpacked/,
    );
  });

  it.skipIf(process.getuid?.() === 0)('says that it may not read', async () => {
    const path = save('locked.tar.gz', 'x');
    chmodSync(path, 0);
    expect(await message(path)).toMatch(/^ARCHIVE_UNREADABLE: .*cannot be read: permission denied$/);
  });
});

describe('a folder', () => {
  it('delivers its files sorted by path, hidden ones and archives in it too, and follows no links', async () => {
    const top = join(folder, 'unpacked');
    save('unpacked/bug-report/versions', 'v');
    save('unpacked/bug-report/cluster/pods', 'pods');
    save('unpacked/.hidden', 'h');
    save('unpacked/more.tar.gz', gzipSync(await tarOf({ 'cluster/nodes': 'nodes' })));
    save('unpacked/.DS_Store', 'x');
    symlinkSync('/etc/hostname', join(top, 'link'));
    const time = new Date('2026-05-01T10:00:00Z');
    utimesSync(join(top, 'bug-report/versions'), time, time);

    const archive = await openArchive(top);
    const { headers, files, gaps } = await watch(archive);
    expect(archive.format).toBe('directory');
    expect(files).toEqual({
      '.hidden': 'h',
      'cluster/pods': 'pods',
      versions: 'v',
      'more.tar.gz!/cluster/nodes': 'nodes',
    });
    expect(headers.map(({ path }) => path)).toEqual([
      '.hidden',
      'cluster/pods',
      'versions',
      'more.tar.gz!/cluster/nodes',
    ]);
    expect(headers[2]?.modified).toBe('2026-05-01T10:00:00.000Z');
    expect(gaps).toEqual([
      { file: 'unpacked', reason: 'skipped', detail: 'a symbolic link is not followed' },
      { file: 'unpacked', reason: 'skipped', detail: '1 file that an operating system added is not read: .DS_Store' },
    ]);
  });

  it('reports a file that is gone by the time it is read', async () => {
    const path = save('changing/cluster/pods', 'pods');
    save('changing/versions', 'v');
    const archive = await openArchive(join(folder, 'changing'));
    rmSync(path);
    const { files, gaps } = await watch(archive);
    expect(files).toEqual({ 'cluster/pods': '…', versions: 'v' });
    expect(gaps).toMatchObject([
      { file: 'cluster/pods', reason: 'truncated', detail: expect.stringContaining('no such file') },
    ]);
  });

  it.skipIf(process.getuid?.() === 0)('reports what it may not read and reads the rest', async () => {
    chmodSync(save('guarded/cluster/pods', 'pods'), 0);
    save('guarded/proxies/shop/cart/clusters', 'x');
    chmodSync(join(folder, 'guarded/proxies'), 0);
    save('guarded/versions', 'v');
    const { files, gaps } = await watch(await openArchive(join(folder, 'guarded')));
    chmodSync(join(folder, 'guarded/proxies'), 0o700);
    expect(files['versions']).toBe('v');
    expect(gaps.map(({ file }) => file)).toEqual(['proxies', 'cluster/pods']);
  });
});

describe('archives within archives', () => {
  it('opens them in place', async () => {
    const report = gzipSync(
      await tarOf({
        'bug-report/versions': 'v',
        'bug-report/istio/istio-system/istiod-5b/discovery.log.gz': gzipSync('ads\n'),
      }),
    );
    const { files, gaps } = await see(zipOf({ 'case/bug-report.tar.gz': report, 'case/notes.txt': 'n' }));
    expect(files).toEqual({
      'case/bug-report.tar.gz!/versions': 'v',
      'case/bug-report.tar.gz!/istio/istio-system/istiod-5b/discovery.log.gz': 'ads\n',
      'case/notes.txt': 'n',
    });
    expect(gaps).toEqual([]);
  });

  it('opens large ones that arrive in many pieces', async () => {
    const log = logOf(20_000);
    const report = gzipSync(await tarOf({ 'cluster/pods': log, versions: 'v' }));
    const { files, gaps } = await see(
      gzipSync(await tarOf({ 'a.zip': zipOf({ versions: log }), 'b.tar.gz': report }), { level: 1 }),
    );
    expect(files).toEqual({ 'a.zip!/versions': log, 'b.tar.gz!/cluster/pods': log, 'b.tar.gz!/versions': 'v' });
    expect(gaps).toEqual([]);
  });

  it('stops at the limit and names its flag', async () => {
    const report = gzipSync(await tarOf({ versions: 'v' }));
    const { files, gaps } = await see(await tarOf({ 'bug-report.tar.gz': report, 'notes.txt': 'n' }), { nesting: 0 });
    expect(files).toEqual({ 'notes.txt': 'n' });
    expect(gaps).toMatchObject([
      { file: 'bug-report.tar.gz', reason: 'skipped', detail: expect.stringContaining('--max-nesting') },
    ]);
  });

  it('names a file packed in a way it does not know', async () => {
    const { gaps } = await see(await tarOf({ 'logs.zst': Buffer.from('28b52ffd0458', 'hex'), versions: 'v' }));
    expect(gaps).toMatchObject([{ file: 'logs.zst', reason: 'skipped', detail: expect.stringContaining('`zstd -d`') }]);
  });
});

describe('names', () => {
  it('keeps two collections in one archive apart from the first file they have in common', async () => {
    const { files } = await see(
      await tarOf({
        'monday/bug-report.log': '1',
        'monday/cluster/pods': '2',
        'tuesday/bug-report.log': '3',
        'tuesday/proxies/shop/cart-7d9/clusters': '4',
      }),
    );
    expect(files).toEqual({
      'bug-report.log': '1',
      'cluster/pods': '2',
      'tuesday/bug-report.log': '3',
      'tuesday/proxies/shop/cart-7d9/clusters': '4',
    });
  });

  it('reads the first of two files with one name and reports the second', async () => {
    const zip = zipOf({ 'cluster/pods': 'first', 'cluster\\pods': 'second' });
    const { files, gaps } = await see(zip);
    expect(files).toEqual({ 'cluster/pods': 'first' });
    expect(gaps).toEqual([
      { file: 'cluster/pods', reason: 'skipped', detail: 'a second file of this name; the first one is read' },
    ]);
  });

  it('refuses names that lead out of the archive', async () => {
    const { files, gaps } = await see(zipOf({ '../../etc/passwd': 'x', versions: 'v' }));
    expect(files).toEqual({ versions: 'v' });
    expect(gaps).toMatchObject([
      { file: '../../etc/passwd', reason: 'skipped', detail: expect.stringContaining('leads out') },
    ]);
  });

  it('counts what an operating system added, once', async () => {
    const { gaps } = await see(
      await tarOf({ '__MACOSX/._versions': '1', '._cluster': '2', 'x/.DS_Store': '3', '._a': '4', versions: 'v' }),
    );
    expect(gaps).toEqual([
      {
        file: 'standard input',
        reason: 'skipped',
        detail: '4 files that an operating system added are not read: __MACOSX/._versions, ._cluster, x/.DS_Store, …',
      },
    ]);
  });
});

describe('limits', () => {
  const files = { 'cluster/events': 'e'.repeat(600), 'cluster/pods': 'p'.repeat(600), versions: 'v' };

  it('cuts a file that is too long and reads the next', async () => {
    const { files: found, gaps } = await see(await tarOf(files), { entryBytes: 500 });
    expect(found).toEqual({
      'cluster/events': `${'e'.repeat(500)}…`,
      'cluster/pods': `${'p'.repeat(500)}…`,
      versions: 'v',
    });
    expect(gaps[0]).toEqual({
      file: 'cluster/events',
      reason: 'too-large',
      detail: 'only the first 500 bytes of this file are read, raise --max-entry to read all of it',
    });
  });

  it.each([
    ['--max-total', { totalBytes: 1000 }],
    ['--max-entries', { entries: 1 }],
  ])('ends at %s, said once', async (flag, limits) => {
    for (const archive of [await tarOf(files), gzipSync(await tarOf(files)), zipOf(files)]) {
      const { files: found, gaps } = await see(archive, limits);
      expect(Object.keys(found).length).toBeLessThan(3);
      expect(gaps).toMatchObject([{ reason: 'too-large', detail: expect.stringContaining(flag) }]);
    }
  });

  it('ends at an archive bomb', async () => {
    const bomb = gzipSync(await tarOf({ versions: Buffer.alloc(80 * 2 ** 20), 'cluster/pods': 'p' }));
    const { files: found, gaps } = await see(bomb, { ratio: 100 });
    expect(found['versions']).toMatch(/…$/);
    expect(found['cluster/pods']).toBeUndefined();
    expect(gaps).toMatchObject([{ reason: 'too-large', detail: expect.stringContaining('--max-ratio') }]);
  });
});

describe('the visitor', () => {
  const packed = async (): Promise<readonly Buffer[]> => {
    const files = { 'cluster/pods': logOf(20_000), 'cluster/nodes': logOf(10), versions: 'v' };
    const tar = await tarOf(files);
    return [gzipSync(tar), tar, zipOf(files)];
  };

  it('ends the visit with `stop`', async () => {
    for (const bytes of await packed()) {
      const seen: string[] = [];
      const archive = await openArchive('-', defaultLimits, Readable.from([bytes]));
      await archive.visit({
        entry({ path }) {
          seen.push(path);
          return path === 'cluster/nodes' ? 'stop' : undefined;
        },
        gap: (gap) => void seen.push(gap.detail),
      });
      expect(seen).toEqual(['cluster/pods', 'cluster/nodes']);
    }
  });

  it('is not handed the next piece before it is ready', async () => {
    for (const bytes of await packed()) {
      let waiting = false;
      let early = 0;
      let taken = 0;
      const archive = await openArchive('-', defaultLimits, Readable.from([bytes]));
      await archive.visit({
        entry: () => ({
          push(chunk) {
            if (waiting) early++;
            taken += chunk.length;
          },
          end: () => undefined,
        }),
        gap: (gap) => expect(gap).toBeUndefined(),
        ready() {
          waiting = true;
          return new Promise((resolve) => {
            setTimeout(() => {
              waiting = false;
              resolve();
            }, 2);
          });
        },
      });
      expect(early).toBe(0);
      expect(taken).toBe(logOf(20_000).length + logOf(10).length + 1);
    }
  });

  it('gets its own exceptions back', async () => {
    for (const bytes of await packed()) {
      const archive = await openArchive('-', defaultLimits, Readable.from([bytes]));
      const failing = (where: 'entry' | 'push' | 'end' | 'ready') =>
        archive.visit({
          entry() {
            if (where === 'entry') throw new Error('mine');
            const fail = (at: string) => () => {
              if (where === at) throw new Error('mine');
            };
            return { push: fail('push'), end: fail('end') };
          },
          gap: () => undefined,
          ready: () => (where === 'ready' ? Promise.reject(new Error('mine')) : undefined),
        });
      for (const where of ['entry', 'push', 'end', 'ready'] as const)
        await expect(failing(where)).rejects.toThrow('mine');
    }
  });
});
