import type { PodRow, Workload } from '../parse/facts.ts';

/** Whether every container of the row's pod is ready. */
export const isReadyRow = ({ ready, containers, status }: PodRow): boolean =>
  status === 'Running' && containers > 0 && ready >= containers;

/** Whether the row's pod is meant to serve: it has not ended and is not being deleted. */
export const isMeantRow = ({ status }: PodRow): boolean =>
  !/^(?:Terminating|Completed|Succeeded|Evicted)$/.test(status);

/** The workload a pod's name implies: a Deployment's pod has the hash of its template, a StatefulSet's a number. */
export function workloadOfRow({
  name,
}: PodRow): { readonly kind: Workload['kind']; readonly name: string } | undefined {
  const deployment = /^(.+)-[4-9bcdf]{5,10}-[bcdfghjklmnpqrstvwxz2456789]{5}$/.exec(name)?.[1];
  if (deployment !== undefined) return { kind: 'Deployment', name: deployment };
  const set = /^(.+)-\d{1,4}$/.exec(name)?.[1];
  return set === undefined ? undefined : { kind: 'StatefulSet', name: set };
}
