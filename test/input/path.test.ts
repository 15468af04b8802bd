import { describe, expect, it } from 'vitest';
import { canonicalName, innermostPath, isDebris, normalisePath, withoutRoot } from '../../src/input/path.ts';

describe('normalisePath', () => {
  it.each([
    ['./cluster/pods', 'cluster/pods'],
    ['/bug-report/versions', 'bug-report/versions'],
    ['bug-report\\proxies\\shop\\cart-7d9\\clusters', 'bug-report/proxies/shop/cart-7d9/clusters'],
    ['C:\\temp\\bug-report\\versions', 'temp/bug-report/versions'],
    ['cluster//./pods', 'cluster/pods'],
    ['cluster/pods\u001b[31m', 'cluster/pods<U+001B>[31m'],
    ['notes-\u202egol.txt', 'notes-<U+202E>gol.txt'],
    ['shop..yaml', 'shop..yaml'],
  ])('%j becomes %j', (raw, path) => {
    expect(normalisePath(raw)).toBe(path);
  });

  it.each(['../etc/passwd', 'cluster/../../pods', 'cluster\\..\\..\\pods', '', './', 'a/'.repeat(3000)])(
    'refuses %j',
    (raw) => {
      expect(normalisePath(raw)).toBeUndefined();
    },
  );
});

describe('canonicalName', () => {
  it.each([
    'config_dump?include_eds',
    'config_dump_include_eds',
    'config_dump-include_eds',
    'config_dump%3Finclude_eds',
    'config_dump%3finclude_eds',
    'config_dump\uf03finclude_eds',
    'config_dump include_eds',
    'config_dumpinclude_eds',
    'config_dump_include_eds.txt',
    'config_dump?include_eds.json',
    'config_dump-include_eds.json.gz',
  ])('knows %s', (name) => {
    expect(canonicalName(`proxies/shop/cart-7d9/${name}`)).toBe('proxies/shop/cart-7d9/config_dump?include_eds');
  });

  it.each([
    ['proxies/shop/cart-7d9/clusters.txt', 'proxies/shop/cart-7d9/clusters'],
    ['proxies/shop/cart-7d9/config_dump.json', 'proxies/shop/cart-7d9/config_dump'],
    ['istio/istio-system/istiod-5b/debug/syncz.json', 'istio/istio-system/istiod-5b/debug/syncz'],
    ['istio/istio-system/istiod-5b/discovery.log.txt', 'istio/istio-system/istiod-5b/discovery.log'],
    ['istio/istio-system/istiod-5b/discovery.log.gz', 'istio/istio-system/istiod-5b/discovery.log'],
    ['cluster/k8s-resources.yaml', 'cluster/k8s-resources'],
    ['case.zip!/cluster/pods.yaml', 'case.zip!/cluster/pods'],
  ])('takes off what was added to %s', (path, canonical) => {
    expect(canonicalName(path)).toBe(canonical);
  });

  it.each([
    'kubectl/kubectl_get_pods.yaml',
    'clusters.txt',
    'proxies/shop/cart-7d9/istio-proxy.log',
    'dump/nodes.json',
  ])('leaves %s alone', (path) => {
    expect(canonicalName(path)).toBe(path);
  });
});

describe('withoutRoot', () => {
  it.each([
    ['bug-report/cluster/pods', 'cluster/pods'],
    ['bug-report/versions', 'versions'],
    ['ticket 4711/bug-report/bug-report.log', 'bug-report.log'],
    ['bug-report/bug-report/cluster/pods', 'cluster/pods'],
    ['bug-report/cluster/added-by-a-later-istioctl', 'cluster/added-by-a-later-istioctl'],
    ['out/proxies/shop/cart-7d9/stats/prometheus', 'proxies/shop/cart-7d9/stats/prometheus'],
    ['out/istio/istio-system/istiod-5b/debug/syncz', 'istio/istio-system/istiod-5b/debug/syncz'],
    ['out/analyze/allNamespaces/allNamespaces', 'analyze/allNamespaces/allNamespaces'],
    ['out/cni/istio-cni-node-x/cni.log', 'cni/istio-cni-node-x/cni.log'],
    ['out/cluster/k8s-resources.yaml', 'cluster/k8s-resources.yaml'],
  ])('%s becomes %s', (path, inner) => {
    expect(withoutRoot(path)).toBe(inner);
  });

  it.each([
    // Namespaces called like the folders of a bug report.
    'proxies/cluster/pods-0/clusters',
    'proxies/istio/proxies-1/istio-proxy.log',
    'istio/cluster/istiod-5b/discovery.log',
    'analyze/istio',
    'out/istio/istiod-5b/logs.txt',
    'dump/cluster/pods.json/logs.txt',
    'kubectl/kubectl_get_pods.txt',
    'ticket/kubectl/versions',
    'notes/pods',
    'cluster/pods',
  ])('keeps %s', (path) => {
    expect(withoutRoot(path)).toBe(path);
  });
});

describe('other names', () => {
  it('finds the path inside the innermost archive', () => {
    expect(innermostPath('case.zip!/bug-report.tar.gz!/cluster/pods')).toBe('cluster/pods');
    expect(innermostPath('cluster/pods')).toBe('cluster/pods');
  });

  it('knows what an operating system adds', () => {
    expect(['__MACOSX/cluster/._pods', 'cluster/._pods', 'cluster/.DS_Store'].every(isDebris)).toBe(true);
    expect(['cluster/pods', '.kube/config', '_x'].some(isDebris)).toBe(false);
  });
});
