import type { Json } from './json.ts';
import { collectedAt, discoveryAddress, istioVersion, type MeshPod, revision } from './mesh.ts';
import { hex, type Random, randomFor, seconds, uuid } from './random.ts';

const image = `mcr.example.com/istio/proxyv2:${istioVersion}`;
const born = seconds(collectedAt - 2 * 3600_000);

/** Labels of a Pod and of the template it comes from. */
export function podLabels(pod: MeshPod): Record<string, Json> {
  return { app: pod.service, ...(pod.version === '' ? {} : { version: pod.version }) };
}

/** The value that ends `last-applied-configuration` with a line break, as kubectl writes it. */
export function applied(value: Json): string {
  return `${JSON.stringify(value)}\n`;
}

/** Metadata of an object in kubectl's output. */
export function metadata(random: Random, name: string, namespace: string, more: Record<string, Json> = {}): Json {
  return {
    name,
    ...(namespace === '' ? {} : { namespace }),
    creationTimestamp: born,
    resourceVersion: `${10000 + Math.floor(random() * 900000)}`,
    uid: uuid(random),
    ...more,
  };
}

function field(name: string, path: string): Json {
  return { name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: path } } };
}

function limit(name: string, resource: string): Json {
  return { name, valueFrom: { resourceFieldRef: { divisor: '1', resource } } };
}

const mounts: readonly (readonly [path: string, name: string])[] = [
  ['/var/run/secrets/workload-spiffe-uds', 'workload-socket'],
  ['/var/run/secrets/credential-uds', 'credential-socket'],
  ['/var/run/secrets/workload-spiffe-credentials', 'workload-certs'],
  ['/var/run/secrets/istio', 'istiod-ca-cert'],
  ['/var/lib/istio/data', 'istio-data'],
  ['/etc/istio/proxy', 'istio-envoy'],
  ['/var/run/secrets/tokens', 'istio-token'],
  ['/etc/istio/pod', 'istio-podinfo'],
];

