import { describe, expect, it } from 'vitest';
import { closingPolicies } from '../../../src/catalog/control-plane/network-policies.ts';
import type { KubeObject } from '../../../src/parse/facts.ts';

const policy = (name: string, spec: Readonly<Record<string, unknown>>): KubeObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  meta: { name, namespace: 'istio-system', labels: {}, annotations: {}, owners: [] },
  body: { spec },
  at: { file: 'cluster/k8s-resources' },
});
const istiod = { namespace: 'istio-system', labels: { app: 'istiod' }, direction: 'Ingress', port: 15017 } as const;
const names = (objects: readonly KubeObject[]): readonly string[] =>
  closingPolicies(objects, istiod).map(({ meta }) => meta.name);

describe('closingPolicies', () => {
  const denyAll = policy('deny-all', { podSelector: {}, policyTypes: ['Ingress'] });

  it('names the policy that lets nothing in', () => {
    expect(names([denyAll])).toEqual(['deny-all']);
  });

  it('names none where another policy opens the port', () => {
    const ports = [{ port: 15012 }, { port: 15017 }];
    const allow = policy('allow-istiod', { podSelector: { matchLabels: { app: 'istiod' } }, ingress: [{ ports }] });
    expect(names([denyAll, allow])).toEqual([]);
  });

  it('leaves out policies for other pods and for the other direction', () => {
    const other = policy('deny-cart', { podSelector: { matchLabels: { app: 'cart' } } });
    const egress = policy('egress', { podSelector: {}, policyTypes: ['Egress'], egress: [{ ports: [{ port: 53 }] }] });
    expect(names([other, egress])).toEqual([]);
  });
});
