import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { analyze } from '../src/analyze.ts';
import { folderOf } from './fixtures/archive-of.ts';
import { layout112, layout116, layout120, layout125 } from './fixtures/old-archives.ts';
import { tarOf, zipOf } from './input/packing.ts';

const sample = fileURLToPath(new URL('../samples/undefined-subset.tar.gz', import.meta.url));
const healthy = fileURLToPath(new URL('../samples/healthy.tar.gz', import.meta.url));

/** A packed archive in a folder of its own. */
const stored = (bytes: Buffer, name = 'bug-report.tar.gz'): string => {
  const file = join(folderOf({ README: 'a ticket' }), name);
  writeFileSync(file, bytes);
  return file;
};
const packed = async (files: Record<string, string>): Promise<string> => stored(gzipSync(await tarOf(files)));

describe.each([
  ['1.12', layout112()],
  ['1.16', layout116()],
  ['1.20', layout120()],
  ['1.25', layout125()],
])('an archive of istioctl %s', (version, files) => {
  it('is read without an unrecognised file and without a failing rule', async () => {
    const report = await analyze([await packed(files)]);
    expect(report.files.filter(({ status }) => status !== 'read')).toEqual([]);
    expect(report.gaps).toEqual([]);
    expect(report.failedRules).toEqual([]);
    expect(report.about.istioctl).toContain(version);
    expect(report.about.proxies).toBeGreaterThan(0);
    expect(report.coverage.complete).toBe(true);
  });

  it('says the same as a folder, a plain tar, a zip and a stream', async () => {
    const contents = (report: Awaited<ReturnType<typeof analyze>>) => ({ ...report, archive: undefined });
    const expected = contents(await analyze([await packed(files)]));
    const tar = await tarOf(files);
    const streamed = await analyze(['-'], { stdin: Readable.from([gzipSync(tar)]) });
    expect(contents(streamed)).toEqual(expected);
    expect(contents(await analyze([stored(tar, 'renamed.txt')]))).toEqual(expected);
    const zipped = await analyze([stored(zipOf(files), 'ticket.dat')]);
    expect(contents(zipped).diagnoses).toEqual(expected.diagnoses);
    expect(zipped.files).toEqual(expected.files);
  });
});

