import { type Json, pretty } from './json.ts';
import type { GeneratedMesh, MeshProxy } from './mesh.ts';

const format =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% ' +
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% ' +
  '%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n';

const accessLog: Json = [
  {
    name: 'envoy.access_loggers.file',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
      path: '/dev/stdout',
      log_format: { text_format_source: { inline_string: format } },
    },
  },
];

function tcpProxy(cluster: string, logged: boolean): Json {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
      stat_prefix: cluster,
      cluster,
      ...(logged ? { access_log: accessLog } : {}),
    },
  };
}

function httpFilters(): Json {
  const filter = (name: string, type: string, more: Record<string, Json> = {}): Json => ({
    name: `envoy.filters.http.${name}`,
    typed_config: { '@type': `type.googleapis.com/envoy.extensions.filters.http.${name}.v3.${type}`, ...more },
  });
  return [
    filter('grpc_stats', 'FilterConfig', { emit_filter_state: true, stats_for_all_methods: false }),
    filter('fault', 'HTTPFault'),
    filter('cors', 'Cors'),
    filter('router', 'Router'),
  ];
}

function connectionManager(proxy: MeshProxy, prefix: string, routes: Record<string, Json>): Json {
  const dryRun = (policy: string, field: string, key: string): Json => ({
    tag: `istio.authorization.dry_run.${policy}_policy.${field}`,
    metadata: {
      kind: { request: {} },
      metadata_key: { key: 'envoy.filters.http.rbac', path: [{ key: `istio_dry_run_${policy}_shadow_${key}` }] },
    },
  });
  const literal = (tag: string, value: string): Json => ({ tag: `istio.${tag}`, literal: { value } });
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
      stat_prefix: prefix,
      ...routes,
      http_filters: httpFilters(),
      tracing: {
        client_sampling: { value: 100 },
        random_sampling: { value: 1 },
        overall_sampling: { value: 100 },
        custom_tags: [
          dryRun('allow', 'name', 'effective_policy_id'),
          dryRun('allow', 'result', 'engine_result'),
          dryRun('deny', 'name', 'effective_policy_id'),
          dryRun('deny', 'result', 'engine_result'),
          literal('canonical_revision', proxy.version === '' ? 'latest' : proxy.version),
          literal('canonical_service', proxy.app),
          literal('cluster_id', 'Kubernetes'),
          literal('mesh_id', 'cluster.local'),
          literal('namespace', proxy.namespace),
        ],
      },
      access_log: accessLog,
      use_remote_address: false,
      proxy_100_continue: true,
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      stream_idle_timeout: '0s',
      normalize_path: true,
      path_with_escaped_slashes_action: 'KEEP_UNCHANGED',
    },
  };
}

function listener(name: string, address: string, port: number, content: Record<string, Json>, updated: string): string {
  const described: Json = {
    '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
    name,
    address: { socket_address: { address, port_value: port } },
    ...content,
  };
  return pretty({ name, active_state: { listener: described, last_updated: updated } }, 4);
}

const rds = (name: string): Record<string, Json> => ({
  rds: {
    config_source: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' },
    route_config_name: name,
  },
});

/** The listeners of a sidecar: one per HTTP port, one per TCP service, and the two that catch everything. */
export function* listenersOf(mesh: GeneratedMesh, proxy: MeshProxy, updated: string): Generator<string> {
  const outbound: Record<string, Json> = {
    listener_filters_timeout: '0s',
    traffic_direction: 'OUTBOUND',
    continue_on_listener_filters_timeout: true,
  };
  for (const service of mesh.visible) {
    if (service.protocol !== 'tcp') continue;
    const name = `${service.ip}_${service.port}`;
    const filters = [tcpProxy(`outbound|${service.port}||${service.host}`, true)];
    const content = { filter_chains: [{ filters, transport_socket_connect_timeout: '15s' }], ...outbound };
    yield listener(name, service.ip, service.port, { ...content, bind_to_port: false }, updated);
  }
  for (const port of httpPorts(mesh)) {
    const name = `0.0.0.0_${port}`;
    const match: Json = { transport_protocol: 'raw_buffer', application_protocols: ['http/1.1', 'h2c'] };
    const filters = [connectionManager(proxy, `outbound_${name};`, rds(`${port}`))];
    const content: Record<string, Json> = {
      filter_chains: [{ filter_chain_match: match, filters, transport_socket_connect_timeout: '15s' }],
      ...outbound,
      default_filter_chain: {
        filter_chain_match: {},
        filters: [tcpProxy('PassthroughCluster', true)],
        name: 'PassthroughFilterChain',
      },
      bind_to_port: false,
    };
    yield listener(name, '0.0.0.0', port, content, updated);
  }
  yield listener(
    'virtualOutbound',
    '0.0.0.0',
    15001,
    {
      filter_chains: [
        {
          filter_chain_match: { destination_port: 15001 },
          filters: [tcpProxy('BlackHoleCluster', false)],
          name: 'virtualOutbound-blackhole',
        },
        { filters: [tcpProxy('PassthroughCluster', true)], name: 'virtualOutbound-catchall-tcp' },
      ],
      use_original_dst: true,
      traffic_direction: 'OUTBOUND',
      access_log: accessLog,
    },
    updated,
  );
  yield virtualInbound(proxy, updated);
}

