import { within } from '../../input/location.ts';
import { hasProxy, isReady, workloadOf } from '../../model/selectors.ts';
import type { KubeEvent, Pod, Workload } from '../../parse/facts.ts';
import { counted, evidenceOf, logEvidence, some } from '../evidence.ts';
import { defineRule, type Severity } from '../rule.ts';
import { isYoungPod } from './young-pod.ts';

/**
 * istio-cni sets up the redirection of pods on its node: where its pod is not ready, new pods of the mesh do not start, or start
 * without redirection. Failing `istio-validation` containers and sandbox events of the plugin show who suffers (knowledge F20, F22).
 */
export const cniNotReady = defineRule({
  id: 'cni-not-ready',
  title: 'istio-cni does not work on some nodes',
  area: 'platform',
  severity: 'warning',
  why: 'Without istio-cni on its node a new pod gets no traffic redirection: its sandbox cannot be created, or the istio-validation container stops it on purpose (exit code 126).',
  fix: [
    {
      do: 'See on which nodes the DaemonSet is not ready, and why',
      run: 'kubectl get pods -n {{cniNamespace}} -o wide --field-selector spec.nodeName={{node}}',
    },
    {
      do: 'Read the log of istio-cni there',
      run: 'kubectl logs {{cniPod}} -n {{cniNamespace}} -c install-cni --tail=200',
    },
    {
      do: 'Restart it when its cause is gone: reason {{reason}}',
      run: 'kubectl rollout restart daemonset/{{daemonSet}} -n {{cniNamespace}}',
    },
    {
      do: 'Delete the pods that started without redirection, so that they are set up again',
      run: 'kubectl delete pod {{pod}} -n {{namespace}}',
    },
    { do: 'Verify', run: 'kubectl rollout status daemonset/{{daemonSet}} -n {{cniNamespace}} --timeout=3m' },
  ],
  references: [
    'https://istio.io/latest/docs/ops/diagnostic-tools/cni/',
    'https://istio.io/latest/docs/setup/additional-setup/cni/',
    'https://learn.microsoft.com/en-us/azure/aks/istio-cni',
  ],
  source: 'knowledge D055, D061, F20, F22, C-OBS-02',
  explains: ['missing-replicas', 'broken-sidecar-pod', 'never-ready-proxy', 'unreachable-cni-agent'],
  needs: ['pods', 'workloads'],
  uses: ['events', 'cniLog', 'capture'],
  signatures: [{ id: 'cni-not-ready', log: 'cni', contains: '\terror\t' }],
  *check({ pods, workloads, events = [], cniLog = [], capture }) {
    const set = workloads.find(isCniSet);
    const agents = pods.filter((pod) => pod.meta.deleted === undefined && isCniPod(pod));
    const unready = agents.filter((pod) => !isReady(pod) && !isYoungPod(pod, capture?.time));
    const sandboxes = events.filter(isSandboxFailure);
    const refused = new Set(sandboxes.map(({ object }) => `${object.namespace}/${object.name}`));
    const stuck = pods.filter(
      (pod) => !isReady(pod) && (hasUnvalidated(pod) || refused.has(`${pod.meta.namespace}/${pod.meta.name}`)),
    );
    const short = set === undefined ? 0 : set.replicas.desired - set.replicas.ready;
    const absent = set !== undefined && short > 0 && agents.length < set.replicas.desired;
    if (unready.length === 0 && stuck.length === 0 && !absent) return;

    const nodes = [...new Set([...unready, ...stuck].flatMap(({ node }) => node ?? []))];
    const served = pods.filter((pod) => hasProxy(pod) && pod.node !== undefined && nodes.includes(pod.node));
    const errors = cniLog.filter(
      (hit) => hit.signature === 'cni-not-ready' && unready.some(({ meta }) => meta.name === hit.pod.pod),
    );
    const [agent] = unready;
    const [victim] = stuck;
    const name = set?.meta.name ?? (agent === undefined ? 'istio-cni-node' : workloadOf(agent));
    const evidence = evidenceOf(
      unready.slice(0, 2).map((pod) => ({
        ...within(pod.at, '/status/containerStatuses'),
        stage: 'pod' as const,
        say: `istio-cni pod ${pod.meta.name} on node ${pod.node ?? '?'} is not ready.`,
      })),
      absent && set !== undefined
        ? {
            ...within(set.at, '/status'),
            stage: 'pod',
            say: `DaemonSet ${name} wants ${set.replicas.desired} pods, ${set.replicas.ready} are ready.`,
          }
        : undefined,
      sandboxes.slice(-2).map((event) => ({
        ...within(event.at, '/message'),
        stage: 'event' as const,
        say: `The sandbox of ${event.object.namespace}/${event.object.name} could not be set up.`,
      })),
      stuck
        .filter(hasUnvalidated)
        .slice(0, 2)
        .map((pod) => ({
          ...within(pod.at, '/status/initContainerStatuses'),
          stage: 'pod' as const,
          say: `${pod.meta.namespace}/${pod.meta.name} has no redirection: istio-validation fails.`,
        })),
      logEvidence(errors, 'event'),
    );
    if (evidence === undefined) return;
    const reason = agent === undefined ? 'istio-cni was not ready when the pods started' : reasonOf(agent);
    const namespaces = [...new Set(stuck.map(({ meta }) => meta.namespace))];
    const severity: Severity = stuck.some((pod) => !isYoungPod(pod, capture?.time)) ? 'error' : 'warning';
    yield {
      subject: `DaemonSet ${set?.meta.namespace ?? agent?.meta.namespace ?? ''}/${name}`,
      // Pods that suffer tell where to look; without them it concerns whatever will start on the nodes.
      scope:
        namespaces.length === 1 && namespaces[0] !== undefined
          ? { namespace: namespaces[0] }
          : namespaces.length > 1
            ? {}
            : nodes.length === 1 && nodes[0] !== undefined
              ? { node: nodes[0] }
              : {},
      count: Math.max(1, stuck.length, unready.length),
      severity,
      confidence: unready.length > 0 && stuck.length > 0 ? 'certain' : 'likely',
      message: [
        unready.length > 0
          ? `istio-cni is not ready on ${counted(nodes.length, 'node')} (${some(unready.map(({ node, meta }) => node ?? meta.name))}): ${reasonOf(unready[0])}`
          : absent
            ? `DaemonSet ${name} has ${set.replicas.ready} of ${set.replicas.desired} pods ready`
            : 'pods were started without the redirection istio-cni sets up',
        ...(stuck.length > 0
          ? [
              `${counted(stuck.length, 'pod')} ${stuck.length === 1 ? 'does' : 'do'} not start (${some(stuck.map(({ meta }) => `${meta.namespace}/${meta.name}`))})`,
            ]
          : nodes.length > 0
            ? [`${counted(served.length, 'pod')} of the mesh ${served.length === 1 ? 'runs' : 'run'} there`]
            : []),
      ].join('; '),
      facts: {
        cniNamespace: set?.meta.namespace ?? agent?.meta.namespace ?? 'istio-system',
        cniPod: agent?.meta.name ?? `daemonset/${name}`,
        daemonSet: name,
        node: nodes[0] ?? '',
        reason,
        pod: victim?.meta.name ?? 'POD',
        namespace: victim?.meta.namespace ?? 'NAMESPACE',
      },
      evidence,
    };
  },
});

