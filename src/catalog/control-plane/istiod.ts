import { within } from '../../input/location.ts';
import { addTo } from '../../model/groups.ts';
import type { Mesh, Revision } from '../../model/mesh.ts';
import { isMeantRow, isReadyRow } from '../../model/pod-rows.ts';
import { isReady } from '../../model/selectors.ts';
import type { Container, KubeEvent, Node, Pod, PodRow, Workload } from '../../parse/facts.ts';
import { counted, some } from '../evidence.ts';
import type { Evidence, Occurrence, Scope, Severity } from '../rule.ts';
import { failingRow } from './istiod-rows.ts';
import { eventEvidence } from './place.ts';

/** Why an istiod pod does not serve. */
export type Trouble = 'crash-loop' | 'out-of-memory' | 'image-pull' | 'unschedulable' | 'volume-mount' | 'not-ready';

/** An istiod pod that does not serve, and what Kubernetes says about it. */
export interface FailingPod {
  readonly name: string;
  readonly trouble: Trouble;
  /** Kubernetes' own words: a waiting reason, the message of the newest warning event. */
  readonly reason: string;
  readonly restarts: number;
  readonly evidence: readonly Evidence[];
  /** Created less than two minutes before the archive was made: it may just be starting. */
  readonly young: boolean;
}

/** The state of the deployment of one revision. */
export interface IstiodState {
  readonly revision: string;
  readonly namespace: string;
  /** `istiod-asm-1-29`; what the revision implies where no deployment was read. */
  readonly name: string;
  readonly deployment: Workload | undefined;
  /** Undefined where no deployment was read. */
  readonly desired: number | undefined;
  readonly ready: number;
  readonly pods: readonly Pod[];
  /** Rows of tables for pods that nothing else describes. */
  readonly rows: readonly PodRow[];
  readonly failing: readonly FailingPod[];
  /** Nobody names the revision while another one serves: a leftover, whose failure harms no one. */
  readonly idle: boolean;
  /** The whole mesh, or the revision alone where another one serves. */
  readonly scope: Scope;
}

/** What the rules of istiod read besides the revisions. */
export const istiodUses = ['events', 'capture', 'namespaces', 'proxies', 'pods', 'nodes'] as const;
type Known = Partial<Pick<Mesh, 'revisions' | (typeof istiodUses)[number]>>;

/** What follows in a mesh whose istiod is down or unreachable. */
export const istiodExplains: readonly string[] = [
  'unreachable-control-plane',
  'absent-proxy',
  'stale-proxy',
  'never-ready-proxy',
  'injection-webhook-without-endpoints',
  'injection-webhook-timeout',
  'failing-injection-webhook',
  'failing-certificate-signing',
  'missing-replicas',
  'service-without-endpoints',
];

