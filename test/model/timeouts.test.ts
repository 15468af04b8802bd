import { expect, it } from 'vitest';
import { routeTimeouts } from '../../src/model/timeouts.ts';
import type { KubeObject } from '../../src/parse/facts.ts';

const object = (apiVersion: string, kind: string, spec: Readonly<Record<string, unknown>>): KubeObject => ({
  apiVersion,
  kind,
  meta: { name: 'reviews', namespace: 'shop', labels: {}, annotations: {}, owners: [] },
  at: { file: 'cluster/crs', line: 3 },
  body: { spec },
});
const reviews = 'reviews.shop.svc.cluster.local';

it('finds the limits of a VirtualService and where they stand', () => {
  const route = object('networking.istio.io/v1', 'VirtualService', {
    hosts: ['reviews'],
    http: [
      { route: [{ destination: { host: 'payments' } }], timeout: '9s' },
      {
        route: [{ destination: { host: 'reviews' } }],
        timeout: '0.5s',
        retries: { attempts: 3, perTryTimeout: '200ms' },
      },
    ],
  });
  expect(routeTimeouts([route], reviews).map(({ kind, ms, attempts, at }) => [kind, ms, attempts, at.pointer])).toEqual(
    [
      ['request', 500, 3, '/spec/http/1/timeout'],
      ['try', 200, 3, '/spec/http/1/retries/perTryTimeout'],
    ],
  );
});

it('takes 0s for no limit', () => {
  const route = object('networking.istio.io/v1', 'VirtualService', {
    hosts: ['reviews'],
    http: [{ route: [{ destination: { host: 'reviews' } }], timeout: '0s' }],
  });
  expect(routeTimeouts([route], reviews)).toEqual([]);
});

it('finds the limits of an HTTPRoute', () => {
  const route = object('gateway.networking.k8s.io/v1', 'HTTPRoute', {
    rules: [{ backendRefs: [{ name: 'reviews', port: 80 }], timeouts: { request: '2s', backendRequest: '1s' } }],
  });
  expect(routeTimeouts([route], reviews).map(({ kind, text }) => [kind, text])).toEqual([
    ['request', '2s'],
    ['try', '1s'],
  ]);
});
