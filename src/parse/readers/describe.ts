import type { Artifact } from '../artifact.ts';
import { proxyOf } from '../envoy-names.ts';
import type { AnalysisMessage, ProxyRef } from '../facts.ts';
import { mask } from '../mask.ts';
import { textReader } from '../reader.ts';
import { proxyRef } from '../sync-status.ts';
import { plainLine } from '../text-table.ts';

/** True for the beginning of `istioctl experimental describe`, `kubectl describe` has other words in each of these places. */
export const looksLikeDescription = (head: string): boolean =>
  /^Pod: \S+\n(?: {3}Pod (?:Revision|Ports|does not|is not)|WARNING: |-{10,})/m.test(head) ||
  /^Service: \S+\n(?: {3}Port: |DestinationRule: |VirtualService: |RBAC policies: |-{10,})/m.test(head) ||
  /^Service "\S+" has no pods\.$/m.test(head);

/**
 * `istioctl experimental describe pod` and `service`: the revision of the pod, and what istioctl warns of, as messages of code
 * `describe`. What it repeats of services, rules and routes stands in those objects themselves.
 */
export const istioctlDescribe = textReader(
  'istioctl-describe',
  'istioctl experimental describe',
  function* (text, file) {
    const byName = proxyOf(file);
    let pod: ProxyRef = byName;
    let subject: { readonly kind: string; readonly name: string } = { kind: '', name: '' };
    // Warnings about routes and subsets stand below the object they mean.
    for (const [index, raw] of text.split('\n').entries()) {
      const line = plainLine(raw);
      const at = { file: file.path, line: index + 1 };
      const heading = /^(Pod|Service|DestinationRule|VirtualService): (\S+)/.exec(line);
      if (heading !== null) {
        const [, kind = '', name = ''] = heading;
        subject = { kind, name };
        if (kind === 'Pod')
          pod = proxyRef(name) ?? (byName.pod === name ? byName : { namespace: byName.namespace, pod: name });
        continue;
      }
      const revision = /^ {3}Pod Revision: (\S+)$/.exec(line)?.[1];
      if (revision !== undefined && pod.namespace !== '') {
        yield { kind: 'proxy', value: { proxy: pod, revision, labels: {}, at } };
        continue;
      }
      const state = /^ {3}Pod is not Running \((\w+)\)/.exec(line)?.[1];
      if (state !== undefined) {
        yield warning(`the pod is not running (${state})`, 'Pod', pod.pod, pod.namespace, at);
        continue;
      }
      const said =
        /^\s*(?:WARNING|Warning):? (.+)$/.exec(line)?.[1] ?? /^(Service "\S+" has no pods\.)$/.exec(line)?.[1];
      if (said === undefined) continue;
      const ref = proxyRef(subject.name);
      // A service or rule without a namespace is that of the pod.
      const namespace = subject.kind === 'Pod' ? pod.namespace : (ref?.namespace ?? pod.namespace);
      yield warning(said, subject.kind, subject.kind === 'Pod' ? pod.pod : (ref?.pod ?? subject.name), namespace, at);
    }
    yield { kind: 'seen', value: { kinds: ['analysis'], at: { file: file.path } } };
  },
);

function warning(message: string, kind: string, name: string, namespace: string, at: AnalysisMessage['at']): Artifact {
  const resource = kind === '' ? '' : `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`;
  const text = mask(message.trim()).slice(0, 2000);
  return {
    kind: 'analysis',
    value: { code: 'describe', level: 'warning', resource, kind, namespace, name, message: text, at },
  };
}
