import { counted, podName, some } from '../evidence.ts';
import { defineLogRules, type Matched } from '../log-rules.ts';

const who = ({ pods }: Matched): string => some(pods.map(podName));

/** Problems that istiod states in its log. Lines that are normal now and then have a rate or a least number. */
export const istiodLogRules = defineLogRules('istiod', [
  {
    id: 'lost-leader-election',
    title: 'istiod keeps losing leadership',
    area: 'control-plane',
    severity: 'warning',
    why: 'Only a leader writes status, gateway deployments and root certificates of namespaces. It changes when istiod is rolled; changes all the time mean a slow API server or an istiod without CPU.',
    fix: [
      { do: 'Check CPU limits and throttling of istiod', run: 'kubectl top pods -A -l app=istiod' },
      { do: 'Check the latency of the API server', run: 'kubectl get --raw "/readyz?verbose"' },
    ],
    references: ['https://istio.io/latest/docs/ops/deployment/performance-and-scalability/'],
    source: 'knowledge D098 ISTIOD-LEADER',
    contains: 'leader election lock lost',
    matching: /leader election lock lost: (?<lock>\S+)/,
    groupBy: ['lock'],
    atLeast: 3,
    perHour: 3,
    message: (matched) => `${who(matched)} lost the lock ${matched.captures['lock']} ${counted(matched.count, 'time')}`,
    fires: [
      [
        '2026-05-01T10:00:01.000000Z\tinfo\tleader election lock lost: istio-gateway-status-leader',
        '2026-05-01T10:09:01.000000Z\tinfo\tleader election lock lost: istio-gateway-status-leader',
        '2026-05-01T10:21:01.000000Z\tinfo\tleader election lock lost: istio-gateway-status-leader',
      ].join('\n'),
    ],
    quiet: [
      '2026-05-01T10:00:01.000000Z\tinfo\tleader election lock lost: istio-gateway-status-leader',
      '2026-05-01T10:00:01.000000Z\tinfo\tleader election lock obtained: istio-gateway-status-leader',
    ],
  },
  {
    id: 'failed-lease-renewal',
    title: 'istiod cannot renew its leases',
    area: 'control-plane',
    severity: 'warning',
    why: 'istiod asks the API server for its locks every few seconds; errors mean that the API server is slow or unavailable, or that istiod may not read them.',
    fix: [
      { do: 'Check the API server at these times', run: 'kubectl get --raw "/readyz?verbose"' },
      {
        do: 'If the error says forbidden, re-apply the Role of the newest istiod chart',
        run: 'kubectl get roles,rolebindings -A | grep istiod',
      },
    ],
    references: ['https://istio.io/latest/docs/ops/deployment/performance-and-scalability/'],
    source: 'knowledge D099 ISTIOD-LEASE-FAIL',
    contains: 'error retrieving resource lock',
    matching: /error retrieving resource lock (?<lock>[^\s:]+): (?<why>[^\n]{0,160})/,
    groupBy: [],
    atLeast: 3,
    message: (matched) =>
      `${who(matched)} could not read its locks ${counted(matched.count, 'time')}: ${matched.captures['why']}`,
    explains: ['lost-leader-election'],
    fires: [
      [1, 2, 3]
        .map(
          (second) =>
            `2026-05-01T10:00:0${second}.000000Z\terror\tklog\terror retrieving resource lock istio-system/istio-leader: Get "https://10.0.0.1:443/api/v1/namespaces/istio-system/configmaps/istio-leader": context deadline exceeded`,
        )
        .join('\n'),
    ],
    quiet: [
      '2026-05-01T10:00:01.000000Z\terror\tklog\terror retrieving resource lock istio-system/istio-leader: Get "https://10.0.0.1:443/api/v1/namespaces/istio-system/configmaps/istio-leader": context deadline exceeded',
    ],
  },
  {
    id: 'forbidden-istiod-access',
    title: 'istiod may not read what it needs',
    area: 'control-plane',
    severity: 'error',
    why: 'A resource istiod may not list stays unsynced: istiod does not become ready, or works without it. Most often the ClusterRole is of an older chart, or shared by two revisions.',
    fix: [
      { do: 'Re-apply base and istiod charts of the newest revision, which bring the ClusterRole' },
      {
        do: 'Verify the permission',
        run: 'kubectl auth can-i list {{resource}} --as=system:serviceaccount:{{account}}',
      },
    ],
    references: ['https://istio.io/latest/docs/setup/upgrade/helm/'],
    source: 'knowledge D100 ISTIOD-KLOG-FORBIDDEN',
    contains: 'is forbidden: User ',
    matching:
      /failed to list [^\n]{1,200} is forbidden: User "system:serviceaccount:(?<account>[^"]+)" cannot list resource "(?<resource>[^"]+)"/,
    groupBy: ['account', 'resource'],
    message: (matched) =>
      `${matched.captures['account']} may not list ${matched.captures['resource']} (${counted(matched.count, 'time')})`,
    explains: ['istiod-crash-loop', 'istiod-not-available'],
    scope: () => ({}),
    fires: [
      '2026-05-01T10:00:01.000000Z\terror\tklog\tfailed to list *v1.EndpointSlice: endpointslices.discovery.k8s.io is forbidden: User "system:serviceaccount:istio-system:istiod" cannot list resource "endpointslices" in API group "discovery.k8s.io" at the cluster scope',
    ],
    quiet: [
      '2026-05-01T10:00:01.000000Z\terror\tklog\tleases.coordination.k8s.io "istio-leader" is forbidden: User "x" cannot get',
    ],
  },
  {
    id: 'exceeded-xds-rate-limit',
    title: 'istiod refuses new connections for its rate limit',
    area: 'control-plane',
    severity: 'warning',
    why: 'More proxies connect at once than PILOT_MAX_REQUESTS_PER_SECOND allows, e.g. after istiod was rolled. They wait and try again, and get changes late.',
    fix: [
      { do: 'Scale istiod out', run: 'kubectl get hpa,deployment -A -l app=istiod' },
      { do: 'If istiod has CPU to spare, raise PILOT_MAX_REQUESTS_PER_SECOND' },
    ],
    references: ['https://istio.io/latest/docs/reference/commands/pilot-discovery/'],
    source: 'knowledge D092 XDS-RATELIMIT',
    contains: 'rate limit',
    matching: /exceeded rate limit: |request rate limit exceeded/,
    atLeast: 5,
    message: (matched) => `${who(matched)} refused ${counted(matched.count, 'connection')} for its rate limit`,
    explains: ['never-ready-proxy', 'unreachable-control-plane'],
    scope: () => ({}),
    fires: [
      [1, 2, 3, 4, 5]
        .map(
          (second) =>
            `2026-05-01T10:00:0${second}.000000Z\twarn\tads\tADS: "10.1.2.3:4123${second}" exceeded rate limit: rate: Wait(n=1) would exceed context deadline`,
        )
        .join('\n'),
    ],
    quiet: [
      '2026-05-01T10:00:01.000000Z\twarn\tads\tADS: "10.1.2.3:41234" exceeded rate limit: rate: Wait(n=1) would exceed context deadline',
    ],
  },
  {
    id: 'oversized-xds-request',
    title: 'Message larger than istiod accepts',
    area: 'control-plane',
    severity: 'error',
    why: 'A proxy that reconnects names all its resources; when that is larger than istiod’s gRPC limit (4 MiB) the stream ends again and again and its configuration freezes.',
    fix: [
      { do: 'Limit what proxies receive with Sidecar objects, exportTo or discoverySelectors' },
      { do: 'Raise ISTIO_GPRC_MAXRECVMSGSIZE on istiod until then' },
    ],
    references: ['https://istio.io/latest/docs/ops/configuration/mesh/configuration-scoping/'],
    source: 'knowledge D083 XDS-TOO-LARGE, F10',
    contains: 'received message larger than max',
    matching: /received message larger than max \((?<size>\d+) vs\. (?<limit>\d+)\)/,
    groupBy: [],
    message: (matched) =>
      `${who(matched)} refused messages of ${matched.captures['size']} bytes (limit ${matched.captures['limit']}), ${counted(matched.count, 'time')}`,
    explains: ['stale-proxy', 'unreachable-control-plane', 'never-ready-proxy'],
    scope: () => ({}),
    fires: [
      '2026-05-01T10:00:01.000000Z\terror\tads\tADS: "10.1.2.3:41234" reviews-1.shop terminated with error: rpc error: code = ResourceExhausted desc = grpc: received message larger than max (4243942 vs. 4194304)',
    ],
    quiet: ['2026-05-01T10:00:01.000000Z\tinfo\tads\tADS: new connection for node:reviews-1.shop-12'],
  },
  {
    id: 'unauthenticated-proxy',
    title: 'istiod does not accept the identity of proxies',
    area: 'control-plane',
    severity: 'error',
    why: 'Neither the certificate nor the token of a proxy convinces istiod, so it gets neither configuration nor a certificate. The last clause of the message says why: an expired token, another audience, an unknown cluster, an API server that cannot be asked.',
    fix: [
      {
        do: 'Find the pod at the address in the message',
        run: 'kubectl get pods -A -o wide --field-selector status.podIP={{ip}}',
      },
      { do: 'Expired token: check kubelet and clock of its node, then recreate the pod' },
      { do: 'Audience or signature: compare the token projection of the pod with istiod’s JWT policy' },
    ],
    references: [
      'https://istio.io/latest/docs/ops/best-practices/security/#configure-third-party-service-account-tokens',
    ],
    source: 'knowledge D093 XDS-AUTHN, D132–D134 CA-TOKEN-*',
    contains: 'Failed to authenticate client from ',
    matching:
      /Failed to authenticate client from (?<ip>[\d.a-f:]+):\d+[^\n]*?(?<why>token has expired|token audiences|error in cryptographic primitive|we only know about local cluster|token is not authenticated|service account authentication returns an error)/,
    groupBy: ['why'],
    atLeast: 3,
    message: (matched) =>
      `${who(matched)} did not accept the identity of a client ${counted(matched.count, 'time')}, e.g. ${matched.captures['ip']}: ${matched.captures['why']}`,
    explains: ['never-ready-proxy', 'absent-proxy', 'refused-proxy-identity', 'failing-certificate-signing'],
    scope: () => ({}),
    fires: [
      [1, 2, 3]
        .map(
          (second) =>
            `2026-05-01T10:00:0${second}.000000Z\terror\tads\tFailed to authenticate client from 10.100.1.7:56330: Authenticator ClientCertAuthenticator: no verified chain is found; Authenticator KubeJWTAuthenticator: failed to validate the JWT from cluster "Kubernetes": the service account authentication returns an error: [invalid bearer token, service account token has expired]`,
        )
        .join('\n'),
    ],
    quiet: [
      '2026-05-01T10:00:01.000000Z\terror\tads\tFailed to authenticate client from 10.100.1.7:56330: Authenticator ClientCertAuthenticator: no verified chain is found',
    ],
  },
  {
    id: 'unauthorized-proxy',
    title: 'Proxy that claims another identity',
    area: 'control-plane',
    severity: 'error',
    why: 'istiod compares namespace and service account in a proxy’s metadata with its certificate, and ends the stream when they differ.',
    fix: [
      {
        do: 'Compare the service account of the pod with the one in the message, and recreate the pod',
        run: 'kubectl get pods -A -o custom-columns=NAMESPACE:.metadata.namespace,POD:.metadata.name,ACCOUNT:.spec.serviceAccountName',
      },
    ],
    references: ['https://istio.io/latest/docs/reference/commands/pilot-discovery/'],
    source: 'knowledge D094 XDS-UNAUTHZ',
    contains: 'Unauthorized XDS: ',
    matching:
      /Unauthorized XDS: \S+ with identity [^\n]{0,200}: no identities \((?<has>[^)]*)\) matched (?<claims>\S+)/,
    groupBy: ['has', 'claims'],
    message: (matched) =>
      `a proxy with identity ${matched.captures['has']} claims to be ${matched.captures['claims']} (${counted(matched.count, 'time')})`,
    explains: ['never-ready-proxy', 'absent-proxy'],
    scope: ({ captures }) => {
      const [namespace = ''] = (captures['claims'] ?? '').split('/');
      return namespace === '' ? {} : { namespace };
    },
    fires: [
      '2026-05-01T10:00:01.000000Z\twarn\tads\tUnauthorized XDS: 10.1.2.3:4000 with identity [spiffe://cluster.local/ns/shop/sa/cart]: no identities ([spiffe://cluster.local/ns/shop/sa/cart]) matched shop/default',
    ],
    quiet: ['2026-05-01T10:00:01.000000Z\tinfo\tads\tADS: new connection for node:cart-1.shop-12'],
  },
  {
    id: 'unready-validation-webhook',
    title: 'Validation webhook that is not called',
    area: 'control-plane',
    severity: 'warning',
    why: 'istiod asks the API server to store an object that must be refused, until it is. As long as it is not, the API server does not reach istiod on 15017, or does not trust it, and invalid configuration is accepted.',
    fix: [
      {
        do: 'Check caBundle and service of the webhook, and that 15017 is open from the API server to istiod',
        run: 'kubectl get validatingwebhookconfigurations -l app=istiod -o yaml',
      },
    ],
    references: ['https://istio.io/latest/docs/ops/common-problems/validation/'],
    source: 'knowledge D022 WHK-NOT-FAILCLOSED',
    contains: 'Not ready to switch validation to fail-closed',
    matching: /Not ready to switch validation to fail-closed: (?<why>[^\n]{1,160})/,
    groupBy: [],
    // Normal for the first minute of an istiod; it asks every second, later less often.
    atLeast: 60,
    message: (matched) =>
      `validation is not enforced yet after ${counted(matched.count, 'attempt')} of ${who(matched)}: ${matched.captures['why']}`,
    fires: [
      Array.from(
        { length: 60 },
        (_, second) =>
          `2026-05-01T10:00:${String(second).padStart(2, '0')}.000000Z\tinfo\tvalidationController\tNot ready to switch validation to fail-closed: dummy invalid config not rejected`,
      ).join('\n'),
    ],
    quiet: [
      '2026-05-01T10:00:01.000000Z\tinfo\tvalidationController\tNot ready to switch validation to fail-closed: dummy invalid config not rejected',
    ],
  },
  {
    id: 'unpatched-webhook',
    title: 'istiod cannot write its CA into a webhook',
    area: 'injection',
    severity: 'warning',
    why: 'Without the present root certificate in caBundle the API server refuses istiod’s webhook when the CA changes.',
    fix: [
      {
        do: 'Check label istio.io/rev of the webhook and the ClusterRole of istiod',
        run: 'kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations --show-labels',
      },
      { do: 'Let no GitOps tool write caBundle' },
    ],
    references: ['https://istio.io/latest/docs/ops/common-problems/injection/#x509-certificate-related-errors'],
    source: 'knowledge D023 WHK-PATCH-FAIL',
    contains: 'patching webhook ',
    matching: /patching webhook (?<webhook>\S+) failed: (?<why>[^\n]{1,200})/,
    groupBy: ['webhook'],
    // Conflicts with another writer are tried again at once.
    atLeast: 3,
    message: (matched) =>
      `istiod could not write its CA into webhook ${matched.captures['webhook']}: ${matched.captures['why']}`,
    explains: ['untrusted-injection-webhook'],
    scope: () => ({}),
    fires: [
      [1, 2, 3]
        .map(
          (second) =>
            `2026-05-01T10:00:0${second}.000000Z\terror\tpatching webhook istio-sidecar-injector-asm-1-27 failed: webhook does not belong to target revision`,
        )
        .join('\n'),
    ],
    quiet: [
      '2026-05-01T10:00:01.000000Z\tinfo\tPatching webhook istio-sidecar-injector',
      '2026-05-01T10:00:01.000000Z\terror\tpatching webhook istio-sidecar-injector failed: the object has been modified',
    ],
  },
  {
    id: 'failing-injection-template',
    title: 'Injection template that fails',
    area: 'injection',
    severity: 'error',
    why: 'istiod could not build the injected pod, so the pod is refused. Most often an annotation does not parse, or template and values were edited or are of another version.',
    fix: [
      { do: 'Correct the annotation or template that the message names' },
      {
        do: 'Restore the injector configuration of the revision if it was edited',
        run: 'kubectl get configmaps -A | grep istio-sidecar-injector',
      },
    ],
    references: [
      'https://istio.io/latest/docs/ops/common-problems/injection/',
      'https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#customizing-injection',
    ],
    source: 'knowledge D009–D012 INJ-TEMPLATE-FAIL, INJ-ANNOTATION-BAD',
    contains: 'njection failed',
    matching: /(?:Pod injection failed|Injection failed due to invalid annotations): (?<why>[^\n]{1,240})/,
    groupBy: ['why'],
    message: (matched) => `injection failed ${counted(matched.count, 'time')}: ${matched.captures['why']}`,
    explains: ['failing-injection-webhook', 'missing-replicas'],
    scope: () => ({}),
    fires: [
      "2026-05-01T10:00:01.000000Z\terror\tInjection failed due to invalid annotations: invalid value 'all' for annotation 'traffic.sidecar.istio.io/excludeOutboundPorts': excludeOutboundPorts invalid: failed parsing port 'all'",
      '2026-05-01T10:00:01.000000Z\terror\tPod injection failed: failed to run injection template: requested template "grpc-simple" not found; have gateway,grpc-agent,sidecar,waypoint',
    ],
    quiet: [
      '2026-05-01T10:00:01.000000Z\tinfo\tSidecar injection request for shop/cart-6f7b9c5d8-***** (actual name not yet known)',
    ],
  },
  {
    id: 'unreachable-remote-cluster',
    title: 'Remote cluster that istiod cannot read',
    area: 'control-plane',
    severity: 'error',
    why: 'Endpoints of a remote cluster are known only through its API server. Most often the token of the remote secret has expired or the cluster is gone; istiod waits for it when it starts.',
    fix: [
      { do: 'See how istiod judges its clusters', run: 'istioctl remote-clusters' },
      {
        do: 'Create the secret again, or delete it if the cluster is gone',
        run: 'kubectl get secrets -A -l istio/multiCluster=true',
      },
    ],
    references: ['https://istio.io/latest/docs/ops/diagnostic-tools/multicluster/'],
    source: 'knowledge D102 ISTIOD-REMOTE',
    contains: 'remote cluster ',
    matching: /(?:remote cluster (?<cluster>\S+) failed to sync|create remote cluster failed)/,
    groupBy: ['cluster'],
    message: (matched) =>
      `istiod cannot read remote cluster ${matched.captures['cluster'] ?? ''} (${counted(matched.count, 'time')})`,
    explains: ['service-without-endpoints'],
    scope: () => ({}),
    fires: ['2026-05-01T10:00:01.000000Z\terror\tremote cluster cluster2 failed to sync after 30s'],
    quiet: [
      '2026-05-01T10:00:01.000000Z\tinfo\tadding remote cluster cluster2 from secret istio-system/istio-remote-secret',
    ],
  },
  {
    id: 'missing-east-west-gateway',
    title: 'Network without an east-west gateway',
    area: 'control-plane',
    severity: 'warning',
    why: 'Endpoints of another network are reached through its east-west gateway; without one istiod leaves them out.',
    fix: [
      {
        do: 'Deploy the gateway, or label it and its namespace with topology.istio.io/network',
        run: 'kubectl get services -A -l topology.istio.io/network',
      },
    ],
    references: ['https://istio.io/latest/docs/setup/install/multicluster/multi-primary_multi-network/'],
    source: 'knowledge D114 ISTIOD-NO-EW',
    contains: 'has no reachable E/W gateway',
    matching: /Workload \S+ on network (?<network>\S+) has no reachable E\/W gateway/,
    groupBy: ['network'],
    message: (matched) => `network ${matched.captures['network']} has no reachable east-west gateway`,
    explains: ['service-without-endpoints'],
    scope: () => ({}),
    fires: [
      '2026-05-01T10:00:01.000000Z\twarn\tWorkload cart on network net2 has no reachable E/W gateway for this proxy, skipping',
    ],
    quiet: ['2026-05-01T10:00:01.000000Z\tinfo\tmodel\treloading network gateways'],
  },
  {
    id: 'unauthorized-debug-request',
    title: 'Debug information that istiod refused',
    area: 'control-plane',
    severity: 'info',
    why: 'Since 1.29 istiod answers debug requests only for its own namespace. It is no fault, but tells why an archive lacks proxy-status or debug files.',
    fix: [
      {
        do: 'Collect with an identity of the control plane’s namespace, or allow others with DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES',
      },
    ],
    references: ['https://istio.io/latest/news/security/'],
    source: 'knowledge D115 ISTIOD-DEBUG-401',
    contains: 'Unauthorized debug request',
    message: (matched) => `${who(matched)} refused ${counted(matched.count, 'debug request')}`,
    fires: [
      '2026-05-01T10:00:01.000000Z\twarn\tUnauthorized debug request from [spiffe://cluster.local/ns/shop/sa/x] to /debug/config_dump',
    ],
    quiet: ['2026-05-01T10:00:01.000000Z\tinfo\tstarting HTTP service at [::]:8080'],
  },
]);
