import { unknownProxy } from '../parse/envoy-names.ts';
import type { LogFile, ProxyRef } from '../parse/facts.ts';
import type { LogFacts } from './repeated-logs.ts';

/**
 * Logs of proxies whose owner neither content nor name tells, under the name of their file: what they say is true of some
 * proxy, and a reader of the report finds it by the file.
 */
export function withUnknownProxies(logs: LogFacts): LogFacts {
  const refs = new Map<string, ProxyRef>();
  const named = (ref: ProxyRef, file: string): ProxyRef => {
    if (ref.pod !== '') return ref;
    const known = refs.get(file) ?? {
      namespace: ref.namespace,
      pod: unknownProxy(file),
    };
    refs.set(file, known);
    return known;
  };
  const ofProxy = ({ log }: { readonly log: LogFile['log'] }): boolean => log === 'proxy' || log === 'ztunnel';
  return {
    ...logs,
    logFiles: logs.logFiles?.map((file) => (ofProxy(file) ? { ...file, pod: named(file.pod, file.at.file) } : file)),
    hits: logs.hits.map((hit) => (ofProxy(hit) ? { ...hit, pod: named(hit.pod, hit.file) } : hit)),
    access: logs.access?.map((group) =>
      group.proxy.pod === '' ? { ...group, proxy: named(group.proxy, group.file) } : group,
    ),
  };
}