/** The control planes whose pods or deployment the archive shows. */
export function istiodStates({
  revisions = [],
  events = [],
  capture,
  namespaces = [],
  proxies = [],
  nodes = [],
}: Known): IstiodState[] {
  const nodeOf = new Map(nodes.map((node) => [node.meta.name, node]));
  const byPod = new Map<string, KubeEvent[]>();
  for (const event of events) {
    if (event.type === 'Normal' || event.object.kind.toLowerCase() !== 'pod') continue;
    const key = `${event.object.namespace}/${event.object.name}`;
    addTo(byPod, key, event);
  }
  const shown = revisions.filter(
    ({ pods, rows, deployments }) => pods.length > 0 || rows.length > 0 || deployments.length > 0,
  );
  const readyOf = (revision: Revision): number =>
    Math.max(
      revision.pods.filter((pod) => isReady(pod) && pod.meta.deleted === undefined).length +
        revision.rows.filter(isReadyRow).length,
      ...revision.deployments.map(({ replicas }) => (revision.pods.length > 0 ? 0 : replicas.ready)),
    );
  const named = new Set([
    ...namespaces.flatMap(({ meta }) => [
      meta.labels['istio.io/rev'] ?? '',
      ...(meta.labels['istio-injection'] === 'enabled' ? ['default'] : []),
    ]),
    ...proxies.map(({ revision }) => revision ?? ''),
  ]);
  return shown.map((revision) => {
    const [deployment] = revision.deployments;
    const pods = revision.pods.filter(({ meta, phase }) => meta.deleted === undefined && phase !== 'Succeeded');
    const rows = revision.rows.filter(isMeantRow);
    const others = shown.some((other) => other !== revision && readyOf(other) > 0);
    return {
      revision: revision.name,
      namespace: revision.namespace,
      name: deployment?.meta.name ?? (revision.name === 'default' ? 'istiod' : `istiod-${revision.name}`),
      deployment,
      desired: deployment?.replicas.desired,
      ready: readyOf(revision),
      pods,
      rows,
      failing: [
        ...pods.flatMap((pod) => {
          const known = byPod.get(`${pod.meta.namespace}/${pod.meta.name}`) ?? [];
          const failing = failingPod(pod, known, capture?.time, nodeOf.get(pod.node ?? ''));
          return failing === undefined ? [] : [failing];
        }),
        ...rows.flatMap((row) => failingRow(row, byPod.get(`${row.namespace}/${row.name}`) ?? []) ?? []),
      ],
      idle: others && ![revision.name, ...revision.tags].some((name) => named.has(name)),
      scope: others ? { revision: revision.name } : {},
    };
  });
}

const imageReasons = new Set([
  'ImagePullBackOff',
  'ErrImagePull',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
]);
const mountReasons = new Set(['FailedMount', 'FailedAttachVolume']);

function failingPod(
  pod: Pod,
  events: readonly KubeEvent[],
  now: string | undefined,
  node: Node | undefined,
): FailingPod | undefined {
  if (isReady(pod)) return undefined;
  const newest = (...reasons: readonly string[]): KubeEvent | undefined =>
    events
      .filter(({ reason }) => reasons.includes(reason))
      .toSorted((a, b) => (a.last ?? '').localeCompare(b.last ?? ''))
      .at(-1);
  const restarts = Math.max(0, ...pod.containers.map((container) => container.restarts));
  const created = pod.meta.created ?? pod.started;
  const young = created !== undefined && now !== undefined && Date.parse(now) - Date.parse(created) < 120_000;
  const make = (trouble: Trouble, reason: string, pointer: string, event?: KubeEvent): FailingPod => ({
    name: pod.meta.name,
    trouble,
    reason: firstLine(trouble === 'crash-loop' ? reason : (event?.message ?? reason)),
    restarts,
    young,
    evidence: [
      { ...within(pod.at, pointer), stage: 'pod', say: `${pod.meta.namespace}/${pod.meta.name}: ${reason}.` },
      ...(event === undefined ? [] : [eventEvidence(event)]),
    ],
  });
  // The kubelet's last word on the pod is older than its silence.
  const lost = node?.conditions.find(({ type, status }) => type === 'Ready' && status !== 'True');
  if (node !== undefined && lost !== undefined) {
    const reason = `node ${node.meta.name} is not ready${lost.message === undefined ? '' : ` (${lost.message})`}`;
    const { evidence, ...failing } = make('not-ready', reason, '/status/conditions');
    const place = { ...within(node.at, `/status/conditions/${node.conditions.indexOf(lost)}`), stage: 'pod' } as const;
    return { ...failing, evidence: [...evidence, { ...place, say: `Node ${node.meta.name} is not ready.` }] };
  }
  const [waiting] = pod.containers.filter(({ now: state }) => state.state === 'waiting');
  const statuses = (container: Container): string =>
    `/status/${container.init ? 'initContainerStatuses' : 'containerStatuses'}`;
  const [killed] = pod.containers.filter(
    ({ now: state, last }) => state.reason === 'OOMKilled' || last?.reason === 'OOMKilled',
  );
  if (killed !== undefined) return make('out-of-memory', `${killed.name} was OOMKilled`, statuses(killed));

  const unscheduled = pod.conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  const failedScheduling = newest('FailedScheduling');
  if (unscheduled !== undefined || (pod.phase === 'Pending' && pod.node === undefined && failedScheduling))
    return make(
      'unschedulable',
      unscheduled?.message ?? 'not scheduled to any node',
      '/status/conditions',
      failedScheduling,
    );
  const image = pod.containers.find(({ now: state }) => imageReasons.has(state.reason ?? ''));
  if (image !== undefined)
    return make(
      'image-pull',
      `${image.now.reason} ${image.image}`,
      statuses(image),
      events.find(({ reason, message }) => reason === 'Failed' && /pull/i.test(message)),
    );
  const crashed = pod.containers.find(
    ({ now: state, last, ready, restarts: again }) =>
      state.reason === 'CrashLoopBackOff' ||
      (!ready && state.state === 'terminated' && (state.exitCode ?? 0) !== 0) ||
      (!ready && again > 0 && last?.state === 'terminated' && (last.exitCode ?? 0) !== 0),
  );
  if (crashed !== undefined) {
    const code = crashed.now.exitCode ?? crashed.last?.exitCode;
    const state = crashed.now.reason ?? crashed.last?.reason ?? 'restarting';
    return make(
      'crash-loop',
      `${crashed.name} is in ${state} after ${counted(crashed.restarts, 'restart')}${code === undefined ? '' : `, exit code ${code}`}`,
      statuses(crashed),
      newest('BackOff'),
    );
  }
  const mount = newest(...mountReasons);
  const creating = waiting !== undefined && /^(?:ContainerCreating|PodInitializing)$/.test(waiting.now.reason ?? '');
  // One failed mount while the kubelet's caches fill is normal; the pod that still waits for it is not.
  if (creating && mount !== undefined) return make('volume-mount', `waits for a volume`, '/status/conditions', mount);
  const unhealthy = newest('Unhealthy', 'Failed', 'FailedCreatePodSandBox');
  const condition = pod.conditions.find(({ type, status }) => type === 'Ready' && status !== 'True');
  return make(
    'not-ready',
    waiting?.now.reason ?? condition?.message ?? `phase ${pod.phase}`,
    '/status/conditions',
    unhealthy,
  );
}

