import { describe, expect, it } from 'vitest';
import { actionOf, policiesFor, standing } from '../../src/model/authorization.ts';
import type { KubeObject } from '../../src/parse/facts.ts';

const policy = (spec: Readonly<Record<string, unknown>>, namespace = 'shop'): KubeObject => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  meta: { name: 'callers', namespace, labels: {}, annotations: {}, owners: [] },
  body: { spec },
  at: { file: 'cluster/crs' },
});

const cart = { principal: 'cluster.local/ns/shop/sa/cart', namespace: 'shop', serviceAccount: 'cart' };
const from = (source: Readonly<Record<string, unknown>>) => policy({ rules: [{ from: [{ source }] }] });

describe('policies of a workload', () => {
  const reviews = { namespace: 'shop', labels: { app: 'reviews' } };

  it('are those of its namespace and of the root namespace that select it', () => {
    const own = policy({ selector: { matchLabels: { app: 'reviews' } } });
    const wide = policy({}, 'istio-system');
    const others = [policy({ selector: { matchLabels: { app: 'cart' } } }), policy({}, 'bank')];
    expect(policiesFor([own, wide, ...others], 'AuthorizationPolicy', reviews, 'istio-system')).toEqual([own, wide]);
  });

  it('reach a gateway by its name', () => {
    const attached = policy({ targetRefs: [{ kind: 'Gateway', name: 'shop' }] });
    const gateway = { namespace: 'shop', labels: { 'gateway.networking.k8s.io/gateway-name': 'shop' } };
    expect(policiesFor([attached], 'AuthorizationPolicy', gateway, 'istio-system')).toEqual([attached]);
    expect(policiesFor([attached], 'AuthorizationPolicy', reviews, 'istio-system')).toEqual([]);
  });

  it('allow unless they say otherwise', () => {
    expect(actionOf(policy({}))).toBe('ALLOW');
    expect(actionOf(policy({ action: 'DENY' }))).toBe('DENY');
  });
});

describe('an ALLOW policy', () => {
  it('without rules lets nobody in', () => {
    expect(standing(policy({}), cart)).toBe('nobody');
  });

  it('lets in whom it names, by principal, namespace or service account', () => {
    expect(standing(from({ principals: ['cluster.local/ns/shop/sa/cart'] }), cart)).toBe('admitted');
    expect(standing(from({ principals: ['*/sa/cart'] }), cart)).toBe('admitted');
    expect(standing(from({ namespaces: ['shop'] }), cart)).toBe('admitted');
    expect(standing(from({ serviceAccounts: ['shop/cart'] }), cart)).toBe('admitted');
    expect(standing(policy({ rules: [{ to: [{ operation: { methods: ['GET'] } }] }] }), cart)).toBe('admitted');
  });

  it('keeps out whom it does not name or excludes', () => {
    expect(standing(from({ principals: ['cluster.local/ns/shop/sa/orders'] }), cart)).toBe('not-named');
    expect(standing(from({ namespaces: ['shop'], notPrincipals: ['*/sa/cart'] }), cart)).toBe('not-named');
  });

  it('that asks for an identity keeps out a caller without one', () => {
    expect(standing(from({ principals: ['*'] }), undefined)).toBe('not-named');
    expect(standing(from({ ipBlocks: ['10.0.0.0/8'] }), undefined)).toBe('admitted');
  });
});
