import { counted, evidenceOf, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { webhookFailures, webhookOccurrence, webhookUses } from './webhook-failures.ts';

/** The service behind the injection webhook has no ready istiod: `no endpoints available`, or kube-proxy refusing the connection. */
export const injectionWebhookWithoutEndpoints = defineRule({
  id: 'injection-webhook-without-endpoints',
  title: 'Injection webhook without a ready istiod',
  area: 'injection',
  severity: 'error',
  why: 'The webhook is fail-closed: without an istiod that answers, no pod of an injected namespace can be created.',
  fix: [
    {
      do: 'Bring istiod back: see its deployment, pods and their last words',
      run: 'kubectl get deployment,pods -n {{istioNamespace}} -l app=istiod && kubectl logs -n {{istioNamespace}} -l app=istiod --tail=30',
    },
    { do: 'Do not delete the webhook: pods created without a sidecar drop out of the mesh' },
    {
      do: 'Verify that the service has endpoints; missing pods follow within minutes',
      run: 'kubectl get endpointslices -n {{istioNamespace}} -l kubernetes.io/service-name={{service}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/injection/',
    'https://istio.io/latest/docs/ops/common-problems/validation/',
  ],
  source: 'knowledge D005 INJ-REFUSED, D006 INJ-NOENDPOINTS',
  explains: ['missing-replicas', 'service-without-endpoints', 'unhealthy-upstream', 'uninjected-pod'],
  needs: [],
  anyOf: ['events', 'workloads'],
  uses: [...webhookUses],
  *check(mesh) {
    for (const failure of webhookFailures(mesh)) {
      if (failure.trouble !== 'no-endpoints') continue;
      const { service, serviceNamespace, error, count, namespaces } = failure;
      const evidence = evidenceOf(failure.evidence);
      if (evidence === undefined) continue;
      const { who, ...common } = webhookOccurrence(failure);
      yield {
        ...common,
        message: `no istiod answers behind service ${serviceNamespace || 'istio-system'}/${service || 'istiod'}: ${counted(count, 'time')} no pod of ${who} was created in ${some(namespaces)} (${error})`,
        evidence,
      };
    }
  },
});
