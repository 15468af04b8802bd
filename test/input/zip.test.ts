import { describe, expect, it } from 'vitest';
import { logOf, see, zipOf } from './packing.ts';

const files = {
  'bug-report/cluster/pods': logOf(3000),
  'bug-report/proxies/shop/cart-7d9/config_dump_include_eds': '{"configs": []}\n',
  'bug-report/versions': '',
};
const delivered = {
  'cluster/pods': files['bug-report/cluster/pods'],
  'proxies/shop/cart-7d9/config_dump_include_eds': '{"configs": []}\n',
  versions: '',
};

describe('zip', () => {
  it.each([{}, { stored: true }, { streamed: true }])('delivers the files packed with %j', async (packing) => {
    const { files: found, headers, gaps } = await see(zipOf(files, packing));
    expect(found).toEqual(delivered);
    expect(headers[1]).toEqual({
      path: 'proxies/shop/cart-7d9/config_dump_include_eds',
      size: 16,
      modified: '2026-05-01T10:00:00.000Z',
    });
    expect(gaps).toEqual([]);
  });

  it('reads a large file in pieces', async () => {
    const log = 'a line of a proxy log\n'.repeat(2 ** 20);
    const { files: found, gaps } = await see(zipOf({ 'cluster/pods': log, versions: 'v' }));
    expect(found['cluster/pods']?.length).toBe(log.length);
    expect(found['versions']).toBe('v');
    expect(gaps).toEqual([]);
  });

  it('reads names with backslashes', async () => {
    expect((await see(zipOf({ 'bug-report\\cluster\\pods': 'pods' }))).files).toEqual({ 'cluster/pods': 'pods' });
  });

  it('reads a zip with something before it', async () => {
    const { files: found, gaps } = await see(
      Buffer.concat([zipOf({ 'cluster/nodes': 'lost' }).subarray(0, 60), zipOf(files)]),
    );
    expect(found).toEqual(delivered);
    expect(gaps).toEqual([]);
  });

  it('takes its own directory, not that of a stored zip among its files', async () => {
    const inner = zipOf({ 'cluster/pods': 'inner' }, { stored: true });
    const { files: found } = await see(zipOf({ 'report.zip': inner, versions: 'v' }, { stored: true }));
    expect(found).toEqual({ 'report.zip!/cluster/pods': 'inner', versions: 'v' });
  });

  it.each([{}, { streamed: true }])('reads forward where the directory is missing, packed with %j', async (packing) => {
    const { files: found, gaps } = await see(zipOf(files, { ...packing, withoutDirectory: true }));
    expect(found).toEqual(delivered);
    expect(gaps).toEqual([
      {
        file: 'standard input',
        reason: 'truncated',
        detail: expect.stringContaining('no directory at its end'),
      },
    ]);
  });

  it('delivers what came before a cut', async () => {
    const { files: found, gaps } = await see(zipOf({ versions: 'v', ...files }).subarray(0, 20_000));
    expect(found['versions']).toBe('v');
    expect(found['cluster/pods']).toMatch(/…$/);
    expect(files['bug-report/cluster/pods'].startsWith((found['cluster/pods'] ?? '').slice(0, -1))).toBe(true);
    expect(gaps.map(({ file, reason }) => [file, reason])).toEqual([
      ['standard input', 'truncated'],
      ['cluster/pods', 'truncated'],
    ]);
  });

  it('reports a zip without files', async () => {
    expect((await see(zipOf({}))).gaps).toMatchObject([{ detail: 'the zip lists no files' }]);
  });

  it('reports a wrong check sum', async () => {
    const { gaps } = await see(zipOf({ versions: 'v' }, { wrongSum: 1 }));
    expect(gaps).toMatchObject([
      { file: 'versions', reason: 'malformed', detail: expect.stringContaining('check sum') },
    ]);
  });

  it('delivers no more than a file declares', async () => {
    const { files: found, gaps } = await see(zipOf({ 'cluster/pods': logOf(100) }, { wrongSize: -1000 }));
    expect(found['cluster/pods']?.length).toBe(logOf(100).length - 1000 + 1);
    expect(gaps).toMatchObject([
      { file: 'cluster/pods', reason: 'malformed', detail: expect.stringContaining('holds more') },
    ]);
  });

  it('says that files are encrypted, once', async () => {
    const { files: found, gaps } = await see(zipOf(files, { encrypted: true }));
    expect(found).toEqual({});
    expect(gaps).toEqual([
      {
        file: 'standard input',
        reason: 'skipped',
        detail: '3 files are encrypted and not read; pack them again without a password',
      },
    ]);
  });

  it('names a packing it does not know', async () => {
    const { gaps } = await see(zipOf({ 'cluster/pods': 'x' }, { method: 9 }));
    expect(gaps).toMatchObject([
      { file: 'cluster/pods', reason: 'skipped', detail: expect.stringContaining('Deflate64') },
    ]);
  });

  it('never throws or hangs on a changed byte', async () => {
    const zip = zipOf({ 'cluster/pods': logOf(50), versions: 'v' });
    for (let at = 4; at < zip.length; at += 5) {
      const flipped = Buffer.from(zip);
      flipped[at] = (flipped[at] ?? 0) ^ 0x41;
      const { files: found } = await see(flipped);
      expect(Object.keys(found).length).toBeLessThanOrEqual(3);
    }
  });
});
