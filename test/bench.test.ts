import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entriesOf } from '../bench/entries.ts';
import { benchMesh, ensureArchive, type GeneratedArchive } from '../bench/generate.ts';
import { sizes } from '../bench/sizes.ts';
import { openArchive } from '../src/input/open.ts';

const tiny = sizes['tiny'];
if (tiny === undefined) throw new Error('the size tiny is gone');

async function contents(file: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const archive = await openArchive(file);
  await archive.visit({
    entry({ path }) {
      const chunks: Buffer[] = [];
      return {
        push: (chunk) => void chunks.push(Buffer.from(chunk)),
        end: () => void found.set(path, Buffer.concat(chunks).toString()),
      };
    },
    gap: ({ detail }) => void found.set('gap', detail),
  });
  return found;
}

describe('the generated archive', () => {
  const folders: string[] = [];
  let archives: GeneratedArchive[] = [];
  let files = new Map<string, string>();

  beforeAll(async () => {
    for (let i = 0; i < 2; i += 1) folders.push(await mkdtemp(join(tmpdir(), 'meshtriage-test-')));
    archives = await Promise.all(folders.map((folder) => ensureArchive(folder, tiny, 'tar.gz')));
    files = await contents(archives[0]?.file ?? '');
  });
  afterAll(async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  });

  it('is the same bytes every time', async () => {
    const [one, two] = await Promise.all(archives.map(({ file }) => readFile(file)));
    expect(one?.equals(two ?? Buffer.alloc(0))).toBe(true);
    expect(archives[0]?.sha256).toBe(archives[1]?.sha256);
  });

  it('holds what istioctl 1.29 writes, sorted by path', () => {
    const paths = [...files.keys()];
    expect(paths).toEqual([...paths].sort());
    expect(paths).toEqual([...entriesOf(benchMesh(tiny))].map(({ path }) => path));
    const shapes = new Set(
      paths.map((path) =>
        path.replace(/^(istio|proxies)\/[^/]+\/[^/]+/, '$1/:namespace/:pod').replace(/debug\/.*/, 'debug/:endpoint'),
      ),
    );
    expect([...shapes]).toEqual([
      'analyze/allNamespaces/allNamespaces',
      'bug-report.log',
      'cluster/cluster-context',
      'cluster/crs',
      'cluster/events',
      'cluster/k8s-resources',
      'cluster/kubectl-version',
      'cluster/nodes',
      'cluster/pods',
      'cluster/secrets',
      'istio/:namespace/:pod/debug/:endpoint',
      'istio/:namespace/:pod/discovery.log',
      'istio/:namespace/:pod/metrics',
      'proxies/:namespace/:pod/certs',
      'proxies/:namespace/:pod/clusters',
      'proxies/:namespace/:pod/config_dump?include_eds',
      'proxies/:namespace/:pod/istio-proxy.log',
      'proxies/:namespace/:pod/listeners',
      'proxies/:namespace/:pod/memory',
      'proxies/:namespace/:pod/netstat',
      'proxies/:namespace/:pod/runtime',
      'proxies/:namespace/:pod/server_info',
      'proxies/:namespace/:pod/stats/prometheus',
      'versions',
    ]);
  });

  it('shows the one fault in every file that would', () => {
    const holding = (text: string) => [...files].filter(([, content]) => content.includes(text)).map(([path]) => path);
    expect(holding('version: v2-canary')).toEqual(['cluster/crs']);
    expect(holding('503 UH no_healthy_upstream').length).toBeGreaterThan(0);
    expect(holding('IST0173')).toEqual(['analyze/allNamespaces/allNamespaces']);
    const clusters = [...files].filter(([path]) => path.endsWith('/clusters'));
    for (const [, text] of clusters) {
      expect(text).toMatch(/^outbound\|80\|v2\|reviews\.shop\.svc\.cluster\.local::added_via_api::true$/m);
      expect(text).not.toMatch(/^outbound\|80\|v2\|reviews\.shop\.svc\.cluster\.local::[\d.]+:/m);
    }
  });

  it('holds the same files in every container, and fewer when cut short', async () => {
    const folder = folders[0] ?? '';
    for (const variant of ['tar', 'zip', 'directory'] as const) {
      const { file } = await ensureArchive(folder, tiny, variant);
      expect(await contents(file)).toEqual(files);
    }
    const cut = await contents((await ensureArchive(folder, tiny, 'cut')).file);
    expect(cut.has('gap')).toBe(true);
    expect(cut.size).toBeLessThan(files.size);
  });
});
