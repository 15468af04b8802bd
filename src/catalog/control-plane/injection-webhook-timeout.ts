import { counted, evidenceOf, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { closedBy, closingPolicies } from './network-policies.ts';
import { webhookFailures, webhookOccurrence, webhookUses } from './webhook-failures.ts';

/** The API server gets no answer from istiod:15017: a firewall, a NetworkPolicy, an API server outside the pod network. */
export const injectionWebhookTimeout = defineRule({
  id: 'injection-webhook-timeout',
  title: 'Injection webhook that does not answer',
  area: 'injection',
  severity: 'error',
  why: 'The API server waits for istiod’s answer on port 15017 before it creates a pod. Where packets are dropped on the way, no pod of an injected namespace is created.',
  fix: [
    {
      do: 'Check that istiod runs and has endpoints',
      run: 'kubectl get pods,endpointslices -n {{istioNamespace}} -l app=istiod -o wide',
    },
    {
      do: 'Open TCP 15017 from the API server to the nodes, in firewalls and in NetworkPolicies of {{istioNamespace}}',
      run: 'kubectl get networkpolicies -n {{istioNamespace}} -o yaml',
    },
    {
      do: 'Verify with a dry run that reaches the webhook',
      run: 'kubectl run webhook-test --image=busybox --dry-run=server -n {{namespace}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/injection/',
    'https://istio.io/latest/docs/ops/deployment/platform-requirements/',
  ],
  source: 'knowledge F02, D004 INJ-TIMEOUT',
  explains: [
    'missing-replicas',
    'service-without-endpoints',
    'unhealthy-upstream',
    'uninjected-pod',
    'unreachable-control-plane',
  ],
  needs: [],
  anyOf: ['events', 'workloads'],
  uses: [...webhookUses, 'pods', 'otherObjects'],
  *check(mesh) {
    for (const failure of webhookFailures(mesh)) {
      if (failure.trouble !== 'timeout') continue;
      const { service, serviceNamespace, error, count, namespaces } = failure;
      const istiods = (mesh.pods ?? []).filter(
        ({ meta }) => meta.namespace === serviceNamespace && meta.labels['app'] === 'istiod',
      );
      const ready = istiods.filter(({ conditions }) =>
        conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
      );
      const [istiod] = istiods;
      const way = {
        namespace: serviceNamespace,
        labels: istiod?.meta.labels,
        direction: 'Ingress',
        port: 15017,
      } as const;
      const policies = closingPolicies(mesh.otherObjects ?? [], way);
      const evidence = evidenceOf(failure.evidence, closedBy(policies, way));
      if (evidence === undefined) continue;
      const { who, ...common } = webhookOccurrence(failure);
      const [policy] = policies;
      yield {
        ...common,
        message: `the API server gets no answer from ${service || 'istiod'}.${serviceNamespace || 'istio-system'}:443 (15017)${policy === undefined ? '' : `, which NetworkPolicy ${policy.meta.namespace}/${policy.meta.name} closes`}: ${counted(count, 'time')} no pod of ${who} was created in ${some(namespaces)} (${error})`,
        confidence: policies.length > 0 ? 'certain' : ready.length > 0 ? 'likely' : 'possible',
        supports:
          ready.length > 0
            ? [`${counted(ready.length, 'istiod pod is', 'istiod pods are')} ready, so the way to it is blocked.`]
            : [],
        contradicts:
          mesh.pods !== undefined && ready.length === 0 ? ['No istiod pod is ready, which explains it too.'] : [],
        evidence,
      };
    }
  },
});