/** A Pod with an injected sidecar (native, as an init container), running and ready. */
export function podObject(pod: MeshPod, port: number): Json {
  const random = randomFor(11, pod.name);
  const tokenVolume = `kube-api-access-${hex(random, 5)}`;
  const token: Json = { mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', name: tokenVolume, readOnly: true };
  const started = seconds(collectedAt - 2 * 3600_000 + 30_000);
  const sidecarMounts = [...mounts.map(([mountPath, name]) => ({ mountPath, name })), token];
  const resources: Json = { limits: { cpu: '2', memory: '1Gi' }, requests: { cpu: '10m', memory: '64Mi' } };
  const security: Json = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    privileged: false,
    readOnlyRootFilesystem: true,
    runAsGroup: 1337,
    runAsNonRoot: true,
    runAsUser: 1337,
  };
  const common = {
    imagePullPolicy: 'IfNotPresent',
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadata(random, pod.name, pod.namespace, {
      annotations: {
        'istio.io/rev': revision,
        'kubectl.kubernetes.io/default-container': pod.service,
        'prometheus.io/path': '/stats/prometheus',
        'prometheus.io/port': '15020',
        'prometheus.io/scrape': 'true',
        'sidecar.istio.io/status': JSON.stringify({
          initContainers: ['istio-init', 'istio-proxy'],
          containers: null,
          volumes: mounts.map(([, name]) => name),
          imagePullSecrets: null,
          revision,
        }),
      },
      generateName: `${pod.workload}-${pod.templateHash}-`,
      labels: {
        ...podLabels(pod),
        'pod-template-hash': pod.templateHash,
        'security.istio.io/tlsMode': 'istio',
        'service.istio.io/canonical-name': pod.service,
        'service.istio.io/canonical-revision': pod.version === '' ? 'latest' : pod.version,
      },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          blockOwnerDeletion: true,
          controller: true,
          kind: 'ReplicaSet',
          name: `${pod.workload}-${pod.templateHash}`,
          uid: uuid(random),
        },
      ],
      uid: pod.uid,
    }),
    spec: {
      containers: [
        {
          ...common,
          args: ['--port', `${port}`, '--version', pod.version],
          image: `registry.example.com/shop/${pod.service}:1.4.2`,
          name: pod.service,
          ports: [{ containerPort: port, protocol: 'TCP' }],
          readinessProbe: {
            failureThreshold: 3,
            httpGet: { path: `/app-health/${pod.service}/readyz`, port: 15020, scheme: 'HTTP' },
            periodSeconds: 3,
            successThreshold: 1,
            timeoutSeconds: 1,
          },
          resources: { requests: { cpu: '5m', memory: '16Mi' } },
          volumeMounts: [token],
        },
      ],
      dnsPolicy: 'ClusterFirst',
      enableServiceLinks: true,
      initContainers: [
        {
          ...common,
          args: [
            'istio-iptables',
            '-p',
            '15001',
            '-z',
            '15006',
            '-u',
            '1337',
            '-m',
            'REDIRECT',
            '-i',
            '*',
            '-x',
            '',
            '-b',
            '*',
          ],
          image,
          name: 'istio-init',
          resources,
          securityContext: {
            ...security,
            capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] },
            runAsUser: 0,
          },
          volumeMounts: [token],
        },
        {
          ...common,
          args: ['proxy', 'sidecar', '--domain', '$(POD_NAMESPACE).svc.cluster.local', '--proxyLogLevel=warning'],
          env: [
            { name: 'PILOT_CERT_PROVIDER', value: 'istiod' },
            { name: 'CA_ADDR', value: discoveryAddress },
            field('POD_NAME', 'metadata.name'),
            field('POD_NAMESPACE', 'metadata.namespace'),
            field('INSTANCE_IP', 'status.podIP'),
            field('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
            field('HOST_IP', 'status.hostIP'),
            limit('ISTIO_CPU_LIMIT', 'limits.cpu'),
            { name: 'PROXY_CONFIG', value: `{"discoveryAddress":"${discoveryAddress}"}\n` },
            { name: 'ISTIO_META_POD_PORTS', value: `[\n    {"containerPort":${port},"protocol":"TCP"}\n]` },
            { name: 'ISTIO_META_APP_CONTAINERS', value: pod.service },
            limit('GOMEMLIMIT', 'limits.memory'),
            limit('GOMAXPROCS', 'limits.cpu'),
            { name: 'ISTIO_META_CLUSTER_ID', value: 'Kubernetes' },
            field('ISTIO_META_NODE_NAME', 'spec.nodeName'),
            { name: 'ISTIO_META_INTERCEPTION_MODE', value: 'REDIRECT' },
            { name: 'ISTIO_META_WORKLOAD_NAME', value: pod.workload },
            { name: 'ISTIO_META_MESH_ID', value: 'cluster.local' },
            { name: 'TRUST_DOMAIN', value: 'cluster.local' },
            {
              name: 'ISTIO_KUBE_APP_PROBERS',
              value: JSON.stringify({
                [`/app-health/${pod.service}/readyz`]: {
                  httpGet: { path: '/', port, scheme: 'HTTP' },
                  timeoutSeconds: 1,
                },
              }),
            },
          ],
          image,
          lifecycle: {
            preStop: { exec: { command: ['pilot-agent', 'request', '--debug-port=15020', 'POST', 'drain'] } },
          },
          name: 'istio-proxy',
          ports: [{ containerPort: 15090, name: 'http-envoy-prom', protocol: 'TCP' }],
          readinessProbe: {
            failureThreshold: 4,
            httpGet: { path: '/healthz/ready', port: 15021, scheme: 'HTTP' },
            periodSeconds: 15,
            successThreshold: 1,
            timeoutSeconds: 3,
          },
          resources,
          restartPolicy: 'Always',
          securityContext: security,
          volumeMounts: sidecarMounts,
        },
      ],
      nodeName: pod.node,
      preemptionPolicy: 'PreemptLowerPriority',
      priority: 0,
      restartPolicy: 'Always',
      schedulerName: 'default-scheduler',
      securityContext: {},
      serviceAccount: pod.service,
      serviceAccountName: pod.service,
      terminationGracePeriodSeconds: 30,
      tolerations: ['not-ready', 'unreachable'].map((key) => ({
        effect: 'NoExecute',
        key: `node.kubernetes.io/${key}`,
        operator: 'Exists',
        tolerationSeconds: 300,
      })),
      volumes: [
        ...['workload-socket', 'credential-socket', 'workload-certs', 'istio-data'].map((name) => ({
          emptyDir: {},
          name,
        })),
        { emptyDir: { medium: 'Memory' }, name: 'istio-envoy' },
        { configMap: { defaultMode: 420, name: 'istio-ca-root-cert' }, name: 'istiod-ca-cert' },
        {
          name: tokenVolume,
          projected: {
            defaultMode: 420,
            sources: [
              { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
              { configMap: { items: [{ key: 'ca.crt', path: 'ca.crt' }], name: 'kube-root-ca.crt' } },
            ],
          },
        },
      ],
    },
    status: {
      conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(
        (type) => ({
          lastProbeTime: null,
          lastTransitionTime: started,
          status: 'True',
          type,
        }),
      ),
      containerStatuses: [
        containerStatus(random, pod.service, `registry.example.com/shop/${pod.service}:1.4.2`, started),
      ],
      hostIP: '10.77.0.10',
      hostIPs: [{ ip: '10.77.0.10' }],
      initContainerStatuses: [
        {
          ...(containerStatus(random, 'istio-init', image, started) as Record<string, Json>),
          started: false,
          state: { terminated: { exitCode: 0, finishedAt: started, reason: 'Completed', startedAt: born } },
        },
        containerStatus(random, 'istio-proxy', image, started),
      ],
      phase: 'Running',
      podIP: pod.ip,
      podIPs: [{ ip: pod.ip }],
      qosClass: 'Burstable',
      startTime: born,
    },
  };
}

function containerStatus(random: Random, name: string, from: string, started: string): Json {
  return {
    containerID: `containerd://${hex(random, 64)}`,
    image: from,
    imageID: `sha256:${hex(random, 64)}`,
    lastState: {},
    name,
    ready: true,
    restartCount: 0,
    started: true,
    state: { running: { startedAt: started } },
  };
}
