import { within } from '../../input/location.ts';
import { addTo } from '../../model/groups.ts';
import { injectionWebhooks, neverInjected, plainPods, selectsPod } from '../../model/injection.ts';
import { hasProxy, workloadOf } from '../../model/selectors.ts';
import type { Namespace, Pod } from '../../parse/facts.ts';
import { counted, evidenceOf, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';

/**
 * A namespace asks for injection by a revision or tag that no control plane provides, or pods still belong to a revision that
 * was removed. The first are created without a sidecar, the second have lost their istiod.
 */
export const unknownRevision = defineRule({
  id: 'unknown-revision',
  title: 'Revision that no control plane provides',
  area: 'injection',
  severity: 'error',
  why: 'No webhook answers for a revision or tag that is not installed, so new pods of the namespace get no sidecar without any error; proxies of a removed revision find no istiod any more. Both are left over from an upgrade most of the time.',
  fix: [
    {
      do: 'Label namespace {{namespace}} with an installed revision ({{installed}}), or create the tag',
      run: 'kubectl label namespace {{namespace}} istio.io/rev={{installed}} istio-injection- --overwrite',
    },
    {
      do: 'Restart its workloads so that they get a sidecar of that revision',
      run: 'kubectl rollout restart deployment,statefulset,daemonset -n {{namespace}}',
    },
    {
      do: 'Verify that every pod has its proxy, connected to the right control plane',
      run: 'kubectl get pods -n {{namespace}} && istioctl proxy-status -i {{istioNamespace}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/setup/upgrade/canary/',
    'https://learn.microsoft.com/azure/aks/istio-upgrade',
    'https://learn.microsoft.com/troubleshoot/azure/azure-kubernetes/extensions/istio-add-on-minor-revision-upgrade',
  ],
  source: 'knowledge P2 REV-UNKNOWN, UPG1 and F23 AKS-CANARY-LEFTOVER, A.5.3 AKS-LABEL-LEGACY',
  explains: [
    'uninjected-pod',
    'plaintext-client',
    'unmatched-filter-chain',
    'unreachable-control-plane',
    'absent-proxy',
    'never-ready-proxy',
    'failing-injection-webhook',
    'conflicting-injection-labels',
  ],
  needs: ['revisions'],
  uses: ['namespaces', 'webhooks', 'pods', 'workloads', 'platform', 'tags', 'injectionChecks'],
  *check({ revisions, namespaces = [], webhooks, pods = [], workloads, platform, tags = [], injectionChecks = [] }) {
    const served = revisions.filter(({ deployments, pods: istiods }) => deployments.length > 0 || istiods.length > 0);
    // An istiod that the archive does not show may be anywhere: an external control plane, a part of the cluster left out.
    if (served.length === 0) return;
    const newest =
      served
        .map(({ name }) => name)
        .toSorted()
        .at(-1) ?? 'default';
    const installed = new Set(served.flatMap(({ name, tags }) => [name, ...tags]));
    const injecting = webhooks && injectionWebhooks(webhooks);
    const istioNamespace = platform?.istioNamespace ?? served[0]?.namespace ?? 'istio-system';
    const names = [...installed].toSorted();
    const byNamespace = groupByNamespace(pods);

    for (const namespace of namespaces) {
      const wanted = wantedBy(namespace);
      if (wanted === undefined || neverInjected.has(namespace.meta.name)) continue;
      const calls = injecting?.filter((webhook) => selectsPod(webhook, namespace.meta.labels, {}));
      // What istioctl says of a pod of the namespace stands for the webhooks that were not read.
      const checks = injectionChecks.filter(({ pod }) => pod?.namespace === namespace.meta.name);
      const refused = checks.some(({ injects }) => injects) ? [] : checks;
      // Without webhooks only a list of tags tells which revision is the default.
      if (
        injecting === undefined
          ? (wanted.revision === 'default' && tags.length === 0 && refused.length === 0) ||
            installed.has(wanted.revision) ||
            checks.some(({ injects }) => injects)
          : (calls ?? []).length > 0
      ) {
        const gone = calls?.find(({ revision }) => !installed.has(revision));
        if (gone === undefined || workloads === undefined || calls?.some(({ revision }) => installed.has(revision)))
          continue;
      }
      // Both labels: the conflict is the trouble, and its own rule.
      if (wanted.label === 'istio-injection' && installed.has(namespace.meta.labels['istio.io/rev'] ?? '')) continue;
      // A label of an installed revision that no webhook selects is a conflict of labels, not an unknown revision.
      if (wanted.label === 'istio.io/rev' && served.some(({ name }) => name === wanted.revision)) continue;
      const { name } = namespace.meta;
      // A tag of a revision whose istiod is not in the archive may well be served.
      const listed =
        tags.length > 0 && !tags.some((one) => one.tag === wanted.revision || one.revision === wanted.revision);
      const plain = plainPods(byNamespace.get(name) ?? []);
      const orphans = (byNamespace.get(name) ?? []).filter((pod) => hasProxy(pod) && isOrphan(pod, installed));
      const evidence = evidenceOf(
        {
          ...within(namespace.at, '/metadata/labels'),
          stage: 'config',
          say: `Namespace ${name} asks for ${wanted.label}=${wanted.value}.`,
          mark: [`${wanted.label}: ${wanted.value}`],
        },
        plain.slice(0, 2).map((pod) => ({
          ...within(pod.at, '/spec/containers'),
          stage: 'pod' as const,
          say: `${name}/${pod.meta.name} runs ${pod.containers.map((container) => container.name).join(', ')} without istio-proxy.`,
        })),
        injecting?.slice(0, 1).map((webhook) => ({
          ...within(webhook.configuration.at, `/webhooks/${webhook.index}/namespaceSelector`),
          stage: 'policy' as const,
          say: `Installed: ${names.join(', ')}.`,
        })),
        refused.slice(0, 2).map(({ webhook, reason, at }) => ({
          ...at,
          stage: 'policy' as const,
          say: `Webhook ${webhook} would not inject: ${reason}.`,
        })),
        injecting === undefined
          ? tags.slice(0, 1).map(({ at }) => ({
              ...at,
              stage: 'policy' as const,
              say: `istioctl lists ${tags.map(({ tag, revision }) => tag || revision).join(', ')}.`,
            }))
          : [],
      );
      if (evidence === undefined) continue;
      const without = [...new Set(plain.map(workloadOf))];
      yield {
        subject: `namespace ${name}`,
        scope: { namespace: name },
        count: Math.max(1, plain.length),
        message: `namespace ${name} is labelled ${wanted.label}=${wanted.value}, but ${wanted.label === 'istio-injection' ? 'no control plane serves the default revision' : `no control plane provides revision or tag ${wanted.revision}`} (installed: ${names.join(', ')})${plain.length > 0 ? `: ${counted(plain.length, 'pod')} of ${some(without)} ${plain.length === 1 ? 'runs' : 'run'} without a sidecar` : ''}`,
        facts: {
          namespace: name,
          revision: wanted.revision,
          installed: newest,
          istioNamespace,
        },
        severity: plain.length > 0 || orphans.length > 0 ? 'error' : 'warning',
        confidence:
          (injecting !== undefined || refused.length > 0) && plain.length > 0
            ? 'certain'
            : injecting === undefined && refused.length === 0 && !listed
              ? 'possible'
              : 'likely',
        supports: [
          ...(injecting === undefined ? [] : ['No injection webhook selects the namespace.']),
          ...(plain.length > 0
            ? [`${counted(plain.length, 'pod')} in it ${plain.length === 1 ? 'has' : 'have'} no istio-proxy.`]
            : []),
        ],
        missing:
          injecting === undefined && refused.length === 0 && !listed
            ? ['The webhooks, which tell the tags: kubectl get mutatingwebhookconfigurations -o yaml']
            : [],
        evidence,
      };
    }

    // Pods that ask for it themselves, in namespaces that say nothing of injection.
    const silent = new Set(namespaces.filter((one) => asksNothing(one)).map(({ meta }) => meta.name));
    const asking = new Map<string, Pod[]>();
    for (const pod of injecting === undefined ? [] : plainPods(pods)) {
      const revision = pod.meta.labels['istio.io/rev'] ?? '';
      if (revision === '' || installed.has(revision) || !silent.has(pod.meta.namespace)) continue;
      const key = `${revision}\0${pod.meta.namespace}/${workloadOf(pod)}`;
      addTo(asking, key, pod);
    }
    for (const [key, [pod, ...others]] of asking) {
      const [revision = '', name = ''] = key.split('\0');
      if (pod === undefined) continue;
      const all = [pod, ...others];
      const { namespace } = pod.meta;
      const evidence = evidenceOf(
        all.slice(0, 3).map((one) => ({
          ...within(one.at, '/metadata/labels'),
          stage: 'pod' as const,
          say: `${namespace}/${one.meta.name} asks for revision ${revision} and has no istio-proxy.`,
          mark: [revision],
        })),
      );
      if (evidence === undefined) continue;
      yield {
        subject: name,
        scope: { namespace, workload: workloadOf(pod) },
        count: all.length,
        message: `${counted(all.length, 'pod')} of ${name} ${all.length === 1 ? 'is' : 'are'} labelled istio.io/rev=${revision}, but no control plane provides revision or tag ${revision} (installed: ${names.join(', ')}): ${all.length === 1 ? 'it runs' : 'they run'} without a sidecar`,
        facts: {
          namespace,
          revision,
          installed: newest,
          istioNamespace,
        },
        confidence: 'certain',
        evidence,
      };
    }

    // Pods injected by a revision that is gone, in namespaces that are labelled well by now or were not read.
    const orphaned = new Map<string, Pod[]>();
    for (const pod of pods) {
      const revision = hasProxy(pod) && isOrphan(pod, installed) ? revisionOf(pod) : undefined;
      if (revision === undefined) continue;
      const key = `${revision}\0${pod.meta.namespace}`;
      addTo(orphaned, key, pod);
    }
    for (const [key, [pod, ...others]] of orphaned) {
      const [revision = '', name = ''] = key.split('\0');
      if (pod === undefined || workloads === undefined) continue;
      const all = [pod, ...others];
      const evidence = evidenceOf(
        all.slice(0, 3).map((one) => ({
          ...within(one.at, '/metadata/labels'),
          stage: 'pod' as const,
          say: `${name}/${one.meta.name} was injected by revision ${revision}.`,
          mark: [revision],
        })),
      );
      if (evidence === undefined) continue;
      yield {
        subject: `namespace ${name}`,
        scope: { revision, namespace: name },
        count: all.length,
        message: `${counted(all.length, 'pod')} of ${some(all.map(workloadOf))} in ${name} ${all.length === 1 ? 'belongs' : 'belong'} to revision ${revision}, whose control plane is gone (installed: ${names.join(', ')})`,
        facts: {
          namespace: name,
          revision,
          installed: newest,
          istioNamespace,
        },
        evidence,
      };
    }
  },
});

/** The revision a namespace asks for; the label of the default revision wins over the other (istio pkg/kube/inject). */
function wantedBy({
  meta,
}: Namespace): { readonly label: string; readonly value: string; readonly revision: string } | undefined {
  const legacy = meta.labels['istio-injection'];
  const revision = meta.labels['istio.io/rev'];
  if (legacy === 'enabled') return { label: 'istio-injection', value: legacy, revision: 'default' };
  if (legacy !== undefined || revision === undefined || revision === '') return undefined;
  return { label: 'istio.io/rev', value: revision, revision };
}

/** Whether a namespace leaves injection to the labels of its pods. */
const asksNothing = ({ meta }: Namespace): boolean =>
  meta.labels['istio-injection'] === undefined && (meta.labels['istio.io/rev'] ?? '') === '';

function revisionOf(pod: Pod): string | undefined {
  const status = pod.meta.annotations['sidecar.istio.io/status'];
  return (
    (status === undefined ? undefined : /"revision":"([^"]+)"/.exec(status)?.[1]) ??
    pod.meta.annotations['istio.io/rev'] ??
    pod.meta.labels['istio.io/rev']
  );
}

function isOrphan(pod: Pod, installed: ReadonlySet<string>): boolean {
  const revision = revisionOf(pod);
  return (
    pod.phase === 'Running' && pod.meta.deleted === undefined && revision !== undefined && !installed.has(revision)
  );
}

function groupByNamespace(pods: readonly Pod[]): ReadonlyMap<string, readonly Pod[]> {
  const groups = new Map<string, Pod[]>();
  for (const pod of pods) {
    addTo(groups, pod.meta.namespace, pod);
  }
  return groups;
}
