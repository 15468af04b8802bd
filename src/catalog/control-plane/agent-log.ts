import { counted, podName, some } from '../evidence.ts';
import { defineLogRules, type Matched } from '../log-rules.ts';

const who = ({ pods }: Matched): string => some(pods.map(podName));

/** Problems that pilot-agent or Envoy state in the log of a proxy, outside the access log. */
export const agentLogRules = defineLogRules('proxy', [
  {
    id: 'untrusted-istiod-certificate',
    title: 'Proxies that do not trust istiod',
    area: 'security',
    severity: 'error',
    why: 'A proxy checks istiod’s certificate against the root in ConfigMap istio-ca-root-cert. When the CA was replaced, proxies with the old root get neither configuration nor certificates.',
    fix: [
      {
        do: 'Compare the root of the namespace with the one istiod uses',
        run: `kubectl get configmap istio-ca-root-cert -n {{podNamespace}} -o jsonpath='{.data.root-cert\\.pem}' | openssl x509 -noout -fingerprint -sha256`,
      },
      {
        do: 'Restart istiod so that it writes the present root, then the workloads with the old one',
        run: 'kubectl rollout restart deployment -n {{podNamespace}}',
      },
    ],
    references: ['https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/'],
    source: 'knowledge D136 CA-X509, F05',
    contains: 'authentication handshake failed',
    matching:
      /authentication handshake failed: (?:tls: failed to verify certificate: )?x509: (?<why>certificate signed by unknown authority|certificate has expired or is not yet valid|certificate is (?:not )?valid for)/,
    groupBy: ['why'],
    message: (matched) =>
      `${who(matched)} ${matched.pods.length === 1 ? 'does' : 'do'} not trust istiod: ${matched.captures['why']}`,
    explains: [
      'distrusted-istiod',
      'unreachable-control-plane',
      'never-ready-proxy',
      'absent-proxy',
      'failing-certificate-signing',
    ],
    fires: [
      '2026-05-01T10:00:01.000000Z\twarning\tenvoy config\tStreamSecrets gRPC config stream to sds-grpc closed: 2, failed to generate secret for default: failed to generate workload certificate: create certificate: rpc error: code = Unavailable desc = connection error: desc = "transport: authentication handshake failed: x509: certificate signed by unknown authority"\tthread=14',
    ],
    quiet: [
      '2026-05-01T10:00:01.000000Z\twarning\tenvoy config\tDeltaAggregatedResources gRPC config stream to xds-grpc closed: 14, connection error: desc = "transport: authentication handshake failed: EOF"\tthread=14',
    ],
  },
  {
    id: 'refused-proxy-identity',
    title: 'Proxies whose identity istiod refuses',
    area: 'security',
    severity: 'error',
    why: 'istiod accepts neither the certificate nor the token of the proxy, so it gets no configuration.',
    fix: [
      {
        do: 'Read istiod’s reason at the same time: its log says `Failed to authenticate client from` and the address of the pod',
        run: 'kubectl get pod {{podName}} -n {{podNamespace}} -o wide',
      },
      {
        do: 'Recreate the pod, which gives it a new token',
        run: 'kubectl rollout restart deployment -n {{podNamespace}}',
      },
    ],
    references: ['https://istio.io/latest/docs/ops/best-practices/security/'],
    source: 'knowledge D086 XDS-CLOSED-16',
    contains: 'gRPC config stream',
    matching:
      /AggregatedResources gRPC config stream (?:to \S+ )?closed(?: since \d+s ago)?: 16, (?<why>[^\n\t]{0,120})/,
    groupBy: [],
    atLeast: 2,
    message: (matched) =>
      `istiod refuses the identity of ${who(matched)} (${counted(matched.count, 'time')}): ${matched.captures['why']}`,
    explains: ['never-ready-proxy', 'absent-proxy'],
    fires: [
      [1, 2]
        .map(
          (second) =>
            `2026-05-01T10:00:0${second}.000000Z\twarning\tenvoy config\tStreamAggregatedResources gRPC config stream closed: 16, authentication failure\tthread=14`,
        )
        .join('\n'),
    ],
    quiet: [
      '2026-05-01T10:00:01.000000Z\twarning\tenvoy config\tStreamAggregatedResources gRPC config stream closed: 13, \tthread=14',
    ],
  },
  {
    id: 'timed-out-xds-resource',
    title: 'Resource that never arrived',
    area: 'data-plane',
    severity: 'warning',
    why: 'A listener or cluster names a resource that istiod or the agent did not deliver in time: a Secret that does not exist, routes of an overloaded istiod, an extension that could not be fetched. Envoy goes on without it.',
    fix: [
      {
        do: 'See which secrets, routes or clusters of the proxy are missing or warming',
        run: 'istioctl proxy-config secret {{pod}}',
      },
    ],
    references: ['https://istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd/'],
    source: 'knowledge D087 XDS-FETCH-TIMEOUT',
    contains: 'initial fetch timed out for ',
    matching: /initial fetch timed out for type\.googleapis\.com\/(?<type>\S+)/,
    groupBy: ['type'],
    message: (matched) =>
      `${who(matched)} waited in vain for a resource of type ${(matched.captures['type'] ?? '').split('.').at(-1)}`,
    fires: [
      '2026-05-01T10:00:01.000000Z\twarning\tenvoy config\tgRPC config: initial fetch timed out for type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\tthread=14',
    ],
    quiet: [
      '2026-05-01T10:00:01.000000Z\tinfo\txdsproxy\tconnected to delta upstream XDS server: istiod.istio-system.svc:15012\tid=1',
    ],
  },
  {
    id: 'oversized-xds-response',
    title: 'Configuration larger than the proxy accepts',
    area: 'data-plane',
    severity: 'error',
    why: 'One message of the configuration exceeds the gRPC limit: the stream ends and starts again, and the proxy’s configuration freezes.',
    fix: [
      {
        do: 'Give the proxy only the services it calls, with a Sidecar object in its namespace',
        run: 'kubectl get sidecars -A',
      },
      { do: 'Look for very large EnvoyFilters', run: 'kubectl get envoyfilters -A' },
    ],
    references: ['https://istio.io/latest/docs/ops/configuration/mesh/configuration-scoping/'],
    source: 'knowledge D083 XDS-TOO-LARGE, F10',
    contains: 'received message larger than max',
    matching: /received message larger than max \((?<size>\d+) vs\. (?<limit>\d+)\)/,
    groupBy: [],
    message: (matched) =>
      `${who(matched)} ${matched.pods.length === 1 ? 'is' : 'are'} sent messages of ${matched.captures['size']} bytes (limit ${matched.captures['limit']}), ${counted(matched.count, 'time')}`,
    explains: ['stale-proxy', 'unreachable-control-plane', 'never-ready-proxy'],
    fires: [
      '2026-05-01T10:00:01.000000Z\twarn\txdsproxy\tupstream terminated with unexpected error rpc error: code = ResourceExhausted desc = grpc: received message larger than max (4243942 vs. 4000000)',
    ],
    quiet: [
      '2026-05-01T10:00:01.000000Z\twarn\txdsproxy\tupstream terminated with unexpected error rpc error: code = Unavailable desc = error reading from server: EOF',
    ],
  },
  {
    id: 'missing-root-certificate',
    title: 'Proxy without the root certificate of istiod',
    area: 'injection',
    severity: 'error',
    why: 'istiod writes ConfigMap istio-ca-root-cert into every namespace it watches; without it a proxy cannot trust istiod and does not start.',
    fix: [
      {
        do: 'Check the ConfigMap and that discoverySelectors include the namespace',
        run: 'kubectl get configmap istio-ca-root-cert -n {{podNamespace}}',
      },
      { do: 'Restart the pods once it is there', run: 'kubectl rollout restart deployment -n {{podNamespace}}' },
    ],
    references: ['https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/'],
    source: 'knowledge D042 AGT-ROOTCA-MISSING',
    contains: 'root CA file for ',
    matching: /root CA file for (?:XDS|CA) does not exist (?<path>\S+)/,
    groupBy: [],
    message: (matched) =>
      `${who(matched)} ${matched.pods.length === 1 ? 'has' : 'have'} no root certificate: ${matched.captures['path']} does not exist`,
    explains: ['broken-sidecar-pod', 'never-ready-proxy', 'missing-replicas'],
    fires: [
      '2026-05-01T10:00:01.000000Z\terror\tfailed to start xds proxy: failed to find root XDS CA: root CA file for XDS does not exist ./var/run/secrets/istio/root-cert.pem',
    ],
    quiet: [
      '2026-05-01T10:00:01.000000Z\tinfo\tUsing CA istiod.istio-system.svc:15012 cert with certs: var/run/secrets/istio/root-cert.pem',
    ],
  },
  {
    id: 'unreadable-service-account-token',
    title: 'Proxy without a service account token',
    area: 'injection',
    severity: 'error',
    why: 'The agent shows istiod the token of the pod to get a certificate; without the token it gets none.',
    fix: [
      {
        do: 'Check that the pod has volume istio-token, and automountServiceAccountToken and token projection are not turned off',
        run: 'kubectl get pod {{podName}} -n {{podNamespace}} -o yaml | grep -A8 istio-token',
      },
    ],
    references: [
      'https://istio.io/latest/docs/ops/best-practices/security/#configure-third-party-service-account-tokens',
    ],
    source: 'envoy-formats A07; knowledge D133',
    contains: 'failed to fetch token from file',
    matching: /failed to fetch token from file: (?<why>[^\n]{1,160})/,
    groupBy: [],
    message: (matched) => `${who(matched)} cannot read its service account token: ${matched.captures['why']}`,
    explains: ['never-ready-proxy', 'absent-proxy', 'failing-certificate-signing'],
    fires: [
      '2026-05-01T10:00:01.000000Z\terror\tcitadelclient\tfailed to fetch token from file: open ./var/run/secrets/tokens/istio-token: no such file or directory',
    ],
    quiet: ['2026-05-01T10:00:01.000000Z\tinfo\tJWT policy is third-party-jwt'],
  },
  {
    id: 'exhausted-inotify',
    title: 'Node without inotify instances',
    area: 'platform',
    severity: 'error',
    why: 'Every proxy on a node runs as the same user and shares its inotify instances (128 by default); the proxy that finds none left does not start.',
    fix: [
      { do: 'Raise fs.inotify.max_user_instances on the nodes, e.g. to 8192' },
      {
        do: 'Verify on the node',
        run: 'kubectl debug node/NODE -it --image=busybox -- sysctl fs.inotify.max_user_instances',
      },
    ],
    references: ['https://github.com/istio/istio/issues/35829'],
    source: 'knowledge D039 AGT-INOTIFY, F29',
    contains: 'too many open files',
    matching: /failed to start workload secret manager:? too many open files/,
    message: (matched) => `${who(matched)} cannot start: the node has no inotify instance left`,
    explains: ['broken-sidecar-pod', 'never-ready-proxy', 'missing-replicas'],
    fires: [
      '2026-05-01T10:00:01.000000Z\terror\tfailed to start SDS server: failed to start workload secret manager too many open files',
    ],
    quiet: ['2026-05-01T10:00:01.000000Z\twarning\tenvoy main\tsocket: too many open files\tthread=1'],
  },
  {
    id: 'proxy-wait-timeout',
    title: 'Application waits in vain for its proxy',
    area: 'injection',
    severity: 'error',
    why: 'With holdApplicationUntilProxyStarts the pod waits up to a minute for its proxy, then the proxy container is restarted.',
    fix: [
      {
        do: 'Find out why the proxy is not ready',
        run: 'kubectl logs {{podName}} -n {{podNamespace}} -c istio-proxy --previous',
      },
      { do: 'For Jobs use native sidecars' },
    ],
    references: ['https://istio.io/latest/docs/ops/common-problems/injection/'],
    source: 'knowledge D036 AGT-WAIT-TIMEOUT',
    contains: 'timeout waiting for Envoy proxy to become ready',
    matching: /timeout waiting for Envoy proxy to become ready\. Last error: (?<why>[^\n]{1,160})/,
    groupBy: [],
    message: (matched) =>
      `${who(matched)} waited in vain for the proxy (${counted(matched.count, 'time')}): ${matched.captures['why']}`,
    symptom: true,
    explains: ['broken-sidecar-pod', 'missing-replicas'],
    fires: [
      'Error: timeout waiting for Envoy proxy to become ready. Last error: Get "http://localhost:15021/healthz/ready": dial tcp 127.0.0.1:15021: connect: connection refused',
    ],
    quiet: ['2026-05-01T10:00:01.000000Z\tinfo\tReadiness succeeded in 2.381538s'],
  },
  {
    id: 'crashed-envoy',
    title: 'Envoy that crashes',
    area: 'data-plane',
    severity: 'error',
    why: 'When Envoy ends by a signal or refuses its bootstrap, all connections through it break and the container restarts.',
    fix: [
      {
        do: 'Read the lines before the exit',
        run: 'kubectl logs {{podName}} -n {{podNamespace}} -c istio-proxy --previous --tail=60',
      },
      { do: 'Compare the version with Istio’s security bulletins, and upgrade' },
    ],
    references: ['https://istio.io/latest/news/security/'],
    source: 'knowledge D038 AGT-EXIT',
    contains: 'exited with error: ',
    matching:
      /(?:Envoy|Epoch \d+) exited with error: (?<why>signal: (?:segmentation fault|aborted|bus error|illegal instruction)[^\n]{0,40}|exit status \d+)/,
    groupBy: ['why'],
    message: (matched) =>
      `Envoy of ${who(matched)} ended ${counted(matched.count, 'time')}: ${matched.captures['why']}`,
    explains: ['broken-sidecar-pod', 'missing-replicas', 'failed-upstream-connection', 'reset-upstream-connection'],
    fires: [
      '2026-05-01T10:00:01.000000Z\terror\tEnvoy exited with error: signal: segmentation fault (core dumped)',
      '2026-05-01T10:00:01.000000Z\terror\tEpoch 0 exited with error: exit status 1',
    ],
    quiet: ['2026-05-01T10:00:01.000000Z\terror\tEnvoy exited with error: signal: killed'],
  },
  {
    id: 'occupied-dns-port',
    title: 'DNS proxy without its port',
    area: 'data-plane',
    severity: 'error',
    why: 'With DNS capture all lookups of the pod go to the agent on port 15053; when something else has the port, they fail.',
    fix: [
      {
        do: 'See who listens on 15053',
        run: 'kubectl exec {{podName}} -n {{podNamespace}} -c istio-proxy -- netstat -tulpn',
      },
    ],
    references: ['https://istio.io/latest/docs/ops/configuration/traffic-management/dns-proxy/'],
    source: 'knowledge D041 AGT-DNS-BIND',
    contains: 'Failed to listen on ',
    matching: /Failed to listen on (?:udp|tcp) port (?<port>\S+): (?<why>[^\n]{1,120})/,
    groupBy: ['port'],
    message: (matched) =>
      `the DNS proxy of ${who(matched)} cannot listen on ${matched.captures['port']}: ${matched.captures['why']}`,
    fires: [
      '2026-05-01T10:00:01.000000Z\terror\tFailed to listen on udp port localhost:15053: listen udp 127.0.0.1:15053: bind: address already in use',
    ],
    quiet: ['2026-05-01T10:00:01.000000Z\tinfo\tdns\tStarting local udp DNS server on 127.0.0.1:15053'],
  },
  {
    id: 'occupied-status-port',
    title: 'Proxy without its status port',
    area: 'data-plane',
    severity: 'error',
    why: 'The kubelet asks ports 15020 and 15021 whether the pod is ready; when the application has one of them, the pod never is.',
    fix: [
      { do: 'Move the application to another port', run: 'kubectl get pod {{podName}} -n {{podNamespace}} -o yaml' },
    ],
    references: ['https://istio.io/latest/docs/ops/deployment/application-requirements/#ports-used-by-istio'],
    source: 'knowledge D046 AGT-STATUS-PORT',
    contains: 'Error listening on status port',
    matching: /Error listening on status port: (?<why>[^\n]{1,120})/,
    groupBy: [],
    message: (matched) => `the agent of ${who(matched)} cannot listen on its status port: ${matched.captures['why']}`,
    explains: ['never-ready-proxy', 'broken-sidecar-pod', 'missing-replicas'],
    fires: [
      '2026-05-01T10:00:01.000000Z\terror\tError listening on status port: listen tcp :15020: bind: address already in use',
    ],
    quiet: ['2026-05-01T10:00:01.000000Z\tinfo\tOpening status port 15020'],
  },
  {
    id: 'invalid-proxy-config',
    title: 'Proxy configuration that does not parse',
    area: 'configuration',
    severity: 'error',
    why: 'The annotation proxy.istio.io/config, or the value that injection wrote, is not valid, so the agent does not start.',
    fix: [
      {
        do: 'Correct the annotation of the workload',
        run: 'kubectl get pod {{podName}} -n {{podNamespace}} -o yaml | grep -A5 proxy.istio.io/config',
      },
    ],
    references: ['https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig'],
    source: 'knowledge D044 AGT-PROXYCONFIG-BAD',
    contains: 'failed to unmarshal mesh config from ',
    matching:
      /failed to unmarshal mesh config from (?<from>file|environment|annotation) [^\n]{0,400}?\]: (?<why>[^\n]{1,160})/,
    groupBy: [],
    message: (matched) =>
      `the proxy configuration of ${who(matched)} (${matched.captures['from']}) does not parse: ${matched.captures['why']}`,
    explains: ['broken-sidecar-pod', 'never-ready-proxy', 'missing-replicas'],
    fires: [
      'Error: failed to get proxy config: failed to unmarshal mesh config from annotation [{"concurrency": two}]: json: cannot unmarshal string',
    ],
    quiet: ['2026-05-01T10:00:01.000000Z\tinfo\tApply proxy config from annotation'],
  },
  {
    id: 'unbounded-concurrency',
    title: 'Proxy with a worker per CPU of its node',
    area: 'data-plane',
    severity: 'warning',
    why: 'concurrency: 0 starts one worker per CPU of the node, while the container may use a fraction of them: workers are throttled, latency rises, memory grows.',
    fix: [{ do: 'Remove concurrency from the mesh configuration or the annotation, so that the CPU limit decides' }],
    references: [
      'https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig',
      'https://learn.microsoft.com/azure/aks/istio-meshconfig',
    ],
    source: 'knowledge D045 AGT-CONCURRENCY-0, M1b',
    contains: 'concurrency is set to 0',
    matching:
      /concurrency is set to 0, which will use a thread per CPU.*CPU count: (?<cpus>\d+), CPU Limit: (?<limit>\d+)/,
    groupBy: ['cpus', 'limit'],
    message: (matched) =>
      `${who(matched)} ${matched.pods.length === 1 ? 'runs' : 'run'} ${matched.captures['cpus']} workers with a limit of ${matched.captures['limit']} CPUs`,
    fires: [
      '2026-05-01T10:00:01.000000Z\twarn\tconcurrency is set to 0, which will use a thread per CPU on the host. However, CPU limit is set lower. This is not recommended and may lead to performance issues. CPU count: 64, CPU Limit: 2.',
    ],
    quiet: ['2026-05-01T10:00:01.000000Z\tinfo\tcpu limit detected as 2, setting concurrency'],
  },
  {
    id: 'failing-application-probe',
    title: 'Probe of the application that fails',
    area: 'platform',
    severity: 'warning',
    why: 'The agent asks the application on behalf of the kubelet: the application itself did not answer, not the mesh.',
    fix: [
      {
        do: 'See why the application does not answer on that port',
        run: 'kubectl describe pod {{podName}} -n {{podNamespace}}',
      },
    ],
    references: ['https://istio.io/latest/docs/ops/configuration/mesh/app-health-check/'],
    source: 'knowledge D047 AGT-PROBE-FAIL',
    contains: 'Request to probe app failed',
    matching: /Request to probe app failed: (?<why>[^\n]{0,200}), original URL path = (?<path>\S+)/,
    groupBy: ['path'],
    // An application that starts fails a few.
    atLeast: 10,
    message: (matched) =>
      `${who(matched)} failed ${counted(matched.count, 'probe')} of ${matched.captures['path']}: ${matched.captures['why']}`,
    explains: ['missing-replicas', 'service-without-endpoints', 'unhealthy-upstream'],
    symptom: true,
    fires: [
      Array.from(
        { length: 10 },
        (_, second) =>
          `2026-05-01T10:00:0${second}.000000Z\terror\tRequest to probe app failed: Get "http://10.1.2.3:8080/healthz": dial tcp 10.1.2.3:8080: connect: connection refused, original URL path = /app-health/cart/livez`,
      ).join('\n'),
    ],
    quiet: [
      '2026-05-01T10:00:01.000000Z\terror\tRequest to probe app failed: Get "http://10.1.2.3:8080/healthz": dial tcp 10.1.2.3:8080: connect: connection refused, original URL path = /app-health/cart/livez',
    ],
  },
  {
    id: 'failing-metrics-merge',
    title: 'Metrics of the application that cannot be read',
    area: 'data-plane',
    severity: 'info',
    why: 'The agent merges the application’s metrics with its own; a wrong prometheus.io annotation or an application without metrics makes that fail. Traffic is not affected.',
    fix: [{ do: 'Correct prometheus.io/port and path of the pod, or set prometheus.istio.io/merge-metrics to false' }],
    references: ['https://istio.io/latest/docs/ops/integrations/prometheus/'],
    source: 'knowledge D048 AGT-SCRAPE-FAIL',
    contains: 'failed scraping ',
    matching: /failed scraping (?<what>envoy|application) metrics: (?<why>[^\n]{1,160})/,
    groupBy: ['what'],
    atLeast: 5,
    message: (matched) =>
      `${who(matched)} could not read metrics of ${matched.captures['what']} ${counted(matched.count, 'time')}: ${matched.captures['why']}`,
    fires: [
      [1, 2, 3, 4, 5]
        .map(
          (second) =>
            `2026-05-01T10:00:0${second}.000000Z\terror\tfailed scraping application metrics: error scraping http://localhost:8080/metrics: dial tcp [::1]:8080: connect: connection refused`,
        )
        .join('\n'),
    ],
    quiet: [
      '2026-05-01T10:00:01.000000Z\terror\tfailed scraping application metrics: error scraping http://localhost:8080/metrics: dial tcp [::1]:8080: connect: connection refused',
    ],
  },
  {
    id: 'slow-configuration-delivery',
    title: 'Envoy that takes configuration slowly',
    area: 'data-plane',
    severity: 'warning',
    why: 'The agent waited many seconds until Envoy took a message: too little CPU, or a very large configuration.',
    fix: [
      { do: 'Check CPU throttling of the proxy', run: 'kubectl top pod {{podName}} -n {{podNamespace}} --containers' },
      { do: 'Limit the configuration with a Sidecar object', run: 'kubectl get sidecars -A' },
    ],
    references: ['https://istio.io/latest/docs/ops/deployment/performance-and-scalability/'],
    source: 'knowledge D050 AGT-SLOW-DOWNSTREAM',
    contains: 'sendDownstream',
    matching: /sendDownstream(?:Delta)? took (?<duration>\S+)/,
    groupBy: [],
    message: (matched) =>
      `Envoy of ${who(matched)} took ${matched.captures['duration']} to accept configuration (${counted(matched.count, 'time')})`,
    explains: ['stale-proxy'],
    fires: ['2026-05-01T10:00:01.000000Z\twarn\txdsproxy\tsendDownstream took 12.04s'],
    quiet: ['2026-05-01T10:00:01.000000Z\tinfo\tads\tADS: new connection for node:1'],
  },
]);
