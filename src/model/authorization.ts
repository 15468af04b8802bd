import type { KubeObject } from '../parse/facts.ts';
import { list, ofKind, record, specOf, strings, text } from './hosts.ts';
import { matchesLabels } from './selectors.ts';

type Labels = Readonly<Record<string, string>>;

/**
 * Policies of a kind that hold for a workload: those of its namespace and of the root namespace whose selector matches, and
 * those attached to its Gateway (istio pkg/config/analysis and pilot/pkg/model/policyattachment.go).
 */
export function policiesFor(
  config: readonly KubeObject[],
  kind: 'AuthorizationPolicy' | 'RequestAuthentication',
  workload: { readonly namespace: string; readonly labels: Labels },
  root: string,
): readonly KubeObject[] {
  return ofKind(config, kind).filter((policy) => {
    const { namespace } = policy.meta;
    if (namespace !== workload.namespace && namespace !== root) return false;
    const spec = specOf(policy);
    const targets = [...list(spec['targetRefs']), ...(spec['targetRef'] === undefined ? [] : [spec['targetRef']])];
    if (targets.length > 0)
      return targets
        .map(record)
        .some(
          (target) =>
            namespace === workload.namespace &&
            target['kind'] === 'Gateway' &&
            workload.labels['gateway.networking.k8s.io/gateway-name'] === target['name'],
        );
    return matchesLabels(record(record(spec['selector'])['matchLabels']), workload.labels);
  });
}

/** ALLOW, DENY, AUDIT or CUSTOM; without a word it is ALLOW. */
export const actionOf = (policy: KubeObject): string => text(specOf(policy)['action']) ?? 'ALLOW';

/** Who calls, as far as policies ask: `cluster.local/ns/shop/sa/cart`. */
export interface Caller {
  readonly principal: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/**
 * How an ALLOW policy stands to a caller: `nobody` lets no one in, `not-named` admits others only, `admitted` lets the caller in
 * under the conditions of `to` and `when`.
 */
export function standing(policy: KubeObject, caller: Caller | undefined): 'nobody' | 'not-named' | 'admitted' {
  const rules = list(specOf(policy)['rules']).map(record);
  if (rules.length === 0) return 'nobody';
  return rules.some((rule) => {
    const from = list(rule['from']).map((entry) => record(record(entry)['source']));
    return from.length === 0 || from.some((source) => admits(source, caller));
  })
    ? 'admitted'
    : 'not-named';
}

/** Whether what a source asks of the identity is met; addresses and tokens are not judged. */
function admits(source: Readonly<Record<string, unknown>>, caller: Caller | undefined): boolean {
  const wanted = (field: string, value: string | undefined) => {
    const patterns = strings(source[field]);
    return patterns.length === 0 || (value !== undefined && patterns.some((pattern) => matchesPattern(pattern, value)));
  };
  const refused = (field: string, value: string | undefined) =>
    value !== undefined && strings(source[field]).some((pattern) => matchesPattern(pattern, value));
  const account = caller && `${caller.namespace}/${caller.serviceAccount}`;
  const accounts = strings(source['serviceAccounts']);
  return (
    wanted('principals', caller?.principal) &&
    wanted('namespaces', caller?.namespace) &&
    (accounts.length === 0 ||
      (caller !== undefined && accounts.some((name) => name === account || name === caller.serviceAccount))) &&
    !refused('notPrincipals', caller?.principal) &&
    !refused('notNamespaces', caller?.namespace)
  );
}

/** Istio's string match: exact, `prefix*`, `*suffix` or `*`. */
function matchesPattern(pattern: string, value: string): boolean {
  if (pattern === '*') return value !== '';
  if (pattern.endsWith('*')) return value.startsWith(pattern.slice(0, -1));
  if (pattern.startsWith('*')) return value.endsWith(pattern.slice(1));
  return pattern === value;
}