/** Names of upstream Istio and of the AKS add-on. */
const cniNames = /^(?:istio-cni-node|istio-cni|azure-service-mesh-istio-cni-addon-node)(?:-|$)/;
const isCniSet = ({ kind, meta }: Workload): boolean => kind === 'DaemonSet' && cniNames.test(meta.name);
const isCniPod = ({ meta }: Pod): boolean =>
  meta.labels['k8s-app'] === 'istio-cni-node' ||
  (cniNames.test(meta.name) && meta.owners.some(({ kind }) => kind === 'DaemonSet'));

/** The init container that proves redirection ended in an error, or keeps being restarted. */
const hasUnvalidated = ({ containers }: Pod): boolean =>
  containers.some(
    ({ name, now, last }) =>
      name === 'istio-validation' &&
      ((now.state === 'terminated' && now.exitCode !== 0) ||
        now.reason === 'CrashLoopBackOff' ||
        last?.exitCode === 126),
  );

const isSandboxFailure = ({ reason, message }: KubeEvent): boolean =>
  reason === 'FailedCreatePodSandBox' && message.includes('istio-cni');

const reasonOf = (pod: Pod | undefined): string => {
  const waiting = pod?.containers.find(({ ready }) => !ready);
  const state = waiting?.now.reason ?? waiting?.last?.reason;
  const unscheduled = pod?.conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  return (
    unscheduled?.message ??
    (waiting === undefined
      ? (pod?.phase ?? 'not ready')
      : `container ${waiting.name} ${state === undefined ? 'is not ready' : `is in ${state}`}`)
  );
};
