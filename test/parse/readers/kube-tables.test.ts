import { describe, expect, it } from 'vitest';
import { kubeTables } from '../../../src/parse/readers/kube-tables.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const wide = `NAMESPACE   LAST SEEN               TYPE      REASON      OBJECT                 SUBOBJECT                      SOURCE               MESSAGE                                       FIRST SEEN   COUNT   NAME
shop        54s                     Normal    Scheduled   pod/cart-7d9                                          default-scheduler    Successfully assigned shop/cart-7d9 to n1     54s          1       cart-7d9.18bb
shop        5m12s                   Warning   BackOff     pod/cart-7d9           spec.containers{istio-proxy}   kubelet, n1          Back-off restarting failed container          2d           34      cart-7d9.18bc
default     <unknown>               Normal    NodeReady   node/n1                                               kubelet, n1          Node n1 status is now: NodeReady              <unknown>    1       n1.18bd
shop        3h (x12 over 2d)        Warning   FailedCreate replicaset/reviews-5                                 replicaset-controller Error creating: token=abcdefghijklmnop&x=1    2d           12      reviews.18be
`;

describe('events as kubectl prints them', () => {
  it('are dated back from the time of the file', () => {
    const events = factsOf(
      runReader(kubeTables, wide, { path: 'cluster/events', modified: '2026-11-25T09:08:14Z' }, { chunkBytes: 33 }),
      'event',
    );
    expect(events.slice(0, 3)).toEqual([
      {
        type: 'Normal',
        reason: 'Scheduled',
        message: 'Successfully assigned shop/cart-7d9 to n1',
        count: 1,
        object: { kind: 'Pod', namespace: 'shop', name: 'cart-7d9' },
        source: 'default-scheduler',
        first: '2026-11-25T09:07:20.000Z',
        last: '2026-11-25T09:07:20.000Z',
        printed: '2026-11-25T09:08:14Z',
        at: { file: 'cluster/events', line: 2 },
      },
      {
        type: 'Warning',
        reason: 'BackOff',
        message: 'Back-off restarting failed container',
        count: 34,
        object: { kind: 'Pod', namespace: 'shop', name: 'cart-7d9' },
        source: 'kubelet, n1',
        first: '2026-11-23T09:08:14.000Z',
        last: '2026-11-25T09:03:02.000Z',
        printed: '2026-11-25T09:08:14Z',
        at: { file: 'cluster/events', line: 3 },
      },
      {
        type: 'Normal',
        reason: 'NodeReady',
        message: 'Node n1 status is now: NodeReady',
        count: 1,
        object: { kind: 'Node', namespace: '', name: 'n1' },
        source: 'kubelet, n1',
        printed: '2026-11-25T09:08:14Z',
        at: { file: 'cluster/events', line: 4 },
      },
    ]);
  });

  it('are read by their own form where a row left its columns', () => {
    const event = factsOf(runReader(kubeTables, wide, { modified: '2026-11-25T09:08:14Z' }), 'event')[3];
    expect(event).toMatchObject({
      reason: 'FailedCreate',
      count: 12,
      object: { kind: 'ReplicaSet', name: 'reviews-5' },
      first: '2026-11-23T09:08:14.000Z',
      last: '2026-11-25T06:08:14.000Z',
    });
  });

  it('have no time when the file has none', () => {
    const [event] = factsOf(runReader(kubeTables, wide), 'event');
    expect(event).not.toHaveProperty('last');
  });

  it('keep messages of several lines together', () => {
    const text = `LAST SEEN   TYPE      REASON    OBJECT         MESSAGE
5m          Warning   Failed    pod/cart-7d9   admission webhook denied the request:
  spec.http: Required value
4m          Normal    Pulled    pod/cart-7d9   Pulled
`;
    expect(factsOf(runReader(kubeTables, text), 'event').map(({ message }) => message)).toEqual([
      'admission webhook denied the request:\nspec.http: Required value',
      'Pulled',
    ]);
  });

  it('survive damage', () => {
    survivesDamage(kubeTables, wide, { modified: '2026-11-25T09:08:14Z' });
  });
});

describe('secrets as kubectl prints them', () => {
  const table = `NAMESPACE          NAME              TYPE               DATA   AGE
