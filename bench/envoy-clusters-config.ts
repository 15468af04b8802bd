import { type Json, pretty } from './json.ts';
import { type MeshCluster, type MeshPod, trustDomain } from './mesh.ts';
import type { Random } from './random.ts';

const grpcSds: Json = {
  api_config_source: {
    api_type: 'GRPC',
    grpc_services: [{ envoy_grpc: { cluster_name: 'sds-grpc' } }],
    set_node_on_first_message_only: true,
    transport_api_version: 'V3',
  },
  initial_fetch_timeout: '0s',
  resource_api_version: 'V3',
};

// Envoy writes protobuf maps in hash order, which differs from process to process: the same cluster of two proxies is rarely
// the same bytes. Each entry is kept in the six orders of its three keys.
const orders = [
  ['host', 'name', 'namespace'],
  ['host', 'namespace', 'name'],
  ['name', 'host', 'namespace'],
  ['name', 'namespace', 'host'],
  ['namespace', 'host', 'name'],
  ['namespace', 'name', 'host'],
] as const;

const clusterTexts = new WeakMap<MeshCluster, string[]>();
const endpointTexts = new WeakMap<MeshCluster, string[]>();

/** One entry of `dynamic_active_clusters`. */
export function clusterEntry(cluster: MeshCluster, random: Random, updated: string): string {
  const order = Math.floor(random() * orders.length);
  const cached = clusterTexts.get(cluster) ?? [];
  clusterTexts.set(cluster, cached);
  let text = cached[order];
  if (text === undefined) {
    text = `{\n     "cluster": ${pretty(clusterOf(cluster, order), 5)},\n     "last_updated": "`;
    cached[order] = text;
  }
  return `${text}${updated}"\n    }`;
}

/** An entry like that of `cluster` under another name, for a dump that is far larger than its mesh. */
export function wideClusterEntry(cluster: MeshCluster, index: number, random: Random, updated: string): string {
  const { service } = cluster;
  return clusterEntry(cluster, random, updated).replaceAll(service.name, `${service.name}-${index}`);
}

/** One entry of `dynamic_endpoint_configs`. */
export function endpointEntry(cluster: MeshCluster, random: Random): string {
  const order = Math.floor(random() * 2);
  const cached = endpointTexts.get(cluster) ?? [];
  endpointTexts.set(cluster, cached);
  let text = cached[order];
  if (text === undefined) {
    text = pretty({ endpoint_config: assignment(cluster, order) }, 4);
    cached[order] = text;
  }
  return text;
}

function clusterOf(cluster: MeshCluster, order: number): Json {
  const { service, subset, name } = cluster;
  const unlimited = 4294967295;
  const fields: Record<string, string> = { host: service.host, name: service.name, namespace: service.namespace };
  const described = Object.fromEntries((orders[order] ?? orders[0]).map((key) => [key, fields[key] ?? '']));
  const sni = `outbound_.${service.port}_.${subset?.name ?? ''}_.${service.host}`;
  return {
    '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
    name,
    type: 'EDS',
    eds_cluster_config: {
      eds_config: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' },
      service_name: name,
    },
    connect_timeout: '10s',
    lb_policy: 'LEAST_REQUEST',
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
    metadata: {
      filter_metadata: {
        istio: {
          services: [described],
          ...(subset === undefined ? {} : { subset: subset.name }),
          ...(service.subsets.length === 0
            ? {}
            : {
                config: `/apis/networking.istio.io/v1/namespaces/${service.namespace}/destination-rule/${service.name}`,
              }),
        },
      },
    },
    common_lb_config: {},
    alt_stat_name: `${name};`,
    ...(service.protocol === 'grpc'
      ? {
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
        }
      : {}),
    transport_socket_matches: [
      {
        name: 'tlsMode-istio',
        match: { tlsMode: 'istio' },
        transport_socket: {
          name: 'envoy.transport_sockets.tls',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
            common_tls_context: {
              tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
              alpn_protocols: service.protocol === 'tcp' ? ['istio'] : ['istio-peer-exchange', 'istio'],
              tls_certificate_sds_secret_configs: [{ name: 'default', sds_config: grpcSds }],
              combined_validation_context: {
                default_validation_context: {
                  match_subject_alt_names: [
                    { exact: `spiffe://${trustDomain}/ns/${service.namespace}/sa/${service.name}` },
                  ],
                },
                validation_context_sds_secret_config: { name: 'ROOTCA', sds_config: grpcSds },
              },
            },
            sni,
          },
        },
      },
      {
        name: 'tlsMode-disabled',
        match: {},
        transport_socket: {
          name: 'envoy.transport_sockets.raw_buffer',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer',
          },
        },
      },
    ],
  };
}

function assignment(cluster: MeshCluster, order: number): Json {
  const hosts = cluster.pods.map((pod) => lbEndpoint(cluster, pod, order));
  return {
    '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
    cluster_name: cluster.name,
    ...(hosts.length === 0
      ? {}
      : {
          endpoints: [
            {
              locality: { region: 'westeurope', zone: 'westeurope-1' },
              lb_endpoints: hosts,
              load_balancing_weight: hosts.length,
            },
          ],
        }),
    policy: { overprovisioning_factor: 140 },
  };
}

function lbEndpoint(cluster: MeshCluster, pod: MeshPod, order: number): Json {
  const tls: Json = { tlsMode: 'istio' };
  const istio: Json = { workload: `${pod.workload};${pod.namespace};${pod.service};${pod.version};Kubernetes` };
  return {
    endpoint: {
      address: { socket_address: { address: pod.ip, port_value: cluster.service.targetPort } },
      health_check_config: {},
    },
    health_status: 'HEALTHY',
    metadata: {
      filter_metadata:
        order === 0 ? { 'envoy.transport_socket_match': tls, istio } : { istio, 'envoy.transport_socket_match': tls },
    },
    load_balancing_weight: 1,
  };
}
