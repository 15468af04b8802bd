import type { Artifact } from '../artifact.ts';
import { mask } from '../mask.ts';
import { parseSample, sampleName } from '../prometheus.ts';
import type { Parser, Reader, SourceFile } from '../reader.ts';
import { isCollector } from '../sync-status.ts';

/**
 * Metrics of istiod that rules know, without the suffixes `_sum` and `_count` of histograms. Buckets are not kept, except
 * of the size of pushed configuration: those few tell whether any push came near the limits.
 */
const KNOWN_ISTIOD_METRICS: ReadonlySet<string> = new Set([
  // Rejections and pushes
  'pilot_total_xds_rejects',
  'pilot_total_xds_internal_errors',
  'pilot_xds_cds_reject',
  'pilot_xds_lds_reject',
  'pilot_xds_rds_reject',
  'pilot_xds_eds_reject',
  'pilot_xds_push_timeouts',
  'pilot_xds_push_errors',
  'pilot_xds_push_context_errors',
  'pilot_xds_write_timeout',
  'pilot_xds_expired_nonce',
  'pilot_xds_pushes',
  'pilot_xds',
  'pilot_xds_recv_max',
  'pilot_xds_config_size_bytes',
  'pilot_xds_push_time',
  'pilot_xds_send_time',
  'pilot_proxy_convergence_time',
  'pilot_proxy_queue_time',
  'pilot_pushcontext_init_seconds',
  'pilot_debounce_time',
  'pilot_push_triggers',
  'pilot_inbound_updates',
  // Configuration and registry, as of the last full push
  'pilot_services',
  'pilot_virt_services',
  'pilot_no_ip',
  'pilot_endpoint_not_ready',
  'pilot_eds_no_instances',
  'pilot_dns_cluster_without_endpoints',
  'pilot_conflict_inbound_listener',
  'pilot_conflict_outbound_listener_tcp_over_current_tcp',
  'pilot_conflict_outbound_listener_http_over_current_tcp',
  'pilot_conflict_outbound_listener_tcp_over_current_http',
  'pilot_duplicate_envoy_clusters',
  'pilot_vservice_dup_domain',
  'pilot_destrule_subsets',
  'pilot_total_rejected_configs',
  'pilot_envoy_filter_status',
  'pilot_invalid_out_listeners',
  'endpoint_no_pod',
  'pilot_k8s_endpoints_pending_pod',
  'pilot_k8s_endpoints_with_no_pods',
  'pilot_k8s_proxies_with_no_service_targets',
  'pilot_k8s_cfg_events',
  'pilot_k8s_reg_events',
  'pilot_k8s_object_errors',
  'controller_sync_errors_total',
  'pilot_worker_queue_depth',
  'provider_lookup_cluster_failures',
  // Other clusters
  'istiod_managed_clusters',
  'istiod_remote_cluster_sync_status',
  'remote_cluster_sync_timeouts_total',
  'remote_cluster_secret_events_total',
  // Certificates, keys and identities
  'pilot_jwks_resolver_network_fetch_fail_total',
  'pilot_jwks_resolver_network_fetch_success_total',
  'pilot_sds_certificate_errors_total',
  'citadel_server_csr_count',
  'citadel_server_success_cert_issuance_count',
  'citadel_server_authentication_failure_count',
  'citadel_server_csr_parsing_err_count',
  'citadel_server_id_extraction_err_count',
  'citadel_server_csr_sign_err_count',
  'citadel_server_root_cert_expiry_timestamp',
  'citadel_server_root_cert_expiry_seconds',
  'citadel_server_cert_chain_expiry_timestamp',
  'citadel_server_cert_chain_expiry_seconds',
  // Webhooks
  'galley_validation_failed',
  'galley_validation_passed',
  'galley_validation_http_error',
  'galley_validation_config_update_error',
  'galley_validation_config_load_error',
  'webhook_patch_attempts_total',
  'webhook_patch_failures_total',
  'webhook_patch_retries_total',
  'sidecar_injection_requests_total',
  'sidecar_injection_success_total',
  'sidecar_injection_failure_total',
  'sidecar_injection_skip_total',
  'sidecar_injection_time_seconds',
  'auto_registration_success_total',
  'auto_registration_errors_total',
  'auto_registration_unregister_total',
  'auto_registration_updates_total',
  'auto_registration_deletes_total',
  // The process
  'pilot_info',
  'istio_build',
  'istiod_uptime_seconds',
  'process_resident_memory_bytes',
  'process_start_time_seconds',
  'process_cpu_seconds_total',
  'process_open_fds',
  'process_max_fds',
  'go_goroutines',
]);

const BUCKETS: ReadonlySet<string> = new Set(['pilot_xds_config_size_bytes']);

/** Metrics of one istiod in the Prometheus text format, `istio/<ns>/<pod>/metrics` since istioctl 1.18. */
export const istiodMetrics: Reader = {
  name: 'istiod-metrics',
  title: 'Metrics of istiod',
  open: (file, context, emit) => lineParser(file, context.lineBytes, emit),
};

function lineParser(file: SourceFile, lineBytes: number, emit: (artifact: Artifact) => void): Parser {
  const { namespace = '', pod = '' } = file.params;
  const decoder = new TextDecoder();
  let rest = '';
  let number = 0;
  let samples = 0;
  let strange = 0;

  const understand = (line: string): void => {
    number += 1;
    const name = sampleName(line);
    if (name === '') return;
    const known = isKnown(name);
    const sample = known && line.length <= lineBytes ? parseSample(line) : undefined;
    if (sample === undefined) {
      if (known || !/^[a-zA-Z_:]/.test(line)) strange += 1;
      else samples += 1;
      return;
    }
    samples += 1;
    // istioctl's own connection, which asked for the sync status.
    if (isCollector(sample.labels['version'])) return;
    if (!Number.isFinite(sample.value)) return;
    const labels = Object.fromEntries(Object.entries(sample.labels).map(([label, text]) => [label, mask(text)]));
    const { value } = sample;
    const at = { file: file.path, line: number };
    emit({ kind: 'metric', value: { istiod: { namespace, pod }, name, labels, value, at } });
  };

  return {
    push(chunk) {
      rest += decoder.decode(chunk, { stream: true });
      let start = 0;
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', start)) {
        understand(rest.slice(start, end));
        start = end + 1;
      }
      rest = rest.slice(start);
      // A line beyond the limit is no metric: only its beginning is kept, so that it is counted as strange.
      if (rest.length > 2 * lineBytes) rest = rest.slice(0, lineBytes + 1);
    },
    end(complete) {
      rest += decoder.decode();
      // What is left of a file that was cut may be half a number.
      if (complete && rest.trim() !== '') understand(rest);
      const report = (reason: 'truncated' | 'not-available' | 'malformed', detail: string): void =>
        emit({ kind: 'gap', value: { file: file.path, reason, detail } });
      if (!complete) report('truncated', 'the file is cut short');
      if (samples === 0) report('not-available', 'it holds no metric of istiod');
      else if (strange > 0) report('malformed', `${strange} lines are no metrics`);
    },
  };
}

function isKnown(name: string): boolean {
  if (KNOWN_ISTIOD_METRICS.has(name)) return true;
  const suffix = /_(?:sum|count|bucket)$/.exec(name)?.[0];
  if (suffix === undefined) return false;
  const base = name.slice(0, -suffix.length);
  return (suffix === '_bucket' ? BUCKETS : KNOWN_ISTIOD_METRICS).has(base);
}