function virtualInbound(proxy: MeshProxy, updated: string): string {
  const sds = (name: string): Json => ({
    name,
    sds_config: {
      api_config_source: {
        api_type: 'GRPC',
        grpc_services: [{ envoy_grpc: { cluster_name: 'sds-grpc' } }],
        set_node_on_first_message_only: true,
        transport_api_version: 'V3',
      },
      initial_fetch_timeout: '0s',
      resource_api_version: 'V3',
    },
  });
  const tls: Json = {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
        alpn_protocols: ['h2', 'http/1.1'],
        tls_certificate_sds_secret_configs: [sds('default')],
        combined_validation_context: {
          default_validation_context: { match_subject_alt_names: [{ prefix: 'spiffe://cluster.local/' }] },
          validation_context_sds_secret_config: sds('ROOTCA'),
        },
      },
      require_client_certificate: true,
    },
  };
  const port = proxy.service?.targetPort ?? 8080;
  const inbound = (name: string, cluster: string, destination: Record<string, Json>): Json => ({
    filter_chain_match: {
      ...destination,
      transport_protocol: 'tls',
      application_protocols: ['istio-http/1.0', 'istio-http/1.1', 'istio-h2'],
    },
    filters: [
      connectionManager(proxy, `${cluster};`, {
        route_config: {
          name: cluster,
          virtual_hosts: [
            {
              name: `inbound|http|${port}`,
              domains: ['*'],
              routes: [{ match: { prefix: '/' }, route: { cluster, timeout: '0s' }, name: 'default' }],
            },
          ],
          validate_clusters: false,
        },
      }),
    ],
    transport_socket: tls,
    name,
  });
  return listener(
    'virtualInbound',
    '0.0.0.0',
    15006,
    {
      filter_chains: [
        {
          filter_chain_match: { destination_port: 15006 },
          filters: [tcpProxy('BlackHoleCluster', false)],
          name: 'virtualInbound-blackhole',
        },
        inbound('virtualInbound-catchall-http', 'InboundPassthroughCluster', {}),
        inbound(`0.0.0.0_${port}`, `inbound|${port}||`, { destination_port: port }),
      ],
      listener_filters: [
        {
          name: 'envoy.filters.listener.original_dst',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst',
          },
        },
      ],
      listener_filters_timeout: '0s',
      traffic_direction: 'INBOUND',
      continue_on_listener_filters_timeout: true,
      access_log: accessLog,
    },
    updated,
  );
}

/** The one listener of a gateway that serves plain HTTP. */
export function gatewayListener(proxy: MeshProxy, updated: string): string {
  const filters = [connectionManager(proxy, 'outbound_0.0.0.0_80;', rds('http.80'))];
  return listener(
    '0.0.0.0_80',
    '0.0.0.0',
    80,
    { filter_chains: [{ filters }], traffic_direction: 'OUTBOUND' },
    updated,
  );
}

/** The listeners of Envoy's bootstrap: readiness and metrics. */
export function staticListeners(updated: string): Json {
  return [15090, 15021].map((port) => ({
    listener: {
      '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
      name: `0.0.0.0_${port}`,
      address: { socket_address: { address: '0.0.0.0', port_value: port } },
    },
    last_updated: updated,
  }));
}

/** Ports of the services that speak HTTP or gRPC: one listener and one route configuration each. */
export function httpPorts(mesh: GeneratedMesh): number[] {
  const ports = new Set<number>();
  for (const service of mesh.visible) if (service.protocol !== 'tcp') ports.add(service.port);
  return [...ports].sort((a, b) => a - b);
}
