import { counted, evidenceOf, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { webhookFailures, webhookOccurrence, webhookUses } from './webhook-failures.ts';

/** Injection that fails in another way: a service that is gone, a template that does not render, a refused annotation, a proxy. */
export const failingInjectionWebhook = defineRule({
  id: 'failing-injection-webhook',
  title: 'Injection that fails',
  area: 'injection',
  severity: 'error',
  why: 'The injection webhook is fail-closed: whatever it fails with, the pod is not created.',
  fix: [
    {
      do: 'A service that is not found: the webhook is left over from a removed revision. Relabel the namespaces to an installed revision, then delete it',
      run: 'kubectl get mutatingwebhookconfigurations -o custom-columns=NAME:.metadata.name,REVISION:.metadata.labels.istio\\.io/rev,SERVICE:.webhooks[*].clientConfig.service.name',
    },
    {
      do: 'A template or an annotation: read what istiod says about it',
      run: 'kubectl logs -n {{istioNamespace}} -l app=istiod --tail=-1 | grep -i inject',
    },
    {
      do: 'Service Unavailable or an unknown host: the API server uses an HTTP proxy; add .svc, pod and service networks to its no_proxy',
    },
    {
      do: 'Verify with a dry run that reaches the webhook',
      run: 'kubectl run webhook-test --image=busybox --dry-run=server -n {{namespace}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/injection/',
    'https://istio.io/latest/docs/reference/config/analysis/ist0139/',
  ],
  source:
    'knowledge D007 INJ-SVC-NOTFOUND, D008 INJ-PROXIED-APISERVER, D009 INJ-TEMPLATE-FAIL, D010 INJ-ANNOTATION-BAD',
  explains: ['missing-replicas', 'service-without-endpoints', 'unhealthy-upstream', 'uninjected-pod'],
  needs: [],
  anyOf: ['events', 'workloads'],
  uses: [...webhookUses],
  *check(mesh) {
    for (const failure of webhookFailures(mesh)) {
      if (failure.trouble !== 'other') continue;
      const { error, count, namespaces, configuration } = failure;
      const evidence = evidenceOf(failure.evidence);
      if (evidence === undefined) continue;
      const { who, ...common } = webhookOccurrence(failure);
      yield {
        ...common,
        message: `${counted(count, 'time')} no pod of ${who} was created in ${some(namespaces)}, because injection failed: ${error}`,
        ...(configuration === undefined ? {} : { supports: [`The webhook is in ${common.subject}.`] }),
        evidence,
      };
    }
  },
});
