import { within } from '../../input/location.ts';
import { byText } from '../../model/order.ts';
import type { Container, KubeEvent, Pod } from '../../parse/facts.ts';
import { counted } from '../evidence.ts';
import type { Evidence } from '../rule.ts';

/** What keeps a pod away, weightier last. */
export interface Trouble {
  /** `unready`: probes fail; `waiting`: for a volume or the network; `failed`: a container or the scheduler gave up; `refused`: it is not created. */
  readonly kind: 'unready' | 'waiting' | 'failed' | 'refused';
  readonly text: string;
  readonly evidence: readonly Evidence[];
}
const weights: readonly Trouble['kind'][] = ['unready', 'waiting', 'failed', 'refused'];
/** The weightiest first; an event says more than a condition. */
export const byWeight = (a: Trouble, b: Trouble): number =>
  weights.indexOf(b.kind) - weights.indexOf(a.kind) || Number(isEvent(b)) - Number(isEvent(a));
const isEvent = ({ evidence }: Trouble): boolean => evidence[0]?.stage === 'event';

const harmless = new Set(['ContainerCreating', 'PodInitializing']);

/** Why a pod is not ready, in the words of its status and its newest event. */
export function podTrouble(pod: Pod, warnings: readonly KubeEvent[]): Trouble {
  const name = pod.meta.name;
  const newest = (...reasons: readonly string[]): KubeEvent | undefined =>
    warnings.filter(({ reason }) => reasons.includes(reason)).toSorted((a, b) => byText(b.last ?? '', a.last ?? ''))[0];
  const trouble = (kind: Trouble['kind'], text: string, pointer: string, event?: KubeEvent): Trouble => ({
    kind,
    text: `pod ${name}: ${shortened(text)}`,
    evidence: [
      ...(event === undefined ? [] : [eventEvidence(event)]),
      { ...within(pod.at, pointer), stage: 'pod', say: `Pod ${pod.meta.namespace}/${name} is not ready.` },
    ],
  });

  const unscheduled = pod.conditions.findIndex(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (unscheduled >= 0) {
    const event = newest('FailedScheduling');
    const words = pod.conditions[unscheduled]?.message ?? event?.message ?? 'no node takes it';
    return trouble('failed', `not scheduled, ${words}`, `/status/conditions/${unscheduled}/message`, event);
  }
  const broken = pod.containers.find(
    ({ now, ready }) =>
      (now.state === 'waiting' && now.reason !== undefined && !harmless.has(now.reason)) ||
      (now.state === 'terminated' && !ready && now.exitCode !== 0),
  );
  if (broken !== undefined) {
    return trouble(
      'failed',
      `container ${broken.name} is in ${broken.now.reason ?? 'an error'}${exitOf(broken)}`,
      stateOf(pod, broken),
      newest('BackOff', 'Failed', 'InspectFailed'),
    );
  }
  const sandbox = newest('FailedCreatePodSandBox', 'FailedMount', 'FailedAttachVolume', 'NetworkNotReady');
  const created = pod.containers.some(({ now }) => now.state === 'running' || now.state === 'terminated');
  if (!created) {
    return trouble('waiting', sandbox?.message ?? 'its containers are not created yet', '/status/conditions', sandbox);
  }
  const unready = pod.containers.find(({ init, nativeSidecar, now, ready }) =>
    init
      ? !ready && (nativeSidecar ? now.state === 'running' : now.state !== 'terminated')
      : !ready && now.state === 'running',
  );
  const probe = newest('Unhealthy');
  const words = probe?.message ?? pod.conditions.find(({ type }) => type === 'Ready')?.message ?? 'not ready yet';
  return trouble(
    'unready',
    unready === undefined ? words : `container ${unready.name} is not ready, ${words}`,
    unready === undefined ? '/status/conditions' : stateOf(pod, unready),
    probe,
  );
}

const exitOf = ({ now, last, restarts }: Container): string => {
  const code = now.exitCode ?? last?.exitCode;
  const ended = now.state === 'terminated' ? '' : (last?.reason ?? '');
  const parts = [
    ended === '' || ended === 'Error' ? '' : ended,
    code === undefined ? '' : `exit code ${code}`,
    restarts === 0 ? '' : counted(restarts, 'restart'),
  ].filter((part) => part !== '');
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
};

/** Kubelet orders the states of init containers as the pod does, those of the others by name. */
function stateOf(pod: Pod, { name, init }: Container): string {
  const names = pod.containers.filter((container) => container.init === init).map((container) => container.name);
  const index = (init ? names : names.toSorted(byText)).indexOf(name);
  return `/status/${init ? 'initContainerStatuses' : 'containerStatuses'}/${index}/state`;
}

/** An event as evidence. */
export const eventEvidence = (event: KubeEvent): Evidence => ({
  ...within(event.at, '/message'),
  stage: 'event',
  say: `${event.reason} on ${event.object.kind} ${event.object.namespace}/${event.object.name}${event.count > 1 ? `, ${event.count} times` : ''}.`,
});

/** The first line, without the words every refusal begins with. */
export const shortened = (text: string): string =>
  (text.split('\n')[0] ?? '').replace(/^(?:Error creating: )?(?:Internal error occurred: )?/, '').slice(0, 300);
