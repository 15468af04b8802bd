import { counted, evidenceOf, logEvidence } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { failingOf, istiodExplains, istiodOccurrence, istiodStates, istiodUses, podNames } from './istiod.ts';

/** istiod exits at start again and again; what it said last is in its log (`failed to create discovery service: …`). */
export const istiodCrashLoop = defineRule({
  id: 'istiod-crash-loop',
  title: 'istiod exits again and again',
  area: 'control-plane',
  severity: 'error',
  why: 'An istiod that exits at start serves neither configuration nor certificates nor injection: running proxies keep what they have, new pods cannot be created or get no configuration.',
  fix: [
    {
      do: 'Read why the last container ended',
      run: 'kubectl logs -n {{istioNamespace}} {{pod}} -c discovery --previous --tail=50',
    },
    {
      do: 'Remove the cause that the last lines name: CA files, mesh configuration, permissions, a wrong flag or image',
    },
    {
      do: 'Restart the deployment and watch it become available',
      run: 'kubectl rollout restart deployment/{{deployment}} -n {{istioNamespace}} && kubectl rollout status deployment/{{deployment}} -n {{istioNamespace}}',
    },
  ],
  references: [
    'https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-states',
    'https://istio.io/latest/docs/ops/diagnostic-tools/',
  ],
  source: 'knowledge K3, D097 ISTIOD-START-FAIL',
  explains: istiodExplains,
  needs: ['revisions'],
  uses: [...istiodUses, 'istiodLog'],
  signatures: [
    {
      id: 'istiod-crash-loop',
      log: 'istiod',
      contains: 'discovery service: ',
      matching: /failed to (?:create|start) discovery service: (?<cause>[^\n]{1,400})/,
    },
    { id: 'istiod-crash-loop/panic', log: 'istiod', contains: 'panic: ', matching: /^panic: (?<cause>[^\n]{1,300})/ },
    { id: 'istiod-crash-loop/sync', log: 'istiod', contains: 'Failed waiting for cache sync' },
  ],
  *check(mesh) {
    for (const state of istiodStates(mesh)) {
      const failing = failingOf(state, 'crash-loop');
      const [first] = failing;
      if (first === undefined) continue;
      const names = new Set(failing.map(({ name }) => name));
      const hits = (mesh.istiodLog ?? []).filter(
        ({ signature, pod }) => signature.startsWith('istiod-crash-loop') && names.has(pod.pod),
      );
      const cause = hits.find(({ captures }) => captures['cause'] !== undefined)?.captures['cause'];
      const { serving, ...common } = istiodOccurrence(state, failing);
      const evidence = evidenceOf(
        logEvidence(hits, 'event', 'The last thing istiod says before it exits.', cause === undefined ? [] : [cause]),
        failing.slice(0, 2).flatMap((pod) => pod.evidence),
      );
      if (evidence === undefined) continue;
      const restarts = failing.reduce((sum, pod) => sum + pod.restarts, 0);
      yield {
        ...common,
        count: Math.max(1, restarts),
        message: `${counted(failing.length, 'istiod pod')} of revision ${state.revision} ${failing.length === 1 ? 'exits' : 'exit'} again and again (${podNames(failing)}; ${first.reason})${cause === undefined ? '' : `: ${cause}`}; ${serving}`,
        ...(cause === undefined
          ? { missing: ['The log of the ended container: `kubectl logs -c discovery --previous`.'] }
          : { supports: ['The log of istiod says why it exits.'] }),
        evidence,
      };
    }
  },
});
