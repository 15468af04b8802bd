import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { meshtriage, sample } from './run.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshtriage-inspect-'));
  mkdirSync(join(folder, 'ticket'));
  const files: Readonly<Record<string, string>> = {
    'kubectl_logs_cart-7d9_-n_shop_-c_istio-proxy.txt': '2026-11-25T08:47:07.963902Z\tinfo\tsomething new\n',
    'notes.txt': 'what we tried: everything\n',
    'page.txt': [
      '$ kubectl get events -n shop',
      'LAST SEEN   TYPE      REASON      OBJECT          MESSAGE',
      '27s         Warning   Unhealthy   pod/cart-7d9    Readiness probe failed',
      '$ kubectl exec cart-7d9 -n shop -- curl -s localhost:15000/clusters',
      'outbound|80||reviews.shop.svc.cluster.local::added_via_api::true',
      'outbound|80||reviews.shop.svc.cluster.local::10.244.0.9:8080::health_flags::healthy',
      '',
    ].join('\n'),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'ticket', name), text);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('inspect', () => {
  it('tells what each file was taken for, by what, whose it is, and what was not understood', () => {
    const { status, stdout, stderr } = meshtriage(['inspect', join(folder, 'ticket')]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain(
      'kubectl_logs_cart-7d9_-n_shop_-c_istio-proxy.txt\n  istio-proxy log (proxy-log), by its command line; 1 fact of shop/cart-7d9\n',
    );
    expect(stdout).toMatch(/^notes\.txt\n {2}UNRECOGNISED\n/m);
    expect(stdout).toMatch(
      /^page\.txt\n {2}kubectl get, as a table, Envoy \/clusters \(kube-tables, envoy-clusters\), by its content; \d facts of shop\/cart-7d9\n/m,
    );
    expect(stdout).toMatch(/3 files: known by path 0, by content 1, by command line 1, unrecognised 1; \d gaps?\n$/);
  });

  it('knows every file of a bug-report by its path', () => {
    const { status, stdout } = meshtriage(['inspect', sample('healthy')]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^cluster\/crs\n {2}\S.* \(kube\S*\), by its path; /m);
    expect(stdout).toMatch(/by content 0, by command line 0, unrecognised 0; /);
  });

  it('says the same as JSON, and the report lists it too', () => {
    const inspected = JSON.parse(meshtriage(['inspect', '--json', join(folder, 'ticket')]).stdout);
    expect(inspected.complete).toBe(true);
    const { stdout } = meshtriage(['analyze', join(folder, 'ticket'), '--format', 'json', '-q']);
    const { files } = JSON.parse(stdout);
    expect(files).toEqual(inspected.files.map(({ gaps: _, ...file }: { gaps: unknown }) => file));
    expect(inspected.files[1]).toMatchObject({ path: 'notes.txt', by: 'none', gaps: [{ reason: 'unrecognised' }] });
    const html = meshtriage(['analyze', join(folder, 'ticket'), '--format', 'html', '-q']).stdout;
    expect(html).toContain('<td>istio-proxy log</td><td>proxy-log</td><td>command line</td>');
  });

  it('says that a path does not exist', () => {
    const { status, stderr } = meshtriage(['inspect', join(folder, 'none')]);
    expect(status).toBe(3);
    expect(stderr).toMatch(/^meshtriage: /);
  });
});
