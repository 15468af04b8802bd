import { describe, expect, it } from 'vitest';
import { importsHost, registryOnly, serviceEntriesFor } from '../../src/model/egress.ts';
import type { KubeObject, MeshConfig } from '../../src/parse/facts.ts';

const object = (kind: string, namespace: string, spec: Readonly<Record<string, unknown>>): KubeObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind,
  meta: { name: 'default', namespace, labels: {}, annotations: {}, owners: [] },
  at: { file: 'cluster/crs', line: 3 },
  body: { spec },
});
const mesh = (from: MeshConfig['from'], policy: unknown, revision = 'default'): MeshConfig => ({
  from,
  name: from === 'istiod' ? 'istiod-1' : 'istio',
  revision,
  config: policy === undefined ? {} : { outboundTrafficPolicy: policy },
  at: { file: from },
});
const cart = { namespace: 'shop', labels: { app: 'cart' }, revision: 'default' };
const root = 'istio-system';

describe('a workload may only reach what the mesh knows', () => {
  it('when the mesh configuration says so', () => {
    expect(registryOnly([], [mesh('config-map', { mode: 'REGISTRY_ONLY' })], cart, root)?.at.pointer).toBe(
      '/data/mesh',
    );
  });

  it('when istiod leaves the mode out, which is its zero value', () => {
    expect(registryOnly([], [mesh('istiod', {})], cart, root)?.at.pointer).toBe('/outboundTrafficPolicy');
    expect(registryOnly([], [mesh('config-map', {})], cart, root)).toBeUndefined();
    expect(registryOnly([], [mesh('istiod', undefined)], cart, root)).toBeUndefined();
  });

  it('as its own Sidecar says, whatever the mesh says', () => {
    const strict = object('Sidecar', 'shop', { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } });
    const open = object('Sidecar', 'shop', { outboundTrafficPolicy: { mode: 'ALLOW_ANY' } });
    const allow = [mesh('istiod', { mode: 'ALLOW_ANY' })];
    expect(registryOnly([strict], allow, cart, root)?.name).toBe('Sidecar shop/default');
    expect(registryOnly([open], [mesh('istiod', {})], cart, root)).toBeUndefined();
    expect(registryOnly([object('Sidecar', 'other', strict.body['spec'] as never)], allow, cart, root)).toBeUndefined();
    expect(registryOnly([object('Sidecar', root, strict.body['spec'] as never)], allow, cart, root)).toBeDefined();
  });

  it('not when it may reach any', () => {
    expect(registryOnly([], [mesh('istiod', { mode: 'ALLOW_ANY' })], cart, root)).toBeUndefined();
  });
});

it('finds the ServiceEntries of a host and who sees them', () => {
  const entry = object('ServiceEntry', 'shop', {
    hosts: ['*.rates.example'],
    ports: [{ number: 443 }],
    exportTo: ['.'],
  });
  expect(serviceEntriesFor([entry], 'api.rates.example', 'shop')).toMatchObject([{ ports: [443], visible: true }]);
  expect(serviceEntriesFor([entry], 'api.rates.example', 'payments')).toMatchObject([{ visible: false }]);
  expect(serviceEntriesFor([entry], 'rates.example', 'shop')).toEqual([]);
});

it('tells whether a Sidecar imports a service', () => {
  const sidecar = object('Sidecar', 'shop', { egress: [{ hosts: ['./*', 'istio-system/*'] }] });
  const service = (namespace: string) => ({ meta: { name: 'reviews', namespace } });
  expect([service('shop'), service('istio-system'), service('other')].map((one) => importsHost(sidecar, one))).toEqual([
    true,
    true,
    false,
  ]);
  expect(importsHost(object('Sidecar', 'shop', {}), service('other'))).toBe(true);
});
