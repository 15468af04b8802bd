import { counted, evidenceOf } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { failingOf, istiodExplains, istiodOccurrence, istiodStates, istiodUses, podNames } from './istiod.ts';

/** istiod pods whose image cannot be pulled (`ErrImagePull`, `ImagePullBackOff`). */
export const istiodImagePullFailure = defineRule({
  id: 'istiod-image-pull-failure',
  title: 'istiod image cannot be pulled',
  area: 'control-plane',
  severity: 'error',
  why: 'An istiod whose image the node cannot pull never starts: no configuration, no certificates, no injection from it.',
  fix: [
    { do: 'Read what the registry answers', run: 'kubectl describe pod {{pod}} -n {{istioNamespace}}' },
    {
      do: 'Check name and tag of the image, the pull secret, and that nodes reach the registry',
      run: 'kubectl get deployment {{deployment}} -n {{istioNamespace}} -o jsonpath="{.spec.template.spec.containers[*].image}"',
    },
    {
      do: 'Verify that the deployment becomes available',
      run: 'kubectl rollout status deployment/{{deployment}} -n {{istioNamespace}}',
    },
  ],
  references: ['https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff'],
  source: 'knowledge K3',
  explains: istiodExplains,
  needs: ['revisions'],
  uses: [...istiodUses],
  *check(mesh) {
    for (const state of istiodStates(mesh)) {
      const failing = failingOf(state, 'image-pull');
      const [first] = failing;
      const evidence = evidenceOf(failing.slice(0, 3).flatMap((pod) => pod.evidence));
      if (first === undefined || evidence === undefined) continue;
      const { serving, ...common } = istiodOccurrence(state, failing);
      yield {
        ...common,
        count: failing.length,
        message: `the image of ${counted(failing.length, 'istiod pod')} of revision ${state.revision} cannot be pulled (${podNames(failing)}): ${first.reason}; ${serving}`,
        evidence,
      };
    }
  },
});
