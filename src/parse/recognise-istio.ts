import type { Reader } from './reader.ts';
import { analyzeMessages } from './readers/analyze-messages.ts';
import { authzCheck, authzHeader } from './readers/authz-check.ts';
import { bugReportLog } from './readers/bug-report-log.ts';
import { checkInject, checkInjectHeader } from './readers/check-inject.ts';
import { istioctlDescribe, looksLikeDescription } from './readers/describe.ts';
import { istiodDebug } from './readers/istiod-debug.ts';
import { istiodMetrics } from './readers/istiod-metrics.ts';
import { knownFile } from './readers/known-file.ts';
import { kubectlVersion } from './readers/kubectl-version.ts';
import { isLoggerList, isVersionSummary, proxyConfigTable, proxyConfigTables } from './readers/proxy-config-tables.ts';
import { HEADER, proxyStatus } from './readers/proxy-status.ts';
import { looksLikeComparison, proxyStatusDiff } from './readers/proxy-status-diff.ts';
import { tagHeader, tagList } from './readers/tag-list.ts';
import { looksLikeVerification, verifyInstall } from './readers/verify-install.ts';
import { versionsFile } from './readers/versions.ts';
import { ztunnelTable, ztunnelTables } from './readers/ztunnel-tables.ts';

const revisionDescription = knownFile('istioctl-revision', 'istioctl experimental revision describe');
const rootComparison = knownFile('rootca-compare', 'istioctl proxy-config rootca-compare');

/** What of a file's first lines tells which output of istioctl, istiod or `kubectl version` it is. */
const marks: readonly (readonly [RegExp, Reader])[] = [
  [/^(?:Info|Warn(?:ing)?|Error) \[IST\d{4}\]/m, analyzeMessages],
  [/^\S{0,3} ?No validation issues found when analyzing/m, analyzeMessages],
  [/^\s*\[\s*\{[^}]{0,4000}"code": ?"IST\d{4}"/, analyzeMessages],
  [/^(?:- | {2})code: IST\d{4}$/m, analyzeMessages],
  [/revisions\/versions were found in the cluster:/, versionsFile],
  [/^CLI version:/m, versionsFile],
  [/^(?:client|control plane) version: /m, versionsFile],
  [/^Istio is not present in the cluster/m, versionsFile],
  [/^\s*\{\s*"clientVersion": ?\{\s*"(?:version|host)":/, versionsFile],
  [/^(?:clientVersion:\n {2}golang_version:|meshVersion:\n- Component:)/m, versionsFile],
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
  [/^\s*\{[\s\S]{0,2000}"@type": ?"type\.googleapis\.com\/envoy\.service\.status\.v3\.ClientConfig"/, proxyStatus],
  [/^\s*-? ?'?"?@type'?"?: type\.googleapis\.com\/envoy\.service\.status\.v3\.ClientConfig$/m, proxyStatus],
  [
    /^Error: (?:no running Istio pods in|could not get XDS from discovery pod|could not contact sidecar|unable to find config dump in Istiod responses)/m,
    proxyStatus,
  ],
  [/^No Istio revision tags found/m, tagList],
  [/^\s*\[\s*\{\s*"(?:tag|revision)": ?"[^"]*",\s*"(?:tag|revision)": ?"[^"]*",\s*"namespaces":/, tagList],
  [/^- namespaces:(?: \[\]|(?:\n {0,2}- \S+)+)\n {2}revision: \S+\n {2}tag: /m, tagList],
  [/^(?:ERROR|Error): (?:no Istio injection hooks present|multiple webhooks will inject)/m, checkInject],
  [/^(?:REVISION: |(?:ISTIO-OPERATOR CUSTOM RESOURCE|MUTATING WEBHOOK CONFIGURATIONS): \(\d+\))/m, revisionDescription],
  [
    /^\S+ and \S+ have (?:the same|different) (?:ROOTCA|root CA)|^Both \[[^\]]+\] and \[[^\]]+\] have the identical ROOTCA/m,
    rootComparison,
  ],
];

/**
 * The reader for a loose file by its first bytes as text: output of `istioctl analyze`, `version`, `proxy-status` and
 * `bug-report`, istiod's debug endpoints and metrics, `kubectl version`. Undefined for anything else.
 */
export function recogniseIstio(head: string): Reader | undefined {
  const text = head.replace(COLOUR, '');
  for (const line of text.split('\n', 200)) {
    if (line.length > 400 || !/^ ?[A-Z]/.test(line)) continue;
    if (HEADER.test(line)) return proxyStatus;
    const table = tables.find(([isHeader]) => isHeader(line.trimEnd()));
    if (table !== undefined) return table[1];
  }
  return marks.find(([mark]) => mark.test(text))?.[1] ?? shapes.find(([looksRight]) => looksRight(text))?.[1];
}

/** Tables by their header. */
const tables: readonly (readonly [(line: string) => unknown, Reader])[] = [
  [proxyConfigTable, proxyConfigTables],
  [ztunnelTable, ztunnelTables],
  [tagHeader, tagList],
  [checkInjectHeader, checkInject],
  [authzHeader, authzCheck],
];

/** Text without a header. */
const shapes: readonly (readonly [(text: string) => boolean, Reader])[] = [
  [looksLikeComparison, proxyStatusDiff],
  [isVersionSummary, proxyConfigTables],
  [isLoggerList, proxyConfigTables],
  [looksLikeVerification, verifyInstall],
  [looksLikeDescription, istioctlDescribe],
];

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what a terminal's colours start with.
const COLOUR = /\x1b\[[\d;]*m/g;
