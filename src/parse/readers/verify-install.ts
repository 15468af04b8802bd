import type { Artifact } from '../artifact.ts';
import type { AnalysisMessage } from '../facts.ts';
import { mask } from '../mask.ts';
import { textReader } from '../reader.ts';
import { proxyRef } from '../sync-status.ts';
import { plainLine } from '../text-table.ts';

/** True for the beginning of `istioctl verify-install` or of `istioctl x precheck` up to 1.9. */
export const looksLikeVerification = (head: string): boolean =>
  /^(?:[✔✘✅❌] )?[A-Z]\w+: \S+ checked successfully$|^[✘❌] [A-Z]\w+: \S+: |^Checked \d+ (?:custom resource definitions|Istio Deployments)|^! No Istio installation found|^(?:\d+ Istio control planes? detected|\d+ Istio injectors? detected)|^\S{0,3} ?Istio is installed and verified successfully|^#1\. Kubernetes-api|^Checking the cluster to make sure it is ready for Istio|^Install Pre-Check (?:passed|failed)|^(?:\S{1,3} )?No issues found when checking the cluster/m.test(
    head,
  );

/**
 * `istioctl verify-install` (to 1.23): what is not as it was installed, and `istioctl x precheck` to 1.9 in sections. Each
 * failure becomes a message of code `verify-install` or `precheck`, like those of `istioctl analyze`.
 */
export const verifyInstall = textReader(
  'verify-install',
  'istioctl verify-install or precheck',
  function* (text, file) {
    const precheck = /^#\d+\. |Pre-Check|^Checking the cluster to make sure/m.test(text);
    const code = precheck ? 'precheck' : 'verify-install';
    let previous = '';
    for (const [index, raw] of text.split('\n').entries()) {
      const line = plainLine(raw).trim();
      if (line === '') continue;
      const at = { file: file.path, line: index + 1 };
      const failed = /^[✘❌✗] (?:([A-Z]\w+): (\S+?): )?(.+)$/.exec(line);
      if (failed !== null) {
        const [, kind = '', object = '', message = ''] = failed;
        yield failure(code, kind, object, message, at);
      } else if (/^! No Istio installation found/.test(line)) {
        yield failure(code, '', '', line.slice(2), at);
      } else if (/^(?:error|Error): /.test(line) && !summaries.test(line)) {
        yield failure(code, '', '', line.replace(/^error: /i, ''), at);
      } else if (precheck && /^(?:Failed|Error|Invalid|Unsupported|Can not|Cannot|missing|not )/i.test(line)) {
        if (line !== previous) yield failure(code, '', '', line, at);
      }
      previous = line;
    }
    yield { kind: 'seen', value: { kinds: ['analysis'], at: { file: file.path } } };
  },
);

/** Last lines that only say that something above failed. */
const summaries =
  /^Error: (?:Istio installation failed$|Issues found when checking the cluster|no Istio installation found$)/i;

function failure(code: string, kind: string, object: string, message: string, at: AnalysisMessage['at']): Artifact {
  const ref = kind === 'CustomResourceDefinition' ? undefined : proxyRef(object);
  return {
    kind: 'analysis',
    value: {
      code,
      level: 'error',
      resource: kind === '' ? '' : `${kind} ${ref === undefined ? object : `${ref.namespace}/${ref.pod}`}`,
      kind,
      namespace: ref?.namespace ?? '',
      name: ref?.pod ?? object,
      message: mask(message).slice(0, 2000),
      at,
    },
  };
}
