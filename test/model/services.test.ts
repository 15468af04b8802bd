import { describe, expect, it } from 'vitest';
import {
  hostScope,
  hostsBehind,
  knownHosts,
  outboundByHost,
  routeDestinations,
  settingOf,
  subsetsOf,
} from '../../src/model/services.ts';
import type { EnvoyCluster, KubeObject } from '../../src/parse/facts.ts';

const object = (kind: string, name: string, spec: Readonly<Record<string, unknown>>): KubeObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind,
  meta: { name, namespace: 'shop', labels: {}, annotations: {}, owners: [] },
  at: { file: 'cluster/crs', line: 1 },
  body: { spec },
});

const cluster = (name: string): EnvoyCluster => {
  const [direction = '', port, subset = '', host = ''] = name.split('|');
  return {
    proxy: { namespace: 'shop', pod: 'cart-1' },
    name,
    direction: direction as EnvoyCluster['direction'],
    port: Number(port),
    subset,
    host,
    endpoints: [],
    limits: {},
    addedViaApi: true,
    at: { file: 'proxies/shop/cart-1/clusters' },
  };
};

it('lists subsets with their host in full and their labels as text', () => {
  const rule = object('DestinationRule', 'reviews', {
    host: 'reviews',
    subsets: [{ name: 'v1', labels: { version: 1 } }],
  });
  expect(subsetsOf([rule])).toMatchObject([
    { host: 'reviews.shop.svc.cluster.local', name: 'v1', labels: { version: '1' }, index: 0 },
  ]);
});

it('lists destinations of all protocols with their place and weight', () => {
  const route = object('VirtualService', 'reviews', {
    http: [{ route: [{ destination: { host: 'reviews', subset: 'v1', port: { number: 80 } }, weight: 90 }] }],
    tcp: [{ route: [{ destination: { host: 'payments.other.svc.cluster.local' } }] }],
    tls: 'nonsense',
  });
  expect(
    routeDestinations([route]).map(({ host, subset, port, pointer, weight }) => [host, subset, port, pointer, weight]),
  ).toEqual([
    ['reviews.shop.svc.cluster.local', 'v1', 80, '/spec/http/0/route/0/destination', 90],
    ['payments.other.svc.cluster.local', '', undefined, '/spec/tcp/0/route/0/destination', undefined],
  ]);
});

describe('a traffic policy', () => {
  const rule = object('DestinationRule', 'reviews', {
    host: 'reviews',
    trafficPolicy: {
      connectionPool: { tcp: { maxConnections: 1 } },
      portLevelSettings: [{ port: { number: 8080 }, connectionPool: { tcp: { maxConnections: 2 } } }],
    },
    subsets: [{ name: 'v1' }, { name: 'v2', trafficPolicy: { connectionPool: { tcp: { maxConnections: 3 } } } }],
  });

  it('is that of the subset, the port or the rule, the narrowest first', () => {
    expect(settingOf(rule, 'connectionPool', 80)?.pointer).toBe('/spec/trafficPolicy/connectionPool');
    expect(settingOf(rule, 'connectionPool', 8080)?.pointer).toBe(
      '/spec/trafficPolicy/portLevelSettings/0/connectionPool',
    );
    expect(settingOf(rule, 'connectionPool', 80, 'v2')?.pointer).toBe('/spec/subsets/1/trafficPolicy/connectionPool');
    expect(settingOf(rule, 'connectionPool', 80, 'v1')?.value).toEqual({ tcp: { maxConnections: 1 } });
  });

  it('is absent where nothing sets it', () => {
    expect(settingOf(rule, 'outlierDetection', 80)).toBeUndefined();
  });
});

it('groups outbound clusters once, by host', () => {
  const clusters = [
    cluster('outbound|80||reviews.shop.svc.cluster.local'),
    cluster('outbound|80|v1|reviews.shop.svc.cluster.local'),
    cluster('inbound|8080||'),
  ];
  expect(outboundByHost(clusters).get('reviews.shop.svc.cluster.local')).toHaveLength(2);
  expect(outboundByHost(clusters)).toBe(outboundByHost(clusters));
});

it('finds the destinations behind an outside host', () => {
  const route = object('VirtualService', 'reviews', {
    hosts: ['*.example.com'],
    gateways: ['edge'],
    http: [{ route: [{ destination: { host: 'reviews' } }] }],
  });
  expect(hostsBehind([route], 'reviews.example.com')).toEqual(['reviews.shop.svc.cluster.local']);
  expect(hostsBehind([route], 'example.org')).toEqual([]);
});

it('knows the hosts of services and of ServiceEntries', () => {
  const entry = object('ServiceEntry', 'couriers', { hosts: ['*.couriers.example'] });
  expect([...knownHosts([], [entry])]).toEqual(['*.couriers.example']);
});

it('names the namespace of a destination where it is a service', () => {
  expect(hostScope('reviews.shop.svc.cluster.local')).toEqual({
    host: 'reviews.shop.svc.cluster.local',
    namespace: 'shop',
  });
  expect(hostScope('api.example.com')).toEqual({ host: 'api.example.com' });
});
