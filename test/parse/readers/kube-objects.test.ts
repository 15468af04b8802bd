import { describe, expect, it } from 'vitest';
import { kubeFile, kubeObjects } from '../../../src/parse/readers/kube-objects.ts';
import { recogniseKube } from '../../../src/parse/recognise-kube.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

/** The mesh root of a test cluster: self-signed, O=cluster.local. */
const rootPem = `-----BEGIN CERTIFICATE-----
MIIC/DCCAeSgAwIBAgIQdMSHaa+SvoEknKgIwwa6FDANBgkqhkiG9w0BAQsFADAY
MRYwFAYDVQQKEw1jbHVzdGVyLmxvY2FsMB4XDTI2MTEyNTA4MDAwNVoXDTM2MTEy
MjA4MDAwNVowGDEWMBQGA1UEChMNY2x1c3Rlci5sb2NhbDCCASIwDQYJKoZIhvcN
AQEBBQADggEPADCCAQoCggEBAMNsXsc4531v+TbQG2qhKgUS0bj7gixfYN5MuvFB
LeMZAVAt2WG81LKN2gOUbsETlZuCj0ahqR1p0E6WZKFZxZXW6msslYIG2xM9ii9Z
g2j3bgSer7svf6rTnebu+eqrCqsHLy8sr0dFM/6JO0diu+w7JXUxR8zX9v+7+kD3
sZ2ChYov6VCWm/lii+slV/G24jgdfPExj7yVth6PtshiwRRY3cXl7RvIH15/XD5s
vfPS7QPDNH80qBcbIBEdwRiobpuuTijvrVYrDek0K6w9vjymnCDfEqm+RYD0bSQ2
g5LIXHTseJd/MLCqZUZTBFT+stl8xxOHyzsdqqpbm0QZevkCAwEAAaNCMEAwDgYD
VR0PAQH/BAQDAgIEMA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFIiZ/KEvttVk
hWuq3UfOel8E6b3iMA0GCSqGSIb3DQEBCwUAA4IBAQCn3gbBZ3IYo7s4Z7X/yVPA
S08uAU3WdCcdGfmqf2tDmNfeDksmX3sqMe/S4K6Q8iifcw4ayVqJWXehELDSGJEC
qEbLYPaXW1c23QlDnIB02uRQEtu8UdiDD0rzBReHpbcInuH3oK127/oUudJ+3l7E
280AEVsFvdjyrLASj8W5WhXhSV/pWGiqY8nPwTCRIww7RE5a2c06/qu1oNSi1AkA
mN8w5gz46+4Tg7FKpjiB+vU06TBXYbmzwKLb6Ek7vriWQOX6Cy0rNCtt+UGV3QUh
h1upWbzRiZoCsmcxVH8XEA0MkwNHD34JY/9BsUudIjR3p/bhvhvx1nK6Ybaez3Er
-----END CERTIFICATE-----
`;

