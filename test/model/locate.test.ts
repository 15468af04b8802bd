import { expect, it } from 'vitest';
import { inboundPort, locator } from '../../src/model/locate.ts';
import type { AccessGroup, Pod, Service } from '../../src/parse/facts.ts';

const at = { file: 'cluster/k8s-resources' };
const reviews: Service = {
  meta: { name: 'reviews', namespace: 'shop', labels: {}, annotations: {}, owners: [] },
  at,
  type: 'ClusterIP',
  clusterIPs: ['10.96.0.1'],
  selector: { app: 'reviews' },
  ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }],
  loadBalancerIPs: [],
};
const pod = {
  meta: { name: 'reviews-1', namespace: 'shop', labels: { app: 'reviews' }, annotations: {}, owners: [] },
  at,
  phase: 'Running',
  ips: ['10.0.0.9'],
  hostNetwork: false,
  serviceAccount: 'reviews',
  containers: [],
  conditions: [],
  volumes: [],
} satisfies Pod;
const line = (parts: Partial<AccessGroup>): AccessGroup => ({
  proxy: { namespace: 'shop', pod: 'reviews-1' },
  file: 'proxies/shop/reviews-1/istio-proxy.log',
  direction: 'inbound',
  tcp: true,
  code: 0,
  flags: ['UF'],
  details: '',
  reason: '',
  cluster: 'inbound|8080||',
  authority: '',
  upstreamHost: '10.0.0.9:8080',
  local: '10.0.0.9:8080',
  peer: '10.0.0.4',
  sni: '',
  route: '',
  count: 1,
  first: '',
  last: '',
  duration: { max: 0, sum: 0 },
  samples: [],
  perMinute: {},
  ...parts,
});

it('takes a nameless connection for one to the service that leads to the port', () => {
  const locate = locator({ services: [reviews], pods: [pod] });
  expect(locate(line({}))).toEqual({ host: 'reviews.shop.svc.cluster.local', port: 80, subset: '' });
});

it('keeps the address where several services or none lead there', () => {
  const twin = { ...reviews, meta: { ...reviews.meta, name: 'reviews-canary' } };
  expect(locator({ services: [reviews, twin], pods: [pod] })(line({})).host).toBe('10.0.0.9:8080');
  expect(locator({ services: [reviews], pods: [pod] })(line({ cluster: 'inbound|9999||' })).host).toBe('10.0.0.9:8080');
});

it('finds the service port of a server that was asked by name', () => {
  const locate = locator({ services: [reviews], pods: [pod] });
  expect(locate(line({ tcp: false, authority: 'reviews' }))).toMatchObject({
    host: 'reviews.shop.svc.cluster.local',
    port: 80,
  });
});

it('reads the container port of an inbound cluster', () => {
  expect([inboundPort('inbound|8080||'), inboundPort('InboundPassthroughCluster')]).toEqual([8080, undefined]);
});
