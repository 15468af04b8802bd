import { within } from '../../input/location.ts';
import { counted, evidenceOf, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { istiodExplains, istiodOccurrence, istiodStates, istiodUses } from './istiod.ts';

const dayMs = 24 * 3_600_000;

/** istiod killed by the kernel for its memory limit (`OOMKilled`), be it down now or up again. */
export const istiodOutOfMemory = defineRule({
  id: 'istiod-out-of-memory',
  title: 'istiod runs out of memory',
  area: 'control-plane',
  severity: 'error',
  why: 'istiod keeps services, endpoints and configuration of the whole cluster in memory; at its limit it is killed, all its proxies reconnect at once, and the next one is under even more load.',
  fix: [
    {
      do: 'Give istiod more memory (upstream Istio: pilot.resources; the AKS add-on manages the limit itself)',
      run: 'kubectl get deployment {{deployment}} -n {{istioNamespace}} -o jsonpath="{.spec.template.spec.containers[*].resources}"',
    },
    { do: 'Limit what istiod watches with `discoverySelectors`, and what proxies receive with `Sidecar` objects' },
    { do: 'Verify that restarts stop', run: 'kubectl get pods -n {{istioNamespace}} -l app=istiod' },
  ],
  references: [
    'https://istio.io/latest/docs/ops/deployment/performance-and-scalability/',
    'https://istio.io/latest/docs/ops/configuration/mesh/configuration-scoping/',
  ],
  source: 'knowledge K3',
  explains: [...istiodExplains, 'istiod-restarts', 'istiod-crash-loop'],
  needs: ['revisions'],
  uses: [...istiodUses],
  *check(mesh) {
    const now = mesh.capture?.time;
    for (const state of istiodStates(mesh)) {
      const killed = state.pods.flatMap((pod) =>
        pod.containers.flatMap((container) => {
          const end = [container.now, container.last].find((one) => one?.reason === 'OOMKilled');
          const old =
            container.ready &&
            end?.finishedAt !== undefined &&
            now !== undefined &&
            Date.parse(now) - Date.parse(end.finishedAt) > dayMs;
          return end === undefined || old ? [] : [{ pod, container, end }];
        }),
      );
      const [first] = killed;
      if (first === undefined) continue;
      const evidence = evidenceOf(
        killed.slice(0, 3).map(({ pod, container }) => ({
          ...within(pod.at, '/status/containerStatuses'),
          stage: 'pod' as const,
          say: `${pod.meta.name}: ${container.name} was OOMKilled, ${counted(container.restarts, 'restart')} so far.`,
          mark: ['OOMKilled'],
        })),
      );
      if (evidence === undefined) continue;
      const failing = state.failing.filter(({ trouble }) => trouble === 'out-of-memory');
      const { serving, ...common } = istiodOccurrence(state, failing);
      const limit = first.container.limits['memory'];
      yield {
        ...common,
        facts: { ...common.facts, pod: first.pod.meta.name },
        count: killed.reduce((sum, { container }) => sum + Math.max(1, container.restarts), 0),
        message: `${counted(killed.length, 'istiod pod')} of revision ${state.revision} ${killed.length === 1 ? 'was' : 'were'} killed for memory (${some(killed.map(({ pod }) => pod.meta.name))}${limit === undefined ? '' : `, limit ${limit}`}, ${counted(first.container.restarts, 'restart')}); ${failing.length === 0 ? `${killed.length === 1 ? 'it runs' : 'they run'} again` : serving}`,
        severity: failing.length === 0 ? 'warning' : (common.severity ?? 'error'),
        evidence,
      };
    }
  },
});
