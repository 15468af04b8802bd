import type { Evidence, Occurrence } from '../../src/catalog/rule.ts';
import type { Diagnosis, JudgedFinding } from '../../src/diagnosis/diagnose.ts';
import type { FileRead, ProxyRow, Report } from '../../src/report/report.ts';

const at = (file: string, line: number, rest: Partial<Evidence> = {}): Evidence => ({ file, line, ...rest });

const cartLog = 'proxies/shop/cart-7d9c8b6f5d-4x2kp/istio-proxy.log';
const gatewayLog =
  'proxies/aks-istio-ingress/aks-istio-ingressgateway-external-asm-1-29-d8bbc57fb-7dqls/istio-proxy.log';

/** A finding with one occurrence, and what of it a test wants to differ. */
export const finding = (
  rest: Partial<JudgedFinding> & Pick<JudgedFinding, 'id'>,
  occurrence: Partial<Occurrence> = {},
): JudgedFinding => ({
  key: `${rest.id}-3fa9c1`,
  title: 'Route to an undefined subset',
  area: 'traffic',
  severity: 'error',
  why: 'Envoy has no cluster for the subset and answers 503 with flag `NC`.',
  fix: [{ do: 'Look at the route' }],
  references: [],
  state: 'present',
  subjects: ['VirtualService shop/reviews'],
  count: 1,
  symptom: false,
  occurrences: [
    {
      subject: 'VirtualService shop/reviews',
      scope: { namespace: 'shop' },
      message: 'subset v3 of reviews.shop.svc.cluster.local is not defined',
      evidence: [at('cluster/crs', 141)],
      ...occurrence,
    },
  ],
  ...rest,
});

/** A diagnosis without consequences, and what of it a test wants to differ. */
export const diagnosis = (cause: JudgedFinding, rest: Partial<Diagnosis> = {}): Diagnosis => ({
  cause,
  consequences: [],
  confidence: 'likely',
  supports: [],
  missing: [],
  contradicts: [],
  state: cause.state,
  failedRequests: 0,
  reach: 0,
  ...rest,
});

const undefinedSubset = finding(
  {
    id: 'undefined-subset',
    why: 'Half of the traffic goes to a subset that no DestinationRule defines. Envoy has no cluster for it and answers 503 with flag `NC`.',
    fix: [
      {
        do: 'Compare the subsets of the route with those of the DestinationRule',
        run: 'kubectl -n {{namespace}} get destinationrule -o yaml',
      },
      {
        do: 'Define subset {{subset}} in the DestinationRule of {{host}}, or take it out of the route',
        run: 'kubectl -n {{namespace}} edit virtualservice {{name}}',
      },
      {
        do: 'Check that no request is answered with `NC` any more',
        run: "kubectl -n {{namespace}} logs deploy/{{client}} -c istio-proxy --since=5m | grep -c ' NC '",
      },
    ],
    references: [
      'https://istio.io/latest/docs/ops/common-problems/network-issues/#503-errors-after-setting-destination-rule',
      'https://istio.io/latest/docs/reference/config/analysis/ist0101/',
    ],
    source: 'pilot/pkg/networking/core/cluster.go',
    count: 43,
    when: { first: '2026-11-25T08:44:41.512Z', last: '2026-11-25T08:45:19.004Z' },
  },
  {
    scope: { namespace: 'shop', host: 'reviews.shop.svc.cluster.local', subset: 'v3', port: 80 },
    count: 43,
    when: { first: '2026-11-25T08:44:41.512Z', last: '2026-11-25T08:45:19.004Z' },
    facts: { namespace: 'shop', name: 'reviews', subset: 'v3', host: 'reviews.shop.svc.cluster.local', port: 80 },
    message:
      'VirtualService shop/reviews sends half of the traffic to subset v3 of reviews.shop.svc.cluster.local, which is not defined',
    evidence: [
      at('cluster/crs', 136, {
        stage: 'config',
        say: 'The VirtualService routes 50 of 100 to subset `v3`.',
        quote: [
          '      - destination:',
          '          host: reviews.shop.svc.cluster.local',
          '          port:',
          '            number: 80',
          '          subset: v3',
          '        weight: 50',
          'kind: List',
        ],
        mark: ['subset: v3', 'weight: 50'],
      }),
      at('cluster/crs', 88, {
        stage: 'config',
        quote: ['    subsets:', '    - labels:', '        version: v1', '      name: v1', '    - labels:'],
        mark: ['name: v1'],
      }),
      at(gatewayLog, 57, { stage: 'symptom', say: 'The gateway answers 503 itself.' }),
      at(cartLog, 113, {
        stage: 'symptom',
        say: 'cart answers 503 itself: no cluster of that name.',
        quote: [
          '[2026-11-25T08:44:57.782Z] "GET / HTTP/1.1" 503 NC cluster_not_found - "-" 0 0 0 - "-" "curl/7.88.1" "7302edf7-2edc-44e6-b565-2c435d42e7d0" "reviews" "-" - - 10.96.136.250:80 10.244.0.104:48964 - -',
        ],
        mark: ['503 NC cluster_not_found', '"reviews"'],
      }),
      {
        file: 'proxies/shop/cart-7d9c8b6f5d-4x2kp/clusters',
        stage: 'cluster',
        say: 'cart has clusters for `v1` and `v2` of reviews, none for `v3`.',
        line: 401,
        quote: [
          'outbound|80|v1|reviews.shop.svc.cluster.local::10.244.0.98:9080::health_flags::healthy',
          'outbound|80|v2|reviews.shop.svc.cluster.local::10.244.0.101:9080::health_flags::healthy',
        ],
        mark: ['|v1|', '|v2|'],
      },
      {
        file: 'proxies/shop/cart-7d9c8b6f5d-4x2kp/config_dump',
        pointer: '/configs/4/dynamic_route_configs/2',
        stage: 'route',
        say: 'The route names both clusters, 50 to 50.',
      },
    ],
  },
);

