import { describe, expect, it } from 'vitest';
import { meshBuilder } from '../../src/model/build.ts';
import type { Artifact } from '../../src/parse/artifact.ts';
import type { KubeObject, LogFile, ObjectMeta, Pod, Workload } from '../../src/parse/facts.ts';

const meta = (name: string, namespace: string, more: Partial<ObjectMeta> = {}): ObjectMeta => ({
  name,
  namespace,
  labels: {},
  annotations: {},
  owners: [],
  ...more,
});
const at = { file: 'cluster/k8s-resources', line: 1 };

function pod(
  name: string,
  namespace: string,
  more: Partial<Pod> & { readonly container?: string; readonly image?: string } = {},
): Pod {
  const { container = 'cart', image = 'shop/cart:1', ...rest } = more;
  return {
    meta: meta(name, namespace),
    at,
    phase: 'Running',
    ips: ['10.244.0.7'],
    hostNetwork: false,
    serviceAccount: 'cart',
    containers: [
      {
        name: container,
        image,
        init: false,
        nativeSidecar: false,
        ready: true,
        restarts: 0,
        now: { state: 'running' },
        ports: [],
        limits: {},
        requests: {},
        env: {},
        args: [],
        lifecycle: [],
      },
    ],
    conditions: [],
    volumes: [],
    ...rest,
  };
}

const istiod = pod('istiod-asm-1-29-7df6dbb7bd-mnq9g', 'aks-istio-system', {
  meta: meta('istiod-asm-1-29-7df6dbb7bd-mnq9g', 'aks-istio-system', {
    labels: { app: 'istiod', 'istio.io/rev': 'asm-1-29' },
  }),
  container: 'discovery',
  image: 'example.com/oss/istio/pilot:1.29.6-distroless',
});

const webhook = (name: string, service: string, labels: Record<string, string>): KubeObject => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingWebhookConfiguration',
  meta: meta(name, '', { labels }),
  at,
  body: {
    webhooks: [
      {
        name: 'rev.namespace.sidecar-injector.istio.io',
        clientConfig: { service: { name: service, namespace: 'aks-istio-system' } },
      },
    ],
  },
});

const logFile = (log: LogFile['log'], last: string): LogFile => ({
  log,
  pod: { namespace: 'shop', pod: 'cart-7d9' },
  lines: 2,
  entries: 2,
  accessLines: 0,
  first: '2026-05-01T09:00:00.000Z',
  last,
  marks: [],
  hasPrevious: false,
  at: { file: 'proxies/shop/cart-7d9/istio-proxy.log' },
});

/** The mesh of some artifacts. */
function meshOf(...artifacts: readonly Artifact[]) {
  const builder = meshBuilder();
  for (const artifact of artifacts) builder.add(artifact);
  return builder.build({ newest: '2026-05-01T12:00:00.000Z' }).mesh;
}

