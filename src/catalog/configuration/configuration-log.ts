import { podName, some } from '../evidence.ts';
import { defineLogRules } from '../log-rules.ts';

const gatewayPage = 'https://istio.io/latest/docs/reference/config/networking/gateway/';
const filterPage = 'https://istio.io/latest/docs/reference/config/networking/envoy-filter/';

/** Namespace of a captured `namespace/name` or `name.namespace`. */
const namespaceIn = (object = ''): { readonly namespace?: string } => {
  const namespace = object.includes('/') ? object.split('/')[0] : object.split('.').at(-1);
  return namespace === undefined || namespace === '' || namespace === object ? {} : { namespace };
};

/** What istiod says of configuration that it cannot use. Texts of istio's sources, `pilot/pkg`. */
export const istiodConfigurationLog = defineLogRules('istiod', [
  {
    id: 'panicking-envoy-filter',
    title: 'EnvoyFilter that breaks the building of configuration',
    area: 'configuration',
    severity: 'warning',
    why: 'Istiod caught a panic while it applied EnvoyFilters; for that proxy all patches of the kind are left out, the good ones too.',
    fix: [
      {
        do: 'Find the EnvoyFilter that changed last',
        run: 'kubectl get envoyfilters -A --sort-by=.metadata.creationTimestamp',
      },
      { do: 'Correct its `MERGE` or `REPLACE` patch, or delete it', run: 'istioctl analyze --all-namespaces' },
    ],
    references: [filterPage],
    source: 'knowledge D104, IS20',
    contains: 'caused panic, so the patches did not take effect',
    matching: /(?<kind>clusters|listeners|route) patch(?:es)? caused panic/,
    groupBy: ['kind'],
    message: ({ captures, count }) =>
      `a patch of EnvoyFilters for ${captures['kind']} caused a panic in istiod ${count} times, so none took effect`,
    fires: ['2026-05-01T10:00:00.000000Z\terror\tlisteners patch caused panic, so the patches did not take effect'],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\tads\tLDS: PUSH request for node:cart-7d9.shop resources:21'],
  },
  {
    id: 'unusable-envoy-filter',
    title: 'EnvoyFilter value that cannot be built',
    area: 'configuration',
    severity: 'warning',
    why: 'Istiod cannot turn the patch into Envoy’s types, most often for an `@type` of Envoy’s old API, and leaves it out.',
    fix: [
      { do: 'Write the patch with the v3 types of Envoy', run: 'kubectl get envoyfilters -A -o yaml' },
      { do: 'Verify that istiod complains no more', run: 'istioctl analyze --all-namespaces' },
    ],
    references: [filterPage, 'https://istio.io/latest/docs/ops/common-problems/upgrade-issues/'],
    source: 'knowledge D105, IS20',
    contains: 'failed to build envoy filter value',
    matching: /(?:envoyfilter (?<filter>\S+) )?failed to build envoy filter value: (?<why>.{1,200})/,
    groupBy: ['filter', 'why'],
    message: ({ captures }) =>
      `${captures['filter'] ? `EnvoyFilter ${captures['filter']}` : 'an EnvoyFilter'} is left out: ${captures['why']}`,
    scope: ({ captures }) => namespaceIn(captures['filter']),
    fires: [
      '2026-05-01T10:00:00.000000Z\terror\tenvoyfilter shop/custom failed to build envoy filter value: could not resolve Any message type',
    ],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\tmodel\tEnvoyFilter shop/custom applied'],
  },
  {
    id: 'invalid-mesh-config',
    title: 'MeshConfig that istiod cannot read',
    area: 'configuration',
    severity: 'warning',
    why: 'A MeshConfig with a wrong field or type is not used: istiod goes on with the last good one, older versions with the defaults.',
    fix: [
      {
        do: 'Correct the key `mesh` of the ConfigMap; it takes blanks, no tabs',
        run: 'kubectl get configmaps -A -l istio.io/rev -o yaml',
      },
      {
        do: 'On AKS change only the shared ConfigMap of your revision',
        run: 'kubectl get configmaps -n aks-istio-system',
      },
      { do: 'Verify that istiod took it', run: 'kubectl logs -A -l app=istiod --tail=100' },
    ],
    references: [
      'https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/',
      'https://learn.microsoft.com/en-us/azure/aks/istio-meshconfig',
    ],
    source: 'knowledge D103, F26',
    contains: ' mesh config',
    matching:
      /(?:invalid mesh config, (?:using last known state|ignoring)|failed to read mesh config(?:uration)?, using default): (?<why>.{1,300})/,
    groupBy: ['why'],
    message: ({ captures }) => `istiod does not use the MeshConfig: ${captures['why']}`,
    scope: () => ({}),
    fires: [
      '2026-05-01T10:00:00.000000Z\twarn\tinvalid mesh config, using last known state: 1 error occurred: * unknown field "accesslogfile" in v1alpha1.MeshConfig',
      '2026-05-01T10:00:00.000000Z\twarn\tfailed to read mesh configuration, using default: error converting YAML to JSON: yaml: line 4: found character that cannot start any token',
    ],
    quiet: [
      '2026-05-01T10:00:00.000000Z\tinfo\tmesh configuration: { "accessLogFile": "/dev/stdout" } from mesh config',
    ],
  },
  {
    id: 'ignored-sidecar-host',
    title: 'Sidecar egress host that is ignored',
    area: 'configuration',
    severity: 'warning',
    why: 'An egress host of a Sidecar has the form `namespace/host`; any other is ignored, so its services are unknown to the proxies.',
    fix: [
      {
        do: 'Write `./{{host}}` or `<namespace>/{{host}}` in the Sidecar',
        run: 'kubectl get sidecars.networking.istio.io -A -o yaml',
      },
      { do: 'Verify that the proxy has the cluster', run: 'istioctl proxy-config clusters POD' },
    ],
    references: ['https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioEgressListener'],
    source: 'knowledge D108, IS32',
    contains: 'Illegal host in sidecar resource',
    matching: /Illegal host in sidecar resource: (?<host>\S+), host must be of form/,
    groupBy: ['host'],
    message: ({ captures }) =>
      `a Sidecar names egress host ${captures['host']} without a namespace, so istiod ignores it`,
    scope: () => ({}),
    explains: ['missing-cluster', 'blocked-egress'],
    fires: [
      '2026-05-01T10:00:00.000000Z\terror\tIllegal host in sidecar resource: reviews, host must be of form namespace/dnsName',
    ],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\tads\tpush for Sidecar shop/default'],
  },
  {
    id: 'missing-delegate',
    title: 'VirtualService that delegates to nothing',
    area: 'configuration',
    severity: 'warning',
    why: 'The delegate does not exist or is not exported to the root VirtualService’s namespace, so the paths it should route end in 404.',
    fix: [
      { do: 'Create {{delegate}}, or export it to the namespace of {{root}}', run: 'kubectl get virtualservices -A' },
      { do: 'Verify that nothing is reported any more', run: 'istioctl analyze --all-namespaces' },
    ],
    references: ['https://istio.io/latest/docs/reference/config/networking/virtual-service/#Delegate'],
    source: 'knowledge D109, IS21',
    contains: 'delegate virtual service ',
    matching:
      /delegate virtual service (?<delegate>\S+) of (?<root>\S+) (?<why>not found|is not exported to|not exported to)/,
    groupBy: ['delegate', 'root'],
    message: ({ captures }) =>
      `VirtualService ${captures['root']} delegates to ${captures['delegate']}, which ${captures['why'] === 'not found' ? 'does not exist' : 'is not exported to it'}`,
    scope: ({ captures }) => namespaceIn(captures['root']),
    explains: ['missing-route'],
    fires: ['2026-05-01T10:00:00.000000Z\twarn\tmodel\tdelegate virtual service shop/cart of gateways/root not found'],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\tmodel\tvirtual service gateways/root has 3 delegates'],
  },
  {
    id: 'dropped-gateway-server',
    title: 'Gateway server that istiod drops',
    area: 'gateway',
    severity: 'warning',
    why: 'Another server of the same port has the host or another protocol already, so this one gets no listener.',
    fix: [
      {
        do: 'Find the Gateways that name the same host and port',
        run: 'kubectl get gateways.networking.istio.io -A -o yaml',
      },
      { do: 'Merge them into one', run: 'istioctl analyze --all-namespaces' },
    ],
    references: [gatewayPage, 'https://istio.io/latest/docs/reference/config/analysis/ist0145/'],
    source: 'knowledge D186, IS16',
    contains: 'skipping server on gateway ',
    matching: /skipping server on gateway (?<gateway>[^\s,]+),? (?<why>duplicate host names:? .{0,200}|port .{0,200})/,
    groupBy: ['gateway'],
    message: ({ captures }) => `istiod drops a server of Gateway ${captures['gateway']}: ${captures['why']}`,
    scope: ({ captures }) => namespaceIn(captures['gateway']),
    explains: ['missing-route'],
    symptom: true,
    fires: [
      '2026-05-01T10:00:00.000000Z\twarn\tskipping server on gateway shop/gw2, duplicate host names: [app.example.com]',
    ],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\tgateway shop/gw2 merged with 2 servers'],
  },
  {
    id: 'unroutable-gateway-port',
    title: 'Gateway port without any route',
    area: 'gateway',
    severity: 'info',
    why: 'No VirtualService is bound to any host of the port, so everything that comes in there gets 404. While objects are being created it is normal.',
    fix: [
      {
        do: 'Bind a VirtualService to a Gateway on port {{port}}',
        run: 'kubectl get gateways.networking.istio.io,virtualservices -A',
      },
      { do: 'Verify that nothing is reported any more', run: 'istioctl analyze --all-namespaces' },
    ],
    references: [gatewayPage],
    source: 'knowledge D187, IS18',
    contains: 'with no vhosts; Setting up a default 404 vhost',
    matching: /route config for route (?<route>\S+) on port (?<port>\d+) with no vhosts/,
    groupBy: ['port'],
    atLeast: 2,
    message: ({ captures, count }) => `istiod found no route for gateway port ${captures['port']} ${count} times`,
    scope: () => ({}),
    fires: [
      '2026-05-01T10:00:00.000000Z\twarn\tconstructed http route config for route http.8080 on port 8080 with no vhosts; Setting up a default 404 vhost\n2026-05-01T10:05:00.000000Z\twarn\tconstructed http route config for route http.8080 on port 8080 with no vhosts; Setting up a default 404 vhost',
    ],
    quiet: [
      '2026-05-01T10:00:00.000000Z\twarn\tconstructed http route config for route http.80 on port 80 with no vhosts; Setting up a default 404 vhost',
    ],
  },
  {
    id: 'idle-gateway',
    title: 'Gateway pods that no Gateway selects',
    area: 'gateway',
    severity: 'info',
    why: 'Istiod has no listener for these pods: no Gateway’s selector matches their labels. A gateway that is not in use looks the same.',
    fix: [
      {
        do: 'Compare the Gateways’ selectors with the pod’s labels',
        run: 'kubectl get gateways.networking.istio.io -A -o yaml',
      },
      { do: 'Verify what the gateway listens on', run: 'istioctl proxy-config listeners {{node}}' },
    ],
    references: [gatewayPage],
    source: 'knowledge D188, IS17',
    contains: 'gateway has zero listeners for node',
    matching: /gateway has zero listeners for node (?<node>\S+)/,
    groupBy: ['node'],
    message: ({ captures }) => `no Gateway gives ${captures['node']} a listener`,
    scope: ({ captures }) => namespaceIn(captures['node']),
    fires: ['2026-05-01T10:00:00.000000Z\twarn\tgateway has zero listeners for node gateway-6f7.shop-ingress'],
    quiet: ['2026-05-01T10:00:00.000000Z\twarn\tbuildGatewayRoutes: no gateways for router gateway-6f7.shop-ingress'],
  },
  {
    id: 'skipped-privileged-port',
    title: 'Gateway port below 1024 without the right to open it',
    area: 'gateway',
    severity: 'warning',
    why: 'The gateway’s container may not open ports below 1024, so istiod leaves the listener out and connections are refused.',
    fix: [
      {
        do: 'Map port {{port}} of the gateway’s Service to a `targetPort` above 1024',
        run: 'kubectl get services -A -l istio -o yaml',
      },
      {
        do: 'Or set sysctl `net.ipv4.ip_unprivileged_port_start=0` for the gateway’s pods',
        run: 'kubectl get deployments -A -l istio -o yaml',
      },
    ],
    references: ['https://istio.io/latest/docs/setup/additional-setup/gateway/'],
    source: 'knowledge D191, D107, IS19',
    contains: 'skipping privileged ',
    matching: /skipping privileged (?:gateway|service) port (?<port>\d+) for node (?<node>\S+)/,
    groupBy: ['port'],
    message: ({ captures }) =>
      `gateway port ${captures['port']} is left out: ${captures['node']} may not open ports below 1024`,
    scope: ({ captures }) => ({ ...namespaceIn(captures['node']), port: Number(captures['port']) }),
    explains: ['missing-route'],
    fires: [
      '2026-05-01T10:00:00.000000Z\twarn\tbuildGatewayListeners: skipping privileged gateway port 80 for node gateway-6f7.shop-ingress as it is an unprivileged pod',
    ],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\tbuildGatewayListeners: port 8080 for node gateway-6f7.shop-ingress'],
  },
  {
    id: 'unbound-tcp-gateway',
    title: 'TCP or TLS server of a Gateway without a route',
    area: 'gateway',
    severity: 'warning',
    why: 'A server of protocol TCP, or one that passes TLS through, needs a VirtualService with `tcp` or `tls` routes; without one it gets no listener.',
    fix: [
      {
        do: 'Bind a VirtualService with `tcp` or `tls` routes to Gateway {{gateway}}',
        run: 'kubectl get virtualservices -A',
      },
      { do: 'Verify that nothing is reported any more', run: 'istioctl analyze --all-namespaces' },
    ],
    references: [gatewayPage, 'https://istio.io/latest/docs/ops/common-problems/network-issues/#gateway-mismatch'],
    source: 'knowledge D192, C-NET-10',
    contains: 'no virtual service bound to gateway: ',
    matching: /no virtual service bound to gateway: (?<gateway>\S+)/,
    groupBy: ['gateway'],
    message: ({ captures }) => `no VirtualService with tcp or tls routes is bound to Gateway ${captures['gateway']}`,
    scope: ({ captures }) => namespaceIn(captures['gateway']),
    fires: ['2026-05-01T10:00:00.000000Z\twarn\tno virtual service bound to gateway: shop/tcp-gw'],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\tvirtual service shop/db bound to gateway shop/tcp-gw'],
  },
  {
    id: 'gateway-server-without-tls',
    title: 'HTTPS server of a Gateway without TLS settings',
    area: 'gateway',
    severity: 'warning',
    why: 'A server of protocol HTTPS or TLS without a `tls` section is left out.',
    fix: [
      {
        do: 'Give the server of Gateway {{gateway}} a `tls` section with `mode` and `credentialName`',
        run: 'kubectl get gateways.networking.istio.io -A -o yaml',
      },
      { do: 'Verify that nothing is reported any more', run: 'istioctl analyze --all-namespaces' },
    ],
    references: ['https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings'],
    source: 'knowledge D193, IS16',
    contains: 'TLS server without TLS options ',
    matching: /TLS server without TLS options (?<gateway>\S+)/,
    groupBy: ['gateway'],
    message: ({ captures }) => `an HTTPS server of Gateway ${captures['gateway']} has no TLS settings and is left out`,
    scope: ({ captures }) => namespaceIn(captures['gateway']),
    fires: ['2026-05-01T10:00:00.000000Z\twarn\tTLS server without TLS options shop/gw port:{number:443}'],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\tTLS server with TLS options shop/gw'],
  },
  {
    id: 'exhausted-service-entry-addresses',
    title: 'No addresses left for ServiceEntries',
    area: 'configuration',
    severity: 'warning',
    why: 'Istiod gives ServiceEntries without addresses one of its own from a fixed range; the range is used up, so TCP services begin to share listeners.',
    fix: [
      { do: 'Count the ServiceEntries, and delete those not in use', run: 'kubectl get serviceentries -A | wc -l' },
      { do: 'Limit who sees them with `exportTo` and Sidecars', run: 'kubectl get sidecars.networking.istio.io -A' },
    ],
    references: ['https://istio.io/latest/docs/ops/configuration/traffic-management/dns-proxy/'],
    source: 'knowledge D113',
    contains: 'out of IPs to allocate for service entries',
    message: ({ count }) => `istiod ran out of addresses for ServiceEntries ${count} times`,
    scope: () => ({}),
    fires: ['2026-05-01T10:00:00.000000Z\terror\tout of IPs to allocate for service entries. maxips:= 131070'],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\tallocated 240.240.0.1 for service entry shop/db'],
  },
]);