const unhealthyUpstream = finding(
  {
    id: 'unhealthy-upstream',
    key: 'unhealthy-upstream-90ab12',
    title: 'Service without a healthy endpoint',
    severity: 'warning',
    why: 'This proxy sees no healthy endpoint for the service, so it answers 503 with flag `UH`.',
    fix: [
      { do: 'See why the endpoints fail', run: 'kubectl -n {{namespace}} get endpointslices,pods' },
      { do: 'If the pods are fine, relax `outlierDetection` in the DestinationRule of {{host}}' },
      { do: 'Look again', run: 'kubectl -n {{namespace}} get endpointslices,pods' },
    ],
    references: ['https://istio.io/latest/docs/ops/common-problems/network-issues/'],
    subjects: [
      'shop/cart-7d9c8b6f5d-4x2kp',
      'shop/web-5d4f8c9b7-aaaaa',
      'shop/web-5d4f8c9b7-bbbbb',
      'shop/web-5d4f8c9b7-ccccc',
    ],
    count: 1204,
  },
  {},
);

const payments: readonly Occurrence[] = unhealthyUpstream.subjects.map((subject, index) => ({
  subject,
  scope: { namespace: 'shop', host: 'payments.shop.svc.cluster.local', port: 8443 },
  count: 301,
  message: 'none of the 2 endpoints of payments.shop.svc.cluster.local is healthy',
  facts: { namespace: 'shop', host: 'payments.shop.svc.cluster.local' },
  evidence: [
    at(`proxies/${subject}/clusters`, 220 + index, {
      stage: 'endpoint',
      quote: [
        'outbound|8443||payments.shop.svc.cluster.local::10.244.1.7:8443::health_flags::/failed_outlier_check',
        'outbound|8443||payments.shop.svc.cluster.local::10.244.1.8:8443::health_flags::/failed_outlier_check',
      ],
      mark: ['/failed_outlier_check'],
    }),
  ],
}));

const serverErrors = finding(
  {
    id: 'server-errors',
    key: 'server-errors-77d001',
    title: 'Requests answered 503 with flag NC',
    symptom: true,
    count: 43,
    subjects: ['aks-istio-ingress/aks-istio-ingressgateway-external', 'shop/cart'],
    when: { first: '2026-11-25T08:44:41.512Z', last: '2026-11-25T08:45:19.004Z' },
  },
  { subject: 'shop/cart', message: '24 of 45 requests to reviews were answered 503', evidence: [at(cartLog, 117)] },
);

const ist0101 = finding(
  {
    id: 'IST0101',
    key: 'IST0101-000aaa',
    title: 'Referenced resource not found',
    severity: 'warning',
    area: 'istioctl',
  },
  {
    message: 'istioctl analyze reports host+subset not found: reviews.shop.svc.cluster.local+v3',
    evidence: [at('analyze/allNamespaces/allNamespaces', 1)],
  },
);

