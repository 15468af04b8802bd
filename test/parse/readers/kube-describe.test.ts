import { describe, expect, it } from 'vitest';
import { kubeDescribe } from '../../../src/parse/readers/kube-describe.ts';
import { kubeFile } from '../../../src/parse/readers/kube-objects.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const pod = `Name:             cart-7df6dbb7bd-n6gm6
Namespace:        shop
Priority:         0
Service Account:  cart
Node:             node-1/10.77.0.10
Start Time:       Wed, 25 Nov 2026 09:04:31 +0000
Labels:           app=cart
                  istio.io/rev=asm-1-29
Annotations:      prometheus.io/port: 15014
                  sidecar.istio.io/status:
                    {"initContainers":["istio-init","istio-proxy"],"revision":"asm-1-29"...
Status:           Running
IP:               10.244.0.41
IPs:
  IP:           10.244.0.41
Controlled By:  ReplicaSet/cart-7df6dbb7bd
Init Containers:
  istio-proxy:
    Image:         mcr.microsoft.com/oss/v2/istio/proxyv2:1.29.6
    Port:          15090/TCP
    State:          Running
      Started:      Wed, 25 Nov 2026 09:04:33 +0000
    Ready:          True
    Restart Count:  0
    Environment:
      PILOT_CERT_PROVIDER:  istiod
      POD_NAMESPACE:        shop (v1:metadata.namespace)
      PROXY_TOKEN:          <set to the key 'token' in secret 'cart'>  Optional: false
      DB_PASSWORD:          hunter2
Containers:
  cart:
    Container ID:  containerd://1f358782987fe9b00f0c27582fcfb36a66bacfdf49eefb3eb3c1f054346988e8
    Image:         shop/cart:1
    Ports:         8080/TCP, 15010/TCP
    Args:
      --port
      8080
    State:          Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       Error
      Exit Code:    255
      Started:      Wed, 25 Nov 2026 09:05:20 +0000
      Finished:     Wed, 25 Nov 2026 09:05:20 +0000
    Ready:          False
    Restart Count:  3
    Requests:
      cpu:      50m
      memory:   256Mi
    Readiness:  http-get http://:8080/ready delay=1s timeout=5s period=3s #success=1 #failure=3
Conditions:
  Type              Status
  Initialized       True 
  Ready             False 
Volumes:
  cacerts:
    Type:        Secret (a volume populated by a Secret)
    SecretName:  cacerts
    Optional:    true
QoS Class:                   Burstable
Events:
  Type     Reason     Age                From               Message
  ----     ------     ----               ----               -------
  Normal   Scheduled  63s                default-scheduler  Successfully assigned shop/cart-7df6dbb7bd-n6gm6 to node-1
  Warning  BackOff    13s (x7 over 62s)  kubelet            Back-off restarting failed container cart
`;

const node = `Name:               node-1
Roles:              agent
Labels:             kubernetes.azure.com/cluster=MC_lab
CreationTimestamp:  Wed, 25 Nov 2026 06:41:47 +0000
Taints:             cni.istio.io/not-ready:NoSchedule
                    dedicated=mesh:NoExecute
Unschedulable:      true
Conditions:
  Type             Status  LastHeartbeatTime                 LastTransitionTime                Reason                       Message
  ----             ------  -----------------                 ------------------                ------                       -------
  MemoryPressure   True    Wed, 25 Nov 2026 09:08:05 +0000   Wed, 25 Nov 2026 06:41:47 +0000   KubeletHasInsufficientMemory kubelet has insufficient memory available
  Ready            True    Wed, 25 Nov 2026 09:08:05 +0000   Wed, 25 Nov 2026 06:41:47 +0000   KubeletReady                 kubelet is posting ready status
System Info:
  Kubelet Version:            v1.24.9
  OS Image:                   Ubuntu 18.04.6 LTS
ProviderID:                   azure:///subscriptions/0/vm/0
Events:              <none>
`;

const modified = '2026-11-25T09:05:40Z';

describe('kubectl describe', () => {
  it('tells of a pod what its containers went through', () => {
    const [fact] = factsOf(runReader(kubeDescribe, pod, { path: 'pod.txt', modified }, { chunkBytes: 9 }), 'pod');
    expect(fact).toMatchObject({
      meta: {
        name: 'cart-7df6dbb7bd-n6gm6',
        namespace: 'shop',
        labels: { app: 'cart', 'istio.io/rev': 'asm-1-29' },
        annotations: {
          'prometheus.io/port': '15014',
          'sidecar.istio.io/status': '{"initContainers":["istio-init","istio-proxy"],"revision":"asm-1-29"...',
        },
        owners: [{ kind: 'ReplicaSet', name: 'cart-7df6dbb7bd' }],
      },
      at: { file: 'pod.txt', line: 1 },
      phase: 'Running',
      node: 'node-1',
      ips: ['10.244.0.41'],
      started: '2026-11-25T09:04:31.000Z',
      conditions: [
        { type: 'Initialized', status: 'True' },
        { type: 'Ready', status: 'False' },
      ],
      volumes: [{ name: 'cacerts', secret: 'cacerts' }],
    });
    const [proxy, cart] = fact?.containers ?? [];
    expect(proxy).toMatchObject({
      name: 'istio-proxy',
      init: true,
      nativeSidecar: true,
      ready: true,
      ports: [{ port: 15090 }],
    });
    expect(proxy?.env).toEqual({ PILOT_CERT_PROVIDER: 'istiod' });
    expect(cart).toMatchObject({
      name: 'cart',
      image: 'shop/cart:1',
      ready: false,
      restarts: 3,
      now: { state: 'waiting', reason: 'CrashLoopBackOff' },
      last: { state: 'terminated', reason: 'Error', exitCode: 255, startedAt: '2026-11-25T09:05:20.000Z' },
      ports: [{ port: 8080 }, { port: 15010 }],
      args: ['--port', '8080'],
      requests: { cpu: '50m', memory: '256Mi' },
      readinessProbe: { path: '/ready', port: 8080 },
    });
  });

  it('tells events with their object, dated back from the time of the file', () => {
    const events = factsOf(runReader(kubeDescribe, pod, { path: 'pod.txt', modified }), 'event');
    expect(events[1]).toEqual({
      type: 'Warning',
      reason: 'BackOff',
      message: 'Back-off restarting failed container cart',
      count: 7,
      object: { kind: 'Pod', namespace: 'shop', name: 'cart-7df6dbb7bd-n6gm6' },
      source: 'kubelet',
      first: '2026-11-25T09:04:38.000Z',
      last: '2026-11-25T09:05:27.000Z',
      printed: '2026-11-25T09:05:40Z',
      at: { file: 'pod.txt', line: 65 },
    });
    expect(pod.split('\n')[64]).toContain('BackOff');
  });

  it('tells nodes apart, and that these are all', () => {
    const artifacts = runReader(kubeFile, `${node}\n\n${node.replaceAll('node-1', 'node-2')}`, {
      path: 'cluster/nodes',
    });
    const [first, second] = factsOf(artifacts, 'node');
    expect(first).toMatchObject({
      meta: { name: 'node-1', namespace: '', labels: { 'kubernetes.azure.com/cluster': 'MC_lab' } },
      conditions: [
        { type: 'MemoryPressure', status: 'True', since: '2026-11-25T06:41:47.000Z' },
        { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' },
      ],
      kubeletVersion: 'v1.24.9',
      providerId: 'azure:///subscriptions/0/vm/0',
      os: 'Ubuntu 18.04.6 LTS',
      taints: ['cni.istio.io/not-ready:NoSchedule', 'dedicated=mesh:NoExecute'],
      unschedulable: true,
    });
    expect(second?.at.line).toBe(node.split('\n').length + 2);
    expect(factsOf(artifacts, 'listing')).toEqual([{ kind: 'Node', namespace: '*', at: { file: 'cluster/nodes' } }]);
  });

  it('proves the pods of the istio namespace in cluster/describe-pods', () => {
    const artifacts = runReader(kubeFile, `${pod}\n\n${pod}`, { path: 'cluster/describe-pods' });
    expect(factsOf(artifacts, 'pod')).toHaveLength(2);
    expect(factsOf(artifacts, 'listing')).toMatchObject([{ kind: 'Pod', namespace: 'shop' }]);
    const cut = runReader(kubeFile, pod, { path: 'cluster/describe-pods' }, { complete: false });
    expect(factsOf(cut, 'listing')).toEqual([]);
    expect(factsOf(cut, 'gap')).toMatchObject([{ reason: 'truncated' }]);
  });

  it('tells the events of other objects', () => {
    const replicaSet = `Name:           risk-77975fd9c5
Namespace:      shop
Selector:       app=risk
Controlled By:  Deployment/risk
Replicas:       0 current / 1 desired
Pods Status:    0 Running / 0 Waiting / 0 Succeeded / 0 Failed
Events:
  Type     Reason        Age                  From                   Message
  ----     ------        ----                 ----                   -------
  Warning  FailedCreate  25s (x14 over 107s)  replicaset-controller  Error creating: failed calling webhook "rev.namespace.sidecar-injector.istio.io"
`;
    expect(factsOf(runReader(kubeDescribe, replicaSet), 'event')).toMatchObject([
      { reason: 'FailedCreate', count: 14, object: { kind: 'ReplicaSet', namespace: 'shop', name: 'risk-77975fd9c5' } },
    ]);
  });

  it('survives damage', () => {
    survivesDamage(kubeDescribe, pod, { modified });
    survivesDamage(kubeDescribe, node, { modified });
  });
});

describe('workloads as kubectl describes them', () => {
  const replicaSet = `Name:           cart-77975fd9c5
Namespace:      shop
Selector:       app=cart,pod-template-hash=77975fd9c5
Labels:         app=cart
                pod-template-hash=77975fd9c5
Annotations:    deployment.kubernetes.io/desired-replicas: 1
                deployment.kubernetes.io/revision: 1
Controlled By:  Deployment/cart
Replicas:       0 current / 1 desired
Pods Status:    0 Running / 0 Waiting / 0 Succeeded / 0 Failed
Pod Template:
  Labels:           app=cart
                    pod-template-hash=77975fd9c5
  Annotations:      sidecar.istio.io/nativeSidecar: false
  Service Account:  cart
  Containers:
   cart:
    Image:      shop/cart:1
    Port:       18080/TCP
Conditions:
  Type             Status  Reason
  ----             ------  ------
  ReplicaFailure   True    FailedCreate
Events:
  Type     Reason            Age                  From                   Message
  ----     ------            ----                 ----                   -------
  Warning  FailedCreate      25s (x14 over 107s)  replicaset-controller  Error creating: Internal error occurred: failed calling webhook
`;

  it('know replicas, template and conditions', () => {
    const artifacts = runReader(kubeDescribe, replicaSet);
    expect(factsOf(artifacts, 'workload')).toEqual([
      {
        kind: 'ReplicaSet',
        meta: expect.objectContaining({
          name: 'cart-77975fd9c5',
          namespace: 'shop',
          owners: [{ kind: 'Deployment', name: 'cart' }],
        }),
        at: { file: 'file', line: 1 },
        replicas: { desired: 1, current: 0, ready: 0, available: 0 },
        selector: { app: 'cart', 'pod-template-hash': '77975fd9c5' },
        template: {
          labels: { app: 'cart', 'pod-template-hash': '77975fd9c5' },
          annotations: { 'sidecar.istio.io/nativeSidecar': 'false' },
          images: ['shop/cart:1'],
          hostNetwork: false,
        },
        conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' }],
      },
    ]);
    expect(factsOf(artifacts, 'event')).toMatchObject([{ object: { kind: 'ReplicaSet', name: 'cart-77975fd9c5' } }]);
  });

  it('are deployments, stateful sets and daemon sets by their own fields', () => {
    const text = `Name:                   istiod
Namespace:              istio-system
Labels:                 app=istiod
Selector:               app=istiod,istio=pilot
Replicas:               2 desired | 2 updated | 2 total | 1 available | 1 unavailable
StrategyType:           RollingUpdate
Events:                 <none>


Name:               reviews
Namespace:          shop
Labels:             <none>
Selector:           app=reviews
Replicas:           3 desired | 3 total
Update Strategy:    RollingUpdate
Pods Status:        2 Running / 1 Waiting / 0 Succeeded / 0 Failed
Events:             <none>


Name:           istio-cni-node
Namespace:      istio-system
Selector:       k8s-app=istio-cni-node
Desired Number of Nodes Scheduled: 3
Current Number of Nodes Scheduled: 3
Number of Nodes Scheduled with Up-to-date Pods: 3
Number of Nodes Scheduled with Available Pods: 2
Pods Status:  2 Running / 1 Waiting / 0 Succeeded / 0 Failed
Events:       <none>
`;
    expect(
      factsOf(runReader(kubeDescribe, text), 'workload').map(({ kind, meta, replicas }) => [
        kind,
        meta.name,
        replicas.desired,
        replicas.ready,
      ]),
    ).toEqual([
      ['Deployment', 'istiod', 2, 1],
      ['StatefulSet', 'reviews', 3, 2],
      ['DaemonSet', 'istio-cni-node', 3, 2],
    ]);
  });

  it('survive damage', () => {
    survivesDamage(kubeDescribe, replicaSet);
  });
});

describe('services as kubectl describes them', () => {
  const service = `Name:                     cart
Namespace:                shop
Labels:                   app=cart
Annotations:              <none>
Selector:                 app=cart
Type:                     LoadBalancer
IP Family Policy:         SingleStack
IP Families:              IPv4
IP:                       10.96.7.7
IPs:                      10.96.7.7
LoadBalancer Ingress:     203.0.113.10 (VIP)
Port:                     http-web  80/TCP
TargetPort:               8080/TCP
NodePort:                 http-web  31784/TCP
Endpoints:                10.244.0.7:8080,10.244.0.8:8080
Port:                     <unset>  9000/TCP
TargetPort:               metrics/TCP
Endpoints:                10.244.0.7:15020
Session Affinity:         None
External Traffic Policy:  Local
Events:                   <none>
`;

  it('know their ports, targets and addresses', () => {
    const artifacts = runReader(kubeDescribe, service, {}, { chunkBytes: 40 });
    expect(factsOf(artifacts, 'service')).toEqual([
      {
        meta: expect.objectContaining({ namespace: 'shop', name: 'cart' }),
        at: { file: 'file', line: 1 },
        type: 'LoadBalancer',
        clusterIPs: ['10.96.7.7'],
        loadBalancerIPs: ['203.0.113.10'],
        selector: { app: 'cart' },
        externalTrafficPolicy: 'Local',
        ports: [
          { name: 'http-web', port: 80, targetPort: 8080, protocol: 'TCP', nodePort: 31784 },
          { port: 9000, targetPort: 'metrics', protocol: 'TCP' },
        ],
      },
    ]);
    expect(factsOf(artifacts, 'endpoints')).toMatchObject([
      {
        service: 'cart',
        addresses: [{ ip: '10.244.0.7' }, { ip: '10.244.0.8' }],
        ports: [{ port: 8080 }, { port: 15020 }],
      },
    ]);
  });

  it('survive damage', () => {
    survivesDamage(kubeDescribe, service);
  });
});

describe('objects that kubectl describes field by field', () => {
  const webhook = `Name:         istio-sidecar-injector-asm-1-29
Namespace:    
Labels:       app=sidecar-injector
              istio.io/rev=asm-1-29
Annotations:  <none>
API Version:  admissionregistration.k8s.io/v1
Kind:         MutatingWebhookConfiguration
Metadata:
  Creation Timestamp:  2026-11-25T08:00:06Z
  Generation:          3
  Resource Version:    1234
  UID:                 5b1b7c62-7d3e-4a53-a0dd-7b16e5d6b1f1
Webhooks:
  Admission Review Versions:
    v1
  Client Config:
    Ca Bundle:  LS0tLS1CRUdJTg==
    Service:
      Name:        istiod-asm-1-29
      Namespace:   istio-system
      Path:        /inject
      Port:        443
  Failure Policy:  Fail
  Name:            rev.namespace.sidecar-injector.istio.io
  Namespace Selector:
    Match Expressions:
      Key:       istio.io/rev
      Operator:  In
      Values:
        asm-1-29
      Key:       istio-injection
      Operator:  DoesNotExist
  Object Selector:
  Rules:
    API Groups:
      
    API Versions:
      v1
    Operations:
      CREATE
    Resources:
      pods
    Scope:          *
  Timeout Seconds:  10
  Client Config:
    URL:           https://istiod.example.com/inject
  Failure Policy:  Ignore
  Name:            object.sidecar-injector.istio.io
Events:            <none>
`;

  it('are webhooks with what they call and select', () => {
    const [object] = factsOf(runReader(kubeDescribe, webhook), 'object');
    expect(object).toMatchObject({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      meta: {
        name: 'istio-sidecar-injector-asm-1-29',
        labels: { 'istio.io/rev': 'asm-1-29' },
        created: '2026-11-25T08:00:06Z',
        generation: 3,
      },
    });
    expect(object?.body['webhooks']).toMatchObject([
      {
        clientConfig: {
          service: { name: 'istiod-asm-1-29', namespace: 'istio-system', path: '/inject', port: 443 },
        },
        failurePolicy: 'Fail',
        name: 'rev.namespace.sidecar-injector.istio.io',
        namespaceSelector: {
          matchExpressions: [
            { key: 'istio.io/rev', operator: 'In', values: ['asm-1-29'] },
            { key: 'istio-injection', operator: 'DoesNotExist' },
          ],
        },
        rules: [{ operations: ['CREATE'], resources: ['pods'] }],
        timeoutSeconds: 10,
      },
      { clientConfig: { url: 'https://istiod.example.com/inject' }, name: 'object.sidecar-injector.istio.io' },
    ]);
  });

  it('are routes of Istio', () => {
    const text = `Name:         reviews
Namespace:    shop
Labels:       <none>
API Version:  networking.istio.io/v1
Kind:         VirtualService
Metadata:
  Generation:  2
Spec:
  Hosts:
    reviews
  Http:
    Match:
      Uri:
        Prefix:  /v2
    Route:
      Destination:
        Host:    reviews
        Subset:  v2
    Timeout:     3s
    Route:
      Destination:
        Host:    reviews
        Port:
          Number:  80
        Subset:    v1
      Weight:      90
      Destination:
        Host:    reviews
        Subset:  v3
      Weight:    10
Events:          <none>
`;
    expect(factsOf(runReader(kubeDescribe, text), 'object')).toMatchObject([
      {
        kind: 'VirtualService',
        meta: { namespace: 'shop', name: 'reviews', generation: 2 },
        body: {
          spec: {
            hosts: ['reviews'],
            http: [
              {
                match: [{ uri: { prefix: '/v2' } }],
                route: [{ destination: { host: 'reviews', subset: 'v2' } }],
                timeout: '3s',
              },
              {
                route: [
                  { destination: { host: 'reviews', subset: 'v1', port: { number: 80 } }, weight: 90 },
                  { destination: { host: 'reviews', subset: 'v3' }, weight: 10 },
                ],
              },
            ],
          },
        },
      },
    ]);
  });

  it('are left out where the text does not tell one item from the next', () => {
    const text = `Name:         deny
Namespace:    shop
API Version:  security.istio.io/v1
Kind:         AuthorizationPolicy
Spec:
  Rules:
    From:
      Source:
        Namespaces:
          payments
    To:
      Operation:
        Methods:
          GET
Events:  <none>
`;
    expect(factsOf(runReader(kubeDescribe, text), 'object')).toEqual([]);
  });

  it('survive damage', () => {
    survivesDamage(kubeDescribe, webhook);
  });
});
