import { counted, evidenceOf } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { failingOf, istiodExplains, istiodOccurrence, istiodStates, istiodUses, podNames } from './istiod.ts';

/** istiod pods that wait for a volume: a missing Secret or ConfigMap, or Key Vault refusing the plug-in CA of the AKS add-on. */
export const istiodVolumeMountFailure = defineRule({
  id: 'istiod-volume-mount-failure',
  title: 'istiod waits for a volume',
  area: 'control-plane',
  severity: 'error',
  why: 'istiod starts only when all its volumes are there. With a plug-in CA from Azure Key Vault one missing object or permission keeps every new istiod in `Init:0/2`.',
  fix: [
    { do: 'Read which volume fails and why', run: 'kubectl describe pod {{pod}} -n {{istioNamespace}}' },
    {
      do: 'Key Vault refuses (403): grant the identity of the secrets provider get and list, or role Key Vault Secrets User',
      run: 'az aks show -g RESOURCE_GROUP -n CLUSTER --query addonProfiles.azureKeyvaultSecretsProvider.identity',
    },
    {
      do: 'Object not found (404): compare the names with the vault',
      run: 'kubectl get secretproviderclass -n {{istioNamespace}} -o yaml',
    },
    { do: 'Secret or ConfigMap missing: create it', run: 'kubectl get secrets,configmaps -n {{istioNamespace}}' },
    {
      do: 'Verify that the deployment becomes available',
      run: 'kubectl rollout status deployment/{{deployment}} -n {{istioNamespace}}',
    },
  ],
  references: [
    'https://learn.microsoft.com/troubleshoot/azure/azure-kubernetes/extensions/istio-add-on-plug-in-ca-certificate',
    'https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/',
  ],
  source: 'knowledge F24, D142 AKV-403, D143 AKV-404, D144 AKV-MOUNT',
  explains: istiodExplains,
  needs: ['revisions'],
  uses: [...istiodUses],
  *check(mesh) {
    for (const state of istiodStates(mesh)) {
      const failing = failingOf(state, 'volume-mount');
      const [first] = failing;
      const evidence = evidenceOf(failing.slice(0, 2).flatMap((pod) => [...pod.evidence].reverse()));
      if (first === undefined || evidence === undefined) continue;
      // One failed mount of a pod that was created a moment ago is the kubelet filling its caches.
      if (failing.every(({ young }) => young) && /timed out waiting for the condition/.test(first.reason)) continue;
      const { serving, ...common } = istiodOccurrence(state, failing);
      yield {
        ...common,
        count: failing.length,
        message: `${counted(failing.length, 'istiod pod')} of revision ${state.revision} ${failing.length === 1 ? 'waits' : 'wait'} for a volume (${podNames(failing)}): ${first.reason}; ${serving}`,
        evidence,
      };
    }
  },
});