/** The first line; of a long one the beginning and the end, where chained errors name what is wrong. */
function firstLine(text: string): string {
  const [line = ''] = text.split('\n');
  return line.length <= 300 ? line : `${line.slice(0, 110)} … ${line.slice(-180)}`;
}

/** Pods of a revision that fail for one reason. */
export const failingOf = (state: IstiodState, trouble: Trouble): readonly FailingPod[] =>
  state.failing.filter((pod) => pod.trouble === trouble);

/** What all occurrences of istiod rules have in common. A single pod that fails while others serve is a warning. */
export function istiodOccurrence(
  state: IstiodState,
  failing: readonly FailingPod[],
): Pick<Occurrence, 'subject' | 'scope' | 'facts' | 'severity' | 'confidence'> & { readonly serving: string } {
  // A control plane nobody uses yet or any more harms no one; one that fails to start holds an upgrade up.
  const severity: Severity = state.idle
    ? failing.length > 0
      ? 'warning'
      : 'info'
    : state.ready > 0
      ? 'warning'
      : 'error';
  return {
    subject: `Deployment ${state.namespace}/${state.name}`,
    scope: state.scope,
    severity,
    confidence: 'certain',
    facts: {
      revision: state.revision,
      istioNamespace: state.namespace,
      deployment: state.name,
      pod: failing[0]?.name ?? '',
    },
    serving:
      state.ready > 0
        ? `${state.ready} of ${Math.max(state.desired ?? 0, state.pods.length + state.rows.length)} still serve`
        : 'no istiod of the revision serves',
  };
}

/** `istiod-…-x2x4k and istiod-…-q8v7p`, shortened. */
export const podNames = (failing: readonly FailingPod[]): string => some(failing.map(({ name }) => name));
