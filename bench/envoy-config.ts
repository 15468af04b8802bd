import { certificate } from './certificate.ts';
import { clusterEntry, endpointEntry, wideClusterEntry } from './envoy-clusters-config.ts';
import { gatewayListener, listenersOf, staticListeners } from './envoy-listeners.ts';
import { nodeOf } from './envoy-node.ts';
import { routeEntries } from './envoy-routes.ts';
import { type Json, pretty, prettyList } from './json.ts';
import { collectedAt, type GeneratedMesh, type MeshCluster, type MeshProxy, trustDomain } from './mesh.ts';
import { between, type Random, seconds } from './random.ts';

const ads: Json = { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' };

/** Milliseconds in which one proxy got its configuration. */
function moment(random: Random): string {
  return new Date(collectedAt - between(random, 60_000, 5_400_000)).toISOString();
}

/** `config_dump?include_eds` of one proxy, in the order Envoy writes it: chunk by chunk, whatever its size. */
export function* configDump(
  mesh: GeneratedMesh,
  proxy: MeshProxy,
  clusters: readonly MeshCluster[],
  random: Random,
): Generator<string> {
  const updated = moment(random);
  const version = `${seconds(collectedAt - 3600_000)}/${between(random, 2, 400)}`;
  const extra = proxy === mesh.proxies[0] ? mesh.size.extraClusters : 0;

  yield '{\n "configs": [\n  ';
  yield pretty(bootstrap(proxy, updated), 2);

  yield ',\n  {\n   "@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump",\n';
  yield `   "version_info": "${version}",\n   "static_clusters": `;
  yield pretty(staticClusters(updated), 3);
  yield ',\n   "dynamic_active_clusters": ';
  yield* prettyList(clusterTexts(proxy, clusters, random, updated, extra), 3);
  yield '\n  }';

  yield ',\n  {\n   "@type": "type.googleapis.com/envoy.admin.v3.EndpointsConfigDump",\n   "static_endpoint_configs": ';
  yield pretty(['agent', 'prometheus_stats', 'sds-grpc', 'xds-grpc'].map(staticEndpoints), 3);
  yield ',\n   "dynamic_endpoint_configs": ';
  yield* prettyList(endpointTexts(clusters, random), 3);
  yield '\n  }';

  yield ',\n  {\n   "@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump",\n';
  yield `   "version_info": "${version}",\n   "static_listeners": `;
  yield pretty(staticListeners(updated), 3);
  yield ',\n   "dynamic_listeners": ';
  const listeners = proxy.kind === 'router' ? [gatewayListener(proxy, updated)] : listenersOf(mesh, proxy, updated);
  yield* prettyList(listeners, 3);
  yield '\n  }';

  yield ',\n  {\n   "@type": "type.googleapis.com/envoy.admin.v3.ScopedRoutesConfigDump"\n  }';

  yield ',\n  {\n   "@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump",\n   "static_route_configs": ';
  yield pretty(staticRoutes(updated), 3);
  yield ',\n   "dynamic_route_configs": ';
  yield* prettyList(routeEntries(mesh, proxy, updated), 3);
  yield '\n  },\n  ';

  yield pretty(secrets(proxy, updated, random), 2);
  yield '\n ]\n}\n';
}

function* clusterTexts(
  proxy: MeshProxy,
  clusters: readonly MeshCluster[],
  random: Random,
  updated: string,
  extra: number,
): Generator<string> {
  for (const name of ['BlackHoleCluster', 'InboundPassthroughCluster', 'PassthroughCluster']) {
    yield pretty({ cluster: builtInCluster(name), last_updated: updated }, 4);
  }
  if (proxy.service !== undefined) {
    yield pretty({ cluster: builtInCluster(`inbound|${proxy.service.targetPort}||`), last_updated: updated }, 4);
  }
  for (const cluster of clusters) yield clusterEntry(cluster, random, updated);
  const [pattern] = clusters;
  for (let i = 0; i < extra && pattern !== undefined; i += 1) yield wideClusterEntry(pattern, i, random, updated);
}

function* endpointTexts(clusters: readonly MeshCluster[], random: Random): Generator<string> {
  yield pretty(staticEndpoints('InboundPassthroughCluster'), 4);
  for (const cluster of clusters) yield endpointEntry(cluster, random);
}

function builtInCluster(name: string): Json {
  const type = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
  if (name === 'BlackHoleCluster') {
    return { '@type': type, name, type: 'STATIC', connect_timeout: '10s', alt_stat_name: `${name};` };
  }
  const unlimited = 4294967295;
  return {
    '@type': type,
    name,
    type: 'ORIGINAL_DST',
    connect_timeout: '10s',
    lb_policy: 'CLUSTER_PROVIDED',
    circuit_breakers: {
      thresholds: [
        {
          max_connections: unlimited,
          max_pending_requests: unlimited,
          max_requests: unlimited,
          max_retries: unlimited,
        },
      ],
    },
    ...(name.toLowerCase().startsWith('inbound')
      ? { upstream_bind_config: { source_address: { address: '127.0.0.6', port_value: 0 } } }
      : {}),
    alt_stat_name: name.startsWith('inbound|') ? `${name};` : 'PassthroughCluster;',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        common_http_protocol_options: { idle_timeout: '300s' },
        use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: {} },
      },
    },
  };
}

