import { within } from '../../input/location.ts';
import { list, record, strings } from '../../model/hosts.ts';
import { matchesSelector } from '../../model/selectors.ts';
import type { KubeObject } from '../../parse/facts.ts';
import type { Evidence } from '../rule.ts';

type Direction = 'Ingress' | 'Egress';

/** Pods whose way is asked for; without labels only policies for all pods of the namespace count. */
export interface Way {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly direction: Direction;
  /** TCP port as the pod that listens has it. */
  readonly port: number;
}

/**
 * The NetworkPolicies that leave no way to a port: those that select the pods, where none of them lets the port through.
 * Policies add up, so one that allows it opens it. From and to are not judged: a rule with the port counts as open.
 */
export function closingPolicies(
  objects: readonly KubeObject[],
  { namespace, labels, direction, port }: Way,
): readonly KubeObject[] {
  const selecting = objects.filter(
    (object) =>
      object.kind === 'NetworkPolicy' &&
      object.meta.namespace === namespace &&
      restricts(object, direction) &&
      (labels === undefined
        ? Object.keys(record(record(object.body['spec'])['podSelector'])).length === 0
        : matchesSelector(record(object.body['spec'])['podSelector'], labels)),
  );
  return selecting.some((policy) => opens(policy, direction, port)) ? [] : selecting;
}

/** The policies as evidence. */
export const closedBy = (policies: readonly KubeObject[], { direction, port }: Way): readonly Evidence[] =>
  policies.slice(0, 2).map((policy) => ({
    ...within(policy.at, '/spec'),
    stage: 'policy' as const,
    say: `NetworkPolicy ${policy.meta.namespace}/${policy.meta.name} lets nothing ${direction === 'Ingress' ? 'in' : 'out'} on ${port}.`,
  }));

/** Ingress is restricted unless the policy names other types; egress only where it says so. */
function restricts(policy: KubeObject, direction: Direction): boolean {
  const spec = record(policy.body['spec']);
  const types = strings(spec['policyTypes']);
  if (types.length > 0) return types.includes(direction);
  return direction === 'Ingress' || spec['egress'] !== undefined;
}

function opens(policy: KubeObject, direction: Direction, wanted: number): boolean {
  return list(record(policy.body['spec'])[direction.toLowerCase()])
    .map(record)
    .some((rule) => {
      const ports = list(rule['ports']).map(record);
      return (
        ports.length === 0 ||
        ports.some(({ port, endPort }) => {
          if (port === undefined) return true;
          const from = Number(port);
          // A named port may be any.
          if (!Number.isFinite(from)) return true;
          return typeof endPort === 'number' ? from <= wanted && endPort >= wanted : from === wanted;
        })
      );
    });
}
