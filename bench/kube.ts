import { certificate } from './certificate.ts';
import type { Json } from './json.ts';
import { applied, metadata, podLabels, podObject } from './kube-pods.ts';
import { eventName } from './logs.ts';
import {
  collectedAt,
  type GeneratedMesh,
  gatewayNamespace,
  type MeshPod,
  type MeshService,
  revision,
  systemNamespace,
} from './mesh.ts';
import { between, pick, type Random, seconds } from './random.ts';

const istioNamespaces = [systemNamespace, gatewayNamespace];

/** The objects of `cluster/k8s-resources`, in kubectl's order of kinds, filled up with events to the size's count. */
export function* k8sResources(mesh: GeneratedMesh, random: Random): Generator<Json> {
  let left = mesh.size.objects;
  for (const item of describedObjects(mesh, random)) {
    left -= 1;
    yield item;
  }
  for (; left > 0; left -= 1) yield eventObject(pick(random, mesh.pods), random);
}

function* describedObjects(mesh: GeneratedMesh, random: Random): Generator<Json> {
  const workloads = workloadsOf(mesh);
  const gateways = mesh.proxies.filter((proxy) => proxy.kind === 'router');
  for (const pod of istioPods(mesh)) yield pod;
  for (const service of mesh.services) for (const pod of service.pods) yield podObject(pod, service.targetPort);
  for (const gateway of gateways) yield gatewayService(gateway.workload, random);
  for (const service of mesh.services) yield serviceObject(service, random);
  for (const [pod, service] of workloads) yield deploymentObject(pod, service, random);
  for (const [pod, service] of workloads) yield replicaSetObject(pod, service, random);
  for (const node of mesh.nodes) yield nodeObject(node, random);
  for (const namespace of [...mesh.namespaces, ...istioNamespaces, 'default', 'kube-system']) {
    yield namespaceObject(namespace, mesh.namespaces.includes(namespace), random);
  }
  for (const service of mesh.services) yield endpointsObject(service, random);
  for (const service of mesh.services) yield endpointSliceObject(service, random);
  for (const namespace of mesh.namespaces) {
    yield configMapObject('istio-ca-root-cert', namespace, rootData(mesh), random);
  }
  for (let i = 0; i < mesh.services.length; i += 4) {
    const service = mesh.services[i];
    if (service !== undefined)
      yield configMapObject(`${service.name}-settings`, service.namespace, settings(service), random);
  }
  yield configMapObject(
    `istio-${revision}`,
    systemNamespace,
    { mesh: meshConfig, meshNetworks: 'networks: {}' },
    random,
  );
}

const meshConfig = `accessLogFile: /dev/stdout
defaultConfig:
  discoveryAddress: istiod-${revision}.${systemNamespace}.svc:15012
enablePrometheusMerge: true
rootNamespace: ${systemNamespace}
trustDomain: cluster.local`;

function rootData(mesh: GeneratedMesh): Record<string, Json> {
  const plan = { notBefore: collectedAt - 86_400_000, notAfter: collectedAt + 3649 * 86_400_000 };
  let state = mesh.seed;
  // A stream with a fixed start: the same root in every namespace.
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 4294967296;
  };
  return { 'root-cert.pem': certificate(random, plan) };
}

function settings(service: MeshService): Record<string, Json> {
  return {
    'application.properties': `service.name=${service.name}\nservice.greeting=Grüße aus ${service.namespace}\nretry.limit=3 \n\ntimeout=2s\n`,
    enabled: 'true',
    port: `${service.port}`,
    note: `Settings of ${service.name}, which are read once at start: a change needs a restart of the Pods to take effect`,
  };
}

function istioPods(mesh: GeneratedMesh): Json[] {
  const gateways = mesh.proxies.filter((proxy) => proxy.kind === 'router');
  return [
    ...gateways.map((gateway) =>
      plainPod(gateway.name, gateway.namespace, gateway.ip, gateway.node, 'istio-proxy', {
        app: gateway.app,
        istio: gateway.app,
        'istio.io/rev': revision,
      }),
    ),
    ...istiodPods(mesh),
  ];
}

/** The Pods of the control plane: also the content of `cluster/pods`. */
export function istiodPods(mesh: GeneratedMesh): Json[] {
  return mesh.istiods.map((pod) =>
    plainPod(pod.name, pod.namespace, pod.ip, pod.node, 'discovery', {
      app: 'istiod',
      istio: 'pilot',
      'istio.io/rev': revision,
    }),
  );
}