const pod = `- apiVersion: v1
  kind: Pod
  metadata:
    annotations:
      kubectl.kubernetes.io/last-applied-configuration: |
        {"spec":{"password":"hunter2"}}
      proxy.istio.io/config: '{"holdApplicationUntilProxyStarts":true}'
    creationTimestamp: "2026-11-25T08:40:18Z"
    labels:
      app: cart
      pod-template-hash: 6484e12501
    name: cart-5cc5988dfc-nw7n8
    namespace: shop
    ownerReferences:
    - apiVersion: apps/v1
      kind: ReplicaSet
      name: cart-5cc5988dfc
    resourceVersion: "6254"
  spec:
    containers:
    - args:
      - proxy
      - sidecar
      - --token
      - s3cr3t
      env:
      - name: PILOT_CERT_PROVIDER
        value: istiod
      - name: DB_PASSWORD
        value: hunter2
      - name: HTTP_PROXY
        value: http://shop:hunter2@proxy.example:3128
      - name: POD_NAMESPACE
        valueFrom:
          fieldRef:
            apiVersion: v1
            fieldPath: metadata.namespace
      image: docker.io/istio/proxyv2:1.29.6
      name: istio-proxy
      ports:
      - containerPort: 15090
        name: http-envoy-prom
        protocol: TCP
      readinessProbe:
        httpGet:
          path: /healthz/ready
          port: 15021
    initContainers:
    - image: docker.io/istio/proxyv2:1.29.6
      name: istio-init
      restartPolicy: Always
    nodeName: aks-nodepool1-vmss000000
    serviceAccountName: cart
    volumes:
    - name: certs
      secret:
        secretName: cart-certs
    - configMap:
        name: istio-ca-root-cert
      name: istiod-ca-cert
  status:
    conditions:
    - lastProbeTime: null
      lastTransitionTime: "2026-11-25T08:40:20Z"
      message: 'containers with unready status: [istio-proxy]'
      reason: ContainersNotReady
      status: "False"
      type: Ready
    containerStatuses:
    - lastState:
        terminated:
          exitCode: 137
          finishedAt: "2026-11-25T08:41:02Z"
          reason: OOMKilled
          startedAt: "2026-11-25T08:40:19Z"
      name: istio-proxy
      ready: false
      restartCount: 2
      started: false
      state:
        waiting:
          message: back-off 20s restarting failed container
          reason: CrashLoopBackOff
    phase: Running
    podIP: 10.244.0.54
    podIPs:
    - ip: 10.244.0.54
    startTime: "2026-11-25T08:40:18Z"
`;

const list = (...items: readonly string[]): string =>
  items.length === 0
    ? 'apiVersion: v1\nitems: []\nkind: List\nmetadata:\n  resourceVersion: ""\n'
    : `apiVersion: v1\nitems:\n${items.join('')}kind: List\nmetadata:\n  resourceVersion: ""\n`;

const read = (text: string, path = 'cluster/k8s-resources', complete = true) =>
  runReader(kubeFile, text, { path }, { complete, chunkBytes: 50 });

describe('a pod', () => {
  const [fact] = factsOf(read(list(pod)), 'pod');

  it('is read with its place, owner and labels', () => {
    expect(fact?.at).toEqual({ file: 'cluster/k8s-resources', line: 3 });
    expect(fact?.meta).toEqual({
      name: 'cart-5cc5988dfc-nw7n8',
      namespace: 'shop',
      labels: { app: 'cart', 'pod-template-hash': '6484e12501' },
      annotations: { 'proxy.istio.io/config': '{"holdApplicationUntilProxyStarts":true}' },
      owners: [{ kind: 'ReplicaSet', name: 'cart-5cc5988dfc' }],
      created: '2026-11-25T08:40:18Z',
      resourceVersion: '6254',
    });
  });

  it('is read with what its containers went through', () => {
    expect(fact).toMatchObject({
      phase: 'Running',
      node: 'aks-nodepool1-vmss000000',
      ips: ['10.244.0.54'],
      serviceAccount: 'cart',
      volumes: [
        { name: 'certs', secret: 'cart-certs' },
        { name: 'istiod-ca-cert', configMap: 'istio-ca-root-cert' },
      ],
      conditions: [{ type: 'Ready', status: 'False', reason: 'ContainersNotReady' }],
    });
    const [init, proxy] = fact?.containers ?? [];
    expect(init).toMatchObject({ name: 'istio-init', init: true, nativeSidecar: true, now: { state: 'unknown' } });
    expect(proxy).toMatchObject({
      ready: false,
      started: false,
      restarts: 2,
      now: { state: 'waiting', reason: 'CrashLoopBackOff' },
      last: { state: 'terminated', reason: 'OOMKilled', exitCode: 137, finishedAt: '2026-11-25T08:41:02Z' },
      ports: [{ port: 15090, name: 'http-envoy-prom' }],
      readinessProbe: { path: '/healthz/ready', port: 15021 },
    });
  });

  it('keeps variables that mesh rules know, and no secrets', () => {
    const proxy = fact?.containers[1];
    expect(proxy?.env).toEqual({ PILOT_CERT_PROVIDER: 'istiod', HTTP_PROXY: 'http://[masked]@proxy.example:3128' });
    expect(proxy?.args).toEqual(['proxy', 'sidecar', '--token', '[masked]']);
    expect(JSON.stringify(fact)).not.toMatch(/hunter2|s3cr3t/);
  });
});

