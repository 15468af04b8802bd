import { describe, expect, it } from 'vitest';
import { recogniseKube } from '../../src/parse/recognise-kube.ts';

const recognised: readonly (readonly [string, string])[] = [
  ['NAME       READY   STATUS    RESTARTS   AGE\ncart-7d9   2/2     Running   0          5m\n', 'kube-tables'],
  ['$ kubectl get pods -A\nNAMESPACE   NAME   READY   STATUS   RESTARTS   AGE   IP   NODE\n', 'kube-tables'],
  ['shop   cart-7d9   1/2   CrashLoopBackOff   7 (2m ago)   1h\n', 'kube-tables'],
  [
    'NAME                     READY   UP-TO-DATE   AVAILABLE   AGE\ndeployment.apps/istiod   0/0     0            0\n',
    'kube-tables',
  ],
  ['NAME   DESIRED   CURRENT   UP-TO-DATE   AVAILABLE   AGE\n', 'kube-tables'],
  ['NAME   TYPE   CLUSTER-IP   EXTERNAL-IP   PORT(S)   AGE\n', 'kube-tables'],
  ['LAST SEEN   FIRST SEEN   COUNT   NAME   KIND   SUBOBJECT   TYPE   REASON   SOURCE   MESSAGE\n', 'kube-tables'],
  ['NAME      STATUS   AGE   LABELS\nshop   Active   5d   istio-injection=enabled\n', 'kube-tables'],
  [
    'NAME                                 CREATED AT\nvirtualservices.networking.istio.io  2026-11-25T07:59:58Z\n',
    'kube-tables',
  ],
  ['virtualservices.networking.istio.io   2026-11-25T07:59:58Z\n', 'kube-tables'],
  ['NAME   GATEWAYS   HOSTS   AGE\n', 'kube-tables'],
  ['NAME   DATA   AGE\n', 'kube-tables'],
  ['NAME                     WEBHOOKS   AGE\nistio-sidecar-injector   2          65m\n', 'kube-tables'],
  ['NAME   CPU(cores)   MEMORY(bytes)\ncart-7d9   3m   61Mi\n', 'kube-tables'],
  ['POD   NAME   CPU(cores)   MEMORY(bytes)\n', 'kube-tables'],
  ['No resources found in shop namespace.\n', 'kube-tables'],
  ['Name:         cart\nNamespace:    shop\nLabels:       app=cart\n', 'kube-describe'],
  ['Waiting for deployment "cart" rollout to finish: 0 of 2 updated replicas are available...\n', 'kube-rollout'],
  ['deployment "cart" successfully rolled out\n', 'kube-rollout'],
  ['apiVersion: v1\nitems: []\nkind: List\n', 'kube-objects'],
  ['---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: cart\n', 'kube-objects'],
  ['{\n    "apiVersion": "v1",\n    "items": [],\n    "kind": "List"\n}\n', 'kube-objects'],
];

describe('recogniseKube', () => {
  it.each(recognised)('tells by content: %j is %s', (text, reader) => {
    expect(recogniseKube(text)?.name).toBe(reader);
  });

  it('leaves the files of others alone', () => {
    const others = [
      '',
      '2025-03-04T10:11:12.345678Z\tinfo\tads\tADS: new connection for node:cart-7d9.shop-12\n',
      'NAME                CLUSTER      CDS      LDS      EDS      RDS      ISTIOD       VERSION\n',
      'SERVICE FQDN   PORT   SUBSET   DIRECTION   TYPE   DESTINATION RULE\n',
      'outbound|80||cart.shop.svc.cluster.local::10.244.0.7:8080::cx_active::1\n',
    ];
    for (const text of others) expect(recogniseKube(text)?.name).toBeUndefined();
  });
});
