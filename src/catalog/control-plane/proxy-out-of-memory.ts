import { within } from '../../input/location.ts';
import { addTo } from '../../model/groups.ts';
import type { MeshProxy } from '../../model/mesh.ts';
import { proxyContainer, workloadOf } from '../../model/selectors.ts';
import type { LogHits, Pod, ProxyRef } from '../../parse/facts.ts';
import { counted, evidenceOf, logEvidence, podName, some } from '../evidence.ts';
import { spanOf } from '../log-rules.ts';
import { defineRule, type Evidence } from '../rule.ts';

const dayMs = 24 * 3_600_000;

interface Killed {
  readonly ref: ProxyRef;
  readonly pod: Pod | undefined;
  readonly workload: string;
  readonly at: string | undefined;
  readonly restarts: number;
  readonly down: boolean;
  readonly hits: readonly LogHits[];
}

/** Proxies killed for memory: `OOMKilled` of the container, or the agent's words after Envoy got SIGKILL. */
export const proxyOutOfMemory = defineRule({
  id: 'proxy-out-of-memory',
  title: 'Proxy killed for memory',
  area: 'data-plane',
  severity: 'error',
  why: 'When Envoy is killed, all connections through it break at once. It needs memory for the configuration of every service it can see, for statistics and for buffers.',
  fix: [
    {
      do: 'Raise the memory limit of the proxy',
      run: `kubectl patch {{kind}} {{workload}} -n {{namespace}} --type=merge -p '{"spec":{"template":{"metadata":{"annotations":{"sidecar.istio.io/proxyMemoryLimit":"2Gi"}}}}}'`,
    },
    {
      do: 'Give it only the services it calls: a Sidecar object for the namespace',
      run: `kubectl apply -f - <<'EOF'
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata:
  name: default
  namespace: {{namespace}}
spec:
  egress:
  - hosts:
    - ./*
    - {{istioNamespace}}/*
EOF`,
    },
    { do: 'Remove metric tags with many values, such as paths or user ids' },
    {
      do: 'Verify memory and restarts',
      run: 'kubectl top pod -n {{namespace}} --containers && kubectl get pods -n {{namespace}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/reference/config/networking/sidecar/',
    'https://istio.io/latest/docs/ops/deployment/performance-and-scalability/',
  ],
  source: 'knowledge D037 AGT-OOM, F11',
  explains: [
    'broken-sidecar-pod',
    'missing-replicas',
    'service-without-endpoints',
    'unhealthy-upstream',
    'reset-upstream-connection',
    'failed-upstream-connection',
  ],
  needs: ['proxies'],
  uses: ['proxyLog', 'configSizes', 'capture', 'platform'],
  signatures: [{ id: 'proxy-out-of-memory', log: 'proxy', contains: 'Envoy may have been out of memory killed' }],
  *check({ proxies, proxyLog = [], configSizes = [], capture, platform }) {
    const now = capture?.time === undefined ? Number.NaN : Date.parse(capture.time);
    const groups = new Map<string, Killed[]>();
    for (const killed of killedOf(proxies, proxyLog)) {
      if (!killed.down && killed.at !== undefined && now - Date.parse(killed.at) > dayMs) continue;
      const key = `${killed.ref.namespace}/${killed.workload}`;
      addTo(groups, key, killed);
    }
    const sizeOf = new Map(configSizes.map((size) => [podName(size.proxy), size]));
    for (const [name, all] of groups) {
      const [first] = all;
      if (first === undefined) continue;
      const size = all.flatMap(({ ref }) => sizeOf.get(podName(ref)) ?? [])[0];
      const hits = all.flatMap((killed) => killed.hits);
      const evidence = evidenceOf(
        all.slice(0, 2).flatMap(({ pod }): readonly Evidence[] =>
          pod === undefined
            ? []
            : [
                {
                  ...within(
                    pod.at,
                    `/status/${proxyContainer(pod)?.init ? 'initContainerStatuses' : 'containerStatuses'}`,
                  ),
                  stage: 'pod',
                  say: `${pod.meta.namespace}/${pod.meta.name}: istio-proxy was OOMKilled.`,
                  mark: ['OOMKilled'],
                },
              ],
        ),
        logEvidence(hits, 'server', 'The agent saw Envoy being killed.'),
        size && {
          ...size.at,
          stage: 'config',
          say: `Its configuration holds ${size.outboundClusters} outbound clusters.`,
        },
      );
      if (evidence === undefined) continue;
      const down = all.some((killed) => killed.down);
      const restarts = all.reduce((sum, killed) => sum + killed.restarts, 0);
      const ends = all.flatMap(({ at }) => at ?? []).toSorted();
      const span = spanOf(hits);
      const when =
        ends[0] === undefined
          ? span
          : { first: ends[0], last: down ? (capture?.time ?? ends.at(-1) ?? ends[0]) : (ends.at(-1) ?? ends[0]) };
      const limit = first.pod === undefined ? undefined : proxyContainer(first.pod)?.limits['memory'];
      const kind = first.pod?.meta.owners[0]?.kind ?? 'ReplicaSet';
      yield {
        subject: name,
        scope: { namespace: first.ref.namespace, workload: first.workload },
        ...(when === undefined ? {} : { when }),
        count: Math.max(
          restarts,
          hits.reduce((sum, { count }) => sum + count, 0),
          1,
        ),
        message: `the proxy of ${counted(all.length, 'pod')} of ${name} was killed for memory (${some(all.map(({ ref }) => ref.pod))}${limit === undefined ? '' : `, limit ${limit}`}, ${counted(restarts, 'restart')})${size === undefined ? '' : `; its configuration holds ${size.outboundClusters} outbound clusters`}`,
        facts: {
          namespace: first.ref.namespace,
          workload: first.workload,
          kind: kind === 'ReplicaSet' ? 'deployment' : kind.toLowerCase(),
          istioNamespace: platform?.istioNamespace ?? 'istio-system',
        },
        severity: down || restarts >= 3 ? 'error' : 'warning',
        confidence: first.pod !== undefined ? 'certain' : 'likely',
        evidence,
      };
    }
  },
});

function* killedOf(proxies: readonly MeshProxy[], proxyLog: readonly LogHits[]): Generator<Killed> {
  const hitsOf = new Map<string, LogHits[]>();
  for (const hit of proxyLog) {
    if (hit.signature !== 'proxy-out-of-memory') continue;
    addTo(hitsOf, podName(hit.pod), hit);
  }
  for (const { namespace, pod: name, kubePod, workload } of proxies) {
    const ref = { namespace, pod: name };
    const container = kubePod && proxyContainer(kubePod);
    const end = [container?.now, container?.last].find((state) => state?.reason === 'OOMKilled');
    const hits = hitsOf.get(podName(ref)) ?? [];
    if (end === undefined && hits.length === 0) continue;
    yield {
      ref,
      pod: end === undefined ? undefined : kubePod,
      workload: kubePod === undefined ? (workload ?? name) : workloadOf(kubePod),
      at: end?.finishedAt,
      restarts: container?.restarts ?? hits.reduce((sum, { count }) => sum + count, 0),
      down: end !== undefined && container?.ready === false,
      hits,
    };
  }
}