aks-istio-system   istio-ca-secret   istio.io/ca-root   5      68m
shop               shop-tls          kubernetes.io/tls  2      12d
`;

  it('are names and types, and all there are', () => {
    const artifacts = runReader(kubeTables, table, { path: 'cluster/secrets' });
    expect(factsOf(artifacts, 'secret')[1]).toEqual({
      namespace: 'shop',
      name: 'shop-tls',
      type: 'kubernetes.io/tls',
      keys: 2,
      at: { file: 'cluster/secrets', line: 3 },
    });
    expect(factsOf(artifacts, 'listing')).toMatchObject([{ kind: 'Secret', namespace: '*' }]);
  });

  it('are not known to be all in a table without namespaces or cut short', () => {
    const loose = runReader(
      kubeTables,
      'NAME       TYPE                DATA   AGE\nshop-tls   kubernetes.io/tls   2      1d\n',
    );
    expect(factsOf(loose, 'secret')).toMatchObject([{ namespace: '', name: 'shop-tls' }]);
    expect(factsOf(loose, 'listing')).toEqual([]);
    const cut = runReader(kubeTables, table, { path: 'cluster/secrets' }, { complete: false });
    expect(factsOf(cut, 'listing')).toEqual([]);
    expect(factsOf(cut, 'gap').map(({ reason }) => reason)).toEqual(['truncated']);
  });
});

describe('other tables of kubectl', () => {
  it('tell the labels of namespaces', () => {
    const table = `NAME      STATUS   AGE    LABELS
shop      Active   56m    istio.io/rev=asm-1-29,kubernetes.io/metadata.name=shop
default   Active   135m   <none>
`;
    expect(factsOf(runReader(kubeTables, table), 'namespace').map(({ meta }) => [meta.name, meta.labels])).toEqual([
      ['shop', { 'istio.io/rev': 'asm-1-29', 'kubernetes.io/metadata.name': 'shop' }],
      ['default', {}],
    ]);
  });

  it('tell the state of nodes', () => {
    const table = `NAME     STATUS                     ROLES   AGE    VERSION    INTERNAL-IP   EXTERNAL-IP   OS-IMAGE             KERNEL-VERSION    CONTAINER-RUNTIME
node-1   Ready,SchedulingDisabled   agent   143m   v1.33.13   10.77.0.10    <none>        Ubuntu 22.04.5 LTS   6.18.44-fc-v657   containerd://1.7.6
node-2   NotReady                   agent   143m   v1.32.1    10.77.0.11    <none>        Ubuntu 22.04.5 LTS   6.18.44-fc-v657   containerd://1.7.6
`;
    expect(factsOf(runReader(kubeTables, table), 'node')).toMatchObject([
      { meta: { name: 'node-1' }, kubeletVersion: 'v1.33.13', unschedulable: true, os: 'Ubuntu 22.04.5 LTS' },
      { meta: { name: 'node-2' }, conditions: [{ type: 'Ready', status: 'False' }], unschedulable: false },
    ]);
  });
});

const several = `NAME                              READY   UP-TO-DATE   AVAILABLE   AGE
deployment.apps/istiod-asm-1-29   0/2     2            0           65m

NAME                                         DESIRED   CURRENT   READY   AGE
replicaset.apps/istiod-asm-1-29-7df6dbb7bd   2         2         0       65m

NAME                                   READY   STATUS             RESTARTS      AGE
pod/istiod-asm-1-29-7df6dbb7bd-n6gm6   0/1     CrashLoopBackOff   3 (12s ago)   61s
pod/istiod-asm-1-29-7df6dbb7bd-sr6qc   0/1     Pending            0             61s

NAME                   TYPE           CLUSTER-IP      EXTERNAL-IP    PORT(S)                                      AGE
service/cart-gateway   LoadBalancer   10.96.144.236   203.0.113.10   15021:32063/TCP,80:31784/TCP,53:30053/UDP    49m
service/cart-db        ClusterIP      None            <none>         <none>                                       49m
`;

describe('several kinds in one output', () => {
  const artifacts = runReader(
    kubeTables,
    several,
    { path: 'deploy.txt', params: { namespace: 'istio-system' } },
    { chunkBytes: 50 },
  );

  it('are workloads with their replicas', () => {
    expect(factsOf(artifacts, 'workload')).toMatchObject([
      {
        kind: 'Deployment',
        meta: { namespace: 'istio-system', name: 'istiod-asm-1-29', owners: [] },
        replicas: { desired: 2, current: 2, ready: 0, available: 0 },
        at: { file: 'deploy.txt', line: 2 },
      },
      {
        kind: 'ReplicaSet',
        meta: { name: 'istiod-asm-1-29-7df6dbb7bd', owners: [{ kind: 'Deployment', name: 'istiod-asm-1-29' }] },
        replicas: { desired: 2, current: 2, ready: 0, available: 0 },
      },
    ]);
  });

  it('are rows of pods, which are no pods', () => {
    expect(factsOf(artifacts, 'pod')).toEqual([]);
    expect(factsOf(artifacts, 'pod-row')).toEqual([
      {
        namespace: 'istio-system',
        name: 'istiod-asm-1-29-7df6dbb7bd-n6gm6',
        ready: 0,
        containers: 1,
        status: 'CrashLoopBackOff',
        restarts: 3,
        lastRestart: 12_000,
        age: 61_000,
        at: { file: 'deploy.txt', line: 8 },
      },
      expect.objectContaining({ name: 'istiod-asm-1-29-7df6dbb7bd-sr6qc', status: 'Pending', restarts: 0 }),
    ]);
  });

  it('are services with ports that have no names', () => {
    expect(factsOf(artifacts, 'service')).toMatchObject([
      {
        summary: true,
        meta: { namespace: 'istio-system', name: 'cart-gateway' },
        type: 'LoadBalancer',
        clusterIPs: ['10.96.144.236'],
        loadBalancerIPs: ['203.0.113.10'],
        ports: [
          { port: 15021, nodePort: 32063, protocol: 'TCP' },
          { port: 80, nodePort: 31784, protocol: 'TCP' },
          { port: 53, nodePort: 30053, protocol: 'UDP' },
        ],
      },
      { meta: { name: 'cart-db' }, clusterIPs: ['None'], loadBalancerIPs: [], ports: [] },
    ]);
    expect(factsOf(artifacts, 'service')[0]).not.toHaveProperty('selector');
    expect(factsOf(artifacts, 'listing')).toEqual([]);
  });

  it('leave out services whose namespace nothing tells: they have no host', () => {
    expect(factsOf(runReader(kubeTables, several), 'service')).toEqual([]);
    expect(factsOf(runReader(kubeTables, several), 'workload')).toHaveLength(2);
  });

  it('survive damage', () => {
    survivesDamage(kubeTables, several, { params: { namespace: 'shop' } });
  });
});

describe('wide tables', () => {
  it('tell address, node and labels of pods', () => {
    const table = `NAMESPACE   NAME                    READY   STATUS      RESTARTS        AGE     IP             NODE     NOMINATED NODE   READINESS GATES   LABELS
