import { within } from '../../input/location.ts';
import { injectionWebhooks, plainPods, selectsPod } from '../../model/injection.ts';
import { workloadOf } from '../../model/selectors.ts';
import { counted, evidenceOf, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';

/** A namespace with both `istio-injection` and `istio.io/rev`: the former wins, a revisioned webhook skips the namespace. */
export const conflictingInjectionLabels = defineRule({
  id: 'conflicting-injection-labels',
  title: 'Namespace with two injection labels',
  area: 'injection',
  severity: 'warning',
  why: 'Webhooks of revisions skip a namespace that has label istio-injection at all. Together with istio.io/rev the revision is ignored, and where no default revision is installed (AKS add-on) nobody injects.',
  fix: [
    {
      do: 'Keep the label of the revision only',
      run: 'kubectl label namespace {{namespace}} istio-injection-',
    },
    {
      do: 'Restart its workloads',
      run: 'kubectl rollout restart deployment,statefulset,daemonset -n {{namespace}}',
    },
    { do: 'Verify that each pod has its istio-proxy', run: 'kubectl get pods -n {{namespace}}' },
  ],
  references: [
    'https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/',
    'https://istio.io/latest/docs/reference/config/analysis/ist0123/',
  ],
  source: 'knowledge I5 INJ-LABEL-CONFLICT, A.5.3; IST0123',
  explains: ['uninjected-pod', 'plaintext-client', 'unmatched-filter-chain'],
  needs: ['namespaces'],
  uses: ['webhooks', 'pods'],
  *check({ namespaces, webhooks, pods = [] }) {
    const injecting = webhooks && injectionWebhooks(webhooks);
    for (const namespace of namespaces) {
      const { labels, name } = namespace.meta;
      const legacy = labels['istio-injection'];
      const revision = labels['istio.io/rev'];
      if (legacy === undefined || revision === undefined || revision === '') continue;
      const taking = injecting?.find((webhook) => selectsPod(webhook, labels, {}));
      const plain = plainPods(pods.filter(({ meta }) => meta.namespace === name));
      // Without sidecars on purpose: the leftover label of a revision harms nobody.
      const outcome =
        legacy === 'disabled'
          ? 'its pods are not injected'
          : injecting === undefined
            ? 'the revision is ignored'
            : taking === undefined
              ? 'no webhook injects its pods'
              : `revision ${taking.revision} injects its pods`;
      const harmless = taking?.revision === revision;
      const evidence = evidenceOf(
        {
          ...within(namespace.at, '/metadata/labels'),
          stage: 'config',
          say: `Namespace ${name} has both labels.`,
          mark: ['istio-injection', 'istio.io/rev'],
        },
        plain.slice(0, 2).map((pod) => ({
          ...within(pod.at, '/spec/containers'),
          stage: 'pod' as const,
          say: `${name}/${pod.meta.name} runs without istio-proxy.`,
        })),
      );
      if (evidence === undefined) continue;
      const workloads = [...new Set(plain.map(workloadOf))];
      yield {
        subject: `namespace ${name}`,
        scope: { namespace: name },
        count: Math.max(1, plain.length),
        message: `namespace ${name} has labels istio-injection=${legacy} and istio.io/rev=${revision}; the first wins: ${outcome}${plain.length > 0 && taking === undefined ? `, ${counted(plain.length, 'pod')} of ${some(workloads)} ${plain.length === 1 ? 'has' : 'have'} no sidecar` : ''}`,
        facts: { namespace: name, revision },
        severity: harmless || (legacy === 'disabled' && plain.length === 0) ? 'info' : 'warning',
        confidence: plain.length > 0 && taking === undefined && injecting !== undefined ? 'certain' : 'likely',
        evidence,
      };
    }
  },
});
