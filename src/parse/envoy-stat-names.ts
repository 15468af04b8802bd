/**
 * Proxy metrics that rules know (envoy-formats 3.3), under the names of the Prometheus form. `always` is kept at any
 * value, `counted` only above zero: at zero it says nothing.
 */
export const KNOWN_STATS: Readonly<Record<string, 'always' | 'counted'>> = {
  envoy_server_live: 'always',
  envoy_server_state: 'always',
  envoy_server_uptime: 'always',
  envoy_server_concurrency: 'always',
  envoy_server_memory_allocated: 'always',
  envoy_server_memory_heap_size: 'always',
  envoy_server_memory_physical_size: 'always',
  envoy_server_total_connections: 'always',
  envoy_server_days_until_first_cert_expiring: 'always',
  envoy_server_dynamic_unknown_fields: 'counted',
  envoy_server_static_unknown_fields: 'counted',
  envoy_server_envoy_bug_failures: 'counted',
  envoy_server_watchdog_miss: 'counted',
  envoy_server_watchdog_mega_miss: 'counted',
  envoy_runtime_admin_overrides_active: 'counted',

  envoy_listener_manager_lds_update_success: 'always',
  envoy_listener_manager_lds_update_rejected: 'counted',
  envoy_listener_manager_lds_update_failure: 'counted',
  envoy_listener_manager_lds_init_fetch_timeout: 'counted',
  envoy_listener_manager_listener_create_failure: 'counted',
  envoy_listener_manager_total_listeners_active: 'always',
  envoy_listener_manager_total_listeners_warming: 'counted',
  envoy_listener_manager_workers_started: 'always',

  envoy_cluster_manager_cds_update_success: 'always',
  envoy_cluster_manager_cds_update_rejected: 'counted',
  envoy_cluster_manager_cds_update_failure: 'counted',
  envoy_cluster_manager_cds_init_fetch_timeout: 'counted',
  envoy_cluster_manager_active_clusters: 'always',
  envoy_cluster_manager_warming_clusters: 'counted',

  envoy_control_plane_connected_state: 'always',
  envoy_control_plane_pending_requests: 'counted',
  envoy_control_plane_rate_limit_enforced: 'counted',

  envoy_cluster_membership_healthy: 'always',
  envoy_cluster_membership_total: 'always',
  envoy_cluster_upstream_cx_connect_fail: 'counted',
  envoy_cluster_upstream_cx_connect_timeout: 'counted',
  envoy_cluster_upstream_cx_destroy_remote: 'counted',
  envoy_cluster_upstream_cx_destroy_remote_with_active_rq: 'counted',
  envoy_cluster_upstream_cx_none_healthy: 'counted',
  envoy_cluster_upstream_cx_overflow: 'counted',
  envoy_cluster_upstream_cx_pool_overflow: 'counted',
  envoy_cluster_upstream_cx_protocol_error: 'counted',
  envoy_cluster_upstream_rq_active_overflow: 'counted',
  envoy_cluster_upstream_rq_pending_failure_eject: 'counted',
  envoy_cluster_upstream_rq_pending_overflow: 'counted',
  envoy_cluster_upstream_rq_per_try_timeout: 'counted',
  envoy_cluster_upstream_rq_retry_limit_exceeded: 'counted',
  envoy_cluster_upstream_rq_retry_overflow: 'counted',
  envoy_cluster_upstream_rq_timeout: 'counted',
  envoy_cluster_circuit_breakers_default_cx_open: 'counted',
  envoy_cluster_circuit_breakers_default_rq_open: 'counted',
  envoy_cluster_circuit_breakers_default_rq_pending_open: 'counted',
  envoy_cluster_circuit_breakers_default_rq_retry_open: 'counted',
  envoy_cluster_outlier_detection_ejections_active: 'counted',
  envoy_cluster_outlier_detection_ejections_enforced_total: 'counted',
  envoy_cluster_outlier_detection_ejections_overflow: 'counted',
  envoy_cluster_lb_healthy_panic: 'counted',
  envoy_cluster_assignment_stale: 'counted',
  envoy_cluster_update_failure: 'counted',
  envoy_cluster_update_rejected: 'counted',
  envoy_cluster_ssl_connection_error: 'counted',
  envoy_cluster_ssl_fail_verify_error: 'counted',
  envoy_cluster_ssl_fail_verify_no_cert: 'counted',
  envoy_cluster_ssl_fail_verify_san: 'counted',
  envoy_cluster_client_ssl_socket_factory_upstream_context_secrets_not_ready: 'counted',

  envoy_http_downstream_rq_5xx: 'counted',
  envoy_http_downstream_rq_xx: 'counted',
  envoy_http_downstream_cx_protocol_error: 'counted',
  envoy_http_downstream_rq_overload_close: 'counted',
  envoy_http_downstream_rq_timeout: 'counted',
  envoy_http_no_cluster: 'counted',
  envoy_http_no_route: 'counted',
  envoy_http_rbac: 'counted',
  envoy_http_jwt_authn_denied: 'counted',
  envoy_http_jwt_authn_jwks_fetch_failed: 'counted',
  envoy_http_ext_authz_denied: 'counted',
  envoy_http_ext_authz_error: 'counted',
  envoy_http_ext_authz_failure_mode_allowed: 'counted',
  envoy_http_ratelimit_over_limit: 'counted',
  envoy_http_ratelimit_error: 'counted',
  envoy_http_local_rate_limit_rate_limited: 'counted',
  envoy_http_rds_update_rejected: 'counted',
  envoy_http_rds_update_failure: 'counted',

  envoy_listener_no_filter_chain_match: 'counted',
  envoy_listener_downstream_cx_overflow: 'counted',
  envoy_listener_downstream_global_cx_overflow: 'counted',
  envoy_listener_downstream_cx_overload_reject: 'counted',
  envoy_listener_ssl_connection_error: 'counted',
  envoy_listener_ssl_fail_verify_error: 'counted',
  envoy_listener_ssl_fail_verify_no_cert: 'counted',
  envoy_listener_ssl_fail_verify_san: 'counted',
  envoy_listener_server_ssl_socket_factory_downstream_context_secrets_not_ready: 'counted',

  envoy_tcp_rbac: 'counted',
  envoy_dns_cares_timeout: 'counted',
  envoy_dns_cares_not_found: 'counted',
  envoy_wasm_remote_load_fetch_failures: 'counted',
  envoy_wasm_remote_load_cache_negative_hits: 'counted',
};

