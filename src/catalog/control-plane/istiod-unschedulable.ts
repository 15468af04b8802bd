import { counted, evidenceOf } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { failingOf, istiodExplains, istiodOccurrence, istiodStates, istiodUses, podNames } from './istiod.ts';

/** istiod pods that no node takes: capacity, taints, affinity (AKS: the canary of an upgrade needs room for two control planes). */
export const istiodUnschedulable = defineRule({
  id: 'istiod-unschedulable',
  title: 'istiod finds no node',
  area: 'control-plane',
  severity: 'error',
  why: 'A pending istiod serves nobody; during an upgrade two control planes need room at the same time.',
  fix: [
    { do: 'Read what the scheduler misses', run: 'kubectl describe pod {{pod}} -n {{istioNamespace}}' },
    { do: 'Compare with what the nodes have left', run: 'kubectl describe nodes' },
    { do: 'Add nodes or free capacity, or correct taints, tolerations and affinity of {{deployment}}' },
    {
      do: 'Verify that the deployment becomes available',
      run: 'kubectl rollout status deployment/{{deployment}} -n {{istioNamespace}}',
    },
  ],
  references: [
    'https://kubernetes.io/docs/concepts/scheduling-eviction/',
    'https://learn.microsoft.com/troubleshoot/azure/azure-kubernetes/extensions/istio-add-on-minor-revision-upgrade',
  ],
  source: 'knowledge K3, UPG2 ISTIOD-PENDING-CAPACITY',
  explains: istiodExplains,
  needs: ['revisions'],
  uses: [...istiodUses],
  *check(mesh) {
    for (const state of istiodStates(mesh)) {
      const failing = failingOf(state, 'unschedulable');
      const [first] = failing;
      const evidence = evidenceOf(failing.slice(0, 3).flatMap((pod) => pod.evidence));
      if (first === undefined || evidence === undefined) continue;
      const { serving, ...common } = istiodOccurrence(state, failing);
      yield {
        ...common,
        count: failing.length,
        message: `${counted(failing.length, 'istiod pod')} of revision ${state.revision} ${failing.length === 1 ? 'finds' : 'find'} no node (${podNames(failing)}): ${first.reason}; ${serving}`,
        evidence,
      };
    }
  },
});