const restarted = finding(
  {
    id: 'istiod-restarted',
    key: 'istiod-restarted-5e1b77',
    title: 'istiod was restarted',
    severity: 'warning',
    area: 'control-plane',
    state: 'past',
    why: 'A killed istiod loses its connections; proxies reconnect to another replica.',
    fix: [{ do: 'Compare the memory limit with the use before the restart', run: 'kubectl -n {{namespace}} top pods' }],
    subjects: ['aks-istio-system/istiod-asm-1-29-7c8d6b5f9-6m4xz'],
    when: { first: '2026-11-25T07:55:02Z', last: '2026-11-25T07:55:02Z' },
  },
  {
    subject: 'aks-istio-system/istiod-asm-1-29-7c8d6b5f9-6m4xz',
    scope: { namespace: 'aks-istio-system' },
    message: 'aks-istio-system/istiod-asm-1-29-7c8d6b5f9-6m4xz was OOMKilled once',
    ended: true,
    evidence: [at('cluster/pods', 9077, { stage: 'pod', quote: ['        reason: OOMKilled'], mark: ['OOMKilled'] })],
  },
);

const unnamedPort = finding(
  {
    id: 'unnamed-service-port',
    key: 'unnamed-service-port-b8e512',
    title: 'Port name without a protocol',
    severity: 'info',
    area: 'configuration',
    why: 'Istio guesses the protocol from the first bytes, which costs server-first protocols their connections.',
    fix: [
      {
        do: 'Name the port after its protocol, e.g. `http-web`',
        run: 'kubectl -n {{namespace}} edit service {{service}}',
      },
    ],
    subjects: ['Service shop/payments'],
    references: ['https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/'],
  },
  {
    subject: 'Service shop/payments',
    message: 'port 8443 of Service shop/payments is named main',
    facts: { namespace: 'shop', service: 'payments' },
    evidence: [at('cluster/k8s-resources', 12902, { quote: ['    - name: main'], mark: ['main'] })],
  },
);

const proxy = (pod: string, rest: Partial<ProxyRow> = {}): ProxyRow => ({
  namespace: 'shop',
  pod,
  type: 'sidecar',
  istioVersion: '1.29.6',
  revision: 'asm-1-29',
  state: 'LIVE',
  ready: true,
  restarts: 0,
  sync: 'synced',
  memory: 61 * 1024 ** 2,
  clusters: 118,
  rejected: 0,
  certificateUntil: '2026-11-26T08:40:00Z',
  requests: 45,
  failed: 0,
  remark: false,
  ...rest,
});

const proxies: readonly ProxyRow[] = [
  proxy('cart-7d9c8b6f5d-4x2kp', { failed: 24, requests: 1045, remark: true }),
  proxy('reviews-v1-868f6c698c-lczz2'),
  proxy('reviews-v2-6bf5bd5b77-8drcg'),
  proxy('payments-6766f994b9-vqhwm', { sync: 'stale', rejected: 3, restarts: 2, ready: false, remark: true }),
  proxy('web-5d4f8c9b7-aaaaa', {
    sync: 'absent',
    istioVersion: '1.28.4',
    revision: 'asm-1-28',
    certificateUntil: '2026-11-25T07:00:00Z',
    remark: true,
  }),
  {
    namespace: 'aks-istio-ingress',
    pod: 'aks-istio-ingressgateway-external-asm-1-29-d8bbc57fb-7dqls',
    type: 'gateway',
    sync: 'unknown',
    rejected: 0,
    remark: false,
  },
];

const file = (path: string, status: FileRead['status'], reader: string, facts: number): FileRead => ({
  path,
  bytes: 1200 + path.length * 1000,
  reader,
  title: reader === 'none' ? '' : `what ${reader} reads`,
  by: reader === 'none' ? 'none' : 'path',
  status,
  facts,
});

