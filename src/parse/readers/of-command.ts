import type { CommandLine } from '../command-line.ts';
import type { Reader } from '../reader.ts';
import { applicationLog, clientOutput } from '../recognise-other.ts';
import { analyzeMessages } from './analyze-messages.ts';
import { cniLog } from './cni-log.ts';
import { istiodLog } from './istiod-log.ts';
import { knownFile } from './known-file.ts';
import { operatorLog } from './operator-log.ts';
import { proxyLog } from './proxy-log.ts';
import { tagList } from './tag-list.ts';
import { ztunnelLog } from './ztunnel-log.ts';

const empty = knownFile('empty-output', 'output of a command that printed nothing');
const aside = knownFile('command-output', 'output of a command that no rule asks for');

const logReaders: ReadonlySet<string> = new Set(
  [cniLog, istiodLog, operatorLog, proxyLog, ztunnelLog, applicationLog].map(({ name }) => name),
);

const byContainer: Readonly<Record<string, Reader>> = {
  'istio-proxy': proxyLog,
  discovery: istiodLog,
  'install-cni': cniLog,
  'istio-operator': operatorLog,
};

/**
 * The reader that a command calls for where the content does not, or where a log is at stake: `content` is the reader that the
 * content calls for. Undefined where the content decides.
 */
export function readerOfCommand(
  command: CommandLine,
  head: string,
  content: Reader | undefined,
  whole: boolean,
): Reader | undefined {
  if (whole && head.trim() === '') return empty;
  const [verb = '', target = ''] = command.words;
  if (command.tool === 'kubectl' && (verb === 'logs' || verb === 'log')) {
    // What kubectl says when there is no log is recognised by content.
    if (
      content !== undefined &&
      /^(?:Error from server|error: |No resources found|Unable to connect|Unauthorized)/.test(head)
    ) {
      return undefined;
    }
    return logOf(command, target, content);
  }
  if (content !== undefined) return undefined;
  if (command.tool === 'istioctl' && whole && /^\s*(?:\[\s*\]|null|\{\s*\})\s*$/.test(head)) {
    // An empty list: what was asked for is none.
    return verb === 'analyze' ? analyzeMessages : verb === 'tag' && target === 'list' ? tagList : empty;
  }
  if (command.tool === 'curl' || command.inner[0] === 'curl') return clientOutput;
  const unasked =
    command.tool === 'kubectl'
      ? /^(?:rollout|top|api-resources|config|auth|explain|apply|delete|create|label|annotate|patch|scale|run|exec|debug|wait|adm|port-forward)$/
      : /^(?:account|group|manifest|profile|dashboard|kube-inject|install|upgrade|list|ls|status|history)$/;
  return unasked.test(verb) ? aside : undefined;
}

/** Which log was asked for: the container says so; the pod or its label where there is none. */
function logOf(command: CommandLine, target: string, content: Reader | undefined): Reader | undefined {
  const container =
    command.flags['container'] ?? (/^[a-z0-9-]+$/.test(command.words[2] ?? '') ? command.words[2] : undefined);
  const known = byContainer[container ?? ''];
  // ztunnel's container has the name of the proxy's.
  if (known === proxyLog && content === ztunnelLog) return ztunnelLog;
  if (known !== undefined) return known;
  const whose = `${target} ${command.flags['selector'] ?? ''}`;
  if (container === undefined || command.flags['all-containers'] !== undefined) {
    if (/(?:^|[/=-])istiod\b/.test(whose)) return istiodLog;
    if (/(?:^|[/=-])ztunnel\b/.test(whose)) return ztunnelLog;
    if (/(?:^|[/=-])istio-cni/.test(whose)) return cniLog;
    return content !== undefined && logReaders.has(content.name) ? content : applicationLog;
  }
  // `kubectl logs -c cart`: an application, whatever its lines look like.
  return applicationLog;
}