function localCluster(name: string): Json {
  const sockets: Record<string, Json> = {
    prometheus_stats: { socket_address: { address: '127.0.0.1', port_value: 15000 } },
    agent: { socket_address: { address: '127.0.0.1', port_value: 15020 } },
    'sds-grpc': { pipe: { path: './var/run/secrets/workload-spiffe-uds/socket' } },
    'xds-grpc': { pipe: { path: './etc/istio/proxy/XDS' } },
  };
  return {
    name,
    type: 'STATIC',
    connect_timeout: name.endsWith('-grpc') ? '1s' : '0.250s',
    alt_stat_name: `${name};`,
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: sockets[name] ?? {} } }] }],
    },
  };
}

function staticClusters(updated: string): Json {
  return ['agent', 'prometheus_stats', 'sds-grpc', 'xds-grpc'].map((name) => ({
    cluster: {
      '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
      ...(localCluster(name) as object),
    } as Json,
    last_updated: updated,
  }));
}

function staticEndpoints(name: string): Json {
  const port = name === 'agent' ? 15020 : 15000;
  const host = {
    endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } }, health_check_config: {} },
    health_status: 'HEALTHY',
    load_balancing_weight: 1,
  };
  return {
    endpoint_config: {
      '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
      cluster_name: name,
      ...(name.startsWith('Inbound')
        ? {}
        : { endpoints: [{ locality: {}, lb_endpoints: [host], load_balancing_weight: 0 }] }),
      policy: { overprovisioning_factor: 140 },
    },
  };
}

function staticRoutes(updated: string): Json {
  const backend = (prefix: string, cluster: string): Json => ({
    route_config: {
      '@type': 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
      virtual_hosts: [{ name: 'backend', domains: ['*'], routes: [{ match: { prefix }, route: { cluster } }] }],
    },
    last_updated: updated,
  });
  return [backend('/healthz/ready', 'agent'), backend('/stats/prometheus', 'prometheus_stats')];
}

function bootstrap(proxy: MeshProxy, updated: string): Json {
  return {
    '@type': 'type.googleapis.com/envoy.admin.v3.BootstrapConfigDump',
    bootstrap: {
      node: nodeOf(proxy),
      static_resources: { clusters: ['prometheus_stats', 'agent', 'sds-grpc', 'xds-grpc'].map(localCluster) },
      dynamic_resources: {
        lds_config: ads,
        cds_config: ads,
        ads_config: {
          api_type: 'DELTA_GRPC',
          grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc' } }],
          set_node_on_first_message_only: true,
          transport_api_version: 'V3',
        },
      },
      admin: {
        profile_path: '/var/lib/istio/data/envoy.prof',
        address: { socket_address: { address: '127.0.0.1', port_value: 15000 } },
      },
      layered_runtime: {
        layers: [
          { name: 'global config', static_layer: { 're2.max_program_size.error_level': '32768' } },
          { name: 'admin', admin_layer: {} },
        ],
      },
    },
    last_updated: updated,
  };
}

function secrets(proxy: MeshProxy, updated: string, random: Random): Json {
  const service = proxy.kind === 'router' ? proxy.workload : proxy.app;
  const chain = certificate(random, {
    uri: `spiffe://${trustDomain}/ns/${proxy.namespace}/sa/${service}`,
    notBefore: collectedAt - 2 * 3600_000,
    notAfter: collectedAt + 22 * 3600_000,
  });
  const root = certificate(random, { notBefore: collectedAt - 86_400_000, notAfter: collectedAt + 3649 * 86_400_000 });
  const encoded = (value: string): string => Buffer.from(value).toString('base64');
  const secret = (name: string, version: number, content: Record<string, Json>): Json => ({
    name,
    version_info: `${updated.slice(0, 19)}Z/${version}`,
    last_updated: updated,
    secret: { '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret', name, ...content },
  });
  return {
    '@type': 'type.googleapis.com/envoy.admin.v3.SecretsConfigDump',
    dynamic_active_secrets: [
      secret('default', 1, {
        tls_certificate: {
          certificate_chain: { inline_bytes: encoded(chain) },
          // What Envoy itself writes in place of the key: `[redacted]`.
          private_key: { inline_bytes: encoded('[redacted]') },
        },
      }),
      secret('ROOTCA', 2, { validation_context: { trusted_ca: { inline_bytes: encoded(root) } } }),
    ],
  };
}
