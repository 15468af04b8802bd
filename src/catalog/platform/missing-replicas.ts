import { within } from '../../input/location.ts';
import { isIstiod } from '../../model/control-plane.ts';
import { hostOfService } from '../../model/hosts.ts';
import { byText } from '../../model/order.ts';
import { hasProxy, isReady, matchesLabels, workloadOf } from '../../model/selectors.ts';
import type { Condition, Container, KubeEvent, Namespace, Pod, Service, Workload } from '../../parse/facts.ts';
import { counted, evidenceOf } from '../evidence.ts';
import { defineRule, type Evidence, type Severity } from '../rule.ts';
import { isYoungPod } from './young-pod.ts';

/**
 * A Deployment or StatefulSet of the mesh that has fewer ready pods than it wants, with the reason Kubernetes gives. istiod has
 * rules of its own. Pods that were created in the last minute and have not failed yet are a rollout, worth a line and no more.
 */
export const missingReplicas = defineRule({
  id: 'missing-replicas',
  title: 'Workload with fewer ready pods than wanted',
  area: 'platform',
  severity: 'error',
  why: 'The pods that are missing serve nothing: with none ready every request to the workload fails, with fewer than wanted the others carry its load.',
  fix: [
    {
      do: 'See what Kubernetes says of {{kind}} {{workload}}',
      run: 'kubectl describe {{kind}} {{workload}} -n {{namespace}}',
    },
    {
      do: 'Read the events of its pods and ReplicaSets, newest last',
      run: 'kubectl get events -n {{namespace}} --sort-by=.lastTimestamp',
    },
    { do: 'Remove the reason given: {{reason}}' },
    {
      do: 'Verify that all replicas come up',
      run: 'kubectl rollout status {{kind}}/{{workload}} -n {{namespace}} --timeout=3m',
    },
  ],
  references: [
    'https://kubernetes.io/docs/tasks/debug/debug-application/debug-pods/',
    'https://istio.io/latest/docs/ops/common-problems/injection/',
  ],
  source: 'Kubernetes status of Deployments, StatefulSets and ReplicaSets; knowledge C-INJ-03',
  symptom: true,
  explains: ['service-without-endpoints', 'unhealthy-upstream', 'failed-upstream-connection'],
  needs: ['workloads'],
  uses: ['pods', 'events', 'namespaces', 'services', 'capture'],
  *check({ workloads, pods = [], events = [], namespaces = [], services = [], capture }) {
    const podsByWorkload = groupBy(
      pods.filter(({ meta, phase }) => meta.deleted === undefined && phase !== 'Succeeded'),
      (pod) => `${pod.meta.namespace}/${workloadOf(pod)}`,
    );
    const warnings = groupBy(
      events.filter(({ type }) => type !== 'Normal'),
      ({ object }) => `${object.kind.toLowerCase()} ${object.namespace}/${object.name}`,
    );
    const replicaSets = groupBy(
      workloads.filter(({ kind }) => kind === 'ReplicaSet'),
      ({ meta }) => `${meta.namespace}/${meta.owners[0]?.name ?? meta.name}`,
    );
    const inMesh = meshNamespaces(pods, namespaces);

    for (const workload of workloads.filter(isOutermost)) {
      const { namespace, name } = workload.meta;
      const { desired, ready } = workload.replicas;
      if (desired === 0 || workload.meta.deleted !== undefined || isIstiod(workload)) continue;
      const key = `${namespace}/${name}`;
      const own = podsByWorkload.get(key) ?? [];
      if (!isOfMesh(workload, own, inMesh)) continue;

      const failed = own.filter((pod) => !isReady(pod) && pod.phase !== 'Failed');
      const troubles = [
        ...refusals([workload, ...(replicaSets.get(key) ?? [])], warnings, own.length < desired),
        ...failed.map((pod) => podTrouble(pod, warnings.get(`pod ${pod.meta.namespace}/${pod.meta.name}`) ?? [])),
      ].toSorted(byWeight);
      const [main] = troubles;
      // All replicas serve while new ones cannot come up: a rollout that is stuck.
      if (ready >= desired && main?.kind !== 'refused' && main?.kind !== 'failed') continue;
      const starting =
        main !== undefined &&
        (main.kind === 'waiting' || main.kind === 'unready') &&
        failed.every((pod) => isYoungPod(pod, capture?.time));
      const severity: Severity = starting ? 'info' : ready === 0 ? 'error' : 'warning';

      const index = Math.max(
        workload.conditions.findIndex(isRefusal),
        ...(workload.conditions.some(isRefusal) ? [] : [workload.conditions.findIndex(isUnavailable)]),
      );
      const since = workload.conditions.find(isUnavailable)?.since;
      const evidence = evidenceOf(main?.evidence, {
        ...within(workload.at, index < 0 ? '/status' : `/status/conditions/${index}/message`),
        stage: 'pod',
        say: `${workload.kind} ${key} wants ${counted(desired, 'replica')}, ${ready} ${ready === 1 ? 'is' : 'are'} ready.`,
      });
      if (evidence === undefined) continue;
      const reason = main?.text ?? 'the archive gives no reason';
      yield {
        subject: `${workload.kind} ${key}`,
        scope: { namespace, workload: name, ...hostOf(workload, services) },
        ...(since === undefined || capture?.time === undefined ? {} : { when: { first: since, last: capture.time } }),
        count: Math.max(1, desired - ready),
        severity,
        confidence: main === undefined ? 'likely' : 'certain',
        message:
          ready >= desired
            ? `${workload.kind} ${key} cannot replace its pods, the old ones still serve: ${reason}`
            : `${workload.kind} ${key} has ${ready} of ${counted(desired, 'replica')} ready${starting ? ', the others were created less than a minute before the archive' : ''}: ${reason}`,
        facts: { namespace, workload: name, kind: workload.kind.toLowerCase(), reason },
        missing: main === undefined && events.length === 0 ? ['The events of the cluster would tell the reason.'] : [],
        evidence,
      };
    }
  },
});

