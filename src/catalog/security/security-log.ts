import { defineLogRules } from '../log-rules.ts';

/** What istiod's log says of its certificate authority, of identities and of policies. */
export const istiodSecurityLogRules = defineLogRules('istiod', [
  {
    id: 'incomplete-signing-bundle',
    title: 'Plug-in CA with files missing',
    area: 'security',
    severity: 'warning',
    why: 'istiod found only some of the files of a plug-in CA and goes on with a CA of its own: workloads get another root than the one that was meant.',
    fix: [
      {
        do: 'See which files the Secret holds; ca-cert.pem, ca-key.pem, cert-chain.pem and root-cert.pem belong together',
        run: "kubectl get secret cacerts -n {{podNamespace}} -o jsonpath='{.data}' | tr ',' '\n' | cut -d: -f1",
      },
      { do: 'Complete the Secret, restart istiod and then the workloads' },
    ],
    references: ['https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/'],
    source: 'knowledge D123',
    contains: 'incomplete signing CA bundle',
    matching: /incomplete signing CA bundle detected at (?<path>\S+)/,
    message: ({ captures }) => `istiod found only a part of the plug-in CA in ${captures['path'] ?? 'its folder'}`,
    explains: ['mismatched-roots'],
    fires: ['2026-05-01T10:00:00.000000Z\twarn\tincomplete signing CA bundle detected at ./etc/cacerts'],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\tUse local CA certificate'],
  },
  {
    id: 'ignored-root-rotation',
    title: 'New root certificate that istiod ignores',
    area: 'security',
    severity: 'warning',
    why: 'A root was replaced in place, which istiod does not take over while it runs: it goes on with the old root, and a restart later splits the mesh.',
    fix: [
      {
        do: 'Put old and new root together into `root-cert.pem`, or allow several roots with ISTIO_MULTIROOT_MESH=true on istiod',
        run: 'kubectl get deployments -n {{podNamespace}} -l app=istiod -o yaml | grep -A1 MULTIROOT',
      },
      { do: 'Restart istiod and then the workloads in one window' },
    ],
    references: [
      'https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/',
      'https://learn.microsoft.com/en-us/azure/aks/istio-plugin-ca',
    ],
    source: 'knowledge D124',
    contains: 'new ROOT-CA not supported',
    message: ({ count }) =>
      `istiod ignored a new root certificate ${count === 1 ? 'once' : `${count} times`}: it was replaced in place`,
    explains: ['mismatched-roots'],
    fires: [
      '2026-05-01T10:00:00.000000Z\twarn\trootcertrotator\tMulti root is disabled, updating new ROOT-CA not supported',
    ],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\trootcertrotator\tUpdating new ROOT-CA'],
  },
  {
    id: 'rejected-ca-reload',
    title: 'Renewed plug-in CA that istiod refuses',
    area: 'security',
    severity: 'error',
    why: 'The new files of the plug-in CA do not fit together, so istiod keeps the old CA, which ends at its own time.',
    fix: [
      {
        do: 'Check that the chain leads to the root and the key belongs to the certificate',
        run: 'openssl verify -CAfile root-cert.pem -untrusted cert-chain.pem ca-cert.pem',
      },
      { do: 'Replace the Secret as a whole', run: 'kubectl get secret cacerts -n {{podNamespace}}' },
      {
        do: 'Verify that istiod takes it',
        run: "kubectl logs -n {{podNamespace}} -l app=istiod --since=10m | grep 'certificates are reloaded'",
      },
    ],
    references: ['https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/'],
    source: 'knowledge D125',
    contains: 'Failed to update new Plug-in CA certs',
    matching: /Failed to update new Plug-in CA certs: (?<why>.*)/,
    message: ({ captures }) => `istiod refused the renewed plug-in CA: ${captures['why'] ?? 'no reason given'}`,
    explains: ['expired-certificate'],
    fires: [
      '2026-05-01T10:00:00.000000Z\terror\tFailed to update new Plug-in CA certs: failed to verify certificate: x509: certificate signed by unknown authority',
    ],
    quiet: [
      '2026-05-01T10:00:00.000000Z\tinfo\tIstiod has detected the newly added intermediate CA and updated its key and certs accordingly',
    ],
  },
  {
    id: 'unreadable-ca-secret',
    title: 'CA Secret that istiod cannot read or write',
    area: 'security',
    severity: 'error',
    why: 'istiod keeps its signing key in a Secret; where it may not read or write it, it cannot start its CA or renew the root.',
    fix: [
      {
        do: 'Check that istiod may read and write Secrets of its namespace',
        run: 'kubectl auth can-i update secrets --as=system:serviceaccount:{{secretNamespace}}:istiod -n {{secretNamespace}}',
      },
      {
        do: 'Give the Role back, then restart istiod',
        run: 'kubectl rollout restart deployment -n {{secretNamespace}} -l app=istiod',
      },
    ],
    references: ['https://istio.io/latest/docs/concepts/security/#pki'],
    source: 'knowledge D130',
    contains: 'ing CA secret ',
    matching: /(?:Failed|Timeout) on (?:loading|updating) CA secret (?<secretNamespace>[^:\s]+):(?<secret>[^.\s]+)/,
    message: ({ captures, count }) =>
      `istiod could not use CA Secret ${captures['secretNamespace']}/${captures['secret']} (${count === 1 ? 'once' : `${count} times`})`,
    explains: ['failing-certificate-signing'],
    fires: ['2026-05-01T10:00:00.000000Z\terror\tFailed on loading CA secret istio-system:istio-ca-secret.'],
    quiet: [
      '2026-05-01T10:00:00.000000Z\tinfo\tpkica\tLoad signing key and cert from existing secret istio-system/istio-ca-secret',
    ],
  },
  {
    id: 'competing-authorities',
    title: 'Two istiods that sign with different CAs',
    area: 'security',
    severity: 'error',
    why: 'The CA that istiod holds differs from the one in the Secret: another istiod wrote its own, and workloads get certificates of two roots.',
    fix: [
      { do: 'Find every istiod that writes this Secret', run: 'kubectl get deployments -A -l app=istiod' },
      {
        do: 'Remove the one that is not meant, then restart the other',
        run: 'kubectl get secret istio-ca-secret -A -o custom-columns=NS:.metadata.namespace,CREATED:.metadata.creationTimestamp',
      },
      { do: 'Restart the workloads so that all certificates have one root' },
    ],
    references: ['https://istio.io/latest/docs/concepts/security/#pki'],
    source: 'Istio pkica, self-signed root rotator',
    contains: 'CA cert in KeyCertBundle does not match',
    message: ({ count }) =>
      `the CA istiod holds differs from the one in its Secret (${count === 1 ? 'once' : `${count} times`})`,
    explains: ['mismatched-roots'],
    fires: [
      '2026-05-01T10:00:00.000000Z\twarn\trootcertrotator\tCA cert in KeyCertBundle does not match CA cert in istio-ca-secret. Start to reload root cert into KeyCertBundle',
    ],
    quiet: [
      '2026-05-01T10:00:00.000000Z\tinfo\trootcertrotator\tSet secret name for self-signed CA cert rotator to istio-ca-secret',
    ],
  },
  {
    id: 'expired-service-account-token',
    title: 'Service account tokens that have expired',
    area: 'security',
    severity: 'error',
    why: 'A proxy proves with its pod’s token who it is. The kubelet renews the token; where it does not, the proxy gets neither configuration nor a certificate.',
    fix: [
      { do: 'See on which node the pods run and whether its kubelet works', run: 'kubectl get nodes' },
      { do: 'Recreate the pods whose token is old', run: 'kubectl get pods -A -o wide' },
      {
        do: 'Verify that istiod takes them',
        run: "kubectl logs -n {{podNamespace}} -l app=istiod --since=5m | grep 'token has expired'",
      },
    ],
    references: ['https://istio.io/latest/docs/ops/common-problems/security-issues/'],
    source: 'knowledge D132',
    contains: 'oken has expired',
    atLeast: 2,
    message: ({ count }) => `istiod refused a client ${count} times because its service account token has expired`,
    explains: [
      'unauthenticated-proxy',
      'failing-certificate-signing',
      'never-ready-proxy',
      'unreachable-control-plane',
    ],
    fires: [
      '2026-05-01T10:00:00.000000Z\terror\tads\tFailed to authenticate client from 10.100.1.7:56330: Authenticator KubeJWTAuthenticator: failed to validate the JWT from cluster "Kubernetes": the service account authentication returns an error: [invalid bearer token, service account token has expired]\n2026-05-01T10:00:00.000000Z\terror\tads\tFailed to authenticate client from 10.100.1.7:56340: Authenticator KubeJWTAuthenticator: failed to validate the JWT from cluster "Kubernetes": the service account authentication returns an error: [invalid bearer token, service account token has expired]',
    ],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\tads\tADS: new connection for node:cart-6f7b9c5d8-p4q2r.shop-1'],
  },
  {
    id: 'wrong-token-audience',
    title: 'Tokens for another audience than istiod’s',
    area: 'security',
    severity: 'error',
    why: 'The proxy shows its ordinary token instead of the one for `istio-ca`: it was injected for another way of proving identity, and istiod refuses it.',
    fix: [
      {
        do: 'Restart the workloads so that they are injected anew',
        run: 'kubectl get pods -A -l security.istio.io/tlsMode=istio -o wide',
      },
      {
        do: 'Verify that the pods have the volume istio-token',
        run: "kubectl get pods -A -o yaml | grep -c 'audience: istio-ca'",
      },
    ],
    references: [
      'https://istio.io/latest/docs/ops/best-practices/security/#configure-third-party-service-account-tokens',
    ],
    source: 'knowledge D133',
    contains: 'is invalid for the target audiences',
    matching: /token audiences \[(?<had>[^\]]*)\] is invalid for the target audiences \[(?<wanted>[^\]]*)\]/,
    message: ({ captures, count }) =>
      `istiod was shown a token for ${captures['had'] ?? 'another audience'} instead of ${captures['wanted'] ?? 'istio-ca'} ${count === 1 ? 'once' : `${count} times`}`,
    explains: [
      'unauthenticated-proxy',
      'failing-certificate-signing',
      'never-ready-proxy',
      'unreachable-control-plane',
    ],
    fires: [
      '2026-05-01T10:00:00.000000Z\terror\tads\tFailed to authenticate client from 10.1.2.9:1: the service account authentication returns an error: [invalid bearer token, token audiences ["kubernetes.svc.default"] is invalid for the target audiences ["istio-ca"]]',
    ],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\tads\tADS: new connection for node:cart-6f7b9c5d8-p4q2r.shop-1'],
  },
  {
    id: 'unverifiable-token',
    title: 'Tokens whose signature the API server cannot verify',
    area: 'security',
    severity: 'error',
    why: 'API servers that sign and verify with different keys, or a token of another cluster: istiod cannot tell who the proxy is.',
    fix: [
      {
        do: 'Give all API servers the same --service-account-key-file, or correct the remote secret of the cluster',
        run: 'kubectl get secrets -A -l istio/multiCluster=true',
      },
      { do: 'Restart the pods that show old tokens' },
    ],
    references: ['https://istio.io/latest/docs/ops/common-problems/security-issues/'],
    source: 'knowledge D134',
    contains: 'error in cryptographic primitive',
    message: ({ count }) =>
      `the API server could not verify the token of ${count === 1 ? 'one client' : `${count} clients`} of istiod`,
    explains: [
      'unauthenticated-proxy',
      'failing-certificate-signing',
      'never-ready-proxy',
      'unreachable-control-plane',
    ],
    fires: [
      '2026-05-01T10:00:00.000000Z\terror\tads\tFailed to authenticate client from 10.1.2.9:1: the service account authentication returns an error: [invalid bearer token, square/go-jose: error in cryptographic primitive]',
    ],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\tads\tADS: new connection for node:cart-6f7b9c5d8-p4q2r.shop-1'],
  },
  {
    id: 'unknown-trust-domain',
    title: 'Peers of a trust domain that istiod does not know',
    area: 'security',
    severity: 'error',
    why: 'istiod has no root for the trust domain in the peer’s certificate, so it cannot accept the peer.',
    fix: [
      {
        do: 'Add the trust domain to `trustDomainAliases` and its root to `caCertificates` of the mesh configuration',
        run: 'kubectl get configmap istio -n {{podNamespace}} -o yaml',
      },
      { do: 'Restart the workloads after a change of the trust domain' },
    ],
    references: ['https://istio.io/latest/docs/tasks/security/authorization/authz-td-migration/'],
    source: 'knowledge D140',
    contains: 'no cert pool found for trust domain',
    matching: /no cert pool found for trust domain (?<domain>\S+)/,
    groupBy: ['domain'],
    message: ({ captures, count }) =>
      `istiod has no root for trust domain ${captures['domain'] ?? ''} (${count === 1 ? 'once' : `${count} times`})`,
    explains: ['failing-certificate-signing', 'failed-tls-handshake'],
    fires: ['2026-05-01T10:00:00.000000Z\terror\tspiffe\tno cert pool found for trust domain old.example'],
    quiet: [
      '2026-05-01T10:00:00.000000Z\tinfo\tspiffe\tAdded 1 certs to trust domain cluster.local in peer cert verifier',
    ],
  },
  {
    id: 'refused-impersonation',
    title: 'ztunnel refused certificates of its pods',
    area: 'security',
    severity: 'warning',
    why: 'ztunnel asks for the certificates of the pods on its node. istiod allows it only to the service account it knows; a single refusal right after a pod was deleted is harmless.',
    fix: [
      {
        do: 'Compare the service account of ztunnel with CA_TRUSTED_NODE_ACCOUNTS of istiod',
        run: 'kubectl get pods -A -l app=ztunnel -o custom-columns=NS:.metadata.namespace,SA:.spec.serviceAccountName',
      },
      { do: 'Correct `trustedZtunnelNamespace` in istiod’s values and restart istiod' },
    ],
    references: ['https://istio.io/latest/docs/ambient/architecture/control-plane/'],
    source: 'knowledge D141',
    contains: 'mpersonat',
    matching:
      /(?:impersonation not allowed, as node authorizer|is not allowed to impersonate|impersonation failed for identity)/,
    atLeast: 3,
    message: ({ count }) => `istiod refused ztunnel ${count} certificates of pods on its node`,
    fires: [
      '2026-05-01T10:00:00.000000Z\twarn\tserverca\timpersonation failed for identity spiffe://cluster.local/ns/shop/sa/cart, error: no instances of "cart" found on node "n1"\n2026-05-01T10:00:00.000000Z\twarn\tserverca\timpersonation failed for identity spiffe://cluster.local/ns/shop/sa/cart, error: no instances of "cart" found on node "n1"\n2026-05-01T10:00:00.000000Z\twarn\tserverca\timpersonation failed for identity spiffe://cluster.local/ns/shop/sa/cart, error: no instances of "cart" found on node "n1"',
    ],
    quiet: [
      '2026-05-01T10:00:00.000000Z\twarn\tserverca\timpersonation failed for identity spiffe://cluster.local/ns/shop/sa/cart, error: no instances of "cart" found on node "n1"',
    ],
  },
  {
    id: 'foreign-proxy-identity',
    title: 'Proxies whose certificate is not that of their pod',
    area: 'security',
    severity: 'error',
    why: 'istiod compares the namespace and service account a proxy claims with its certificate and refuses a proxy that claims another’s; it gets no configuration.',
    fix: [
      {
        do: 'Compare the pod’s service account with the identity in the line',
        run: 'kubectl get pods -A -o custom-columns=NS:.metadata.namespace,POD:.metadata.name,SA:.spec.serviceAccountName',
      },
      { do: 'Recreate the pod, so that it asks for its own certificate' },
    ],
    references: ['https://istio.io/latest/docs/concepts/security/#istio-identity'],
    source: 'Istio pilot/pkg/xds/auth.go',
    contains: 'Unauthorized XDS: ',
    matching: /Unauthorized XDS: \S+ with identity (?<identity>[^:]*:[^:]*)/,
    message: ({ captures, count }) =>
      `istiod refused ${count === 1 ? 'a proxy' : `${count} connections`} whose certificate says ${captures['identity'] ?? 'something else'}`,
    explains: ['unreachable-control-plane', 'never-ready-proxy'],
    fires: [
      '2026-05-01T10:00:00.000000Z\terror\tads\tUnauthorized XDS: 10.1.2.9:41222 with identity [spiffe://cluster.local/ns/shop/sa/cart]: no identities ([spiffe://cluster.local/ns/shop/sa/cart]) matched shop/reviews',
    ],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\tads\tADS: new connection for node:cart-6f7b9c5d8-p4q2r.shop-1'],
  },
  {
    id: 'ignored-authorization-rule',
    title: 'AuthorizationPolicy that is applied only in part',
    area: 'security',
    severity: 'warning',
    why: 'istiod left out a part that the port’s protocol or this version does not know, most often HTTP fields on a TCP port: an ALLOW rule then never matches, a DENY rule matches too much.',
    fix: [
      {
        do: 'Read which part was left out',
        run: "kubectl logs -n {{podNamespace}} -l app=istiod --tail=-1 | grep 'authorization policy'",
      },
      { do: 'Name the port `http-…` if it speaks HTTP, or take the HTTP fields out of the rule' },
    ],
    references: [
      'https://istio.io/latest/docs/ops/common-problems/security-issues/#make-sure-you-are-not-using-http-only-fields-on-tcp-ports',
    ],
    source: 'knowledge C-SEC-03, D111',
    contains: ' authorization policy',
    matching: /(?:Processed authorization policy: |ignored authorization policy )(?<policy>.{1,160})/,
    groupBy: ['policy'],
    message: ({ captures }) => `istiod left out a part of an AuthorizationPolicy: ${captures['policy'] ?? ''}`,
    explains: ['denied-authorization'],
    fires: [
      '2026-05-01T10:00:00.000000Z\terror\tauthorization\tignored authorization policy deny.shop with unsupported action: 7',
    ],
    quiet: [
      '2026-05-01T10:00:00.000000Z\tdebug\tauthorization\tBuilt 1 HTTP filters for AuthorizationPolicy shop/cart',
    ],
  },
]);

