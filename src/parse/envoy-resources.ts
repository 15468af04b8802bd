import {
  type EnvoyObject,
  field,
  inside,
  list,
  message,
  milliseconds,
  number,
  object,
  optional,
  text,
} from './envoy-json.ts';
import { splitClusterName } from './envoy-names.ts';
import type { ClusterConfig, ListenerConfig, ProxySecret, RouteConfig } from './facts.ts';
import { textsOf as strings } from './untyped.ts';

/** What a cluster says by itself: the same bytes in another proxy's dump say the same. */
export type ClusterFacts = Omit<ClusterConfig, 'proxy' | 'warming' | 'at'>;

/** Reads an `envoy.config.cluster.v3.Cluster`. */
export function clusterFacts(cluster: unknown): ClusterFacts | undefined {
  const name = text(field(cluster, 'name'));
  if (name === undefined) return undefined;
  const outlier = field(cluster, 'outlier_detection');
  return {
    ...splitClusterName(name),
    type: text(field(cluster, 'type')) ?? text(inside(cluster, 'cluster_type', 'name')) ?? 'STATIC',
    ...transport(cluster),
    limits: thresholds(field(cluster, 'circuit_breakers')),
    ...optional('connectTimeoutMs', milliseconds(field(cluster, 'connect_timeout'))),
    ...optional('outlierDetection', outlier === undefined ? undefined : object(outlier)),
    ...optional('config', istioConfig(cluster)),
  };
}

/** Envoy's value for "no limit", the largest 32-bit number. */
export const noLimit = 4_294_967_295;

/** Limits of the default priority; no limit is left out. */
export function thresholds(breakers: unknown): ClusterConfig['limits'] {
  for (const threshold of list(field(breakers, 'thresholds'))) {
    const priority = field(threshold, 'priority');
    if (priority !== undefined && priority !== 'DEFAULT') continue;
    const limit = (name: string): number | undefined => {
      const value = number(field(threshold, name));
      return value === noLimit ? undefined : value;
    };
    return {
      ...optional('connections', limit('max_connections')),
      ...optional('pending', limit('max_pending_requests')),
      ...optional('requests', limit('max_requests')),
      ...optional('retries', limit('max_retries')),
    };
  }
  return {};
}

/** `/apis/<group>/<version>/namespaces/<ns>/<kind>/<name>` of the Istio object behind a resource. */
const istioConfig = (resource: unknown): string | undefined =>
  text(inside(resource, 'metadata', 'filter_metadata', 'istio', 'config'));

function transport(cluster: unknown): Pick<ClusterConfig, 'tls' | 'sni'> {
  const matches = list(field(cluster, 'transport_socket_matches'));
  for (const match of matches) {
    const socket = field(match, 'transport_socket');
    if (isTls(socket)) return { tls: 'auto', ...optional('sni', sni(socket)) };
  }
  if (matches.length > 0) return { tls: 'none' };
  const socket = field(cluster, 'transport_socket');
  if (!isTls(socket)) return { tls: 'none' };
  return { tls: isMeshTls(socket) ? 'istio-mutual' : 'tls', ...optional('sni', sni(socket)) };
}

const isTls = (socket: unknown): boolean => text(field(socket, 'name'))?.endsWith('.tls') === true;

const sni = (socket: unknown): string | undefined => text(field(message(field(socket, 'typed_config')), 'sni'));

/** Mutual TLS by the mesh's own identity: the workload certificate, or peers named by SPIFFE. */
function isMeshTls(socket: unknown): boolean {
  const context = field(message(field(socket, 'typed_config')), 'common_tls_context');
  if (secretNames(context).includes('default')) return true;
  const validation =
    inside(context, 'combined_validation_context', 'default_validation_context') ??
    field(context, 'validation_context');
  const names = [
    ...list(field(validation, 'match_subject_alt_names')),
    ...list(field(validation, 'match_typed_subject_alt_names')).map((typed) => field(typed, 'matcher')),
  ];
  return names.some((matcher) => {
    const wanted = text(field(matcher, 'exact')) ?? text(field(matcher, 'prefix'));
    return wanted?.startsWith('spiffe://') === true;
  });
}

/** SDS secrets a TLS context asks for, certificates before validation. */
function secretNames(context: unknown): string[] {
  const names: string[] = [];
  const add = (config: unknown): void => {
    const name = text(field(config, 'name'));
    if (name !== undefined && !names.includes(name)) names.push(name);
  };
  for (const config of list(field(context, 'tls_certificate_sds_secret_configs'))) add(config);
  add(field(context, 'validation_context_sds_secret_config'));
  add(inside(context, 'combined_validation_context', 'validation_context_sds_secret_config'));
  return names;
}

/** What a listener says by itself. */
export type ListenerFacts = Omit<ListenerConfig, 'proxy' | 'warming' | 'at'>;

