import type { Reader } from './reader.ts';
import { analyzeMessages } from './readers/analyze-messages.ts';
import { bugReportLog } from './readers/bug-report-log.ts';
import { istiodDebug } from './readers/istiod-debug.ts';
import { istiodMetrics } from './readers/istiod-metrics.ts';
import { knownFile } from './readers/known-file.ts';
import { kubectlVersion } from './readers/kubectl-version.ts';
import { HEADER, proxyStatus } from './readers/proxy-status.ts';
import { versionsFile } from './readers/versions.ts';

/** What of a file's first lines tells which output of istioctl, istiod or `kubectl version` it is. */
const marks: readonly (readonly [RegExp, Reader])[] = [
  [/^(?:Info|Warn(?:ing)?|Error) \[IST\d{4}\]/m, analyzeMessages],
  [/^\S{0,3} ?No validation issues found when analyzing/m, analyzeMessages],
  [/^\s*\[\s*\{[^}]{0,4000}"code": ?"IST\d{4}"/, analyzeMessages],
  [/^- code: IST\d{4}$/m, analyzeMessages],
  [/revisions\/versions were found in the cluster:/, versionsFile],
  [/^CLI version:/m, versionsFile],
  [/^(?:client|control plane) version: /m, versionsFile],
  [/^Istio is not present in the cluster/m, versionsFile],
  [/^\s*\{\s*"clientVersion": ?\{\s*"(?:version|host)":/, versionsFile],
  [/^Client Version: (?:&?version\.Info|v\d)/m, kubectlVersion],
  [/^\s*\{?\s*"?clientVersion"?: ?(?:\{\s*"buildDate"|\n\s+buildDate:)/, kubectlVersion],
  [/\bTarget cluster context: |\bRunning with the following config: ?(?:$|\n|\\n)/, bugReportLog],
  [/^(?:\S+Z\tinfo\t|\{"level":"info".{0,80}"msg":")STARTING (?:kubectl|PodLogs|ProxyGet|PodExec) /m, bugReportLog],
  [
    /^\s*\[?\s*\{\s*(?:"cluster_id": ?"[^"]*",\s*)?"proxy": ?"[^"]+",\s*"(?:proxy_type|proxy_version|istio_version|cluster_sent|cluster_acked)":/,
    istiodDebug,
  ],
  [
    /^\s*\{\s*"[^"]+": ?\[\s*\{\s*(?:"cluster_id": ?"[^"]*",\s*)?"proxy": ?"[^"]+",\s*"(?:proxy_type|istio_version)":/,
    istiodDebug,
  ],
  [/^\s*\{\s*(?:"[^"]+": ?\{\s*)?(?:"totalClients": ?\d+,\s*)?"clients": ?(?:\[|null)/, istiodDebug],
  [/^\s*\{\s*"(?:pilot_[a-z_]+|endpoint_no_pod)": ?\{/, istiodDebug],
  [/^\s*\{\s*"proxyListenPort": ?\d/, istiodDebug],
  [/^# (?:HELP|TYPE) (?:pilot_(?!agent)|citadel_server|galley_|sidecar_injection|istiod_)/m, istiodMetrics],
  [/^(?:Clusters|Listeners|Routes) (?:Match|Don't Match)\b/m, proxyStatus],
  [/^\s*\{[\s\S]{0,2000}"@type": ?"type\.googleapis\.com\/envoy\.service\.status\.v3\.ClientConfig"/, proxyStatus],
  [
    /^Error: (?:no running Istio pods in|could not get XDS from discovery pod|could not contact sidecar|unable to find config dump in Istiod responses)/m,
    proxyStatus,
  ],
  // Answers to one question of a person: nothing in them that the dumps do not tell.
  [/^TAG +REVISION +NAMESPACES\b|^No Istio revision tags found/m, knownFile('istioctl-tag', 'istioctl tag list')],
  [/^WEBHOOK +REVISION +INJECTED +REASON\b/m, knownFile('istioctl-check-inject', 'istioctl x check-inject')],
  [/^ACTION +AuthorizationPolicy +RULES\b/m, knownFile('istioctl-authz', 'istioctl x authz check')],
  [
    /^(?:\S{1,3} )?No issues found when checking the cluster\.|^Install Pre-Check passed!|^\S{1,3} Istio is installed and verified successfully/m,
    knownFile('istioctl-precheck', 'istioctl x precheck or verify-install'),
  ],
];

/**
 * The reader for a loose file by its first bytes as text: output of `istioctl analyze`, `version`, `proxy-status` and
 * `bug-report`, istiod's debug endpoints and metrics, `kubectl version`. Undefined for anything else.
 */
export function recogniseIstio(head: string): Reader | undefined {
  const text = head.replace(COLOUR, '');
  for (const line of text.split('\n', 200)) if (HEADER.test(line)) return proxyStatus;
  return marks.find(([mark]) => mark.test(text))?.[1];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what a terminal's colours start with.
const COLOUR = /\x1b\[[\d;]*m/g;