const service = `- apiVersion: v1
  kind: Service
  metadata:
    name: reviews
    namespace: shop
  spec:
    clusterIP: 10.96.0.7
    clusterIPs:
    - 10.96.0.7
    ports:
    - appProtocol: http
      name: web
      port: 80
      targetPort: http
    selector:
      app: reviews
    type: LoadBalancer
  status:
    loadBalancer:
      ingress:
      - ip: 203.0.113.10
`;

const slice = `- addressType: IPv4
  apiVersion: discovery.k8s.io/v1
  endpoints:
  - addresses:
    - 10.244.0.53
    conditions:
      ready: false
    nodeName: node-1
    targetRef:
      kind: Pod
      name: reviews-v1-jc75m
      namespace: shop
  kind: EndpointSlice
  metadata:
    labels:
      kubernetes.io/service-name: reviews
    name: reviews-jbk8d
    namespace: shop
  ports:
  - name: http
    port: 18080
    protocol: TCP
`;

describe('a Kubernetes list', () => {
  it('holds services, endpoints, workloads, namespaces, nodes and events', () => {
    const text = list(
      service,
      slice,
      '- apiVersion: v1\n  kind: Endpoints\n  metadata:\n    name: reviews\n    namespace: shop\n  subsets:\n  - addresses:\n    - ip: 10.244.0.1\n    notReadyAddresses:\n    - ip: 10.244.0.2\n    ports:\n    - name: http\n      port: 18080\n',
      '- apiVersion: apps/v1\n  kind: Deployment\n  metadata:\n    name: cart\n    namespace: shop\n  spec:\n    replicas: 2\n    selector:\n      matchLabels:\n        app: cart\n    template:\n      metadata:\n        labels:\n          app: cart\n      spec:\n        containers:\n        - image: shop/cart:1\n          name: cart\n  status:\n    availableReplicas: 1\n    readyReplicas: 1\n    replicas: 2\n',
      '- apiVersion: v1\n  kind: Namespace\n  metadata:\n    labels:\n      istio.io/rev: asm-1-29\n    name: shop\n  status:\n    phase: Active\n',
      '- apiVersion: v1\n  kind: Node\n  metadata:\n    name: node-1\n  spec:\n    providerID: azure:///subscriptions/0/vm/0\n    taints:\n    - effect: NoSchedule\n      key: cni.istio.io/not-ready\n      value: "true"\n    unschedulable: true\n  status:\n    nodeInfo:\n      kubeletVersion: v1.33.1\n      osImage: Ubuntu 22.04\n',
      '- apiVersion: v1\n  count: 4\n  eventTime: null\n  firstTimestamp: "2026-11-25T08:40:00Z"\n  involvedObject:\n    kind: Pod\n    name: cart-1\n    namespace: shop\n  kind: Event\n  lastTimestamp: "2026-11-25T08:41:00Z"\n  message: Back-off restarting failed container\n  metadata:\n    name: cart-1.18\n    namespace: shop\n  reason: BackOff\n  source:\n    component: kubelet\n    host: node-1\n  type: Warning\n',
    );
    const artifacts = read(text);
    expect(factsOf(artifacts, 'service')[0]).toMatchObject({
      type: 'LoadBalancer',
      clusterIPs: ['10.96.0.7'],
      selector: { app: 'reviews' },
      ports: [{ name: 'web', port: 80, targetPort: 'http', protocol: 'TCP', appProtocol: 'http' }],
      loadBalancerIPs: ['203.0.113.10'],
    });
    expect(factsOf(artifacts, 'endpoints')).toMatchObject([
      {
        kind: 'EndpointSlice',
        service: 'reviews',
        addresses: [{ ip: '10.244.0.53', ready: false, pod: 'reviews-v1-jc75m', node: 'node-1' }],
        ports: [{ name: 'http', port: 18080 }],
      },
      {
        kind: 'Endpoints',
        service: 'reviews',
        addresses: [
          { ip: '10.244.0.1', ready: true },
          { ip: '10.244.0.2', ready: false },
        ],
      },
    ]);
    expect(factsOf(artifacts, 'workload')[0]).toMatchObject({
      kind: 'Deployment',
      replicas: { desired: 2, current: 2, ready: 1, available: 1 },
      selector: { app: 'cart' },
      template: { labels: { app: 'cart' }, images: ['shop/cart:1'] },
    });
    expect(factsOf(artifacts, 'namespace')[0]?.meta.labels).toEqual({ 'istio.io/rev': 'asm-1-29' });
    expect(factsOf(artifacts, 'node')[0]).toMatchObject({
      providerId: 'azure:///subscriptions/0/vm/0',
      taints: ['cni.istio.io/not-ready=true:NoSchedule'],
      unschedulable: true,
      kubeletVersion: 'v1.33.1',
    });
    expect(factsOf(artifacts, 'event')[0]).toMatchObject({
      type: 'Warning',
      reason: 'BackOff',
      count: 4,
      object: { kind: 'Pod', namespace: 'shop', name: 'cart-1' },
      source: 'kubelet, node-1',
      first: '2026-11-25T08:40:00Z',
      last: '2026-11-25T08:41:00Z',
    });
    expect(factsOf(artifacts, 'gap')).toEqual([]);
  });

  it('proves what it did not hold, once it was read to its end', () => {
    const artifacts = read(list(service, '- apiVersion: v1\n  kind: Namespace\n  metadata:\n    name: shop\n'));
    expect(factsOf(artifacts, 'listing').map(({ kind, namespace }) => `${kind} ${namespace}`)).toEqual(
      expect.arrayContaining(['Pod *', 'Deployment *', 'MutatingWebhookConfiguration *', 'Namespace *']),
    );
    expect(factsOf(artifacts, 'seen').flatMap(({ kinds }) => kinds)).toEqual(
      expect.arrayContaining(['pod', 'service', 'endpoints', 'workload', 'namespace', 'config-map']),
    );
    expect(factsOf(read(list(service)), 'listing').map(({ kind }) => kind)).not.toContain('Namespace');
    for (const cut of [
      read(list(service, pod), 'cluster/k8s-resources', false),
      read(list(service, pod).slice(0, 900)),
    ]) {
      expect(factsOf(cut, 'listing')).toEqual([]);
      expect(factsOf(cut, 'gap').map(({ reason }) => reason)).toContain('truncated');
      expect(factsOf(cut, 'service')).toHaveLength(1);
    }
  });

  it('proves the istio namespace’s pods in cluster/pods and nothing in a loose file', () => {
    expect(factsOf(read(list(pod), 'cluster/pods'), 'listing')).toEqual([
      { kind: 'Pod', namespace: 'shop', at: { file: 'cluster/pods' } },
    ]);
    expect(factsOf(read(list(pod), 'pods.yaml'), 'listing')).toEqual([]);
  });

  it('is a gap where istioctl 1.30 lost it', () => {
    const artifacts = read(list());
    expect(artifacts.map(({ kind }) => kind)).toEqual(['gap']);
    expect(factsOf(artifacts, 'gap')[0]?.reason).toBe('not-available');
  });

  it('keeps its other objects when some are broken', () => {
    const broken = Array.from({ length: 25 }, () => '- apiVersion: v1\n  kind: Pod\n  metadata: {"name\n').join('');
    const artifacts = read(list(broken, service, '- apiVersion: v1\n  kind: Pod\n\tmetadata: x\n', pod));
    expect(factsOf(artifacts, 'service')).toHaveLength(1);
    expect(factsOf(artifacts, 'pod')).toHaveLength(1);
    const gaps = factsOf(artifacts, 'gap');
    expect(gaps).toHaveLength(21);
    expect(gaps[0]).toMatchObject({ reason: 'malformed', line: 3 });
    expect(gaps[0]?.detail).toMatch(/^Pod here is not valid YAML/);
    expect(gaps[20]?.detail).toBe('6 further objects could not be read');
    expect(factsOf(artifacts, 'listing').map(({ kind }) => kind)).not.toContain('Pod');
  });

  it('gives the kind of a typed list to its items, also when it comes behind them', () => {
    const typed =
      'apiVersion: v1\nitems:\n- metadata:\n    name: cart\n    namespace: shop\n  spec:\n    ports:\n    - port: 80\nkind: ServiceList\n';
    expect(factsOf(read(typed), 'service').map(({ meta }) => meta.name)).toEqual(['cart']);
    const json = '{"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"name":"cart-1","namespace":"shop"}}]}';
    expect(factsOf(read(json), 'pod').map(({ meta }) => meta.name)).toEqual(['cart-1']);
  });

  it('is read from JSON with pointers', () => {
    const json = JSON.stringify(
      {
        apiVersion: 'v1',
        items: [{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'cart' }, spec: {} }],
        kind: 'List',
      },
      undefined,
      4,
    );
    expect(factsOf(read(json), 'service')[0]?.at).toEqual({ file: 'cluster/k8s-resources', pointer: '/items/0' });
  });

  it('says what kubectl could not get', () => {
    const artifacts = runReader(kubeObjects, 'Error from server (NotFound): configmaps "istio" not found\n', {
      path: 'istio.yaml',
    });
    expect(factsOf(artifacts, 'gap')).toEqual([
      {
        file: 'istio.yaml',
        reason: 'not-available',
        detail: 'Error from server (NotFound): configmaps "istio" not found',
        line: 1,
      },
    ]);
  });

  it('does not hold what the mesh does not ask for', () => {
    const artifacts = read(
      list(
        '- apiVersion: networking.k8s.io/v1\n  kind: Ingress\n  metadata: {"broken\n',
        '- apiVersion: v1\n  data:\n    name: istio\n  kind: ConfigMap\n  metadata:\n    name: shop-settings\n    namespace: shop\n',
        '- apiVersion: serving.knative.dev/v1\n  kind: Service\n  metadata:\n    name: cart\n',
      ),
    );
    expect(artifacts.filter(({ kind }) => kind !== 'listing' && kind !== 'seen')).toEqual([]);
  });

  it('survives damage', () => {
    survivesDamage(kubeFile, list(service, slice), { path: 'cluster/k8s-resources' });
  });
});

