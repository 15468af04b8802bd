import { within } from '../../input/location.ts';
import { injectionWebhooks } from '../../model/injection.ts';
import { isListed } from '../../model/listings.ts';
import type { Mesh } from '../../model/mesh.ts';
import { counted, evidenceOf } from '../evidence.ts';
import { defineRule, type Evidence, type Occurrence } from '../rule.ts';
import { failingOf, istiodExplains, istiodOccurrence, istiodStates, istiodUses } from './istiod.ts';
import { eventEvidence } from './place.ts';

/** No ready istiod for a reason that no other rule of istiod names: scaled to zero, pods refused, probes failing. */
export const istiodNotAvailable = defineRule({
  id: 'istiod-not-available',
  title: 'No istiod available',
  area: 'control-plane',
  severity: 'error',
  why: 'Without istiod no pod can be injected and created, no proxy gets configuration or a new certificate; running proxies work on with endpoints that grow stale and certificates that expire within a day.',
  fix: [
    {
      do: 'Give the control plane at least two replicas again',
      run: 'kubectl scale deployment/{{deployment}} -n {{istioNamespace}} --replicas=2',
    },
    {
      do: 'Find out who scaled or stopped it, e.g. a clean-up job, an autoscaler, a rollback',
      run: 'kubectl get deployment,replicaset,hpa,pods -n {{istioNamespace}} -o wide && kubectl get events -n {{istioNamespace}} --sort-by=.lastTimestamp',
    },
    {
      do: 'Wait until it is available; workloads whose pods could not be created come back by themselves within minutes',
      run: 'kubectl rollout status deployment/{{deployment}} -n {{istioNamespace}}',
    },
    { do: 'Verify that all proxies are connected', run: 'istioctl proxy-status -i {{istioNamespace}}' },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/injection/',
    'https://istio.io/latest/docs/ops/deployment/architecture/#istiod',
  ],
  source: 'knowledge K3 ISTIOD-NOT-AVAILABLE',
  explains: istiodExplains,
  needs: ['revisions'],
  uses: [...istiodUses, 'workloads', 'webhooks', 'services', 'listings'],
  *check(mesh) {
    yield* deleted(mesh);
    for (const state of istiodStates(mesh)) {
      const { deployment, desired, ready, pods, rows } = state;
      const unready = failingOf(state, 'not-ready').filter(({ young }) => !young || ready === 0);
      // Crash loops, images, volumes, nodes: their own rules say more.
      if (state.failing.some(({ trouble }) => trouble !== 'not-ready')) continue;
      if (ready > 0 && (unready.length === 0 || desired === undefined || ready >= desired)) continue;
      if (ready === 0 && desired === undefined && pods.length + rows.length === 0) continue;

      const { serving, ...common } = istiodOccurrence(state, unready);
      const failure = deployment?.conditions.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
      const refused = (mesh.events ?? []).filter(
        ({ reason, object }) =>
          reason === 'FailedCreate' && object.namespace === state.namespace && object.name.startsWith(`${state.name}-`),
      );
      const scaling = (mesh.events ?? []).filter(
        ({ reason, message, object }) =>
          reason === 'ScalingReplicaSet' &&
          object.namespace === state.namespace &&
          object.name === state.name &&
          /\bto 0\b/.test(message),
      );
      const newest = scaling.toSorted((a, b) => (a.last ?? '').localeCompare(b.last ?? '')).at(-1);
      const [first] = unready;
      const place: Evidence | undefined = deployment && {
        ...within(deployment.at, desired === 0 ? '/spec/replicas' : '/status'),
        stage: 'pod',
        say: `${counted(desired ?? 0, 'replica is', 'replicas are')} wanted, ${counted(ready, 'is', 'are')} ready.`,
        mark: [`replicas: ${desired ?? 0}`],
      };
      const evidence = evidenceOf(
        place,
        newest === undefined || desired !== 0 ? undefined : eventEvidence(newest, ['to 0']),
        refused.slice(0, 2).map((event) => eventEvidence(event)),
        unready.slice(0, 2).flatMap((pod) => pod.evidence),
        pods[0] && first === undefined && place === undefined
          ? { ...within(pods[0].at, '/status'), stage: 'pod' }
          : undefined,
      );
      if (evidence === undefined) continue;
      const because =
        desired === 0
          ? `deployment ${state.namespace}/${state.name} is scaled to 0 replicas${newest?.last === undefined ? '' : ` since ${newest.last}`}`
          : ready > 0
            ? `${counted(unready.length, 'istiod pod is', 'istiod pods are')} not ready (${first?.reason ?? ''})`
            : `none of the ${desired ?? pods.length + rows.length} replicas of ${state.namespace}/${state.name} is ready`;
      const reason =
        desired === 0 || ready > 0
          ? ''
          : (failure?.message ?? refused[0]?.message ?? first?.reason ?? '').split('\n')[0];
      yield {
        ...common,
        message: `${because}${reason ? `: ${reason}` : ''}; ${ready > 0 ? serving : `nobody serves revision ${state.revision}`}`,
        ...(newest?.last === undefined || desired !== 0
          ? {}
          : { when: { first: newest.last, last: mesh.capture?.time ?? newest.last } }),
        supports: [
          ...(deployment === undefined ? [] : ['The deployment itself says how many replicas are wanted and ready.']),
          ...(pods.length + rows.length === 0 && isListed(mesh.listings, 'Pod', state.namespace)
            ? ['The archive holds no istiod pod of the revision.']
            : []),
        ],
        evidence,
      };
    }
  },
});

/** Webhooks that call an istiod of which neither deployment nor pod is left, in a cluster that runs no other. */
function* deleted({
  revisions,
  workloads,
  webhooks,
  services,
  listings,
  proxies = [],
}: Pick<Mesh, 'revisions'> &
  Partial<Pick<Mesh, 'workloads' | 'webhooks' | 'services' | 'listings' | 'proxies'>>): Generator<Occurrence> {
  if (workloads === undefined || webhooks === undefined || workloads.length === 0) return;
  if (
    revisions.some((one) => one.deployments.length > 0 || one.pods.length > 0 || one.rows.length > 0) ||
    proxies.length === 0
  )
    return;
  const [webhook] = injectionWebhooks(webhooks).filter(({ service }) => service !== undefined);
  const { name = '', namespace = '' } = webhook?.service ?? {};
  // What somebody listed of other namespaces says nothing of istiod.
  if (webhook === undefined || !isListed(listings, 'Pod', namespace) || !isListed(listings, 'Deployment', namespace))
    return;
  const target = services?.find(({ meta }) => meta.name === name && meta.namespace === namespace);
  // A service without a selector leads to an istiod outside this cluster.
  if (target !== undefined && target.selector === undefined) return;
  yield {
    subject: `Deployment ${namespace}/${name}`,
    scope: {},
    message: `no istiod exists: neither a deployment nor a pod of it is left, but webhook ${webhook.configuration.meta.name} calls service ${namespace}/${name}${services !== undefined && target === undefined ? ', which is gone, too' : ''}`,
    facts: { revision: webhook.revision, istioNamespace: namespace, deployment: name, pod: '' },
    missing: ['Whether the control plane runs outside this cluster.'],
    evidence: [
      {
        ...within(webhook.configuration.at, `/webhooks/${webhook.index}/clientConfig/service`),
        stage: 'config',
        say: `${webhook.configuration.meta.name} calls ${namespace}/${name}.`,
      },
    ],
  };
}
