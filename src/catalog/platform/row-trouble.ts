import { byText } from '../../model/order.ts';
import type { KubeEvent, PodRow } from '../../parse/facts.ts';
import { counted } from '../evidence.ts';
import type { Evidence } from '../rule.ts';
import { eventEvidence, shortened, type Trouble } from './pod-trouble.ts';

/** Why the pod of a row is not ready, in the words of its status and its newest event. */
export function rowTrouble(row: PodRow, warnings: readonly KubeEvent[]): Trouble {
  const newest = (...reasons: readonly string[]): KubeEvent | undefined =>
    warnings.filter(({ reason }) => reasons.includes(reason)).toSorted((a, b) => byText(b.last ?? '', a.last ?? ''))[0];
  const { name, namespace, status, restarts } = row;
  const trouble = (kind: Trouble['kind'], text: string, event?: KubeEvent): Trouble => {
    const evidence: Evidence[] = event === undefined ? [] : [eventEvidence(event)];
    evidence.push({
      ...row.at,
      stage: 'pod',
      say: `Pod ${namespace === '' ? '' : `${namespace}/`}${name} has ${row.ready} of ${counted(row.containers, 'container')} ready.`,
      mark: [status],
    });
    return { kind, text: `pod ${name}: ${shortened(text)}`, evidence };
  };
  if (status === 'Pending') {
    const event = newest('FailedScheduling');
    return trouble('failed', `not scheduled, ${event?.message ?? 'it is Pending'}`, event);
  }
  if (/^(?:Init:\d+\/\d+|ContainerCreating|PodInitializing)$/.test(status)) {
    const event = newest('FailedCreatePodSandBox', 'FailedMount', 'FailedAttachVolume', 'NetworkNotReady');
    return trouble('waiting', event?.message ?? `it is in ${status}`, event);
  }
  if (status === 'Running') {
    const event = newest('Unhealthy');
    const missing = row.containers - row.ready;
    const words = `${missing} of its ${counted(row.containers, 'container')} ${missing === 1 ? 'is' : 'are'} not ready`;
    return trouble('unready', event === undefined ? words : `${words}, ${event.message}`, event);
  }
  const event = newest('Failed', 'InspectFailed', 'BackOff');
  return trouble(
    'failed',
    `it is in ${status}${restarts === 0 ? '' : ` after ${counted(restarts, 'restart')}`}`,
    event,
  );
}
