import { constants, deflateRawSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { logOf, see, tarOf } from './packing.ts';

const files = {
  'bug-report/analyze/allNamespaces/allNamespaces': 'No validation issues found.\n',
  'bug-report/cluster/pods': logOf(2000),
  'bug-report/istio/istio-system/istiod-5b/discovery.log': logOf(4000),
  'bug-report/versions': 'CLI version:\n',
};

/** The header of an entry that is no file: `x` for records about the next one, `L` for its long name. */
function special(type: string, size: number): Buffer {
  const header = Buffer.alloc(512);
  header.write('special', 'latin1');
  header.write('0000644\x000000000\x000000000\0', 100, 'latin1');
  header.write(`${size.toString(8).padStart(11, '0')}\x0015130505040\0        ${type}`, 124, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/** Records about the next entry, as pax writes them. */
function record(text: string): Buffer {
  const line = `${text.length + 4} ${text}\n`;
  const block = Buffer.alloc(512);
  block.write(line, 'latin1');
  return Buffer.concat([special('x', line.length), block]);
}

describe('tar', () => {
  it('delivers the files in order, without the root folder, with size and time', async () => {
    const { files: found, headers, gaps } = await see(await tarOf(files));
    expect(headers.map(({ path }) => path)).toEqual([
      'analyze/allNamespaces/allNamespaces',
      'cluster/pods',
      'istio/istio-system/istiod-5b/discovery.log',
      'versions',
    ]);
    expect(headers[3]).toEqual({ path: 'versions', size: 13, modified: '2026-05-01T10:00:00.000Z' });
    expect(found['cluster/pods']).toBe(files['bug-report/cluster/pods']);
    expect(gaps).toEqual([]);
  });

  it('delivers empty files and long names', async () => {
    const name = `proxies/shop/${'cart'.repeat(40)}/clusters`;
    const { files: found } = await see(await tarOf({ 'cluster/events': '', [name]: 'x' }));
    expect(found).toEqual({ 'cluster/events': '', [name]: 'x' });
  });

  it('knows an old tar without `ustar` by its check sum', async () => {
    const tar = await tarOf({ versions: 'CLI version:\n' });
    tar.fill(0, 257, 265);
    const sum = tar.subarray(0, 512).reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
    tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    expect((await see(tar)).files).toEqual({ versions: 'CLI version:\n' });
  });

  it('delivers complete entries of a truncated archive, then the cut one, then a gap', async () => {
    const tar = await tarOf(files);
    const { files: found, gaps } = await see(tar.subarray(0, 120_000));
    expect(Object.keys(found)).toEqual(['analyze/allNamespaces/allNamespaces', 'cluster/pods']);
    expect(found['cluster/pods']).toMatch(/…$/);
    expect(gaps).toEqual([
      {
        file: 'cluster/pods',
        reason: 'truncated',
        detail: expect.stringMatching(/^the tar ends early; 118464 of \d+ bytes of this file could be read$/),
      },
    ]);
  });

  it('reports a tar that is cut inside a header', async () => {
    const tar = await tarOf({ 'cluster/pods': 'pods', versions: 'v' });
    const { files: found, gaps } = await see(tar.subarray(0, 1024 + 100));
    expect(found).toEqual({ 'cluster/pods': 'pods' });
    expect(gaps).toEqual([
      {
        file: 'standard input',
        reason: 'truncated',
        detail:
          'the tar ends inside a header; the last complete file before it is cluster/pods, what followed is missing',
      },
    ]);
  });

  it('reports a tar that is cut exactly between two files', async () => {
    const tar = await tarOf({ 'cluster/pods': 'pods', versions: 'v' });
    const { files: found, gaps } = await see(tar.subarray(0, 1024));
    expect(found).toEqual({ 'cluster/pods': 'pods' });
    expect(gaps[0]?.detail).toContain('the tar ends without its end mark');
  });

  it.each([1, 4000])('goes on after a damaged header at the next one, %i lines further', async (lines) => {
    const tar = await tarOf({ 'cluster/nodes': 'nodes', 'cluster/pods': logOf(lines), versions: 'v' });
    tar[1024 + 3] = 0;
    const { files: found, gaps } = await see(tar);
    expect(found).toEqual({ 'cluster/nodes': 'nodes', versions: 'v' });
    expect(gaps).toEqual([
      {
        file: 'standard input',
        reason: 'malformed',
        detail:
          'a tar header is damaged, the files there are missing; the last complete file before it is cluster/nodes',
      },
    ]);
  });

  it.each([
    ['a size below zero', record('size=-5')],
    ['a name of 5 MiB', Buffer.concat([special('L', 5 * 2 ** 20), Buffer.alloc(5 * 2 ** 20, 'cart/')])],
    ['records of 6 MiB', Buffer.concat([special('x', 6 * 2 ** 20), Buffer.alloc(6 * 2 ** 20, 'x')])],
  ])('reads on after a sound header that gives the next file %s', async (_, between) => {
    const first = (await tarOf({ 'cluster/nodes': 'nodes' })).subarray(0, 1024);
    const { files: found, gaps } = await see(Buffer.concat([first, between, await tarOf({ versions: 'v' })]));
    expect(found).toEqual({ 'cluster/nodes': 'nodes', versions: 'v' });
    expect(gaps).toMatchObject([{ reason: 'malformed', detail: expect.stringMatching(/^a tar header is damaged/) }]);
  });

  it('keeps the files before something that is no tar', async () => {
    const tar = await tarOf({ 'cluster/pods': 'pods' });
    const { files: found, gaps } = await see(Buffer.concat([tar, Buffer.alloc(5000, 'garbage')]));
    expect(found).toEqual({ 'cluster/pods': 'pods' });
    expect(gaps).toMatchObject([{ reason: 'malformed', detail: expect.stringContaining('a tar header is damaged') }]);
  });

  it('does not follow links, and says so once', async () => {
    const tar = await tarOf({ 'cluster/pods': '', 'cluster/nodes': '', versions: 'v' });
    for (const at of [0, 512]) {
      tar[at + 156] = 0x32;
      const sum = tar.subarray(at, at + 512).reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
      tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
    }
    const { files: found, gaps } = await see(tar);
    expect(found).toEqual({ versions: 'v' });
    expect(gaps).toEqual([{ file: 'standard input', reason: 'skipped', detail: '2 links are not followed' }]);
  });
});

describe('gzip', () => {
  it('delivers what came before the cut, wherever it is', async () => {
    const packed = gzipSync(await tarOf(files));
    for (let cut = 1000; cut < packed.length; cut += 7919) {
      const { files: found, gaps } = await see(packed.subarray(0, cut));
      const names = Object.keys(found);
      for (const name of names.slice(0, -1))
        expect(found[name]).toBe(files[`bug-report/${name}` as keyof typeof files]);
      expect(gaps, `cut at ${cut}`).toHaveLength(1);
      expect(gaps[0]?.reason).toBe('truncated');
    }
  });

  it('misses nothing when only the check sum is cut off', async () => {
    const packed = gzipSync(await tarOf(files));
    const { files: found, gaps } = await see(packed.subarray(0, -5));
    expect(Object.values(found)).toEqual(Object.values(files));
    expect(gaps).toMatchObject([{ file: 'standard input', reason: 'truncated' }]);
  });

  it('delivers everything when the check sum is wrong, and says so', async () => {
    const packed = gzipSync(await tarOf(files));
    packed.writeUInt32LE(1, packed.length - 8);
    const { files: found, gaps } = await see(packed);
    expect(Object.values(found)).toEqual(Object.values(files));
    expect(gaps).toMatchObject([{ reason: 'malformed', detail: expect.stringContaining('check sum') }]);
  });

  it('reads several members as one stream', async () => {
    const tar = await tarOf(files);
    const packed = Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(''), gzipSync(tar.subarray(700))]);
    const { files: found, gaps } = await see(packed);
    expect(Object.values(found)).toEqual(Object.values(files));
    expect(gaps).toEqual([]);
  });

  it('passes over zeros after the end and reports anything else', async () => {
    const packed = gzipSync(await tarOf(files));
    expect((await see(Buffer.concat([packed, Buffer.alloc(5000)]))).gaps).toEqual([]);
    const { files: found, gaps } = await see(Buffer.concat([packed, Buffer.from('uploaded by a proxy\n')]));
    expect(Object.values(found)).toEqual(Object.values(files));
    expect(gaps).toMatchObject([{ reason: 'skipped', detail: expect.stringContaining('follows the gzip stream') }]);
  });

  it('delivers the files before a damaged place, of a small archive too', async () => {
    const tar = await tarOf({ 'cluster/nodes': logOf(100), 'cluster/pods': logOf(4000) });
    const head = deflateRawSync(tar.subarray(0, 60_000), { finishFlush: constants.Z_SYNC_FLUSH });
    // 0xff starts a block of a kind that does not exist.
    const packed = Buffer.concat([gzipSync('').subarray(0, 10), head, Buffer.alloc(50, 0xff)]);
    const { files: found, gaps } = await see(packed);
    expect(found['cluster/nodes']).toBe(logOf(100));
    expect(found['cluster/pods']?.slice(0, 40_000)).toBe(logOf(4000).slice(0, 40_000));
    expect(gaps).toMatchObject([
      { file: 'cluster/pods', reason: 'malformed', detail: expect.stringContaining('damaged') },
    ]);
  });

  it('never throws or hangs on a changed byte, and always says so', async () => {
    const packed = gzipSync(await tarOf(files));
    for (let at = 3_000; at < packed.length; at += 6_661) {
      const flipped = Buffer.from(packed);
      flipped[at] = (flipped[at] ?? 0) ^ 0x10;
      const { gaps } = await see(flipped);
      expect(gaps.length, `flipped at ${at}`).toBeGreaterThan(0);
    }
  });
});
