import { within } from '../../input/location.ts';
import { addTo } from '../../model/groups.ts';
import { injectionWebhooks, plainPods, selectsPod } from '../../model/injection.ts';
import { workloadOf } from '../../model/selectors.ts';
import type { Pod } from '../../parse/facts.ts';
import { counted, evidenceOf, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';

/** Running pods without a proxy that an injection webhook would inject if they were created now. */
export const uninjectedPod = defineRule({
  id: 'uninjected-pod',
  title: 'Pod without the sidecar it should have',
  area: 'injection',
  severity: 'warning',
  why: 'Injection happens only when a pod is created. A pod from before the label or the webhook stays outside the mesh: no mutual TLS, no routing, no policy, and servers that require mutual TLS refuse it.',
  fix: [
    {
      do: 'Restart the workloads so that they are injected',
      run: 'kubectl rollout restart deployment,statefulset,daemonset -n {{namespace}}',
    },
    {
      do: 'If they come back without a sidecar, ask what injection decides',
      run: 'istioctl experimental check-inject {{pod}} -n {{namespace}} -i {{istioNamespace}}',
    },
    { do: 'Verify that each pod has an istio-proxy', run: 'kubectl get pods -n {{namespace}}' },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/injection/#the-result-of-sidecar-injection-was-not-what-i-expected',
    'https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/',
  ],
  source: 'knowledge I5 INJ-EXPECTED-MISSING, C-INJ-01',
  explains: ['plaintext-client', 'unmatched-filter-chain', 'client-tls-to-plaintext-server'],
  needs: ['pods', 'webhooks', 'namespaces'],
  uses: ['platform', 'injectionChecks'],
  *check({ pods, webhooks, namespaces, platform, injectionChecks = [] }) {
    const injecting = injectionWebhooks(webhooks);
    const labels = new Map(namespaces.map(({ meta }) => [meta.name, meta.labels]));
    const groups = new Map<string, { pod: Pod; webhook: (typeof injecting)[number] }[]>();
    for (const pod of plainPods(pods)) {
      const namespace = labels.get(pod.meta.namespace);
      const webhook =
        namespace === undefined ? undefined : injecting.find((one) => selectsPod(one, namespace, pod.meta.labels));
      if (webhook === undefined) continue;
      addTo(groups, pod.meta.namespace, { pod, webhook });
    }
    for (const [namespace, all] of groups) {
      const [first] = all;
      if (first === undefined) continue;
      const { webhook } = first;
      const names = new Set(all.map(({ pod }) => pod.meta.name));
      const checks = injectionChecks.filter(
        ({ pod, injects }) => injects && pod?.namespace === namespace && names.has(pod.pod),
      );
      const workloads = [...new Set(all.map(({ pod }) => workloadOf(pod)))];
      const [workload = ''] = workloads;
      const created = webhook.configuration.meta.created;
      const before = all.every(({ pod }) => created !== undefined && (pod.meta.created ?? '') < created);
      const evidence = evidenceOf(
        all.slice(0, 3).map(({ pod }) => ({
          ...within(pod.at, '/spec/containers'),
          stage: 'pod' as const,
          say: `${namespace}/${pod.meta.name} runs ${pod.containers.map(({ name }) => name).join(', ')} without istio-proxy.`,
        })),
        {
          ...within(webhook.configuration.at, `/webhooks/${webhook.index}/namespaceSelector`),
          stage: 'config',
          say: `${webhook.configuration.meta.name} selects namespace ${namespace}.`,
        },
        checks.slice(0, 1).map(({ webhook: named, reason, at }) => ({
          ...at,
          stage: 'policy' as const,
          say: `istioctl says that ${named} injects it: ${reason}.`,
        })),
      );
      if (evidence === undefined) continue;
      yield {
        subject: workloads.length === 1 ? `${namespace}/${workload}` : `namespace ${namespace}`,
        scope: { namespace, ...(workloads.length === 1 ? { workload } : {}) },
        count: all.length,
        message: `${counted(all.length, 'pod')} of ${some(workloads)} in ${namespace} ${all.length === 1 ? 'runs' : 'run'} without a sidecar, though webhook ${webhook.configuration.meta.name} injects the namespace${before ? ': created before the webhook' : ''}`,
        facts: {
          namespace,
          pod: first.pod.meta.name,
          workload,
          istioNamespace: platform?.istioNamespace ?? webhook.service?.namespace ?? 'istio-system',
        },
        confidence: 'certain',
        supports: ['Selectors of the webhook, labels of namespace and pods were all read.'],
        evidence,
      };
    }
  },
});