/** What an archive of the shop might come to: two causes, one past problem, one remark, gaps. */
export const shop: Report = {
  schema: 1,
  tool: { name: 'meshtriage', version: '0.1.0', rules: 121 },
  archive: { name: 'bug-report.tar.gz', format: 'tar.gz', bytes: 3_940_221, unpackedBytes: 61_203_115, entries: 214 },
  verdict: {
    sentence:
      'Route to an undefined subset: VirtualService shop/reviews sends half of the traffic to subset v3, which is not defined.',
    detail:
      'It stands for 43 failed requests. Present when the archive was made. 2 further warnings. 112 rules were checked, 9 could not be.',
  },
  about: {
    captured: '2026-11-25T08:45:21Z',
    capturedFrom: 'bug-report.log',
    window: { first: '2026-11-25T07:50:11Z', last: '2026-11-25T08:45:20Z' },
    context: 'aks-shop-weu',
    kubernetes: 'v1.33.4',
    platform: 'AKS, Istio add-on',
    istioctl: '1.29.0',
    nodes: 3,
    revisions: [{ name: 'asm-1-29', versions: ['1.29.6'], istiods: 2, tags: ['prod'] }],
    proxies: proxies.length,
    namespaces: ['aks-istio-ingress', 'aks-istio-system', 'shop'],
    proxyVersions: [
      { version: '1.29.6', proxies: 5 },
      { version: '1.28.4', proxies: 1 },
    ],
  },
  coverage: {
    filesRead: 209,
    files: 214,
    complete: false,
    rulesChecked: 112,
    rulesNotChecked: 9,
    sentence: '209 of 214 files read; the archive is partial: what was cut off is not judged',
  },
  diagnoses: [
    diagnosis(undefinedSubset, {
      consequences: [serverErrors, ist0101],
      confidence: 'certain',
      supports: ['Route, cluster and log agree.', 'It explains: Requests answered 503 with flag NC (43 times).'],
      missing: ['Who applied the VirtualService: `managedFields` were not collected.'],
      failedRequests: 43,
      reach: 43,
    }),
    diagnosis(
      { ...unhealthyUpstream, occurrences: payments as unknown as JudgedFinding['occurrences'] },
      {
        confidence: 'possible',
        contradicts: ['web-5d4f8c9b7-aaaaa reached payments 12 times after 08:40'],
        missing: ['the log of the payments container; collect `kubectl -n shop logs deploy/payments`'],
        failedRequests: 1204,
        reach: 1204,
      },
    ),
    diagnosis(restarted),
    diagnosis(unnamedPort, { confidence: 'certain', reach: 1 }),
  ],
  notChecked: [
    {
      rule: 'conntrack-table-full',
      title: 'Conntrack table of a node is full',
      because: 'the archive has no node metrics',
      collect: 'dmesg of the nodes',
    },
    {
      rule: 'network-policy-blocks-istiod',
      title: 'Network policy between proxy and istiod',
      because: 'the archive has no NetworkPolicy',
      collect: '`kubectl get networkpolicy -A -o yaml`',
    },
    {
      rule: 'network-policy-blocks-service',
      title: 'Network policy before a service',
      because: 'the archive has no NetworkPolicy',
      collect: '`kubectl get networkpolicy -A -o yaml`',
    },
  ],
  failedRules: [{ rule: 'acme/payment-timeouts', error: "TypeError: cannot read 'host' of undefined" }],
  clear: [
    { rule: 'expired-workload-certificate', title: 'Workload certificate has expired' },
    { rule: 'proxy-version-skew', title: 'Proxy and istiod are more than two minor versions apart' },
  ],
  gaps: [
    {
      file: 'proxies/shop/payments-6766f994b9-vqhwm/config_dump',
      reason: 'truncated',
      detail: 'the file ends after 1,048,576 of 2,310,112 bytes',
    },
    {
      file: 'istio/aks-istio-system/istiod-asm-1-29-7c8d6b5f9-6m4xz/discovery.log',
      line: 1207,
      reason: 'too-large',
      detail: 'a line of 211 KiB was cut',
    },
  ],
  proxies,
  files: [
    file('cluster/crs', 'read', 'kube-objects', 31),
    file('cluster/nodes', 'ignored', 'none', 0),
    file('notes/what we tried.txt', 'unrecognised', 'none', 0),
    file('proxies/shop/payments-6766f994b9-vqhwm/config_dump', 'partial', 'envoy-config', 812),
    file(cartLog, 'read', 'proxy-log', 1400),
  ],
};

/** Text that acts wherever it is taken for markup, a template, a terminal sequence or a command. */
export const hostileText =
  '</script></style><script>alert(1)</script><img src=x onerror=alert(2)>{{constructor}}{{{x}}}|a|b`` ```js\u001b[31m\u202e$(reboot) @team [x](javascript:alert(3)) https://evil.example/ <!-- --> &amp; \'"';

/** Fields whose values are words of the tool and not text of the archive. */
const ours: ReadonlySet<string> = new Set([
  'by',
  'schema',
  'rules',
  'format',
  'severity',
  'state',
  'confidence',
  'area',
  'stage',
  'sync',
  'status',
  'reason',
  'reader',
  'type',
  'first',
  'last',
  'captured',
  'certificateUntil',
  'references',
  'fix',
]);

function plant(value: unknown): unknown {
  if (typeof value === 'string') return `${value.slice(0, 12)}${hostileText}`;
  if (Array.isArray(value)) return value.map(plant);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]): [string, unknown] => [name, keep(name, value) ? inner : plant(inner)]),
  );
}

function keep(name: string, owner: object): boolean {
  if (name === 'name' && 'rules' in owner) return true;
  // An inventory row's `state` is Envoy's word, a finding's is ours.
  if (name === 'state') return !('pod' in owner);
  return ours.has(name);
}

/** The shop with hostile text wherever text of an archive can stand. */
export const hostile: Report = plant(shop) as Report;
