/** Pieces of an Envoy config dump as Envoy prints it: one blank per level. */
export const printed = (value: unknown): string => `${JSON.stringify(value, null, 1)}\n`;

const type = (name: string): { readonly '@type': string } => ({ '@type': `type.googleapis.com/envoy.${name}` });

const nodeId = 'sidecar~10.244.0.121~cart-7d9f.shop~shop.svc.cluster.local';

export const bootstrap = {
  ...type('admin.v3.BootstrapConfigDump'),
  bootstrap: {
    node: {
      id: nodeId,
      cluster: 'cart.shop',
      metadata: {
        ISTIO_VERSION: '1.29.6',
        NAMESPACE: 'shop',
        NAME: 'cart-7d9f',
        CLUSTER_ID: 'Kubernetes',
        MESH_ID: 'cluster.local',
        SERVICE_ACCOUNT: 'cart',
        INTERCEPTION_MODE: 'REDIRECT',
        NODE_NAME: 'node-1',
        WORKLOAD_NAME: 'cart',
        LABELS: { app: 'cart' },
        ANNOTATIONS: { 'istio.io/rev': 'asm-1-29' },
        PROXY_CONFIG: { concurrency: 2 },
      },
      user_agent_build_version: { version: { major_number: 1, minor_number: 37 } },
      extensions: [{ name: 'envoy.filters.http.router', category: 'envoy.filters.http' }],
    },
    static_resources: { clusters: [{ name: 'not told here' }] },
  },
  last_updated: '2026-11-25T08:46:51.250Z',
};

export const meshTls = {
  name: 'envoy.transport_sockets.tls',
  typed_config: {
    ...type('extensions.transport_sockets.tls.v3.UpstreamTlsContext'),
    common_tls_context: {
      tls_certificate_sds_secret_configs: [{ name: 'default' }],
      combined_validation_context: {
        default_validation_context: {
          match_subject_alt_names: [{ exact: 'spiffe://cluster.local/ns/shop/sa/reviews' }],
        },
        validation_context_sds_secret_config: { name: 'ROOTCA' },
      },
    },
    sni: 'outbound_.80_.v1_.reviews.shop.svc.cluster.local',
  },
};

function cluster(name: string, more: object = {}): object {
  return { ...type('config.cluster.v3.Cluster'), name, type: 'EDS', connect_timeout: '10s', ...more };
}

export const clusterElement = (name: string, more: object = {}): object => ({
  version_info: '2026-11-25T08:46:50Z/7',
  cluster: cluster(name, more),
  last_updated: '2026-11-25T08:46:51.300Z',
});

export function listener(name: string, port: number, chains: readonly object[] = []): object {
  return {
    ...type('config.listener.v3.Listener'),
    name,
    address: { socket_address: { address: '0.0.0.0', port_value: port } },
    filter_chains: chains,
    traffic_direction: 'OUTBOUND',
  };
}

export const section = (name: string, lists: object): object => ({ ...type(`admin.v3.${name}ConfigDump`), ...lists });

const assignment = (name: string, addresses: readonly string[]): object => ({
  endpoint_config: {
    ...type('config.endpoint.v3.ClusterLoadAssignment'),
    cluster_name: name,
    endpoints: [
      {
        lb_endpoints: addresses.map((address) => ({
          endpoint: { address: { socket_address: { address, port_value: 8080 } } },
          health_status: 'HEALTHY',
        })),
      },
    ],
  },
});