/** What Envoy and its agent say of configuration. */
export const proxyConfigurationLog = defineLogRules('proxy', [
  {
    id: 'failing-wasm-fetch',
    title: 'Wasm module that cannot be fetched',
    area: 'configuration',
    severity: 'warning',
    why: 'The proxy’s agent fetches Wasm modules itself; where it fails, the plugin is left out or, with `FAIL_CLOSE`, every request is refused with 403.',
    fix: [
      {
        do: 'See whether the pod can reach the registry, and whether `imagePullSecret` is right',
        run: 'kubectl get wasmplugins -A -o yaml',
      },
      {
        do: 'Verify the proxy’s log after the next attempt',
        run: 'kubectl logs POD -c istio-proxy --since=10m | grep -i wasm',
      },
    ],
    references: ['https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/'],
    source: 'knowledge A21-A23',
    contains: 'asm module ',
    matching:
      /(?:wasm module download failed after \d+ attempts|cannot fetch Wasm module|fail(?:ed)? to fetch Wasm module|Wasm module downloaded from)(?<why>.{0,200})/,
    atLeast: 1,
    message: ({ count, pods }) => `${some(pods.map(podName))} failed to fetch a Wasm module ${count} times`,
    fires: [
      '2026-05-01T10:00:00.000000Z\terror\twasm\twasm module download failed after 5 attempts, last error: Get "https://registry.example.com/v2/": dial tcp: i/o timeout',
      '2026-05-01T10:00:00.000000Z\terror\twasm\tcannot fetch Wasm module shop.basic-auth: could not fetch manifest: unauthorized',
    ],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\twasm\tfetching Wasm module from oci://registry.example.com/basic-auth'],
  },
  {
    id: 'unbindable-listener',
    title: 'Listener that cannot be opened',
    area: 'configuration',
    severity: 'error',
    why: 'Another process of the pod has the port already, or the proxy may not open it; the listener does not exist and its connections are refused.',
    fix: [
      { do: 'See who listens in the pod', run: 'kubectl exec POD -c istio-proxy -- ss -lntp' },
      {
        do: 'Change the application’s port: 15000 to 15090 belong to Istio',
        run: 'kubectl get services,deployments -A -o yaml',
      },
    ],
    references: ['https://istio.io/latest/docs/ops/deployment/application-requirements/#ports-used-by-istio'],
    source: 'envoy-formats L05, C-OPS-02',
    contains: 'cannot bind ',
    matching: /cannot bind '(?<address>[^']+)': (?<why>.{1,120})/,
    groupBy: ['address'],
    message: ({ captures, pods }) =>
      `${some(pods.map(podName))} cannot listen on ${captures['address']}: ${captures['why']}`,
    explains: ['rejected-configuration', 'never-ready-proxy', 'failed-upstream-connection', 'missing-replicas'],
    fires: [
      "2026-05-01T10:00:00.000000Z\twarning\tenvoy config external/envoy/source/common/listener_manager/listener_manager_impl.cc:1\tlistener '0.0.0.0_15090' failed to bind or apply socket options: cannot bind '0.0.0.0:15090': Address already in use",
    ],
    quiet: ["2026-05-01T10:00:00.000000Z\tinfo\tenvoy upstream\tbound '0.0.0.0:15090'"],
  },
  {
    id: 'deprecated-envoy-field',
    title: 'EnvoyFilter with a deprecated field',
    area: 'configuration',
    severity: 'info',
    why: 'Envoy warns of fields that a later version refuses; then the whole update is refused with them.',
    fix: [
      { do: 'Write {{field}} anew before the next upgrade', run: 'kubectl get envoyfilters -A -o yaml' },
      { do: 'Verify that the proxies warn no more', run: 'kubectl logs POD -c istio-proxy | grep -i deprecated' },
    ],
    references: [filterPage, 'https://www.envoyproxy.io/docs/envoy/latest/version_history/version_history'],
    source: 'Envoy source/common/protobuf/utility.cc',
    contains: "Using deprecated option '",
    matching: /Using deprecated option '(?<field>[^']+)' from file/,
    groupBy: ['field'],
    message: ({ captures, pods }) =>
      `${some(pods.map(podName))} got configuration with deprecated ${captures['field']}`,
    fires: [
      "2026-05-01T10:00:00.000000Z\twarning\tenvoy misc source/common/protobuf/message_validator_impl.cc:21\tDeprecated field: type envoy.config.listener.v3.Listener Using deprecated option 'envoy.config.listener.v3.Listener.hidden_envoy_deprecated_use_original_dst' from file listener.proto. This configuration will be removed from Envoy soon.",
    ],
    quiet: ['2026-05-01T10:00:00.000000Z\tinfo\tenvoy main\tbase data: deprecated features disabled'],
  },
]);
