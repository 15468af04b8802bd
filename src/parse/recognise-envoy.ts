import type { Reader } from './reader.ts';
import { envoyCerts } from './readers/envoy-certs.ts';
import { envoyClusters } from './readers/envoy-clusters.ts';
import { configDump } from './readers/envoy-config.ts';
import { envoyListeners } from './readers/envoy-listeners.ts';
import { envoyMemory } from './readers/envoy-memory.ts';
import { envoyServerInfo } from './readers/envoy-server-info.ts';
import { envoyStats } from './readers/envoy-stats.ts';
import { knownFile } from './readers/known-file.ts';
import { netstat } from './readers/netstat.ts';
import { ztunnelConfig } from './readers/ztunnel-config.ts';

/** Envoy's answers that are JSON objects, by keys that only they have. */
const byKeys: readonly (readonly [RegExp, Reader])[] = [
  [/"type\.googleapis\.com\/envoy\.admin\.v\w+\.\w+"|"configs"\s*:\s*\[\s*\{\s*"@type"/, configDump],
  [/"(?:cluster_statuses|clusterStatuses)"\s*:|"(?:host_statuses|hostStatuses)"\s*:/, envoyClusters],
  [/"certificates"\s*:\s*\[[\s\S]{0,400}"(?:ca_cert|cert_chain)"\s*:/, envoyCerts],
  [/"(?:command_line_options|hot_restart_version|uptime_current_epoch)"\s*:/, envoyServerInfo],
  [/"(?:workloadIps|workloadState|stagedServices)"\s*:/, ztunnelConfig],
  [/"allocated"\s*:\s*"?\d+"?,\s*"heap_size"\s*:/, envoyMemory],
  [/"listener_statuses"\s*:/, knownFile('envoy-listeners-json', 'Envoy /listeners')],
  [/"layer_values"\s*:/, knownFile('envoy-runtime', 'Envoy /runtime')],
];

const clusterRow =
  /^.{1,500}::(?:default_priority|high_priority|outlier|observability_name|added_via_api|eds_service_name|[a-z_]{4,30})::\S*$/;
const prometheusRow = /^# TYPE (?:envoy|istio)_\w+ |^(?:envoy|istio)_\w+(?:\{[^\n]{0,4000}\})? [\d.]+/m;
const statsRow =
  /^(?:server|cluster_manager|listener_manager|cluster|http|runtime)\.\S{1,500}: (?:\d+|No recorded values|P0\()/m;
const listenerRow = /^\S{1,300}?::(?:\[[0-9A-Fa-f:.]+\]|\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/;

/** The reader of an Envoy file by its first bytes (64 KiB are enough), for files whose path says nothing. */
export function recogniseEnvoy(head: string): Reader | undefined {
  const text = head.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  if (/^\s*[[{]/.test(text)) {
    return byKeys.find(([keys]) => keys.test(text))?.[1];
  }
  const begin = text.slice(0, 16 * 1024);
  const rows = begin.split('\n').filter((row) => row !== '');
  // A command's own words may stand before its output; a document that quotes a row is none.
  const first = rows.slice(0, 20);
  if (first.filter((row) => clusterRow.test(row)).length * 2 > first.length) return envoyClusters;
  // Istiod's own metrics have names of other families next to the few they share.
  if (prometheusRow.test(begin) && !/^(?:# (?:HELP|TYPE) )?(?:pilot|galley|citadel|sidecar_injection)_/m.test(text))
    return envoyStats;
  if (statsRow.test(begin)) return envoyStats;
  if (/^Active Internet connections/m.test(begin)) return netstat;
  // The last row of the head may be cut.
  const whole = rows.length > 1 ? rows.slice(0, -1) : rows;
  return whole.length > 0 && whole.every((row) => listenerRow.test(row)) ? envoyListeners : undefined;
}
