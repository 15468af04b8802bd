import { within } from '../../input/location.ts';
import { counted, evidenceOf, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { istiodOccurrence, istiodStates, istiodUses } from './istiod.ts';

const dayMs = 24 * 3_600_000;

/** Ready istiod pods that were restarted several times, the last time within a day. */
export const istiodRestarts = defineRule({
  id: 'istiod-restarts',
  title: 'istiod restarted several times',
  area: 'control-plane',
  severity: 'warning',
  why: 'Each restart drops the connections of all its proxies and, with one replica, stops injection and certificates for a while.',
  fix: [
    {
      do: 'Read how the last container ended',
      run: 'kubectl logs -n {{istioNamespace}} {{pod}} -c discovery --previous --tail=100',
    },
    {
      do: 'Look for failing probes, evictions and memory at those times',
      run: 'kubectl describe pod {{pod}} -n {{istioNamespace}}',
    },
  ],
  references: ['https://istio.io/latest/docs/ops/deployment/performance-and-scalability/'],
  source: 'knowledge K2 ISTIOD-RESTARTS',
  needs: ['revisions'],
  uses: [...istiodUses],
  *check(mesh) {
    const now = mesh.capture?.time;
    for (const state of istiodStates(mesh)) {
      const failing = new Set(state.failing.map(({ name }) => name));
      const restarted = state.pods.flatMap((pod) => {
        const [container] = pod.containers.toSorted((a, b) => b.restarts - a.restarts);
        if (container === undefined || container.restarts < 3 || failing.has(pod.meta.name)) return [];
        const end = container.last?.finishedAt;
        const old = end !== undefined && now !== undefined && Date.parse(now) - Date.parse(end) > dayMs;
        return old || container.last?.reason === 'OOMKilled' ? [] : [{ pod, container, end }];
      });
      const [first] = restarted;
      const evidence = evidenceOf(
        restarted.slice(0, 3).map(({ pod, container }) => ({
          ...within(pod.at, '/status/containerStatuses'),
          stage: 'pod' as const,
          say: `${pod.meta.name}: ${counted(container.restarts, 'restart')}, ended with ${container.last?.reason ?? 'an unknown reason'}${container.last?.exitCode === undefined ? '' : ` (exit code ${container.last.exitCode})`}.`,
        })),
      );
      if (first === undefined || evidence === undefined) continue;
      const { serving: _serving, ...common } = istiodOccurrence(state, []);
      const ends = restarted.flatMap(({ end }) => end ?? []).toSorted();
      yield {
        ...common,
        facts: { ...common.facts, pod: first.pod.meta.name },
        count: restarted.reduce((sum, { container }) => sum + container.restarts, 0),
        message: `${counted(restarted.length, 'istiod pod')} of revision ${state.revision} restarted ${restarted.map(({ container }) => container.restarts).join(' and ')} times (${some(restarted.map(({ pod }) => pod.meta.name))}), last ended with ${first.container.last?.reason ?? 'an unknown reason'}${ends.length === 0 ? '' : ` at ${ends.at(-1)}`}; ${restarted.length === 1 ? 'it runs' : 'they run'} again`,
        severity: 'warning',
        evidence,
      };
    }
  },
});
