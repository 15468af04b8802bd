import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { analyze, observe } from '../../src/analyze.ts';
import { builtInRules } from '../../src/catalog/index.ts';
import { folderOf } from '../fixtures/archive-of.ts';

const access = (second: number, code = 503) =>
  `[2026-05-01T10:00:${String(second).padStart(2, '0')}.000Z] "GET /cart HTTP/1.1" ${code} UF upstream_reset_before_response_started{connection_failure} - "-" 0 91 3 - "-" "curl/8" "id-${second}" "cart.shop:8080" "10.0.0.5:8080" outbound|8080||cart.shop.svc.cluster.local - 10.1.1.1:8080 10.0.0.7:4000 - default`;
const lines = (from: number, to: number) =>
  `${Array.from({ length: to - from + 1 }, (_, index) => access(from + index)).join('\n')}\n`;
const log = 'proxies/shop/cart-7d9f8-x2x4k/istio-proxy.log';
const previous = 'shop/cart-7d9f8-x2x4k/istio-proxy-previous.log';

const countOf = async (...folders: readonly string[]) => {
  const { mesh } = await observe(folders, builtInRules, { jobs: 1 });
  return mesh.access?.map(({ count, first, last }) => [count, first, last]);
};

describe('a log that is given twice', () => {
  it('is counted once', async () => {
    const archive = folderOf({ [log]: lines(1, 20) });
    const folder = folderOf({
      'logs.txt': lines(1, 20),
      [`ticket/${previous.replace('-previous', '')}`]: lines(1, 20),
    });
    expect(await countOf(archive, folder)).toEqual(await countOf(archive));
  });

  it('is counted once where the copies overlap', async () => {
    const archive = folderOf({ [log]: lines(1, 20) });
    const folder = folderOf({ [`ticket/${previous.replace('-previous', '')}`]: lines(5, 40) });
    expect(await countOf(archive, folder)).toEqual([[36, '2026-05-01T10:00:01.000Z', '2026-05-01T10:00:40.000Z']]);
  });

  it('is not mixed up with the log of the container before', async () => {
    const folder = folderOf({
      [`t/${previous}`]: lines(1, 20),
      [`t/${previous.replace('-previous', '')}`]: lines(30, 40),
    });
    expect((await countOf(folder))?.map(([count]) => count).sort()).toEqual([11, 20]);
  });

  it('keeps the logs of two pods apart', async () => {
    const folder = folderOf({ [log]: lines(1, 20), [log.replace('x2x4k', 'p4q2r')]: lines(1, 20) });
    expect(await countOf(folder)).toHaveLength(2);
  });
});

