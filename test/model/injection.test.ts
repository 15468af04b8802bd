import { describe, expect, it } from 'vitest';
import { revisionOfIstiod } from '../../src/model/control-plane.ts';
import { injectionWebhooks, isLeftOut, istiodWebhooks, plainPods, selectsPod } from '../../src/model/injection.ts';
import type { KubeObject, Pod } from '../../src/parse/facts.ts';

const at = { file: 'cluster/k8s-resources', line: 1 };

/** A webhook configuration as the istiod chart writes it for a revision. */
const configuration = (revision: string, kind = 'MutatingWebhookConfiguration'): KubeObject => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind,
  meta: { name: `istio-sidecar-injector-${revision}`, namespace: '', labels: {}, annotations: {}, owners: [] },
  body: {
    webhooks: [
      {
        name: kind.startsWith('Mutating') ? 'rev.namespace.sidecar-injector.istio.io' : 'rev.validation.istio.io',
        clientConfig: { service: { name: `istiod-${revision}`, namespace: 'istio-system' } },
        namespaceSelector: {
          matchExpressions: [
            { key: 'istio.io/rev', operator: 'In', values: [revision] },
            { key: 'istio-injection', operator: 'DoesNotExist' },
          ],
        },
        objectSelector: {
          matchExpressions: [{ key: 'sidecar.istio.io/inject', operator: 'NotIn', values: ['false'] }],
        },
      },
    ],
  },
  at,
});

const pod = (labels: Readonly<Record<string, string>> = {}, hostNetwork = false): Pod => ({
  meta: { name: 'cart-7d9', namespace: 'shop', labels, annotations: {}, owners: [] },
  phase: 'Running',
  ips: ['10.1.2.3'],
  hostNetwork,
  serviceAccount: 'cart',
  containers: [],
  conditions: [],
  volumes: [],
  at,
});

describe('injection webhooks', () => {
  const [webhook] = injectionWebhooks([configuration('canary')]);

  it('call a service whose name tells the revision', () => {
    expect(webhook).toMatchObject({ revision: 'canary', service: { name: 'istiod-canary' }, failurePolicy: 'Fail' });
  });

  it('select a namespace of their revision, but not one with the older label as well', () => {
    if (webhook === undefined) throw new Error('no webhook');
    expect(selectsPod(webhook, { 'istio.io/rev': 'canary' }, {})).toBe(true);
    expect(selectsPod(webhook, { 'istio.io/rev': 'canary', 'istio-injection': 'enabled' }, {})).toBe(false);
    expect(selectsPod(webhook, { 'istio.io/rev': 'canary' }, { 'sidecar.istio.io/inject': 'false' })).toBe(false);
  });

  it('are told from validating ones, which call istiod as well', () => {
    const both = [configuration('canary'), configuration('canary', 'ValidatingWebhookConfiguration')];
    expect(injectionWebhooks(both)).toHaveLength(1);
    expect(istiodWebhooks(both)).toHaveLength(2);
  });
});

describe('pods without a sidecar', () => {
  it('are left out on purpose in the host network, by label and by annotation', () => {
    expect(isLeftOut(pod())).toBe(false);
    expect(isLeftOut(pod({}, true))).toBe(true);
    expect(isLeftOut(pod({ 'sidecar.istio.io/inject': 'false' }))).toBe(true);
  });

  it('count only while they run', () => {
    expect(plainPods([pod(), { ...pod(), phase: 'Succeeded' }])).toHaveLength(1);
  });
});

describe('the name of an istiod pod', () => {
  it.each([
    ['istiod-7d9f8c6b5-x2x4k', 'default'],
    ['istiod-asm-1-29-7df6dbb7bd-bq2bq', 'asm-1-29'],
    ['istiod-canary', 'canary'],
    ['istiod', 'default'],
  ])('%s tells revision %s', (name, revision) => {
    expect(revisionOfIstiod(name)).toBe(revision);
  });
});
