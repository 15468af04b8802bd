import type { Json } from './json.ts';
import { discoveryAddress, istioVersion, type MeshProxy, revision, systemNamespace } from './mesh.ts';

const categories: readonly (readonly [category: string, names: string])[] = [
  [
    'envoy.clusters',
    'dns eds logical_dns original_dst static strict_dns aggregate composite dynamic_forward_proxy redis',
  ],
  [
    'envoy.load_balancing_policies',
    'cluster_provided least_request maglev random ring_hash round_robin subset wrr_locality',
  ],
  [
    'envoy.filters.http',
    'alternate_protocols_cache aws_lambda bandwidth_limit basic_auth buffer cache compressor cors csrf',
  ],
  [
    'envoy.filters.http',
    'custom_response decompressor dynamic_forward_proxy ext_authz ext_proc fault file_system_buffer',
  ],
  [
    'envoy.filters.http',
    'grpc_stats grpc_web header_mutation health_check ip_tagging jwt_authn local_ratelimit lua oauth2',
  ],
  ['envoy.filters.http', 'on_demand original_src ratelimit rbac router set_metadata stateful_session tap wasm'],
  [
    'envoy.filters.network',
    'connection_limit direct_response echo ext_authz http_connection_manager local_ratelimit mongo_proxy',
  ],
  [
    'envoy.filters.network',
    'ratelimit rbac redis_proxy set_filter_state sni_cluster tcp_proxy thrift_proxy wasm zookeeper_proxy',
  ],
  ['envoy.filters.listener', 'http_inspector local_ratelimit original_dst original_src proxy_protocol tls_inspector'],
  ['envoy.access_loggers', 'file fluentd http_grpc open_telemetry stderr stdout tcp_grpc wasm'],
  ['envoy.tracers', 'datadog dynamic_ot opencensus opentelemetry skywalking xray zipkin'],
  [
    'envoy.resource_monitors',
    'cpu_utilization downstream_connections fixed_heap global_downstream_max_connections injected_resource',
  ],
  ['envoy.retry_host_predicates', 'omit_canary_hosts omit_host_metadata previous_hosts'],
  ['envoy.health_checkers', 'grpc http redis tcp thrift'],
  ['envoy.stats_sinks', 'dog_statsd graphite_statsd hystrix metrics_service open_telemetry statsd wasm'],
  [
    'envoy.transport_sockets.upstream',
    'alts http_11_proxy internal_upstream quic raw_buffer starttls tap tls upstream_proxy_protocol',
  ],
  ['envoy.transport_sockets.downstream', 'alts quic raw_buffer starttls tap tls'],
  [
    'envoy.matching.http.input',
    'request_headers request_trailers response_headers response_trailers status_code_class',
  ],
  ['envoy.formatter', 'cel metadata req_without_query'],
  ['envoy.compression.compressor', 'brotli gzip zstd'],
];

/** Extensions compiled into Envoy, as `node.extensions` lists them; long and the same in every proxy. */
function extensions(typed: boolean): Json[] {
  return categories.flatMap(([category, names]) =>
    names.split(' ').flatMap((name) =>
      ['v3', 'v3alpha'].map((version) => ({
        name: `${category}.${name}`,
        category,
        ...(typed ? { type_descriptor: '', disabled: false } : {}),
        type_urls: [`${category.replace('envoy.', 'envoy.extensions.')}.${name}.${version}.${camel(name)}`],
      })),
    ),
  );
}

function camel(name: string): string {
  return name.replace(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase());
}

/** `node.id`: `<kind>~<ip>~<pod>.<namespace>~<namespace>.svc.cluster.local`. */
function nodeId(proxy: MeshProxy): string {
  return `${proxy.kind}~${proxy.ip}~${proxy.name}.${proxy.namespace}~${proxy.namespace}.svc.cluster.local`;
}

const proxyConfig: Json = {
  concurrency: 2,
  terminationDrainDuration: '5s',
  configPath: './etc/istio/proxy',
  statNameLength: 189,
  drainDuration: '45s',
  controlPlaneAuthPolicy: 'MUTUAL_TLS',
  discoveryAddress,
  statusPort: 15020,
  proxyAdminPort: 15000,
  binaryPath: '/usr/local/bin/envoy',
  serviceCluster: 'istio-proxy',
};

/** Metadata that pilot-agent gives Envoy and istiod reads back. */
export function metadataOf(proxy: MeshProxy): Record<string, Json> {
  return {
    POD_PORTS: '[\n]',
    CLUSTER_ID: 'Kubernetes',
    ENVOY_STATUS_PORT: 15021,
    ENVOY_PROMETHEUS_PORT: 15090,
    INSTANCE_IPS: proxy.ip,
    ISTIO_PROXY_SHA: '8f4f69324c5c9271faad34c13e2e20a558669121',
    PROXY_CONFIG: proxyConfig,
    PILOT_SAN: [`istiod-${revision}.${systemNamespace}.svc`],
    ISTIO_VERSION: istioVersion,
    INTERCEPTION_MODE: 'REDIRECT',
    NODE_NAME: proxy.node,
    ANNOTATIONS: {
      'prometheus.io/path': '/stats/prometheus',
      'prometheus.io/scrape': 'true',
      'prometheus.io/port': '15020',
      'istio.io/rev': revision,
    },
    OWNER: `kubernetes://apis/apps/v1/namespaces/${proxy.namespace}/deployments/${proxy.workload}`,
    APP_CONTAINERS: proxy.app,
    SERVICE_ACCOUNT: proxy.app,
    WORKLOAD_NAME: proxy.workload,
    MESH_ID: 'cluster.local',
    NAME: proxy.name,
    NAMESPACE: proxy.namespace,
    LABELS: {
      app: proxy.app,
      ...(proxy.kind === 'router'
        ? { istio: proxy.app }
        : { version: proxy.version, 'security.istio.io/tlsMode': 'istio' }),
      'service.istio.io/canonical-name': proxy.app,
      'service.istio.io/canonical-revision': proxy.version === '' ? 'latest' : proxy.version,
    },
  };
}

/** The `node` of Envoy's bootstrap (`typed` false) and of `server_info` (`typed` true). */
export function nodeOf(proxy: MeshProxy, typed = false): Json {
  return {
    id: nodeId(proxy),
    cluster: `${proxy.app}.${proxy.namespace}`,
    metadata: metadataOf(proxy),
    locality: { region: 'westeurope', zone: 'westeurope-1' },
    user_agent_name: 'envoy',
    user_agent_build_version: {
      version: { major_number: 1, minor_number: 37 },
      metadata: {
        'revision.sha': '3909deb175ef358202d6ab4f94d683ffc0fdb477',
        'build.type': 'RELEASE',
        'ssl.version': 'BoringSSL',
        'revision.status': 'Clean',
      },
    },
    extensions: extensions(typed),
  };
}