describe('objects kept whole', () => {
  it('are configuration of Istio, with secrets masked', () => {
    const filter = `- apiVersion: networking.istio.io/v1alpha3
  kind: EnvoyFilter
  metadata:
    name: lua
    namespace: shop
  spec:
    configPatches:
    - patch:
        value:
          inlineCode: |
            function envoy_on_request(handle)
              handle:logInfo("cart")
            end
          password:
            inline_string: hunter2
          headers:
          - name: x-api-key
            value: hunter2
          token: hunter2
          credentialName: shop-tls
  status:
    conditions: []
`;
    const [fact] = factsOf(read(list(filter), 'cluster/crs'), 'object');
    expect(fact).toMatchObject({
      apiVersion: 'networking.istio.io/v1alpha3',
      kind: 'EnvoyFilter',
      status: { conditions: [] },
    });
    const text = JSON.stringify(fact?.body);
    expect(text).toContain('function envoy_on_request');
    expect(text).toContain('shop-tls');
    expect(text).not.toContain('hunter2');
  });

  it('are webhooks with what their CA bundle says', () => {
    const webhook = (bundle: string): string => `- apiVersion: admissionregistration.k8s.io/v1
  kind: MutatingWebhookConfiguration
  metadata:
    name: istio-sidecar-injector
  webhooks:
  - clientConfig:
      caBundle: ${bundle}
      service:
        name: istiod
        namespace: istio-system
    failurePolicy: Fail
    name: rev.namespace.sidecar-injector.istio.io
`;
    const bundleOf = (bundle: string): unknown => {
      const [fact] = factsOf(read(list(webhook(bundle))), 'object');
      const [first] = (fact?.body['webhooks'] ?? []) as { clientConfig: { caBundle?: unknown; service: unknown } }[];
      expect(first?.clientConfig.service).toEqual({ name: 'istiod', namespace: 'istio-system' });
      return first?.clientConfig.caBundle;
    };
    expect(bundleOf(Buffer.from(rootPem).toString('base64'))).toEqual({
      fingerprint: 'dfcfdb97ad1e7565804c5d32ae43a1b2a1e579f9022ae1c9e6e89425c3a82d4e',
      subject: 'O=cluster.local',
      issuer: 'O=cluster.local',
      serial: '74c48769af92be81249ca808c306ba14',
      from: '2026-11-25T08:00:05.000Z',
      until: '2036-11-22T08:00:05.000Z',
    });
    expect(bundleOf(Buffer.from('not a certificate').toString('base64'))).toEqual({
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(bundleOf('""')).toBeUndefined();
  });

  it('are definitions without their schemas', () => {
    const definition =
      '- apiVersion: apiextensions.k8s.io/v1\n  kind: CustomResourceDefinition\n  metadata:\n    name: sidecars.networking.istio.io\n  spec:\n    group: networking.istio.io\n    names:\n      kind: Sidecar\n    versions:\n    - name: v1\n      schema:\n        openAPIV3Schema:\n          type: object\n      served: true\n      storage: true\n  status:\n    storedVersions:\n    - v1\n';
    expect(factsOf(read(list(definition)), 'object')[0]?.body).toEqual({
      spec: {
        group: 'networking.istio.io',
        names: { kind: 'Sidecar' },
        versions: [{ name: 'v1', served: true, storage: true }],
      },
      storedVersions: ['v1'],
    });
  });
});

describe('ConfigMaps', () => {
  const configMap = (namespace: string, name: string, data: string): string =>
    `- apiVersion: v1\n  data:\n${data}  kind: ConfigMap\n  metadata:\n    name: ${name}\n    namespace: ${namespace}\n`;

  it('hold the mesh configuration of a revision', () => {
    const artifacts = read(
      list(
        configMap(
          'aks-istio-system',
          'istio-asm-1-29',
          '    mesh: |-\n      accessLogFile: /dev/stdout\n      trustDomain: cluster.local\n',
        ),
        configMap(
          'aks-istio-system',
          'istio-shared-configmap-asm-1-29',
          '    mesh: |\n      # ours\n      outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n',
        ),
        configMap('istio-system', 'istio', '    mesh: ""\n'),
      ),
    );
    expect(factsOf(artifacts, 'mesh-config').map(({ name, revision, config }) => ({ name, revision, config }))).toEqual(
      [
        {
          name: 'istio-asm-1-29',
          revision: 'asm-1-29',
          config: { accessLogFile: '/dev/stdout', trustDomain: 'cluster.local' },
        },
        {
          name: 'istio-shared-configmap-asm-1-29',
          revision: 'asm-1-29',
          config: { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } },
        },
        { name: 'istio', revision: 'default', config: {} },
      ],
    );
  });

  it('are a gap where the mesh configuration does not parse', () => {
    const [gap] = factsOf(
      read(list(configMap('istio-system', 'istio', '    mesh: |\n      a: "b\n      c: d\n'))),
      'gap',
    );
    expect(gap).toMatchObject({ reason: 'malformed', line: 3 });
    expect(gap?.detail).toMatch(/^mesh of ConfigMap istio-system\/istio is not valid YAML/);
  });

  it('hold one root certificate for all namespaces', () => {
    const data = `    root-cert.pem: |\n${rootPem.replace(/^(?=.)/gm, '      ')}`;
    const artifacts = read(
      list(configMap('shop', 'istio-ca-root-cert', data), configMap('reviews', 'istio-ca-root-cert', data)),
    );
    expect(factsOf(artifacts, 'certificate')).toMatchObject([
      {
        use: 'root',
        name: 'istio-ca-root-cert',
        serial: '74c48769af92be81249ca808c306ba14',
        subject: 'O=cluster.local',
        sans: [],
      },
    ]);
    const [first, second] = factsOf(artifacts, 'config-map');
    expect(first?.data['root-cert.pem']).toBe(rootPem);
    expect(second).toMatchObject({ meta: { namespace: 'reviews' }, data: {}, sameAs: 'shop/istio-ca-root-cert' });
  });
});

describe('Secrets', () => {
  it('leave only their name, type and number of keys', () => {
    const secret =
      '- apiVersion: v1\n  data:\n    tls.crt: aHVudGVyMg==\n    tls.key: aHVudGVyMg==\n  kind: Secret\n  metadata:\n    name: shop-tls\n    namespace: shop\n  type: kubernetes.io/tls\n';
    const artifacts = read(list(secret), 'cluster/secrets');
    expect(factsOf(artifacts, 'secret')).toEqual([
      {
        namespace: 'shop',
        name: 'shop-tls',
        type: 'kubernetes.io/tls',
        keys: 2,
        at: { file: 'cluster/secrets', line: 3 },
      },
    ]);
    expect(factsOf(artifacts, 'gap').map(({ reason }) => reason)).toEqual(['skipped']);
    expect(JSON.stringify(artifacts)).not.toContain('aHVudGVyMg');
  });
});

describe('loose files', () => {
  it('prove what they do not hold where their command asked for everything', () => {
    const listed = (command: string, text = list(service)) =>
      factsOf(runReader(kubeObjects, text, { path: 'svc.yaml', params: { command } }), 'listing').map(
        ({ kind, namespace }) => `${kind} ${namespace}`,
      );
    expect(listed('kubectl get svc,endpoints -n shop -o yaml')).toEqual(['Service shop', 'Endpoints shop']);
    expect(listed('kubectl get services -A -o yaml')).toEqual(['Service *']);
    expect(listed('kubectl get svc cart -n shop -o yaml')).toEqual([]);
    expect(listed('kubectl get svc -n shop -l app=cart -o yaml')).toEqual([]);
    expect(listed('kubectl get svc -o yaml')).toEqual([]);
    expect(listed('kubectl get svc -A -o yaml', list(service).slice(0, -40))).toEqual([]);
  });

  it.each([
    ['kube-objects', list(service)],
    ['kube-objects', `Warning: v1 Endpoints is deprecated in v1.33+\n${list(slice)}`],
    ['kube-objects', '{\n    "apiVersion": "v1",\n    "items": [],\n    "kind": "List"\n}\n'],
    ['kube-tables', 'No resources found in shop namespace.\n'],
    ['kube-tables', 'NAME        TYPE                DATA   AGE\nshop-tls    kubernetes.io/tls   2      68m\n'],
    [
      'kube-tables',
      'LAST SEEN   TYPE      REASON    OBJECT     MESSAGE\n5m          Normal    Pulled    pod/cart   Pulled\n',
    ],
    ['kube-describe', 'Name:             cart-1\nNamespace:        shop\nPriority:         0\n'],
    [undefined, '2026-11-25T08:40:18.000000Z\tinfo\tapiVersion: v1\n'],
    ['kube-tables', 'NAME   STATUS   AGE   LABELS\nshop   Active   1d    a=b\n'],
    ['kube-tables', 'NAME     READY   STATUS    RESTARTS   AGE\ncart-1   2/2     Running   0          5m\n'],
    [undefined, '{"configs": []}'],
  ])('are recognised as %s', (name, text) => {
    expect(recogniseKube(text)?.name).toBe(name);
  });
});