const service = (version: number, generation: number | undefined, subset: string) =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: cart\n  namespace: shop\n  resourceVersion: "${version}"\n${generation === undefined ? '' : `  generation: ${generation}\n`}spec:\n  hosts:\n  - cart\n  http:\n  - route:\n    - destination:\n        host: cart\n        subset: ${subset}\n`;

describe('two files about one object', () => {
  it('lets the newer stand and says so', async () => {
    const folder = folderOf({ 'a.yaml': service(9, 3, 'v2'), 'b.yaml': service(5, 2, 'v1') });
    const { mesh, gaps } = await observe([folder], builtInRules, { jobs: 1 });
    expect(mesh.config?.map(({ at, meta }) => [at.file, meta.generation])).toEqual([['a.yaml', 3]]);
    expect(gaps).toEqual([
      {
        file: 'b.yaml',
        line: 1,
        reason: 'superseded',
        detail: 'VirtualService shop/cart is older here (generation 2, not 3) than in a.yaml:1, which is used',
      },
    ]);
  });

  it.each([
    ['repeat it', service(9, 3, 'v2'), service(9, 3, 'v2')],
    ['differ in their status only', service(9, 3, 'v2'), service(5, 3, 'v2')],
    ['differ in nothing that was wanted', service(9, undefined, 'v2'), service(5, undefined, 'v2')],
  ])('says nothing where they %s', async (_name, one, other) => {
    const { gaps } = await observe([folderOf({ 'a.yaml': one, 'b.yaml': other })], builtInRules, { jobs: 1 });
    expect(gaps).toEqual([]);
  });

  it('notes at most 50 of them, and how many there were', async () => {
    const many = (version: number, subset: string) =>
      Array.from({ length: 60 }, (_, index) =>
        service(version, version, subset).replace('name: cart', `name: cart-${index}`),
      ).join('---\n');
    const { gaps } = await observe([folderOf({ 'a.yaml': many(9, 'v2'), 'b.yaml': many(5, 'v1') })], builtInRules, {
      jobs: 1,
    });
    expect(gaps).toHaveLength(51);
    expect(gaps.at(-1)?.detail).toBe('10 further objects have a newer copy in another file');
  });
});

const node = (name: string) => `apiVersion: v1\nkind: Node\nmetadata:\n  name: ${name}\nstatus: {}\n`;
const pods = (...names: readonly string[]) =>
  names
    .map(
      (name) =>
        `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n  namespace: shop\nspec:\n  containers:\n  - name: istio-proxy\n    image: istio/proxyv2:1.29.6\nstatus:\n  phase: Running\n`,
    )
    .join('---\n');

describe('several archives of one ticket', () => {
  it('are one mesh where they show one cluster', async () => {
    const one = folderOf({ 'nodes.yaml': node('node-1'), 'pods.yaml': pods('cart-7d9f8-x2x4k') });
    const other = folderOf({ 'nodes.yaml': node('node-1'), 'pods.yaml': pods('reviews-7d9f8-p4q2r') });
    const { mesh, gaps } = await observe([one, other], builtInRules, { jobs: 1 });
    expect(mesh.proxies?.map(({ pod }) => pod)).toEqual(['cart-7d9f8-x2x4k', 'reviews-7d9f8-p4q2r']);
    expect(gaps).toEqual([]);
  });

  it('are kept apart where they show two, and the report says which was left out', async () => {
    const small = folderOf({ 'nodes.yaml': node('west-1'), 'pods.yaml': pods('cart-7d9f8-x2x4k') });
    const large = folderOf({
      'nodes.yaml': node('east-1'),
      'pods.yaml': pods('reviews-7d9f8-p4q2r', 'payments-6c5d4-8k2lm'),
    });
    const loose = folderOf({ 'x/istio-proxy.log': lines(1, 2) });
    const report = await analyze([small, large, loose], { jobs: 1 });
    expect(report.proxies.map(({ pod }) => pod)).toEqual([
      'unknown proxy (file istio-proxy.log)',
      'payments-6c5d4-8k2lm',
      'reviews-7d9f8-p4q2r',
    ]);
    const name = small.split('/').at(-1);
    const gap = report.gaps.find(({ reason }) => reason === 'conflict');
    expect(gap?.file).toBe(name);
    expect(report.coverage.sentence).toContain(`; ${name} shows another cluster and is left out`);
    expect(gap?.detail).toContain('(nodes west-1 instead of east-1) and is left out; analyze it on its own');
    expect(report.files.filter(({ status }) => status === 'ignored').map(({ path }) => path)).toEqual([
      `${name}!/nodes.yaml`,
      `${name}!/pods.yaml`,
    ]);
  });
});

describe('a log of which only the name of the pod is known', () => {
  const loose = `[pod/cart-7d9f8-x2x4k/istio-proxy] ${lines(1, 3).trimEnd().replaceAll('\n', '\n[pod/cart-7d9f8-x2x4k/istio-proxy] ')}\n`;
  const ownersOf = async (files: Readonly<Record<string, string>>) => {
    const { mesh } = await observe([folderOf(files)], builtInRules, { jobs: 1 });
    return mesh.access?.map(({ proxy }) => `${proxy.namespace}/${proxy.pod}`);
  };

  it('is that of the only pod of this name', async () => {
    expect(await ownersOf({ 'logs.txt': loose, 'pods.yaml': pods('cart-7d9f8-x2x4k') })).toEqual([
      'shop/cart-7d9f8-x2x4k',
    ]);
  });

  it('stays without a namespace where two pods have it', async () => {
    const two = `${pods('cart-7d9f8-x2x4k')}---\n${pods('cart-7d9f8-x2x4k').replace('namespace: shop', 'namespace: media')}`;
    expect(await ownersOf({ 'logs.txt': loose, 'pods.yaml': two })).toEqual(['/cart-7d9f8-x2x4k']);
  });
});

const captures = new URL('../../../shared/captures/', import.meta.url);

describe.skipIf(!existsSync(captures))('a capture and the folder of the same commands', () => {
  const path = (name: string, kind: string) => `${captures.pathname}${name}/${kind}`;
  const archiveIn = (name: string) => {
    const file = readdirSync(path(name, '')).find((each) => each.endsWith('.tar.gz'));
    return path(name, file ?? '');
  };

  it('names the same cause, and counts its requests once', async () => {
    const name = 'd03-strict-plaintext-client';
    const alone = await analyze([archiveIn(name)], { jobs: 1 });
    const both = await analyze([archiveIn(name), path(name, 'kubectl')], { jobs: 1 });
    expect(both.gaps.filter(({ reason }) => reason === 'conflict')).toEqual([]);
    expect(both.diagnoses[0]?.cause.id).toBe(alone.diagnoses[0]?.cause.id);
    const counts = (report: typeof alone) => report.diagnoses[0]?.cause.occurrences.map(({ count }) => count);
    expect(counts(both)).toEqual(counts(alone));
  });
});
