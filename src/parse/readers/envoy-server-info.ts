import { field, nodeFacts, number, optional, text } from '../envoy-json.ts';
import { proxyOf, proxyOfPath, splitNodeId } from '../envoy-names.ts';
import { jsonReader } from '../json-text.ts';

/** Envoy `/server_info`: version, state, uptime, and the node with Istio's metadata. */
export const envoyServerInfo = jsonReader('envoy-server-info', 'Envoy /server_info', (info, file) => {
  const version = text(field(info, 'version'));
  const state = text(field(info, 'state'));
  if (version === undefined && state === undefined) return undefined;
  const node = nodeFacts(field(info, 'node'));
  const identity = splitNodeId(node.nodeId ?? '');
  const proxy =
    proxyOfPath(file) ??
    (identity === undefined ? proxyOf(file) : { namespace: identity.namespace, pod: identity.pod });
  const uptime = text(field(info, 'uptime_current_epoch'));
  const seconds = uptime?.endsWith('s') ? number(uptime.slice(0, -1)) : undefined;
  const value = {
    ...node,
    proxy,
    ...optional('state', state),
    // <commit>/<version>/<state of the tree>/<build>/<TLS library>
    ...optional('envoyVersion', version?.split('/')[1] ?? node.envoyVersion),
    ...optional('uptimeSeconds', seconds),
    ...optional('concurrency', number(field(field(info, 'command_line_options'), 'concurrency')) ?? node.concurrency),
    at: { file: file.path, pointer: state === undefined ? '/version' : '/state' },
  };
  return [
    { kind: 'proxy', value },
    { kind: 'seen', value: { kinds: ['proxy'], at: { file: file.path } } },
  ];
});