describe('analyze', () => {
  it('names the cause of a sample first, with its consequences beneath and every place quoted', async () => {
    const { diagnoses, verdict } = await analyze([sample]);
    expect(diagnoses[0]).toMatchObject({
      cause: {
        id: 'undefined-subset',
        severity: 'error',
        state: 'present',
        subjects: ['VirtualService logistics/tracking'],
      },
      confidence: 'certain',
    });
    expect(diagnoses[0]?.consequences.map(({ id }) => id)).toContain('missing-cluster');
    expect(verdict.sentence).toContain('VirtualService logistics/tracking');
    for (const { cause, consequences } of diagnoses) {
      for (const { id, occurrences } of [cause, ...consequences]) {
        for (const { file, line, quote } of occurrences.flatMap(({ evidence }) => evidence)) {
          expect([id, file, typeof line, (quote?.length ?? 0) > 0]).toEqual([id, file, 'number', true]);
        }
      }
    }
  });

  it('finds no error in a healthy mesh, and does not call it healthy', async () => {
    const { diagnoses, verdict } = await analyze([healthy]);
    expect(diagnoses.filter(({ cause }) => cause.severity === 'error')).toEqual([]);
    expect(`${verdict.sentence} ${verdict.detail}`).not.toMatch(/healthy|fine|no problem/i);
    expect(verdict.detail).toContain('could not be');
  });

  it('gives the same report every time', async () => {
    expect(await analyze([sample])).toEqual(await analyze([sample]));
  });

  it('reports on what a cut archive still holds and says what is missing', async () => {
    const { gaps, coverage, files } = await analyze([stored(gzipSync(await tarOf(layout125())).subarray(0, -2000))]);
    expect(coverage.complete).toBe(false);
    expect(gaps.some(({ reason }) => reason === 'truncated')).toBe(true);
    expect(files.length).toBeGreaterThan(3);
  });

  it('lists what no reader knows', async () => {
    const { gaps, files } = await analyze([
      await packed({ ...layout125(), 'bug-report/holiday.txt': 'Dear colleagues,\nthe beach is nice.\n' }),
    ]);
    expect(files.find(({ path }) => path.endsWith('holiday.txt'))).toMatchObject({
      status: 'unrecognised',
      reader: 'none',
    });
    expect(gaps).toMatchObject([{ reason: 'unrecognised' }]);
  });

  it('reads one loose Envoy dump', async () => {
    const dump = Object.entries(layout125()).find(([path]) => path.includes('config_dump?include_eds'))?.[1] ?? '';
    const { files, about } = await analyze([stored(Buffer.from(dump), 'dump.json')]);
    expect(files).toMatchObject([{ reader: 'config-dump', status: 'read' }]);
    expect(about.proxies).toBe(1);
  });

  it('finds what a log of an unknown owner says, under the name of the file', async () => {
    const line = (second: number) =>
      `[2026-05-01T10:00:${second}.000Z] "GET / HTTP/1.1" 503 UH no_healthy_upstream - "-" 0 19 0 - "-" "curl/8.5.0" "0f6f8f7a" "reviews:8080" "-" outbound|8080||reviews.shop.svc.cluster.local - 10.96.14.20:8080 10.244.2.9:48122 - default`;
    const log = [10, 20, 30, 40].map(line).join('\n');
    const { diagnoses, proxies } = await analyze([stored(Buffer.from(`${log}\n`), 'from-customer.txt')]);
    expect(diagnoses[0]?.cause).toMatchObject({ id: 'unhealthy-upstream', severity: 'error' });
    expect(diagnoses[0]?.cause.occurrences[0].message).toContain('unknown proxy (file from-customer.txt)');
    expect(proxies.map(({ pod }) => pod)).toEqual(['unknown proxy (file from-customer.txt)']);
  });

  it('points at the field of an object in a JSON list as in a YAML one', async () => {
    const route = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'reviews', namespace: 'shop' },
      spec: { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews', subset: 'v3' } }] }] },
    };
    const rule = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'DestinationRule',
      metadata: { name: 'reviews', namespace: 'shop' },
      spec: { host: 'reviews', subsets: [{ name: 'v1', labels: { version: 'v1' } }] },
    };
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [rule, route] }, null, 4);
    const { diagnoses } = await analyze([stored(Buffer.from(list), 'virtualservices.json')], {
      only: ['undefined-subset'],
    });
    const [place] = diagnoses[0]?.cause.occurrences[0].evidence ?? [];
    expect(list.split('\n')[(place?.line ?? 0) - 1]).toContain('"subset": "v3"');
    expect(place?.quote?.[0]).toContain('v3');
  });

  it('merges several archives of one ticket', async () => {
    const [some, others] = [Object.entries(layout125()).slice(0, 20), Object.entries(layout125()).slice(20)];
    const { about, files } = await analyze([
      await packed(Object.fromEntries(some)),
      await packed(Object.fromEntries(others)),
    ]);
    expect(files).toHaveLength(some.length + others.length);
    // Their paths say which archive they are from.
    expect(files[0]?.path).toMatch(/^bug-report\.tar\.gz!\//);
    expect(files.at(-1)?.path).toMatch(/^bug-report\.tar\.gz#2!\//);
    expect(about.proxies).toBeGreaterThan(0);
  });

  it.each([
    ['no such file', () => join(folderOf({}), 'absent.tar.gz'), /no such file|does not exist/],
    ['an empty file', () => stored(Buffer.alloc(0)), /empty/],
    ['a picture', () => stored(Buffer.from('89504e470d0a1a0a00000000', 'hex')), /picture/],
    ['an archive of something else', async () => packed({ 'notes/todo.txt': 'buy milk\n' }), /nothing of Istio/],
  ])('refuses %s in one line', async (_, path, message) => {
    const refusal = analyze([await path()]);
    await expect(refusal).rejects.toThrow(message);
    await expect(refusal).rejects.toMatchObject({ name: 'UserError', message: expect.not.stringContaining('\n') });
  });
});

const captures = fileURLToPath(new URL('../../shared/captures/', import.meta.url));

describe.skipIf(!existsSync(captures))('every capture at hand', () => {
  const folders = existsSync(captures)
    ? readdirSync(captures, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    : [];

  it.each(folders.map(({ name }) => name))('%s is read whole and judged without an internal error', async (name) => {
    const report = await analyze([join(captures, name, 'bug-report.tar.gz')]);
    expect(report.failedRules).toEqual([]);
    expect(report.files.filter(({ status }) => status !== 'read')).toEqual([]);
    if (name.includes('healthy'))
      expect(report.diagnoses.filter(({ cause }) => cause.severity === 'error')).toEqual([]);
  });
});