function plainPod(
  name: string,
  namespace: string,
  ip: string,
  node: string,
  container: string,
  labels: Record<string, Json>,
): Json {
  const started = seconds(collectedAt - 2 * 3600_000);
  const repository = container === 'discovery' ? 'pilot' : 'proxyv2';
  const image = `mcr.example.com/istio/${repository}:1.29.6`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, creationTimestamp: started, labels },
    spec: { containers: [{ image, name: container, resources: {} }], nodeName: node, restartPolicy: 'Always' },
    status: {
      conditions: [{ lastProbeTime: null, lastTransitionTime: started, status: 'True', type: 'Ready' }],
      containerStatuses: [
        {
          image,
          lastState: {},
          name: container,
          ready: true,
          restartCount: 0,
          started: true,
          state: { running: { startedAt: started } },
        },
      ],
      phase: 'Running',
      podIP: ip,
    },
  };
}

function workloadsOf(mesh: GeneratedMesh): (readonly [MeshPod, MeshService])[] {
  const seen = new Map<string, readonly [MeshPod, MeshService]>();
  for (const service of mesh.services) {
    for (const pod of service.pods) seen.set(`${pod.namespace}/${pod.workload}`, [pod, service]);
  }
  return [...seen.values()];
}

function serviceObject(service: MeshService, random: Random): Json {
  const port: Json = { name: service.portName, port: service.port, targetPort: service.targetPort };
  const annotations: Record<string, Json> = {
    'kubectl.kubernetes.io/last-applied-configuration': applied({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { annotations: {}, labels: { app: service.name }, name: service.name, namespace: service.namespace },
      spec: { ports: [port], selector: { app: service.name } },
    }),
  };
  if (!service.exported) annotations['networking.istio.io/exportTo'] = '.';
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(random, service.name, service.namespace, { annotations, labels: { app: service.name } }),
    spec: {
      clusterIP: service.ip,
      clusterIPs: [service.ip],
      internalTrafficPolicy: 'Cluster',
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ ...port, protocol: 'TCP' }],
      selector: { app: service.name },
      sessionAffinity: 'None',
      type: 'ClusterIP',
    },
    status: { loadBalancer: {} },
  };
}

function gatewayService(name: string, random: Random): Json {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(random, name, gatewayNamespace, { labels: { app: name, istio: name } }),
    spec: {
      clusterIP: name.endsWith('external') ? '10.0.250.1' : '10.0.250.2',
      ports: [{ name: 'http2', port: 80, protocol: 'TCP', targetPort: 80 }],
      selector: { app: name, istio: name },
      type: 'LoadBalancer',
    },
    status: { loadBalancer: { ingress: [{ ip: name.endsWith('external') ? '203.0.113.10' : '10.77.0.40' }] } },
  };
}

function template(pod: MeshPod, service: MeshService): Json {
  return {
    metadata: { creationTimestamp: null, labels: podLabels(pod) },
    spec: {
      containers: [
        {
          args: ['--port', `${service.targetPort}`, '--version', pod.version],
          image: `registry.example.com/shop/${pod.service}:1.4.2`,
          imagePullPolicy: 'IfNotPresent',
          name: pod.service,
          ports: [{ containerPort: service.targetPort, protocol: 'TCP' }],
          resources: { requests: { cpu: '5m', memory: '16Mi' } },
        },
      ],
      dnsPolicy: 'ClusterFirst',
      restartPolicy: 'Always',
      serviceAccountName: pod.service,
    },
  };
}

function replicasOf(pod: MeshPod, service: MeshService): number {
  return service.pods.filter((other) => other.workload === pod.workload).length;
}

function deploymentObject(pod: MeshPod, service: MeshService, random: Random): Json {
  const replicas = replicasOf(pod, service);
  const at = seconds(collectedAt - 7_000_000);
  const matchLabels = podLabels(pod);
  const condition = (type: string, reason: string, message: string): Json => ({
    lastTransitionTime: at,
    lastUpdateTime: at,
    message,
    reason,
    status: 'True',
    type,
  });
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(random, pod.workload, pod.namespace, {
      annotations: {
        'deployment.kubernetes.io/revision': '1',
        'kubectl.kubernetes.io/last-applied-configuration': applied({
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { annotations: {}, labels: matchLabels, name: pod.workload, namespace: pod.namespace },
          spec: { replicas, selector: { matchLabels }, template: template(pod, service) },
        }),
      },
      generation: 1,
      labels: matchLabels,
    }),
    spec: {
      progressDeadlineSeconds: 600,
      replicas,
      revisionHistoryLimit: 10,
      selector: { matchLabels },
      strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' }, type: 'RollingUpdate' },
      template: template(pod, service),
    },
    status: {
      availableReplicas: replicas,
      conditions: [
        condition('Available', 'MinimumReplicasAvailable', 'Deployment has minimum availability.'),
        condition(
          'Progressing',
          'NewReplicaSetAvailable',
          `ReplicaSet "${pod.workload}-${pod.templateHash}" has successfully progressed.`,
        ),
      ],
      observedGeneration: 1,
      readyReplicas: replicas,
      replicas,
      updatedReplicas: replicas,
    },
  };
}

