import { within } from '../../input/location.ts';
import { addTo } from '../../model/groups.ts';
import { hasProxy, isReady, workloadOf } from '../../model/selectors.ts';
import type { Pod } from '../../parse/facts.ts';
import { counted, evidenceOf, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';

const startMs = 60_000;

/**
 * Injected, running pods that no istiod has among its connections. Only where the debug files of every istiod were read: a
 * proxy may be connected to the one that did not answer.
 */
export const absentProxy = defineRule({
  id: 'absent-proxy',
  title: 'Proxy that no istiod knows',
  area: 'data-plane',
  severity: 'warning',
  why: 'A proxy without a connection to istiod gets no changes, and no new certificate when the present one expires.',
  fix: [
    {
      do: 'Read why it is not connected',
      run: 'kubectl logs {{pod}} -n {{namespace}} -c istio-proxy --tail=100 | grep -E "xds|ca|sds"',
    },
    {
      do: 'Compare the revision of the pod with the installed ones',
      run: 'kubectl get pod {{pod}} -n {{namespace}} --show-labels && kubectl get pods -n {{istioNamespace}} -l app=istiod --show-labels',
    },
    {
      do: 'Restart its workload once the cause is gone',
      run: 'kubectl rollout restart deployment/{{workload}} -n {{namespace}}',
    },
  ],
  references: ['https://istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd/'],
  source: 'knowledge I3 PROXY-ABSENT',
  needs: ['sync', 'pods'],
  uses: ['connections', 'meshConfigs', 'metrics', 'capture', 'platform'],
  *check({ sync, pods, connections = [], meshConfigs = [], metrics = [], capture, platform }) {
    const istiods = pods.filter((pod) => pod.meta.labels['app'] === 'istiod' && isReady(pod));
    const answered = new Set([
      ...sync.flatMap(({ istiod }) => istiod ?? []),
      ...connections.map(({ istiod }) => istiod),
      ...meshConfigs.filter(({ from }) => from === 'istiod').map(({ name }) => name),
      ...metrics.flatMap(({ istiod }) => istiod?.pod ?? []),
    ]);
    if (istiods.length === 0 || sync.length === 0 || istiods.some(({ meta }) => !answered.has(meta.name))) return;
    const known = new Set([...sync, ...connections].map(({ proxy }) => `${proxy.namespace}/${proxy.pod}`));
    const now = capture?.time === undefined ? Number.NaN : Date.parse(capture.time);
    const groups = new Map<string, Pod[]>();
    for (const pod of pods) {
      const name = `${pod.meta.namespace}/${pod.meta.name}`;
      const started = pod.containers.find((one) => one.name === 'istio-proxy')?.now.startedAt;
      if (!hasProxy(pod) || pod.phase !== 'Running' || pod.meta.deleted !== undefined || known.has(name)) continue;
      if (started === undefined || !(now - Date.parse(started) >= startMs)) continue;
      addTo(groups, pod.meta.namespace, pod);
    }
    for (const [namespace, all] of groups) {
      const [pod] = all;
      const evidence = evidenceOf(
        all.slice(0, 3).map((one) => ({
          ...within(one.at, '/metadata/name'),
          stage: 'pod' as const,
          say: `${namespace}/${one.meta.name} runs a proxy.`,
        })),
        sync.slice(0, 1).map((status) => ({
          ...status.at,
          stage: 'sync' as const,
          say: `The ${counted(istiods.length, 'istiod')} list ${counted(known.size, 'other proxy', 'other proxies')}.`,
        })),
      );
      if (pod === undefined || evidence === undefined) continue;
      const workloads = [...new Set(all.map(workloadOf))];
      const [workload = ''] = workloads;
      const revision = pod.meta.labels['istio.io/rev'];
      yield {
        subject: workloads.length === 1 ? `${namespace}/${workload}` : `namespace ${namespace}`,
        scope: {
          ...(revision === undefined ? {} : { revision }),
          namespace,
          ...(workloads.length === 1 ? { workload } : {}),
        },
        count: all.length,
        message: `no istiod has a connection of ${counted(all.length, 'proxy', 'proxies')} in ${namespace}: ${some(all.map(({ meta }) => meta.name))}`,
        facts: { namespace, pod: pod.meta.name, workload, istioNamespace: platform?.istioNamespace ?? 'istio-system' },
        evidence,
      };
    }
  },
});