/** What agents and Envoys log of certificates, tokens and keys. */
export const proxySecurityLogRules = defineLogRules('proxy', [
  {
    id: 'distrusted-istiod',
    title: 'Proxies that do not trust istiod’s certificate',
    area: 'security',
    severity: 'error',
    why: 'The agent verifies istiod with the root it was given when the pod started. After the root was replaced it refuses istiod and gets neither a certificate nor configuration.',
    fix: [
      {
        do: 'Compare the root in the pod’s namespace with the one istiod uses',
        run: 'kubectl get configmap istio-ca-root-cert -A',
      },
      {
        do: 'Restart the workloads, so that they read the present root',
        run: 'kubectl delete pod {{podName}} -n {{podNamespace}}',
      },
      { do: 'When rotating a root keep the old one beside the new one until every workload has been restarted' },
    ],
    references: ['https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/'],
    source: 'knowledge D136',
    contains: 'x509: certificate signed by unknown authority',
    matching:
      /authentication handshake failed: (?:tls: failed to verify certificate: )?x509: certificate signed by unknown authority/,
    message: ({ count, pods }) =>
      `${pods.length === 1 ? 'a proxy' : `${pods.length} proxies`} refused istiod’s certificate ${count === 1 ? 'once' : `${count} times`}: signed by an authority that is not the proxy’s root`,
    explains: ['never-ready-proxy', 'unreachable-control-plane', 'failing-certificate-signing'],
    fires: [
      '2026-05-01T10:00:00.000000Z\twarn\tsds\tfailed to warm certificate: failed to generate workload certificate: create certificate: rpc error: code = Unavailable desc = connection error: desc = "transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority"',
    ],
    quiet: [
      '2026-05-01T10:00:00.000000Z\terror\twasm\tfetching Wasm module failed: Get "https://wasm.example.com/a.wasm": tls: failed to verify certificate: x509: certificate signed by unknown authority',
    ],
  },
  {
    id: 'missing-trust-anchor',
    title: 'Proxy without a root certificate',
    area: 'security',
    severity: 'error',
    why: 'The ConfigMap istio-ca-root-cert is missing in the namespace or not mounted, so the agent has nothing to verify istiod with and does not start.',
    fix: [
      {
        do: 'See whether the namespace has the ConfigMap',
        run: 'kubectl get configmap istio-ca-root-cert -n {{podNamespace}}',
      },
      {
        do: 'If it is missing, see why istiod does not write it: discoverySelectors, its rights, its leader election',
        run: 'kubectl get pods -A -l app=istiod',
      },
      { do: 'Restart the pod', run: 'kubectl delete pod {{podName}} -n {{podNamespace}}' },
    ],
    references: ['https://istio.io/latest/docs/ops/common-problems/security-issues/#keys-and-certificates-errors'],
    source: 'knowledge D042',
    contains: 'root CA ',
    matching: /(?:root CA file for (?:XDS|CA) does not exist (?<path>\S+)|failed to find root CA cert for (?:XDS|CA))/,
    message: ({ captures }) =>
      `the agent found no root certificate${captures['path'] === undefined ? '' : ` in ${captures['path']}`}`,
    explains: ['never-ready-proxy'],
    fires: [
      'Error: failed to start xds proxy: failed to find root XDS CA: root CA file for XDS does not exist ./var/run/secrets/istio/root-cert.pem',
    ],
    quiet: [
      '2026-05-01T10:00:00.000000Z\tinfo\tUsing CA istiod.istio-system.svc:15012 cert with certs: var/run/secrets/istio/root-cert.pem',
    ],
  },
  {
    id: 'unreadable-identity-token',
    title: 'Agent that cannot read its token',
    area: 'security',
    severity: 'error',
    why: 'Without the projected token the agent cannot prove who it is: it gets no certificate and no configuration.',
    fix: [
      {
        do: 'See whether the pod has the projected volume istio-token',
        run: 'kubectl get pod {{podName}} -n {{podNamespace}} -o yaml',
      },
      { do: 'Restart the pod so that it is injected anew', run: 'kubectl delete pod {{podName}} -n {{podNamespace}}' },
    ],
    references: [
      'https://istio.io/latest/docs/ops/best-practices/security/#configure-third-party-service-account-tokens',
    ],
    source: 'Istio security/pkg/credentialfetcher/plugin/token.go',
    contains: 'failed to fetch token from file',
    matching: /failed to fetch token from file: (?<why>.*)/,
    message: ({ captures, count }) =>
      `the agent could not read its token ${count === 1 ? 'once' : `${count} times`}: ${captures['why'] ?? ''}`,
    explains: ['failing-certificate-signing', 'never-ready-proxy', 'unreachable-control-plane'],
    fires: [
      '2026-05-01T10:00:00.000000Z\terror\tcredential\tfailed to fetch token from file: open ./var/run/secrets/tokens/istio-token: no such file or directory',
    ],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\tJWT policy is third-party-jwt'],
  },
  {
    id: 'failing-sds-socket',
    title: 'Agent that cannot open the socket for certificates',
    area: 'security',
    severity: 'error',
    why: 'Envoy fetches its certificates over a socket of the agent; where that cannot be made, Envoy waits for them forever.',
    fix: [
      {
        do: 'Check who may write to the folder of the socket, and whether another SDS server (SPIRE) owns it',
        run: 'kubectl get pod {{podName}} -n {{podNamespace}} -o yaml | grep -B2 -A6 workload-socket',
      },
      { do: 'Restart the pod', run: 'kubectl delete pod {{podName}} -n {{podNamespace}}' },
    ],
    references: ['https://istio.io/latest/docs/ops/integrations/spire/'],
    source: 'Istio security/pkg/nodeagent/sds/server.go',
    contains: 'SDS grpc server ',
    matching: /SDS grpc server (?:for workload proxies failed to (?:set up UDS|start)|could not be started)/,
    message: ({ count }) =>
      `the agent could not open its socket for certificates (${count === 1 ? 'once' : `${count} times`})`,
    explains: ['never-ready-proxy'],
    fires: [
      '2026-05-01T10:00:00.000000Z\terror\tsds\tSDS grpc server for workload proxies failed to set up UDS: failed to remove unix://./var/run/secrets/workload-spiffe-uds/socket: permission denied',
    ],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\tsds\tStarting SDS grpc server'],
  },
  {
    id: 'unreadable-certificate-file',
    title: 'Certificate files that the agent cannot read',
    area: 'security',
    severity: 'error',
    why: 'A DestinationRule or Gateway names certificate files that are not mounted into the proxy or are no certificates; connections that need them fail.',
    fix: [
      {
        do: 'See which files are mounted',
        run: 'kubectl exec {{podName}} -n {{podNamespace}} -c istio-proxy -- ls -l /etc/certs /etc/istio',
      },
      { do: 'Mount the Secret with `sidecar.istio.io/userVolumeMount`, or use `credentialName`' },
    ],
    references: ['https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings'],
    source: 'Istio security/pkg/nodeagent/cache/secretcache.go',
    contains: 'failed to generate secret for proxy from file',
    matching: /failed to generate secret for proxy from file: (?<why>.*)/,
    message: ({ captures, count }) =>
      `the agent could not make a certificate from files (${count === 1 ? 'once' : `${count} times`}): ${captures['why'] ?? ''}`,
    explains: ['failed-tls-handshake', 'failed-upstream-connection'],
    fires: [
      '2026-05-01T10:00:00.000000Z\terror\tcache\tfailed to generate secret for proxy from file: open /etc/certs/cert-chain.pem: no such file or directory',
    ],
    quiet: [
      '2026-05-01T10:00:00.000000Z\tinfo\tcache\tgenerated new workload certificate\tresourceName=default latency=21.3ms ttl=23h59m59s',
    ],
  },
  {
    id: 'slow-certificate-requests',
    title: 'Certificate requests that wait for each other',
    area: 'security',
    severity: 'warning',
    why: 'The agent waited long for a certificate; istiod’s CA or the agent’s processor is overloaded, and pods start late.',
    fix: [
      { do: 'See whether istiod is short of processor time', run: 'kubectl top pods -A -l app=istiod' },
      { do: 'Give istiod more replicas or processor time' },
    ],
    references: ['https://istio.io/latest/docs/ops/deployment/performance-and-scalability/'],
    source: 'Istio security/pkg/nodeagent/cache/secretcache.go',
    contains: 'slow generate secret lock',
    matching: /slow generate secret lock: (?<wait>\S+)/,
    message: ({ captures, count }) =>
      `the agent waited ${captures['wait'] ?? 'long'} for its certificate${count === 1 ? '' : ` (${count} times)`}`,
    fires: ['2026-05-01T10:00:00.000000Z\twarn\tcache\tslow generate secret lock: 3.4s'],
    quiet: [
      '2026-05-01T10:00:00.000000Z\tinfo\tcache\tgenerated new workload certificate\tresourceName=default latency=21.3ms ttl=23h59m59s',
    ],
  },
  {
    id: 'failing-jwks-fetch-in-proxy',
    title: 'Proxy that cannot fetch token keys itself',
    area: 'security',
    severity: 'error',
    why: 'This proxy fetches the issuer’s keys itself (an EnvoyFilter or PILOT_JWT_ENABLE_REMOTE_JWKS); while it cannot, every token is refused with 401.',
    fix: [
      {
        do: 'Try the address from the pod',
        run: 'kubectl exec {{podName}} -n {{podNamespace}} -c istio-proxy -- curl -sv -m 10 {{url}}',
      },
      { do: 'Allow the way out (ServiceEntry, firewall) or let istiod fetch the keys' },
    ],
    references: ['https://istio.io/latest/docs/reference/config/security/request_authentication/'],
    source: 'Envoy jwt_authn jwks_async_fetcher',
    contains: 'Jwks async fetching url=',
    matching: /Jwks async fetching url=(?<url>\S+): failed/,
    groupBy: ['url'],
    atLeast: 2,
    message: ({ captures, count }) =>
      `the proxy could not fetch token keys from ${captures['url'] ?? ''} (${count === 1 ? 'once' : `${count} times`})`,
    explains: ['refused-jwt'],
    fires: [
      '2026-05-01T10:00:00.000000Z\twarning\tenvoy jwt\tJwks async fetching url=https://idp.example.com/keys: failed\n2026-05-01T10:00:00.000000Z\twarning\tenvoy jwt\tJwks async fetching url=https://idp.example.com/keys: failed',
    ],
    quiet: [
      '2026-05-01T10:00:00.000000Z\tdebug\tenvoy jwt\tJwks async fetching url=https://idp.example.com/keys: done',
    ],
  },
  {
    id: 'unreloaded-certificates',
    title: 'Renewed certificate files that Envoy refuses',
    area: 'security',
    severity: 'error',
    why: 'Key and certificate were replaced one after the other or do not belong together; Envoy keeps the old pair until that ends.',
    fix: [
      {
        do: 'Check that key and certificate belong together, and replace both at once',
        run: 'openssl x509 -noout -pubkey -in tls.crt | openssl md5; openssl pkey -pubout -in tls.key | openssl md5',
      },
      { do: 'Verify what the proxy has now', run: 'istioctl proxy-config secret {{pod}}' },
    ],
    references: ['https://www.envoyproxy.io/docs/envoy/latest/configuration/security/secret'],
    source: 'Envoy source/common/secret/sds_api.cc',
    contains: 'Failed to reload certificates',
    matching: /Failed to reload certificates: (?<why>.*)/,
    message: ({ captures, count }) =>
      `Envoy refused renewed certificate files (${count === 1 ? 'once' : `${count} times`}): ${captures['why'] ?? ''}`,
    explains: ['failed-tls-handshake', 'expired-certificate'],
    fires: [
      '2026-05-01T10:00:00.000000Z\twarning\tenvoy config\tFailed to reload certificates: Failed to load private key from /etc/certs/key.pem, Cause: error:0b000074:X.509 certificate routines:OPENSSL_internal:KEY_VALUES_MISMATCH',
    ],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\tenvoy config\tRDS: add/update routes'],
  },
]);
