import { clusterInfoLayout } from './layouts/cluster-info-dump.ts';
import { kindLogsLayout } from './layouts/kind-logs.ts';
import { mustGatherLayout } from './layouts/must-gather.ts';
import { namespaceFoldersLayout } from './layouts/namespace-folders.ts';
import { periscopeLayout } from './layouts/periscope.ts';
import { supportBundleLayout } from './layouts/support-bundle.ts';
import type { Layout } from './reader.ts';
import { analyzeMessages } from './readers/analyze-messages.ts';
import { bugReportLog } from './readers/bug-report-log.ts';
import { clusterContext } from './readers/cluster-context.ts';
import { cniLog } from './readers/cni-log.ts';
import { envoyCerts } from './readers/envoy-certs.ts';
import { envoyClusters } from './readers/envoy-clusters.ts';
import { configDump, envoyConfig } from './readers/envoy-config.ts';
import { envoyListeners } from './readers/envoy-listeners.ts';
import { envoyMemory } from './readers/envoy-memory.ts';
import { envoyServerInfo } from './readers/envoy-server-info.ts';
import { envoyStats } from './readers/envoy-stats.ts';
import { istiodDebug } from './readers/istiod-debug.ts';
import { istiodLog } from './readers/istiod-log.ts';
import { istiodMetrics } from './readers/istiod-metrics.ts';
import { knownFile } from './readers/known-file.ts';
import { kubeFile } from './readers/kube-objects.ts';
import { kubectlVersion } from './readers/kubectl-version.ts';
import { netstat } from './readers/netstat.ts';
import { operatorLog } from './readers/operator-log.ts';
import { proxyLog } from './readers/proxy-log.ts';
import { versionsFile } from './readers/versions.ts';

/**
 * The files of `istioctl bug-report`, 1.8 to 1.31 (istio tools/bug-report/pkg: archive, bugreport, cluster, content). Paths are
 * those after the archive's root folder; `:name` matches one segment.
 */
export const bugReportLayout: Layout = [
  ['versions', versionsFile],
  ['bug-report.log', bugReportLog],
  ['cluster/cluster-context', clusterContext],
  ['cluster/kubectl-version', kubectlVersion],
  ['cluster/:file', kubeFile],
  ['analyze/:namespace', analyzeMessages],
  ['analyze/:namespace/:file', analyzeMessages],
  ['istio/:namespace/:pod/discovery.log', istiodLog],
  ['istio/:namespace/:pod/metrics', istiodMetrics],
  ['istio/:namespace/:pod/debug/:endpoint', istiodDebug],
  ['operator/:namespace/:pod/operator.log', operatorLog],
  ['cni/:pod/cni.log', cniLog],
  ['proxies/:namespace/:pod/istio-proxy.log', proxyLog],
  ['proxies/:namespace/:pod/certs', envoyCerts],
  ['proxies/:namespace/:pod/clusters', envoyClusters],
  ['proxies/:namespace/:pod/config_dump?include_eds', envoyConfig],
  ['proxies/:namespace/:pod/config_dump', configDump],
  ['proxies/:namespace/:pod/listeners', envoyListeners],
  ['proxies/:namespace/:pod/memory', envoyMemory],
  ['proxies/:namespace/:pod/server_info', envoyServerInfo],
  ['proxies/:namespace/:pod/stats/prometheus', envoyStats],
  ['proxies/:namespace/:pod/runtime', knownFile('envoy-runtime', 'Envoy /runtime')],
  ['proxies/:namespace/:pod/netstat', netstat],
  ['proxies/:namespace/:pod/cores/:file', knownFile('core-dump', 'core dump, not read')],
];

/** Every layout whose paths are known, in the order in which they are tried: the first match wins. */
export const layouts: readonly Layout[] = [
  bugReportLayout,
  mustGatherLayout,
  supportBundleLayout,
  kindLogsLayout,
  periscopeLayout,
  clusterInfoLayout,
  namespaceFoldersLayout,
];