/** A metric whose name or labels differ between versions and forms, brought to one. */
export interface StatName {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** How a known metric is kept; undefined for names that no rule asks for. Names of wasm runtimes and overload are open-ended. */
export function keptStat(name: string): 'always' | 'counted' | undefined {
  const known = Object.hasOwn(KNOWN_STATS, name) ? KNOWN_STATS[name] : undefined;
  if (known !== undefined) return known;
  return name.startsWith('envoy_wasm_') || /^envoy_overload_\w+_(?:active|pressure|failed_updates)$/.test(name)
    ? 'counted'
    : undefined;
}

/**
 * The one name of a sample: RBAC results come as `envoy_http_rbac{authz_enforce_result}`, as `envoy_tcp{tcp_prefix="rbac"}` and,
 * before 1.2x, with the listener's prefix in the name; labels come with and without `envoy_` in front.
 */
export function statName(name: string, labels: Readonly<Record<string, string>>): StatName {
  const plain = withoutPrefix(labels);
  if (name === 'envoy_tcp' && plain['tcp_prefix'] === 'rbac') return { name: 'envoy_tcp_rbac', labels: plain };
  const baked = bakedRbac.exec(name);
  if (baked === null) return { name, labels: plain };
  const [, protocol = '', prefix = '', result = ''] = baked;
  const at = prefix === '' ? {} : { http_conn_manager_prefix: prefix.replace(/_+$/, '') };
  return { name: `envoy_${protocol}_rbac`, labels: { ...plain, ...at, authz_enforce_result: result } };
}

/** True for names that only `statName` turns into a known one. */
export const isRbacStat = (name: string): boolean => name === 'envoy_tcp' || bakedRbac.test(name);

const bakedRbac = /^envoy_(http|tcp)_(?:(\w*?)_+)?rbac_(denied|allowed)$/;

function withoutPrefix(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const plain: Record<string, string> = {};
  // From 1.23 Istio ends names with a semicolon, so that Envoy can tell where they end.
  for (const [key, value] of Object.entries(labels)) plain[key.replace(/^envoy_/, '')] = value.replace(/;$/, '');
  return plain;
}

const groups = [
  { start: 'cluster.', prefix: 'envoy_cluster_', label: 'cluster_name' },
  { start: 'http.', prefix: 'envoy_http_', label: 'http_conn_manager_prefix' },
  { start: 'listener.', prefix: 'envoy_listener_', label: 'listener_address' },
].map((group) => ({
  ...group,
  ends: Object.keys(KNOWN_STATS)
    .filter((name) => name.startsWith(group.prefix))
    .map((name) => name.slice(group.prefix.length))
    // The longest first: `rq_xx` also ends names that end in more.
    .sort((a, b) => b.length - a.length),
}));

const underscored = (dotted: string): string => dotted.replace(/[^a-zA-Z0-9_]/g, '_');

/** The Prometheus name of a stat of the text form, e.g. `cluster.outbound|80||cart.shop;.upstream_rq_timeout`. Undefined for unknown ones. */
export function statOfText(dotted: string): StatName | undefined {
  const rbac = /^(http|tcp)\.(?:(.*?);?\.)?rbac\.(denied|allowed)$/.exec(dotted);
  if (rbac !== null) {
    const [, protocol = '', prefix, result = ''] = rbac;
    const at = prefix === undefined ? {} : { http_conn_manager_prefix: prefix };
    return { name: `envoy_${protocol}_rbac`, labels: { ...at, authz_enforce_result: result } };
  }
  const plain = `envoy_${underscored(dotted)}`;
  if (keptStat(plain) !== undefined) return { name: plain, labels: {} };
  const group = groups.find(({ start }) => dotted.startsWith(start));
  if (group === undefined) return undefined;
  const flat = underscored(dotted);
  for (const end of group.ends) {
    if (!flat.endsWith(`_${end}`)) continue;
    const name = dotted.slice(group.start.length, dotted.length - end.length - 1).replace(/;$/, '');
    if (name !== '') return { name: `${group.prefix}${end}`, labels: { [group.label]: name } };
  }
  return undefined;
}