/** A healthy sidecar's dump. */
export const dump = (...more: readonly object[]): { configs: object[] } => ({
  configs: [
    bootstrap,
    section('Clusters', {
      version_info: '2026-11-25T08:46:50Z/7',
      static_clusters: [clusterElement('xds-grpc', { type: 'STATIC' })],
      dynamic_active_clusters: [
        clusterElement('outbound|80|v1|reviews.shop.svc.cluster.local', {
          transport_socket: meshTls,
          outlier_detection: { consecutive_5xx: 5 },
          circuit_breakers: {
            thresholds: [
              { max_connections: 100, max_requests: 4294967295 },
              { priority: 'HIGH', max_retries: 3 },
            ],
          },
          metadata: {
            filter_metadata: {
              istio: { config: '/apis/networking.istio.io/v1/namespaces/shop/destination-rule/reviews' },
            },
          },
        }),
        clusterElement('outbound|80||reviews.shop.svc.cluster.local', {
          transport_socket_matches: [
            { name: 'tlsMode-istio', match: { tlsMode: 'istio' }, transport_socket: meshTls },
            { name: 'tlsMode-disabled', match: {}, transport_socket: { name: 'envoy.transport_sockets.raw_buffer' } },
          ],
        }),
      ],
    }),
    section('Endpoints', {
      dynamic_endpoint_configs: [
        assignment('outbound|80|v1|reviews.shop.svc.cluster.local', ['10.244.0.7']),
        assignment('outbound|80||reviews.shop.svc.cluster.local', ['10.244.0.7', '10.244.0.8']),
      ],
    }),
    section('Listeners', {
      static_listeners: [{ listener: listener('', 15090), last_updated: '2026-11-25T08:46:51.301Z' }],
      dynamic_listeners: [
        {
          name: '0.0.0.0_80',
          active_state: { listener: listener('0.0.0.0_80', 80), last_updated: '2026-11-25T08:46:51.400Z' },
        },
        ...more,
      ],
    }),
    section('ScopedRoutes', {}),
    section('Routes', {
      dynamic_route_configs: [
        {
          route_config: {
            ...type('config.route.v3.RouteConfiguration'),
            name: '80',
            virtual_hosts: [
              {
                name: 'reviews.shop.svc.cluster.local:80',
                domains: ['reviews', 'reviews.shop.svc.cluster.local'],
                routes: [
                  {
                    match: { prefix: '/' },
                    route: {
                      weighted_clusters: {
                        clusters: [
                          { name: 'outbound|80|v1|reviews.shop.svc.cluster.local', weight: 80 },
                          { name: 'outbound|80|v2|reviews.shop.svc.cluster.local', weight: 20 },
                        ],
                      },
                    },
                    metadata: {
                      filter_metadata: {
                        istio: { config: '/apis/networking.istio.io/v1/namespaces/shop/virtual-service/reviews' },
                      },
                    },
                  },
                ],
              },
              {
                name: 'block_all',
                domains: ['*'],
                routes: [{ match: { prefix: '/' }, direct_response: { status: 502 } }],
              },
            ],
          },
          last_updated: '2026-11-25T08:46:51.500Z',
        },
      ],
    }),
    section('Secrets', {
      dynamic_active_secrets: [
        {
          name: 'ROOTCA',
          last_updated: '2026-11-25T08:46:51.315Z',
          secret: {
            name: 'ROOTCA',
            validation_context: { trusted_ca: { inline_bytes: Buffer.from(rootPem).toString('base64') } },
          },
        },
      ],
    }),
  ],
});

/** A self-signed root as istiod makes them, `O=cluster.local`, valid 2026-11-25 to 2036-11-22. */
export const rootPem = `-----BEGIN CERTIFICATE-----
MIIC/DCCAeSgAwIBAgIQdMSHaa+SvoEknKgIwwa6FDANBgkqhkiG9w0BAQsFADAY
MRYwFAYDVQQKEw1jbHVzdGVyLmxvY2FsMB4XDTI2MTEyNTA4MDAwNVoXDTM2MTEy
MjA4MDAwNVowGDEWMBQGA1UEChMNY2x1c3Rlci5sb2NhbDCCASIwDQYJKoZIhvcN
AQEBBQADggEPADCCAQoCggEBAMNsXsc4531v+TbQG2qhKgUS0bj7gixfYN5MuvFB
LeMZAVAt2WG81LKN2gOUbsETlZuCj0ahqR1p0E6WZKFZxZXW6msslYIG2xM9ii9Z
g2j3bgSer7svf6rTnebu+eqrCqsHLy8sr0dFM/6JO0diu+w7JXUxR8zX9v+7+kD3
sZ2ChYov6VCWm/lii+slV/G24jgdfPExj7yVth6PtshiwRRY3cXl7RvIH15/XD5s
vfPS7QPDNH80qBcbIBEdwRiobpuuTijvrVYrDek0K6w9vjymnCDfEqm+RYD0bSQ2
g5LIXHTseJd/MLCqZUZTBFT+stl8xxOHyzsdqqpbm0QZevkCAwEAAaNCMEAwDgYD
VR0PAQH/BAQDAgIEMA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFIiZ/KEvttVk
hWuq3UfOel8E6b3iMA0GCSqGSIb3DQEBCwUAA4IBAQCn3gbBZ3IYo7s4Z7X/yVPA
S08uAU3WdCcdGfmqf2tDmNfeDksmX3sqMe/S4K6Q8iifcw4ayVqJWXehELDSGJEC
qEbLYPaXW1c23QlDnIB02uRQEtu8UdiDD0rzBReHpbcInuH3oK127/oUudJ+3l7E
280AEVsFvdjyrLASj8W5WhXhSV/pWGiqY8nPwTCRIww7RE5a2c06/qu1oNSi1AkA
mN8w5gz46+4Tg7FKpjiB+vU06TBXYbmzwKLb6Ek7vriWQOX6Cy0rNCtt+UGV3QUh
h1upWbzRiZoCsmcxVH8XEA0MkwNHD34JY/9BsUudIjR3p/bhvhvx1nK6Ybaez3Er
-----END CERTIFICATE-----
`;
