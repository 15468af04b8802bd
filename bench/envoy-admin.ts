import { rootSerial } from './certificate.ts';
import { httpPorts } from './envoy-listeners.ts';
import { nodeOf } from './envoy-node.ts';
import { type Json, pretty } from './json.ts';
import { collectedAt, type GeneratedMesh, type MeshCluster, type MeshProxy, trustDomain } from './mesh.ts';
import { between, hex, type Random, seconds } from './random.ts';

/** `/clusters` as text: `cluster::key::value` and `cluster::address::key::value`, clusters in Envoy's hash order. */
export function* clustersText(clusters: readonly MeshCluster[], random: Random): Generator<string> {
  for (const cluster of shuffled(clusters, random)) {
    const { name } = cluster;
    let text = `${name}::observability_name::${name};\n`;
    for (const [priority, limit, retries] of [
      ['default_priority', 4294967295, 4294967295],
      ['high_priority', 1024, 3],
    ]) {
      text += `${name}::${priority}::max_connections::${limit}\n${name}::${priority}::max_pending_requests::${limit}\n`;
      text += `${name}::${priority}::max_requests::${limit}\n${name}::${priority}::max_retries::${retries}\n`;
    }
    text += `${name}::added_via_api::true\n${name}::eds_service_name::${name}\n`;
    for (const pod of cluster.pods) {
      const start = `${name}::${pod.ip}:${cluster.service.targetPort}::`;
      const busy = random() < 0.15;
      const requests = busy ? between(random, 1, 4000) : 0;
      const connections = busy ? between(random, 1, 12) : 0;
      text += `${start}cx_active::${Math.min(connections, 2)}\n${start}cx_connect_fail::0\n${start}cx_total::${connections}\n`;
      text += `${start}rq_active::0\n${start}rq_error::0\n${start}rq_success::${requests}\n${start}rq_timeout::0\n`;
      text += `${start}rq_total::${requests}\n${start}hostname::\n${start}health_flags::healthy\n${start}weight::1\n`;
      text += `${start}region::westeurope\n${start}zone::westeurope-1\n${start}sub_zone::\n${start}canary::false\n`;
      text += `${start}priority::0\n${start}success_rate::-1\n${start}local_origin_success_rate::-1\n`;
    }
    yield text;
  }
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const keyed = items.map((item) => ({ item, key: random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}

/** `/listeners` as text: `name::address`. */
export function listenersText(mesh: GeneratedMesh, proxy: MeshProxy): string {
  const lines = ['0.0.0.0_15090::0.0.0.0:15090', '0.0.0.0_15021::0.0.0.0:15021'];
  if (proxy.kind === 'router') return `${[...lines, '0.0.0.0_80::0.0.0.0:80'].join('\n')}\n`;
  for (const service of mesh.visible) {
    if (service.protocol === 'tcp') lines.push(`${service.ip}_${service.port}::${service.ip}:${service.port}`);
  }
  for (const port of httpPorts(mesh)) lines.push(`0.0.0.0_${port}::0.0.0.0:${port}`);
  lines.push('virtualOutbound::0.0.0.0:15001', 'virtualInbound::0.0.0.0:15006');
  return `${lines.join('\n')}\n`;
}

/** `/certs`: the workload's chain and the root, twice as Envoy reports them per context. */
export function certsText(mesh: GeneratedMesh, proxy: MeshProxy, random: Random): string {
  const uri = `spiffe://${trustDomain}/ns/${proxy.namespace}/sa/${proxy.app}`;
  const context: Json = {
    ca_cert: [
      {
        path: '<inline>',
        serial_number: rootSerial,
        subject_alt_names: [],
        days_until_expiration: '3649',
        valid_from: seconds(collectedAt - 86_400_000),
        expiration_time: seconds(collectedAt + 3649 * 86_400_000),
      },
    ],
    cert_chain: [
      {
        path: '<inline>',
        serial_number: hex(random, 32),
        subject_alt_names: [{ uri }],
        days_until_expiration: '0',
        valid_from: seconds(collectedAt - 2 * 3600_000),
        expiration_time: seconds(collectedAt + 22 * 3600_000),
      },
    ],
  };
  const certificates = Array.from(
    { length: proxy.kind === 'router' ? 2 : Math.min(20, mesh.visible.length) },
    () => context,
  );
  // Envoy escapes angle brackets in JSON.
  return `${pretty({ certificates }, 0).replaceAll('<inline>', '\\u003cinline\\u003e')}\n`;
}

/** `/memory`. */
export function memoryText(random: Random): string {
  const heap = between(random, 30, 60) * 1048576;
  return `${pretty(
    {
      allocated: `${Math.floor(heap * 0.7)}`,
      heap_size: `${heap}`,
      pageheap_unmapped: '0',
      pageheap_free: `${Math.floor(heap * 0.2)}`,
      total_thread_cache: '1101480',
      total_physical_bytes: `${Math.floor(heap * 1.1)}`,
    },
    0,
  )}\n`;
}

/** `/runtime`. */
export function runtimeText(): string {
  const entry = (value: string): Json => ({ final_value: value, layer_values: [value, ''] });
  return `${pretty(
    {
      entries: {
        'envoy.reloadable_features.http_reject_path_with_fragment': entry('false'),
        'envoy.reloadable_features.fixed_heap_use_allocated': entry('true'),
        're2.max_program_size.error_level': entry('32768'),
      },
      layers: ['global config', 'admin'],
    },
    0,
  )}\n`;
}

/** `/server_info`. */
export function serverInfoText(proxy: MeshProxy): string {
  return `${pretty(
    {
      version: '3909deb175ef358202d6ab4f94d683ffc0fdb477/1.37.0/Clean/RELEASE/BoringSSL',
      state: 'LIVE',
      uptime_current_epoch: '7100s',
      uptime_all_epochs: '7100s',
      hot_restart_version: 'disabled',
      command_line_options: {
        base_id: '0',
        concurrency: 2,
        config_path: 'etc/istio/proxy/envoy-rev.json',
        log_level: 'warning',
        component_log_level: 'misc:error',
        log_format: '[%Y-%m-%d %T.%e][%t][%l][%n] [%g:%#] %v',
        drain_time: '45s',
        mode: 'Serve',
        disable_hot_restart: true,
        restart_epoch: 0,
      },
      node: nodeOf(proxy, true),
    },
    0,
  )}\n`;
}

/** `netstat -natpw` in the proxy container. */
export function netstatText(mesh: GeneratedMesh, proxy: MeshProxy, random: Random): string {
  const column = (text: string): string => text.padEnd(24);
  let text = 'Active Internet connections (servers and established)\n';
  text += `Proto Recv-Q Send-Q ${column('Local Address')}${column('Foreign Address')}State       PID/Program name    \n`;
  for (const port of [15021, 15021, 15001, 15001, 15006, 15006, 15090]) {
    text += `tcp        0      0 ${column(`0.0.0.0:${port}`)}${column('0.0.0.0:*')}LISTEN      14/envoy            \n`;
  }
  for (let i = 0; i < 40; i += 1) {
    const service = mesh.visible[between(random, 0, mesh.visible.length - 1)];
    const far = `${service?.ip ?? '10.0.0.1'}:${service?.port ?? 443}`;
    text += `tcp        0      0 ${column(`${proxy.ip}:${between(random, 32768, 60999)}`)}${column(far)}TIME_WAIT   -                   \n`;
  }
  return text;
}

const upstreamCounters =
  'assignment_stale assignment_timeout_received assignment_use_cached bind_errors default_total_match_count ' +
  'http2_dropped_headers_with_underscores http2_goaway_sent http2_header_overflow http2_keepalive_timeout ' +
  'lb_healthy_panic lb_subsets_created lb_subsets_fallback lb_zone_cluster_too_small membership_change update_attempt ' +
  'update_empty update_failure update_success upstream_cx_connect_fail upstream_cx_connect_timeout upstream_cx_destroy ' +
  'upstream_cx_http1_total upstream_cx_http2_total upstream_cx_overflow upstream_cx_protocol_error ' +
  'upstream_cx_rx_bytes_total upstream_cx_total upstream_cx_tx_bytes_total upstream_rq_cancelled upstream_rq_completed ' +
  'upstream_rq_pending_overflow upstream_rq_pending_total upstream_rq_per_try_timeout upstream_rq_retry ' +
  'upstream_rq_retry_limit_exceeded upstream_rq_retry_success upstream_rq_rx_reset upstream_rq_timeout upstream_rq_total';
const listenerCounters =
  'lds_update_attempt lds_update_failure lds_update_rejected lds_update_success listener_added listener_create_failure ' +
  'listener_create_success listener_in_place_updated listener_modified listener_removed listener_stopped';

/** `stats/prometheus` of one proxy: Envoy's own counters and Istio's request counts. */
export function statsText(mesh: GeneratedMesh, proxy: MeshProxy, random: Random): string {
  let text = '';
  for (const name of upstreamCounters.split(' ')) {
    const value = /success|total|attempt|completed|change/.test(name) ? between(random, 1, 900) : 0;
    text += `# TYPE envoy_cluster_${name} counter\nenvoy_cluster_${name}{cluster_name="xds-grpc"} ${value}\n`;
  }
  for (const name of listenerCounters.split(' ')) {
    const value = /failure|rejected|stopped/.test(name) ? 0 : between(random, 1, 60);
    text += `# TYPE envoy_listener_manager_${name} counter\nenvoy_listener_manager_${name}{} ${value}\n`;
  }
  text += '# TYPE istio_requests_total counter\n';
  for (const service of mesh.visible.slice(0, 60)) {
    text +=
      `istio_requests_total{reporter="source",source_workload="${proxy.workload}",source_namespace="${proxy.namespace}",` +
      `destination_service="${service.host}",destination_service_name="${service.name}",request_protocol="http",` +
      `response_code="200",response_flags="-",connection_security_policy="unknown"} ${between(random, 1, 9000)}\n`;
  }
  text +=
    '# TYPE envoy_server_live gauge\nenvoy_server_live{} 1\n# TYPE envoy_server_state gauge\nenvoy_server_state{} 0\n';
  return text;
}