/** Reads an `envoy.config.listener.v3.Listener`. `named` stands in for listeners without a name of their own. */
export function listenerFacts(listener: unknown, named?: string): ListenerFacts {
  const socket = inside(listener, 'address', 'socket_address');
  const last = field(listener, 'default_filter_chain');
  const chains = [...list(field(listener, 'filter_chains')), ...(last === undefined ? [] : [last])];
  return {
    name: text(field(listener, 'name')) ?? named ?? '',
    address: text(field(socket, 'address')) ?? text(inside(listener, 'address', 'pipe', 'path')) ?? '',
    port: number(field(socket, 'port_value')) ?? 0,
    ...optional('direction', text(field(listener, 'traffic_direction'))),
    chains: chains.map(chainFacts),
  };
}

function chainFacts(chain: unknown): ListenerConfig['chains'][number] {
  const match = field(chain, 'filter_chain_match');
  const socket = field(chain, 'transport_socket');
  const tls = isTls(socket) ? message(field(socket, 'typed_config')) : undefined;
  const filters: string[] = [];
  let routeConfig: string | undefined;
  let cluster: string | undefined;
  for (const filter of list(field(chain, 'filters'))) {
    const name = text(field(filter, 'name')) ?? '';
    const config = message(field(filter, 'typed_config'));
    filters.push(name);
    routeConfig ??= text(inside(config, 'rds', 'route_config_name')) ?? text(inside(config, 'route_config', 'name'));
    cluster ??= text(field(config, 'cluster')) ?? firstWeighted(config);
    for (const inner of list(field(config, 'http_filters'))) filters.push(text(field(inner, 'name')) ?? '');
  }
  return {
    ...optional('name', text(field(chain, 'name'))),
    ...optional('destinationPort', number(field(match, 'destination_port'))),
    serverNames: strings(field(match, 'server_names')),
    ...optional('transport', text(field(match, 'transport_protocol'))),
    applicationProtocols: strings(field(match, 'application_protocols')),
    tls: tls === undefined ? 'none' : field(tls, 'require_client_certificate') === true ? 'mutual' : 'simple',
    secrets: tls === undefined ? [] : secretNames(field(tls, 'common_tls_context')),
    filters,
    ...optional('routeConfig', routeConfig),
    ...optional('cluster', cluster),
  };
}

const firstWeighted = (config: EnvoyObject): string | undefined =>
  text(field(list(inside(config, 'weighted_clusters', 'clusters'))[0], 'name'));

/** Reads an `envoy.config.route.v3.VirtualHost`. */
export function virtualHostFacts(host: unknown): RouteConfig['virtualHosts'][number] {
  const routes = list(field(host, 'routes'));
  const clusters = new Set<string>();
  const configs = new Set<string>();
  let directResponse: number | undefined;
  const target = (name: unknown): void => {
    if (typeof name === 'string' && name !== '' && clusters.size < mostTargets) clusters.add(name);
  };
  for (const route of routes) {
    const action = field(route, 'route');
    target(field(action, 'cluster'));
    for (const weighted of list(inside(action, 'weighted_clusters', 'clusters'))) target(field(weighted, 'name'));
    const config = istioConfig(route);
    if (config !== undefined) configs.add(config);
    directResponse ??= number(inside(route, 'direct_response', 'status'));
  }
  return {
    name: text(field(host, 'name')) ?? '',
    domains: strings(field(host, 'domains')),
    clusters: [...clusters],
    routes: routes.length,
    configs: [...configs],
    ...optional('directResponse', directResponse),
  };
}

/** Target clusters kept of one virtual host. */
const mostTargets = 50;

/** Number of endpoints of an `envoy.config.endpoint.v3.ClusterLoadAssignment`. */
export function endpointCount(assignment: unknown): number {
  let count = 0;
  for (const locality of list(field(assignment, 'endpoints'))) count += list(field(locality, 'lb_endpoints')).length;
  return count;
}

/** What a secret is, and the PEM text of its certificates. Its key is not looked at. */
export function secretFacts(
  secret: unknown,
  name: string,
): { readonly kind: ProxySecret['kind']; readonly pem: string } {
  const chain = inside(secret, 'tls_certificate', 'certificate_chain');
  if (chain !== undefined || field(secret, 'tls_certificate') !== undefined) {
    return { kind: 'certificate', pem: dataText(chain) };
  }
  const validation = field(secret, 'validation_context');
  if (validation !== undefined) {
    const bundles = list(inside(validation, 'custom_validator_config', 'typed_config', 'trust_domains'));
    const sources = [field(validation, 'trusted_ca'), ...bundles.map((domain) => field(domain, 'trust_bundle'))];
    return { kind: 'ca', pem: sources.map(dataText).join('\n') };
  }
  // A secret that has not arrived is known by its name alone.
  if (name === 'ROOTCA' || name.endsWith('-cacert') || name.startsWith('file-root:')) return { kind: 'ca', pem: '' };
  const named = name === 'default' || name.startsWith('kubernetes://') || name.startsWith('file-cert:');
  return { kind: named ? 'certificate' : 'other', pem: '' };
}

/** The text of a `DataSource` that holds it inline. */
function dataText(source: unknown): string {
  const inline = text(field(source, 'inline_string'));
  if (inline !== undefined) return inline;
  const bytes = text(field(source, 'inline_bytes'));
  return bytes === undefined ? '' : Buffer.from(bytes, 'base64').toString('latin1');
}
