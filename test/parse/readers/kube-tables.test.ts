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
        at: { file: 'cluster/events', line: 3 },
      },
      {
        type: 'Normal',
        reason: 'NodeReady',
        message: 'Node n1 status is now: NodeReady',
        count: 1,
        object: { kind: 'Node', namespace: '', name: 'n1' },
        source: 'kubelet, n1',
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