/** What keeps a pod away, weightier last. */
interface Trouble {
  /** `unready`: probes fail; `waiting`: for a volume or the network; `failed`: a container or the scheduler gave up; `refused`: it is not created. */
  readonly kind: 'unready' | 'waiting' | 'failed' | 'refused';
  readonly text: string;
  readonly evidence: readonly Evidence[];
}
const weights: readonly Trouble['kind'][] = ['unready', 'waiting', 'failed', 'refused'];
/** The weightiest first; an event says more than a condition. */
const byWeight = (a: Trouble, b: Trouble): number =>
  weights.indexOf(b.kind) - weights.indexOf(a.kind) || Number(isEvent(b)) - Number(isEvent(a));
const isEvent = ({ evidence }: Trouble): boolean => evidence[0]?.stage === 'event';

/** Pods that the API server refused to create: the condition of the workload or its ReplicaSets, and the event. */
function refusals(
  workloads: readonly Workload[],
  warnings: ReadonlyMap<string, readonly KubeEvent[]>,
  short: boolean,
): readonly Trouble[] {
  return workloads.flatMap((workload): readonly Trouble[] => {
    const index = workload.conditions.findIndex(isRefusal);
    const event = (
      warnings.get(`${workload.kind.toLowerCase()} ${workload.meta.namespace}/${workload.meta.name}`) ?? []
    )
      .filter(({ reason }) => reason === 'FailedCreate')
      .toSorted((a, b) => byText(b.last ?? '', a.last ?? ''))[0];
    const text = workload.conditions[index]?.message ?? (short ? event?.message : undefined);
    if (text === undefined) return [];
    return [
      {
        kind: 'refused',
        text: `its pods are not created, ${shortened(text)}`,
        // The condition of the workload itself is shown anyway.
        evidence: event === undefined ? [] : [eventEvidence(event)],
      },
    ];
  });
}

const harmless = new Set(['ContainerCreating', 'PodInitializing']);

/** Why a pod is not ready, in the words of its status and its newest event. */
function podTrouble(pod: Pod, warnings: readonly KubeEvent[]): Trouble {
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

const eventEvidence = (event: KubeEvent): Evidence => ({
  ...within(event.at, '/message'),
  stage: 'event',
  say: `${event.reason} on ${event.object.kind} ${event.object.namespace}/${event.object.name}${event.count > 1 ? `, ${event.count} times` : ''}.`,
});

/** The first line, without the words every refusal begins with. */
const shortened = (text: string): string =>
  (text.split('\n')[0] ?? '').replace(/^(?:Error creating: )?(?:Internal error occurred: )?/, '').slice(0, 300);

/** What a person deploys: not the ReplicaSets of a Deployment, nor Jobs. A DaemonSet without nodes is complete. */
const isOutermost = ({ kind, meta }: Workload): boolean =>
  kind === 'Deployment' ||
  kind === 'StatefulSet' ||
  ((kind === 'ReplicaSet' || kind === 'ReplicationController') && meta.owners.length === 0);

const isRefusal = ({ type, status }: Condition): boolean => type === 'ReplicaFailure' && status === 'True';
const isUnavailable = ({ type, status }: Condition): boolean => type === 'Available' && status === 'False';

/** Namespaces whose pods are meant to be in the mesh, by their labels or by the proxies that run there. */
function meshNamespaces(pods: readonly Pod[], namespaces: readonly Namespace[]): ReadonlySet<string> {
  const names = new Set(pods.filter(hasProxy).map(({ meta }) => meta.namespace));
  for (const { meta } of namespaces) {
    const { labels } = meta;
    if (labels['istio-injection'] === 'disabled') names.delete(meta.name);
    else if (labels['istio-injection'] === 'enabled' || labels['istio.io/rev'] !== undefined) names.add(meta.name);
    if (labels['istio.io/dataplane-mode'] === 'ambient') names.add(meta.name);
  }
  return names;
}

/** Whether a workload belongs to the mesh: its pods run a proxy, or are meant to. */
function isOfMesh({ meta, template }: Workload, pods: readonly Pod[], inMesh: ReadonlySet<string>): boolean {
  if (pods.some(hasProxy)) return true;
  const inject = template.labels['sidecar.istio.io/inject'] ?? template.annotations['sidecar.istio.io/inject'];
  if (inject !== undefined) return inject === 'true';
  return inMesh.has(meta.namespace) && !template.hostNetwork;
}

/** The host of the one service that selects the pods; with several none is named. */
function hostOf(workload: Workload, services: readonly Service[]): { readonly host?: string } {
  const [one, ...others] = services.filter(
    ({ meta, selector }) =>
      meta.namespace === workload.meta.namespace &&
      selector !== undefined &&
      Object.keys(selector).length > 0 &&
      matchesLabels(selector, workload.template.labels),
  );
  return one === undefined || others.length > 0 ? {} : { host: hostOfService(one) };
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [item]);
    else known.push(item);
  }
  return groups;
}
