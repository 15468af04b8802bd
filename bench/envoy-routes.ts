import { httpPorts } from './envoy-listeners.ts';
import { type Json, pretty, prettyList } from './json.ts';
import type { GeneratedMesh, MeshProxy, MeshService } from './mesh.ts';

const hostTexts = new WeakMap<MeshService, Map<boolean, string>>();

/** The entries of `dynamic_route_configs`: one per HTTP port, or the gateway's one. */
export function* routeEntries(mesh: GeneratedMesh, proxy: MeshProxy, updated: string): Generator<string> {
  if (proxy.kind === 'router') {
    yield [...routeEntry('http.80', [gatewayHost(mesh)], updated)].join('');
    return;
  }
  for (const port of httpPorts(mesh)) {
    const hosts = mesh.visible
      .filter((service) => service.protocol !== 'tcp' && service.port === port)
      .map((service) => virtualHostText(service, service.namespace === proxy.namespace));
    yield [...routeEntry(`${port}`, hosts, updated)].join('');
  }
}

function* routeEntry(name: string, hosts: readonly string[], updated: string): Generator<string> {
  yield '{\n     "route_config": {\n';
  yield '      "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",\n';
  yield `      "name": "${name}",\n      "virtual_hosts": `;
  yield* prettyList(hosts, 6);
  yield ',\n      "validate_clusters": false,\n      "max_direct_response_body_size_bytes": 1048576,\n';
  yield `      "ignore_port_in_host_matching": true\n     },\n     "last_updated": "${updated}"\n    }`;
}

function virtualHostText(service: MeshService, near: boolean): string {
  const cached = hostTexts.get(service) ?? new Map<boolean, string>();
  hostTexts.set(service, cached);
  let text = cached.get(near);
  if (text === undefined) {
    const short = `${service.name}.${service.namespace}`;
    const domains = [
      service.host,
      `${service.host}.`,
      ...(near ? [service.name] : []),
      `${short}.svc`,
      short,
      service.ip,
    ];
    text = pretty(virtualHost(`${service.host}:${service.port}`, domains, service), 7);
    cached.set(near, text);
  }
  return text;
}

function gatewayHost(mesh: GeneratedMesh): string {
  return pretty(virtualHost(`${mesh.publicHost}:80`, [mesh.publicHost], mesh.broken), 7);
}

function virtualHost(name: string, domains: readonly string[], service: MeshService): Json {
  const { host, port, subsets } = service;
  const target: Record<string, Json> =
    subsets.length === 0
      ? { cluster: `outbound|${port}||${host}` }
      : {
          weighted_clusters: {
            clusters: subsets.map((subset) => ({
              name: `outbound|${port}|${subset.name}|${host}`,
              weight: subset.weight,
            })),
          },
        };
  const config = `/apis/networking.istio.io/v1/namespaces/${service.namespace}/virtual-service/${service.name}`;
  return {
    name,
    domains,
    routes: [
      {
        match: { prefix: '/' },
        route: {
          ...target,
          timeout: '0s',
          retry_policy: {
            retry_on: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
            num_retries: 2,
            retry_host_predicate: [
              {
                name: 'envoy.retry_host_predicates.previous_hosts',
                typed_config: {
                  '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
                },
              },
            ],
            host_selection_retry_max_attempts: '5',
          },
          max_grpc_timeout: '0s',
        },
        ...(subsets.length === 0 ? {} : { metadata: { filter_metadata: { istio: { config } } } }),
        decorator: { operation: `${host}:${port}/*` },
        ...(subsets.length === 0 ? { name: 'default' } : {}),
      },
    ],
    include_request_attempt_count: true,
  };
}
