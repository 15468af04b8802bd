import { isMeantRow, isReadyRow } from '../../model/pod-rows.ts';
import type { KubeEvent, PodRow } from '../../parse/facts.ts';
import { counted } from '../evidence.ts';
import type { FailingPod, Trouble } from './istiod.ts';
import { eventEvidence } from './place.ts';

/**
 * Why the pod of a row of `kubectl get pods` does not serve, by its status (kubernetes
 * pkg/printers/internalversion/printers.go, printPod) and its events; undefined for one that does.
 */
export function failingRow(row: PodRow, events: readonly KubeEvent[]): FailingPod | undefined {
  if (isReadyRow(row) || !isMeantRow(row)) return undefined;
  const newest = (...reasons: readonly string[]): KubeEvent | undefined =>
    events
      .filter(({ reason }) => reasons.includes(reason))
      .toSorted((a, b) => (a.last ?? '').localeCompare(b.last ?? ''))
      .at(-1);
  const { namespace, name, status, restarts } = row;
  const state = status.replace(/^Init:/, '');
  const make = (trouble: Trouble, reason: string, event?: KubeEvent): FailingPod => ({
    name,
    trouble,
    reason: event === undefined || trouble === 'crash-loop' ? reason : (event.message.split('\n')[0] ?? reason),
    restarts,
    young: row.age !== undefined && row.age < 120_000,
    evidence: [
      {
        ...row.at,
        stage: 'pod',
        say: `${namespace}/${name}: ${status}, ${row.ready} of ${counted(row.containers, 'container')} ready.`,
        mark: [status],
      },
      ...(event === undefined ? [] : [eventEvidence(event)]),
    ],
  });
  if (
    /^(?:ImagePullBackOff|ErrImagePull|InvalidImageName|ErrImageNeverPull|ImageInspectError|RegistryUnavailable)$/.test(
      state,
    )
  )
    return make(
      'image-pull',
      status,
      events.find(({ reason, message }) => reason === 'Failed' && /pull/i.test(message)),
    );
  if (/^(?:CrashLoopBackOff|Error|OOMKilled|RunContainerError|StartError|ExitCode:\d+)$/.test(state))
    return make('crash-loop', `${status} after ${counted(restarts, 'restart')}`, newest('BackOff'));
  const unscheduled = newest('FailedScheduling');
  if (status === 'Pending' && (row.node === undefined || unscheduled !== undefined))
    return make('unschedulable', 'Pending, not scheduled to any node', unscheduled);
  const mount = newest('FailedMount', 'FailedAttachVolume');
  if (mount !== undefined && /^(?:ContainerCreating|PodInitializing|Pending|\d+\/\d+)$/.test(state))
    return make('volume-mount', 'waits for a volume', mount);
  return make('not-ready', status === 'Running' ? 'not ready' : status, newest('Unhealthy', 'Failed'));
}
