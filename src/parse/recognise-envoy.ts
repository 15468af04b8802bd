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
import { proxyConfigJson, proxyConfigYaml } from './readers/proxy-config-json.ts';
import { ztunnelConfig } from './readers/ztunnel-config.ts';
import { ztunnelCertificates, ztunnelCertificatesYaml } from './readers/ztunnel-tables.ts';

const ztunnelYaml = knownFile('ztunnel-yaml', 'istioctl ztunnel-config -o yaml');

/** Envoy's answers that are JSON objects, by keys that only they have. */
const byKeys: readonly (readonly [RegExp, Reader])[] = [
  [/"type\.googleapis\.com\/envoy\.admin\.v\w+\.\w+"|"configs"\s*:\s*\[\s*\{\s*"@type"/, configDump],
  [/"(?:cluster_statuses|clusterStatuses)"\s*:|"(?:host_statuses|hostStatuses)"\s*:/, envoyClusters],
  [/"certificates"\s*:\s*\[[\s\S]{0,400}"(?:ca_cert|cert_chain)"\s*:/, envoyCerts],
  [/"(?:command_line_options|hot_restart_version|uptime_current_epoch)"\s*:/, envoyServerInfo],
  [
    /^\s*\{\s*"(?:bootstrap"\s*:\s*\{|(?:dynamic|static)(?:_a|_w|A|W|_s|S)\w*[sS]ecrets"\s*:|(?:ecds_filters|ecdsFilters)"\s*:)/,
    proxyConfigJson,
  ],
  [/^\s*\{\s*"(?:versionInfo|version_info)"\s*:\s*"[^"]*",\s*"(?:dynamic|static)\w*[sS]ecrets"\s*:/, proxyConfigJson],
  [/^\s*\[\s*\{\s*"identity"\s*:\s*"[^"]*",\s*"state"\s*:/, ztunnelCertificates],
  [/"(?:workloadIps|workloadState|stagedServices)"\s*:/, ztunnelConfig],
  [
    /^\s*\[\s*\{[\s\S]{0,8000}?"(?:subjectAltNames|workloadUid)"\s*:|"connections"\s*:\s*\{\s*"(?:inbound|outbound)"\s*:/,
    ztunnelConfig,
  ],
  [/^\s*\[\s*\{[^[\]]{0,1000}"scope"\s*:\s*"(?:Global|Namespace|WorkloadSelector)"/, ztunnelConfig],
  [/"allocated"\s*:\s*"?\d+"?,\s*"heap_size"\s*:/, envoyMemory],
  [/"listener_statuses"\s*:/, knownFile('envoy-listeners-json', 'Envoy /listeners')],
  [/"layer_values"\s*:/, knownFile('envoy-runtime', 'Envoy /runtime')],
];

/** A list of clusters, listeners, routes or load assignments as `istioctl proxy-config -o json` prints them. */
const bareResources =
  /^\s*\[\s*\{\s*"(?:(?:clusterName|cluster_name|virtualHosts|virtual_hosts|transportSocketMatches|transport_socket_matches)"\s*:|(?:name|address)"[\s\S]*?"(?:connectTimeout|connect_timeout|edsClusterConfig|eds_cluster_config|lbPolicy|lb_policy|filterChains|filter_chains|trafficDirection|traffic_direction|virtualHosts|virtual_hosts)"\s*:)/;

/** `istioctl proxy-config -o yaml`: a list whose elements have keys of Envoy, or a section of its dump. */
const yamlList =
  /^(?:- | {2})(?:connectTimeout|edsClusterConfig|lbPolicy|filterChains|trafficDirection|virtualHosts|hostStatuses|addedViaApi|observabilityName|clusterName):/m;
const yamlSection =
  /^(?:dynamic(?:Active|Warming)Secrets|staticSecrets|ecdsFilters):$|^bootstrap:\n {2,4}(?:admin|node|dynamicResources|staticResources|layeredRuntime):|^(?:- | {2})['"]?@type['"]?: ['"]?type\.googleapis\.com\/envoy\.admin\./m;

function isYaml(begin: string): boolean {
  if (yamlSection.test(begin)) return true;
  const first = begin.split('\n', 20).find((line) => line.trim() !== '' && !line.startsWith('#'));
  return first?.startsWith('- ') === true && yamlList.test(begin) && !/^(?:- | {2})apiVersion:/m.test(begin);
}

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
    const known = byKeys.find(([keys]) => keys.test(text))?.[1];
    if (known !== undefined) return known;
    return bareResources.test(text) && !/"apiVersion"\s*:/.test(text) ? proxyConfigJson : undefined;
  }
  const begin = text.slice(0, 16 * 1024);
  if (/^- (?:certChain|identity):/m.test(begin) && /^ {2}(?:identity|state):/m.test(begin))
    return ztunnelCertificatesYaml;
  if (/^(?:- | {2})(?:workloadIps|workloadUid|subjectAltNames):/m.test(begin) && /^- /m.test(begin)) return ztunnelYaml;
  if (isYaml(begin)) return proxyConfigYaml;
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