shop        cart-7d9d8f6b5c-x2x4k   2/2     Running     1 (3h20m ago)   2d4h    10.244.0.138   node-1   <none>           <none>            app=cart,version=v1
shop        reviews-0               0/2     Init:0/1    0               2m6s    <none>         node-1   <none>           <none>            <none>
`;
    expect(factsOf(runReader(kubeTables, table), 'pod-row')).toMatchObject([
      {
        namespace: 'shop',
        name: 'cart-7d9d8f6b5c-x2x4k',
        ready: 2,
        containers: 2,
        restarts: 1,
        lastRestart: 12_000_000,
        ip: '10.244.0.138',
        node: 'node-1',
        labels: { app: 'cart', version: 'v1' },
      },
      { name: 'reviews-0', ready: 0, status: 'Init:0/1', node: 'node-1', labels: {} },
    ]);
  });

  it('tell images and selectors of workloads and services', () => {
    const table = `NAMESPACE   NAME   READY   UP-TO-DATE   AVAILABLE   AGE   CONTAINERS   IMAGES          SELECTOR
shop        cart   1/2     2            1           5d    cart,log     shop/cart:1,x   app=cart,version=v1

NAMESPACE   NAME         DESIRED   CURRENT   READY   UP-TO-DATE   AVAILABLE   NODE SELECTOR            AGE
kube-system istio-cni    3         3         2       3            2           kubernetes.io/os=linux   5d

NAMESPACE   NAME      READY   AGE
shop        reviews   0/3     5d

NAMESPACE   NAME      STATUS     COMPLETIONS   DURATION   AGE
shop        migrate   Running    0/1           5d         5d

NAMESPACE   NAME   TYPE        CLUSTER-IP    EXTERNAL-IP   PORT(S)    AGE   SELECTOR
shop        cart   ClusterIP   10.96.7.7     <none>        80/TCP     5d    app=cart
shop        ext    ClusterIP   10.96.7.8     <none>        80/TCP     5d    <none>
`;
    const artifacts = runReader(kubeTables, table);
    expect(
      factsOf(artifacts, 'workload').map(({ kind, meta, replicas }) => [
        kind,
        `${meta.namespace}/${meta.name}`,
        replicas.desired,
        replicas.ready,
      ]),
    ).toEqual([
      ['Deployment', 'shop/cart', 2, 1],
      ['DaemonSet', 'kube-system/istio-cni', 3, 2],
      ['StatefulSet', 'shop/reviews', 3, 0],
      ['Job', 'shop/migrate', 1, 0],
    ]);
    expect(factsOf(artifacts, 'workload')[0]).toMatchObject({
      selector: { app: 'cart', version: 'v1' },
      template: { images: ['shop/cart:1', 'x'] },
    });
    expect(factsOf(artifacts, 'service').map(({ selector }) => selector)).toEqual([{ app: 'cart' }, undefined]);
    expect(factsOf(artifacts, 'gap')).toEqual([]);
  });

  it('tell the ready addresses behind services', () => {
    const table = `NAMESPACE   NAME      ENDPOINTS                                        AGE