function replicaSetObject(pod: MeshPod, service: MeshService, random: Random): Json {
  const replicas = replicasOf(pod, service);
  const labels = { ...podLabels(pod), 'pod-template-hash': pod.templateHash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: metadata(random, `${pod.workload}-${pod.templateHash}`, pod.namespace, {
      annotations: { 'deployment.kubernetes.io/desired-replicas': `${replicas}` },
      labels,
    }),
    spec: { replicas, selector: { matchLabels: labels }, template: template(pod, service) },
    status: { availableReplicas: replicas, observedGeneration: 1, readyReplicas: replicas, replicas },
  };
}

function nodeObject(name: string, random: Random): Json {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: metadata(random, name, '', {
      labels: {
        'kubernetes.io/arch': 'amd64',
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'topology.kubernetes.io/region': 'westeurope',
        'topology.kubernetes.io/zone': 'westeurope-1',
      },
    }),
    spec: { podCIDR: '10.244.0.0/24' },
    status: {
      addresses: [{ address: '10.77.0.10', type: 'InternalIP' }],
      allocatable: { cpu: '2', memory: '24581692Ki', pods: '110' },
      conditions: [
        {
          lastTransitionTime: seconds(collectedAt - 86_400_000),
          reason: 'KubeletReady',
          status: 'True',
          type: 'Ready',
        },
      ],
      nodeInfo: { architecture: 'amd64', kubeletVersion: 'v1.33.13', operatingSystem: 'linux' },
    },
  };
}

/** `cluster/nodes`. */
export function nodeObjects(mesh: GeneratedMesh, random: Random): Json[] {
  return mesh.nodes.map((node) => nodeObject(node, random));
}

function namespaceObject(name: string, injected: boolean, random: Random): Json {
  const labels: Record<string, Json> = { 'kubernetes.io/metadata.name': name };
  if (injected) labels['istio.io/rev'] = revision;
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: metadata(random, name, '', { labels }),
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  };
}

function targetRef(pod: MeshPod): Json {
  return { kind: 'Pod', name: pod.name, namespace: pod.namespace, uid: pod.uid };
}

function endpointsObject(service: MeshService, random: Random): Json {
  const addresses = service.pods.map((pod) => ({ ip: pod.ip, nodeName: pod.node, targetRef: targetRef(pod) }));
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: metadata(random, service.name, service.namespace, {
      annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': seconds(collectedAt - 7_000_000) },
      labels: { app: service.name },
    }),
    subsets: [{ addresses, ports: [{ name: service.portName, port: service.targetPort, protocol: 'TCP' }] }],
  };
}

function endpointSliceObject(service: MeshService, random: Random): Json {
  return {
    addressType: 'IPv4',
    apiVersion: 'discovery.k8s.io/v1',
    endpoints: service.pods.map((pod) => ({
      addresses: [pod.ip],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: pod.node,
      targetRef: targetRef(pod),
      zone: 'westeurope-1',
    })),
    kind: 'EndpointSlice',
    metadata: metadata(random, `${service.name}-${service.uid.slice(0, 5)}`, service.namespace, {
      labels: { app: service.name, 'kubernetes.io/service-name': service.name },
    }),
    ports: [{ name: service.portName, port: service.targetPort, protocol: 'TCP' }],
  };
}

function configMapObject(name: string, namespace: string, data: Record<string, Json>, random: Random): Json {
  return { apiVersion: 'v1', data, kind: 'ConfigMap', metadata: metadata(random, name, namespace) };
}

const reasons: readonly (readonly [reason: string, type: string, message: (pod: MeshPod) => string])[] = [
  ['Scheduled', 'Normal', (pod) => `Successfully assigned ${pod.namespace}/${pod.name} to ${pod.node}`],
  ['Pulled', 'Normal', () => 'Container image "mcr.example.com/istio/proxyv2:1.29.6" already present on machine'],
  ['Created', 'Normal', (pod) => `Created container: ${pod.service}`],
  ['Started', 'Normal', (pod) => `Started container ${pod.service}`],
  ['Unhealthy', 'Warning', () => 'Startup probe failed: HTTP probe failed with statuscode: 503'],
];

function eventObject(pod: MeshPod, random: Random): Json {
  const [reason, type, message] = pick(random, reasons);
  const at = seconds(collectedAt - between(random, 60_000, 3_600_000));
  return {
    apiVersion: 'v1',
    count: between(random, 1, 3),
    eventTime: null,
    firstTimestamp: at,
    involvedObject: {
      apiVersion: 'v1',
      fieldPath: 'spec.containers{istio-proxy}',
      kind: 'Pod',
      name: pod.name,
      namespace: pod.namespace,
      uid: pod.uid,
    },
    kind: 'Event',
    lastTimestamp: at,
    message: message(pod),
    metadata: metadata(random, eventName(random, pod.name), pod.namespace),
    reason,
    reportingComponent: 'kubelet',
    reportingInstance: pod.node,
    source: { component: 'kubelet', host: pod.node },
    type,
  };
}
