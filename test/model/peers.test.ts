import { describe, expect, it } from 'vitest';
import { hostsServing, peersByIp, portOfAddress, targetsOf } from '../../src/model/peers.ts';
import type { Pod, Service } from '../../src/parse/facts.ts';

const pod = (name: string, fields: Partial<Pod> = {}): Pod => ({
  meta: {
    name,
    namespace: 'shop',
    labels: { app: 'cart' },
    annotations: {},
    owners: [],
  },
  at: { file: 'cluster/k8s-resources' },
  phase: 'Running',
  ips: ['10.1.2.3'],
  hostNetwork: false,
  serviceAccount: 'cart',
  containers: [],
  conditions: [],
  volumes: [],
  ...fields,
});

const container = (name: string, ports: Pod['containers'][number]['ports'] = []): Pod['containers'][number] => ({
  name,
  image: 'registry.example.com/cart:1',
  init: false,
  nativeSidecar: false,
  ready: true,
  restarts: 0,
  now: { state: 'running' },
  ports,
  limits: {},
  requests: {},
  env: {},
  args: [],
  lifecycle: [],
});

const service = (targetPort: number | string): Service => ({
  meta: { name: 'cart', namespace: 'shop', labels: {}, annotations: {}, owners: [] },
  at: { file: 'cluster/k8s-resources' },
  type: 'ClusterIP',
  clusterIPs: ['10.96.0.7'],
  selector: { app: 'cart' },
  ports: [{ name: 'http', port: 80, targetPort, protocol: 'TCP' }],
  loadBalancerIPs: [],
});

describe('who is at an address', () => {
  it('is the pod that runs, not one that has ended and left its address', () => {
    const peers = peersByIp([pod('job-1', { phase: 'Succeeded' }), pod('cart-1')], undefined);
    expect(peers.get('10.1.2.3')?.workload).toBe('cart-1');
  });

  it('is the node for pods of the host’s network', () => {
    const peers = peersByIp([pod('probe', { hostNetwork: true, node: 'node-1' })], undefined);
    expect(peers.get('10.1.2.3')).toMatchObject({ node: true, workload: 'node-1', inMesh: false });
  });

  it('is in the mesh with a proxy of its own or behind ztunnel', () => {
    const sidecar = pod('cart-1', { containers: [container('cart'), container('istio-proxy')] });
    expect(peersByIp([sidecar], undefined).get('10.1.2.3')?.inMesh).toBe(true);
    const bare = pod('cart-2');
    const ambient = pod('cart-3', {
      meta: { ...bare.meta, annotations: { 'ambient.istio.io/redirection': 'enabled' } },
    });
    expect(peersByIp([bare], undefined).get('10.1.2.3')?.inMesh).toBe(false);
    expect(peersByIp([ambient], undefined).get('10.1.2.3')?.inMesh).toBe(true);
  });

  it('is known from the proxy alone where no pods were read', () => {
    const peers = peersByIp(undefined, [
      {
        namespace: 'shop',
        pod: 'cart-1',
        workload: 'cart',
        type: 'sidecar',
        ips: ['10.1.2.9'],
        labels: {},
        at: { file: 'proxies/shop/cart-1/server_info' },
      },
    ]);
    expect(peers.get('10.1.2.9')).toMatchObject({ workload: 'cart', inMesh: true });
  });
});

describe('ports of a service', () => {
  it('lead to the container port that a name stands for', () => {
    const named = pod('cart-1', { containers: [container('cart', [{ name: 'web', port: 8080, protocol: 'TCP' }])] });
    expect(targetsOf(service('web'), named)).toEqual([{ port: 80, name: 'http', target: 8080 }]);
    expect(targetsOf(service('gone'), named)).toEqual([{ port: 80, name: 'http', target: undefined }]);
  });

  it('tell which hosts a workload serves at a port', () => {
    const server = { namespace: 'shop', workload: 'cart', labels: { app: 'cart' }, gateway: false };
    expect(hostsServing(server, 8080, [service(8080)])).toEqual(['cart.shop.svc.cluster.local']);
    expect(hostsServing(server, 9090, [service(8080)])).toEqual([]);
    expect(hostsServing({ ...server, labels: {} }, 8080, [service(8080)])).toEqual([]);
  });

  it('stand behind the last colon of an address', () => {
    expect(portOfAddress('10.1.2.3:8080')).toBe(8080);
    expect(portOfAddress('[fd00::1]:8080')).toBe(8080);
    expect(portOfAddress('10.1.2.3')).toBeUndefined();
  });
});
