import { describe, expect, it } from 'vitest';
import { proxyOf, splitClusterName, splitNodeId } from '../../src/parse/envoy-names.ts';

describe('the name of a cluster', () => {
  it.each([
    ['outbound|80||cart.shop.svc.cluster.local', 'outbound', 80, '', 'cart.shop.svc.cluster.local'],
    ['outbound|9080|v1|reviews.shop.svc.cluster.local', 'outbound', 9080, 'v1', 'reviews.shop.svc.cluster.local'],
    ['outbound|443||*.payments.example', 'outbound', 443, '', '*.payments.example'],
    ['outbound_.80_.v1_.reviews.shop.svc.cluster.local', 'outbound', 80, 'v1', 'reviews.shop.svc.cluster.local'],
    ['outbound_.80_._.cart.shop.svc.cluster.local', 'outbound', 80, '', 'cart.shop.svc.cluster.local'],
    ['inbound|8080||', 'inbound', 8080, '', ''],
    ['inbound|8080|http|cart.shop.svc.cluster.local', 'inbound', 8080, 'http', 'cart.shop.svc.cluster.local'],
    ['inbound-vip|80|http/v1|cart.shop.svc.cluster.local', 'inbound', 80, 'http/v1', 'cart.shop.svc.cluster.local'],
    ['xds-grpc', 'other', 0, '', ''],
    ['BlackHoleCluster', 'other', 0, '', ''],
    ['outbound|http||cart', 'other', 0, '', ''],
  ])('%s', (name, direction, port, subset, host) => {
    expect(splitClusterName(name)).toEqual({ name, direction, port, subset, host });
  });
});

describe('the id of a node', () => {
  it('names pod and namespace', () => {
    expect(splitNodeId('router~10.0.0.7~gw-1.0-x.istio-ingress~istio-ingress.svc.cluster.local')).toEqual({
      type: 'router',
      ip: '10.0.0.7',
      pod: 'gw-1.0-x',
      namespace: 'istio-ingress',
      domain: 'istio-ingress.svc.cluster.local',
    });
  });

  it('may be of another making', () => {
    expect(splitNodeId('envoy-1')).toBeUndefined();
    expect(splitNodeId('sidecar~10.0.0.7~cart~shop')).toBeUndefined();
  });
});

describe('the owner of a file', () => {
  it.each([
    ['proxies/shop/cart-1/clusters', { namespace: 'shop', pod: 'cart-1' }, { namespace: 'shop', pod: 'cart-1' }],
    ['kubectl_exec_cart-1_-n_shop_-c_istio-proxy_--_curl.txt', {}, { namespace: 'shop', pod: 'cart-1' }],
    ['istioctl proxy-config all cart-1 -n shop.json', {}, { namespace: 'shop', pod: 'cart-1' }],
    ['logs/clusters.txt', {}, { namespace: '', pod: 'unknown proxy (file clusters.txt)' }],
  ])('%s', (path, params, owner) => {
    expect(proxyOf({ path, params, size: -1 })).toEqual(owner);
  });
});
