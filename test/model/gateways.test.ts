import { describe, expect, it } from 'vitest';
import {
  faultLookup,
  faultScope,
  gatewayBindings,
  gatewayConflicts,
  gatewayServers,
  routingOf,
  unselectedGateways,
} from '../../src/model/gateways.ts';
import type { KubeObject } from '../../src/parse/facts.ts';

const object = (kind: string, id: string, spec: Record<string, unknown>, created?: string): KubeObject => {
  const [namespace = '', name = ''] = id.split('/');
  return {
    apiVersion: 'networking.istio.io/v1',
    kind,
    meta: { name, namespace, labels: {}, annotations: {}, owners: [], ...(created === undefined ? {} : { created }) },
    body: { spec },
    at: { file: 'cluster/crs', line: 1 },
  };
};
const http = (...hosts: string[]) => ({ port: { number: 80, protocol: 'HTTP' }, hosts });
const https = (credentialName: string, ...hosts: string[]) => ({
  port: { number: 443, protocol: 'HTTPS' },
  tls: { mode: 'SIMPLE', credentialName },
  hosts,
});
const selector = { istio: 'ingressgateway' };
const gateway = (id: string, servers: unknown[], created?: string) =>
  object('Gateway', id, { selector, servers }, created);
const route = (id: string, gateways: string[], hosts: string[]) =>
  object('VirtualService', id, { gateways, hosts, http: [{}] });

describe('hosts of Gateways and VirtualServices', () => {
  it('meet where wildcards overlap, whatever side has them', () => {
    const config = [
      gateway('shop/web', [http('*.example.com', 'cart.example.org')]),
      route('shop/reviews', ['web'], ['reviews.example.com', '*.example.org']),
    ];
    expect(routingOf(config, [])).toEqual({ mismatches: [], unrouted: [] });
  });

  it('do not meet across namespaces that a server leaves out', () => {
    const config = [
      gateway('ingress/web', [http('ingress/shop.example.com')]),
      route('shop/reviews', ['ingress/web'], ['shop.example.com']),
    ];
    const [mismatch] = routingOf(config, []).mismatches;
    expect(mismatch?.hosts).toEqual(['shop.example.com']);
  });

  it('leave the names of services to the mesh', () => {
    const config = [
      gateway('shop/web', [http('shop.example.com')]),
      route('shop/reviews', ['mesh', 'web'], ['reviews', 'reviews.shop.svc.cluster.local', 'shop.example.com']),
    ];
    expect(routingOf(config, []).mismatches).toEqual([]);
  });

  it('are routed by any Gateway of the same pods and port', () => {
    const config = [
      gateway('shop/web', [http('shop.example.com')]),
      gateway('shop/again', [http('shop.example.com')]),
      route('shop/reviews', ['web'], ['shop.example.com']),
    ];
    expect(routingOf(config, []).unrouted).toEqual([]);
  });

  it('miss each other where the Gateway does not exist', () => {
    const [binding] = gatewayBindings([route('shop/reviews', ['ingress/web'], ['shop.example.com'])]);
    expect(binding).toMatchObject({ name: 'ingress/web', pointer: '/spec/gateways/0' });
    expect(binding?.gateway).toBeUndefined();
  });
});

describe('servers of Gateways', () => {
  it('name their secrets, but not files or other sources', () => {
    const [one, other] = gatewayServers([
      gateway('shop/web', [https('web-tls', 'a.example.com'), https('sds://web', 'b.example.com')]),
    ]);
    expect(one?.credentials).toEqual([{ name: 'web-tls', pointer: '/spec/servers/0/tls/credentialName' }]);
    expect(other?.credentials).toEqual([]);
  });

  it('conflict where both end TLS for a host, and the older one wins', () => {
    const [conflict] = gatewayConflicts(
      [
        gateway('shop/young', [https('b', 'shop.example.com', 'cart.example.com')], '2026-05-01T10:00:00Z'),
        gateway('shop/old', [https('a', 'shop.example.com')], '2026-05-01T09:00:00Z'),
      ],
      [],
    );
    expect(conflict).toMatchObject({ hosts: ['shop.example.com'], because: 'hosts' });
    expect(conflict?.loser.gateway.meta.name).toBe('young');
  });

  it('share a port where both speak plain HTTP', () => {
    const config = [gateway('shop/a', [http('shop.example.com')]), gateway('shop/b', [http('shop.example.com')])];
    expect(gatewayConflicts(config, [])).toEqual([]);
  });

  it('reach no pod where the selector matches none', () => {
    const config = [gateway('shop/web', [http('shop.example.com')])];
    expect(unselectedGateways(config, [{ istio: 'aks-istio-ingressgateway-external' }])).toMatchObject([
      { kind: 'unselected', hosts: ['shop.example.com'] },
    ]);
    expect(unselectedGateways(config, [{ ...selector, app: 'web' }])).toEqual([]);
  });
});

describe('a fault of several hosts', () => {
  const fault = {
    kind: 'mismatch',
    object: route('shop/reviews', ['web'], []),
    hosts: ['a.example.com', '*.example.org'],
  } as const;

  it('meets the requests in the namespace of its object', () => {
    expect(faultScope(fault)).toEqual({ namespace: 'shop' });
    expect(faultScope(fault, 'x.example.org')).toEqual({ namespace: 'shop', host: 'x.example.org' });
    expect(faultScope({ ...fault, hosts: ['a.example.com'] })).toEqual({ namespace: 'shop', host: 'a.example.com' });
  });

  it('is found by a host or by a wildcard', () => {
    expect(faultLookup([fault])('a.example.com')).toBe(fault);
    expect(faultLookup([fault])('x.example.org')).toBe(fault);
    expect(faultLookup([fault])('b.example.com')).toBeUndefined();
  });
});
