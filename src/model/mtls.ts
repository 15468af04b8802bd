import { type Location, within } from '../input/location.ts';
import type { KubeObject } from '../parse/facts.ts';
import { coversHost, list, ofKind, record, resolveHost, serviceOfHost, specOf, text } from './hosts.ts';
import { byText } from './order.ts';
import { matchesLabels } from './selectors.ts';

export type MutualMode = 'STRICT' | 'PERMISSIVE' | 'DISABLE';

/** What a server accepts, and the policy that says so; without one it is Istio's default, PERMISSIVE. */
export interface ServerMode {
  readonly mode: MutualMode;
  readonly policy?: KubeObject;
  /** Place of the deciding `mode` field. */
  readonly at?: Location;
}

/**
 * The effective PeerAuthentication mode for a workload's port: port level, workload, namespace, mesh; the oldest policy of
 * a level wins, UNSET inherits (istio pilot/pkg/security/authn, documentation of PeerAuthentication).
 */
export function serverMode(
  config: readonly KubeObject[],
  workload: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
  port: number | undefined,
  rootNamespace: string,
): ServerMode {
  const policies = [...ofKind(config, 'PeerAuthentication')].sort((a, b) =>
    byText(a.meta.created ?? '', b.meta.created ?? ''),
  );
  const selectorOf = (policy: KubeObject) => record(record(specOf(policy)['selector'])['matchLabels']);
  const wide = (policy: KubeObject) => Object.keys(selectorOf(policy)).length === 0;
  const own = policies.find(
    (policy) =>
      policy.meta.namespace === workload.namespace &&
      !wide(policy) &&
      matchesLabels(selectorOf(policy), workload.labels),
  );
  if (own !== undefined && port !== undefined) {
    const mode = modeOf(record(specOf(own)['portLevelMtls'])[String(port)]);
    if (mode !== undefined) return { mode, policy: own, at: within(own.at, `/spec/portLevelMtls/${port}/mode`) };
  }
  const namespaceWide = policies.find((policy) => policy.meta.namespace === workload.namespace && wide(policy));
  const meshWide = policies.find((policy) => policy.meta.namespace === rootNamespace && wide(policy));
  for (const policy of [own, namespaceWide, meshWide]) {
    const mode = policy && modeOf(specOf(policy)['mtls']);
    if (policy && mode) return { mode, policy, at: within(policy.at, '/spec/mtls/mode') };
  }
  return { mode: 'PERMISSIVE' };
}

function modeOf(mtls: unknown): MutualMode | undefined {
  const mode = record(mtls)['mode'];
  return mode === 'STRICT' || mode === 'PERMISSIVE' || mode === 'DISABLE' ? mode : undefined;
}

/** The DestinationRule a client in `namespace` uses for a host, and the TLS mode it sets for a port and subset. */
export interface ClientTls {
  readonly rule: KubeObject;
  /** DISABLE, SIMPLE, MUTUAL, ISTIO_MUTUAL; undefined leaves it to automatic mutual TLS. */
  readonly mode?: string;
  readonly at: Location;
}

/**
 * DestinationRules in the order a client looks them up: its own namespace, the service's namespace, the root namespace; in
 * each the most specific host wins (istio pilot/pkg/model/push_context.go, `destinationRule`). `exportTo: ['.']` hides a
 * rule from other namespaces.
 */
export function destinationRuleFor(
  config: readonly KubeObject[],
  host: string,
  clientNamespace: string,
  rootNamespace: string,
): KubeObject | undefined {
  const rules = ofKind(config, 'DestinationRule').filter((rule) => coversHost(hostOfRule(rule), host));
  const visible = rules.filter((rule) => {
    const exportTo = list(specOf(rule)['exportTo']);
    return (
      rule.meta.namespace === clientNamespace ||
      exportTo.length === 0 ||
      exportTo.includes('*') ||
      exportTo.includes(clientNamespace)
    );
  });
  const specific = (namespace: string | undefined) =>
    visible
      .filter((rule) => rule.meta.namespace === namespace)
      .sort((a, b) => hostOfRule(b).length - hostOfRule(a).length)[0];
  return specific(clientNamespace) ?? specific(serviceOfHost(host)?.namespace) ?? specific(rootNamespace);
}

/** The host of a DestinationRule, in full. */
export const hostOfRule = (rule: KubeObject): string =>
  resolveHost(text(specOf(rule)['host']) ?? '', rule.meta.namespace);

/** What a DestinationRule says of TLS for a port and subset: port level, subset, then the rule's own policy. */
export function tlsOfRule(rule: KubeObject, port?: number, subset?: string): ClientTls {
  const spec = specOf(rule);
  const subsets = list(spec['subsets']).map(record);
  const index = subset ? subsets.findIndex(({ name }) => name === subset) : -1;
  const places: { readonly policy: unknown; readonly pointer: string }[] = [];
  if (index >= 0)
    places.push({ policy: subsets[index]?.['trafficPolicy'], pointer: `/spec/subsets/${index}/trafficPolicy` });
  places.push({ policy: spec['trafficPolicy'], pointer: '/spec/trafficPolicy' });
  for (const { policy, pointer } of places) {
    const levels = list(record(policy)['portLevelSettings']).map(record);
    const level = levels.findIndex((entry) => port !== undefined && record(entry['port'])['number'] === port);
    const portMode = text(record(levels[level]?.['tls'])['mode']);
    if (portMode)
      return { rule, mode: portMode, at: within(rule.at, `${pointer}/portLevelSettings/${level}/tls/mode`) };
    const mode = text(record(record(policy)['tls'])['mode']);
    if (mode) return { rule, mode, at: within(rule.at, `${pointer}/tls/mode`) };
  }
  return { rule, at: rule.at };
}