shop        cart      10.244.0.7:8080,10.244.0.8:8080 + 1 more...      5d
shop        reviews   <none>                                           5d
`;
    expect(factsOf(runReader(kubeTables, table), 'endpoints')).toMatchObject([
      {
        service: 'cart',
        addresses: [{ ip: '10.244.0.7', ready: true }, { ip: '10.244.0.8' }],
        ports: [{ port: 8080 }],
      },
      { service: 'reviews', addresses: [] },
    ]);
  });
});

describe('tables cut out of a terminal', () => {
  it('need no header for pods', () => {
    const lines = `istio-system   istiod-7df6dbb7bd-n6gm6    0/1   ImagePullBackOff   0     61s
istio-system   istiod-7df6dbb7bd-sr6qc    1/1   Running   2 (5m ago)     61s   10.244.0.9   node-1   <none>   <none>
`;
    expect(factsOf(runReader(kubeTables, lines), 'pod-row')).toMatchObject([
      { namespace: 'istio-system', name: 'istiod-7df6dbb7bd-n6gm6', status: 'ImagePullBackOff' },
      { name: 'istiod-7df6dbb7bd-sr6qc', restarts: 2, ip: '10.244.0.9', node: 'node-1' },
    ]);
  });

  it('are read though their columns moved', () => {
    const table = `NAMESPACE  NAME  READY  UP-TO-DATE  AVAILABLE  AGE
shop  cart-with-a-long-name  1/2  2  1  5d
`;
    expect(factsOf(runReader(kubeTables, table), 'workload')).toMatchObject([
      { meta: { namespace: 'shop', name: 'cart-with-a-long-name' }, replicas: { desired: 2, ready: 1 } },
    ]);
  });

  it('tell the line that is no row', () => {
    const table =
      'NAME   READY   UP-TO-DATE   AVAILABLE   AGE\ncart   1/1     1            1           5d\n~~~ the rest is the same ~~~\n';
    const artifacts = runReader(kubeTables, table);
    expect(factsOf(artifacts, 'workload')).toHaveLength(1);
    expect(factsOf(artifacts, 'gap')).toMatchObject([{ reason: 'malformed', line: 3 }]);
  });

  it('pass over tables that say too little', () => {
    const tables = `NAME                                       CREATED AT
virtualservices.networking.istio.io        2026-11-25T07:59:58Z

NAMESPACE   NAME   GATEWAYS       HOSTS                  AGE
shop        cart   ["cart-gw"]    ["cart.example.com"]   5d

NAME                                                                                   WEBHOOKS   AGE
mutatingwebhookconfiguration.admissionregistration.k8s.io/istio-sidecar-injector       2          65m

NAME                    CPU(cores)   MEMORY(bytes)
cart-7d9d8f6b5c-x2x4k   3m           61Mi
`;
    expect(runReader(kubeTables, tables)).toEqual([]);
    expect(runReader(kubeTables, 'virtualservices.networking.istio.io   2026-11-25T07:59:58Z\n')).toEqual([]);
  });
});

describe('tables whose command is known', () => {
  const table = 'NAME       TYPE                DATA   AGE\nshop-tls   kubernetes.io/tls   2      1d\n';
  const listings = (command: string, text = table) =>
    factsOf(runReader(kubeTables, text, { params: { command, namespace: 'shop' } }), 'listing').map(
      ({ kind, namespace }) => `${kind} ${namespace}`,
    );

  it('tell that there are no others', () => {
    expect(listings('kubectl get secret -n shop')).toEqual(['Secret shop']);
    expect(listings('kubectl get secrets -A')).toEqual(['Secret *']);
    expect(listings('kubectl get secret -n shop', 'No resources found in shop namespace.\n')).toEqual(['Secret shop']);
  });

  it('tell nothing of others where some were asked for, or not all were shown', () => {
    expect(listings('kubectl get secret shop-tls -n shop')).toEqual([]);
    expect(listings('kubectl get secret -n shop -l app=cart')).toEqual([]);
    expect(listings('kubectl get secret')).toEqual([]);
    expect(listings('kubectl get pods -n shop')).toEqual([]);
    expect(
      listings('kubectl get secret -n shop', `${table}Error from server (Forbidden): secrets is forbidden\n`),
    ).toEqual([]);
  });
});

describe('namespaces with one label shown', () => {
  it('are facts where the label is set', () => {
    const table = `NAME      STATUS   AGE   ISTIO-INJECTION   REV
shop      Active   5d    enabled
payments  Active   5d                      asm-1-29
default   Active   5d
`;
    expect(factsOf(runReader(kubeTables, table), 'namespace').map(({ meta }) => [meta.name, meta.labels])).toEqual([
      ['shop', { 'istio-injection': 'enabled' }],
      ['payments', { 'istio.io/rev': 'asm-1-29' }],
    ]);
  });
});