describe('buildMesh', () => {
  it('leaves a facet absent that no file provided, and keeps one empty that was looked at', () => {
    const mesh = meshOf({ kind: 'seen', value: { kinds: ['service'], at } });
    expect(mesh.services).toEqual([]);
    expect(mesh.pods).toBeUndefined();
    expect(mesh.proxies).toBeUndefined();
  });

  it('keeps the newer of two copies of an object', () => {
    const copy = (resourceVersion: string | undefined, phase: string): Artifact => ({
      kind: 'pod',
      value: pod('cart-7d9', 'shop', {
        phase,
        meta: meta('cart-7d9', 'shop', resourceVersion === undefined ? {} : { resourceVersion }),
      }),
    });
    expect(meshOf(copy('7', 'Pending'), copy('9', 'Running')).pods?.map(({ phase }) => phase)).toEqual(['Running']);
    expect(meshOf(copy('9', 'Running'), copy('7', 'Pending')).pods?.map(({ phase }) => phase)).toEqual(['Running']);
    // Text of `kubectl describe` has no version.
    expect(meshOf(copy(undefined, 'Pending'), copy('7', 'Running')).pods?.map(({ phase }) => phase)).toEqual([
      'Running',
    ]);
  });

  it('does not take webhooks of another file for the Istio configuration', () => {
    const injector: Artifact = { kind: 'object', value: webhook('istio-sidecar-injector', 'istiod', {}) };
    expect(meshOf(injector).config).toBeUndefined();
    expect(meshOf(injector).webhooks).toHaveLength(1);
    expect(meshOf(injector, { kind: 'listing', value: { kind: 'VirtualService', namespace: '*', at } }).config).toEqual(
      [],
    );
  });

  it('recognises the AKS add-on by two of its signs, not by one', () => {
    expect(meshOf({ kind: 'pod', value: istiod }).platform).toMatchObject({
      provider: 'aks',
      aksAddon: true,
      istioNamespace: 'aks-istio-system',
    });
    expect(meshOf({ kind: 'pod', value: pod('tool', 'aks-istio-system') }).platform).toMatchObject({
      provider: 'unknown',
      aksAddon: false,
    });
  });

  it('knows revisions by istiod, and tags by their webhooks', () => {
    const { revisions } = meshOf(
      { kind: 'pod', value: istiod },
      {
        kind: 'object',
        value: webhook('istio-sidecar-injector-asm-1-29-aks-istio-system', 'istiod-asm-1-29', {
          'istio.io/rev': 'asm-1-29',
        }),
      },
      {
        kind: 'object',
        value: webhook('istio-revision-tag-stable-aks-istio-system', 'istiod-asm-1-29', {
          'istio.io/rev': 'asm-1-29',
          'istio.io/tag': 'stable',
        }),
      },
      { kind: 'object', value: webhook('istio-revision-tag-old', 'istiod-asm-1-27', {}) },
    );
    expect(revisions).toMatchObject([
      { name: 'asm-1-27', pods: [], tags: ['old'] },
      {
        name: 'asm-1-29',
        versions: ['1.29.6'],
        tags: ['stable'],
        pods: [{ meta: { name: istiod.meta.name } }],
      },
    ]);
  });

  it('knows a scaled-down control plane by its deployment', () => {
    const deployment: Workload = {
      kind: 'Deployment',
      meta: meta('istiod', 'istio-system', { labels: { app: 'istiod' } }),
      at,
      replicas: { desired: 0, current: 0, ready: 0, available: 0 },
      selector: { app: 'istiod' },
      template: { labels: { app: 'istiod' }, annotations: {}, images: [], hostNetwork: false },
      conditions: [],
    };
    expect(meshOf({ kind: 'workload', value: deployment }).revisions).toMatchObject([
      { name: 'default', pods: [], deployments: [{ replicas: { desired: 0 } }] },
    ]);
  });

  it('joins what a pod and its proxy say of the same proxy', () => {
    const { proxies } = meshOf(
      {
        kind: 'pod',
        value: pod('cart-7d9', 'shop', { container: 'istio-proxy', image: 'example.com/proxyv2:1.28.4' }),
      },
      {
        kind: 'proxy',
        value: {
          proxy: { namespace: 'shop', pod: 'cart-7d9' },
          type: 'sidecar',
          istioVersion: '1.28.4',
          state: 'LIVE',
          labels: {},
          at,
        },
      },
      {
        kind: 'log-file',
        value: { ...logFile('proxy', '2026-05-01T10:00:00.000Z'), pod: { namespace: 'shop', pod: 'reviews-5f7' } },
      },
    );
    expect(proxies).toMatchObject([
      { namespace: 'shop', pod: 'cart-7d9', state: 'LIVE', kubePod: { meta: { name: 'cart-7d9' } } },
      { namespace: 'shop', pod: 'reviews-5f7', type: 'unknown' },
    ]);
  });

  it('dates the archive by what the collector said, else by the logs, else by the files', () => {
    const log: Artifact = { kind: 'log-file', value: logFile('proxy', '2026-05-01T10:00:00.000Z') };
    const collection: Artifact = {
      kind: 'collection',
      value: { time: '2026-05-01T10:00:30.000Z', failures: [], expected: [], at },
    };
    expect(meshOf(log, collection).capture).toMatchObject({
      time: '2026-05-01T10:00:30.000Z',
      source: 'bug-report.log',
    });
    expect(meshOf(log).capture).toMatchObject({ time: '2026-05-01T10:00:00.000Z', source: 'logs' });
    expect(meshOf().capture).toEqual({ time: '2026-05-01T12:00:00.000Z', source: 'file times' });
  });

  it('knows of a log only where one of its kind was read', () => {
    const mesh = meshOf({ kind: 'log-file', value: logFile('istiod', '2026-05-01T10:00:00.000Z') });
    expect(mesh.istiodLog).toEqual([]);
    expect(mesh.proxyLog).toBeUndefined();
    expect(mesh.access).toBeUndefined();
  });
});
