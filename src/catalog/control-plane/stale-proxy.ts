import { addTo } from '../../model/groups.ts';
import type { SyncStatus } from '../../parse/facts.ts';
import { counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule, type Evidence, type Scope } from '../rule.ts';

/** A push takes moments; what istiod sent this long ago should have been acknowledged. */
const graceMs = 60_000;

/** Proxies that have not acknowledged what istiod sent (`STALE` of proxy-status). What they refused is another problem. */
export const staleProxy = defineRule({
  id: 'stale-proxy',
  title: 'Proxy with stale configuration',
  area: 'data-plane',
  severity: 'warning',
  why: 'A proxy that does not acknowledge a push works with older routes, endpoints or policies than the rest of the mesh.',
  fix: [
    { do: 'See whether it is still stale', run: 'istioctl proxy-status -i {{istioNamespace}}' },
    {
      do: 'Compare what istiod sent with what the proxy has',
      run: 'istioctl proxy-status {{pod}}.{{namespace}} -i {{istioNamespace}}',
    },
    {
      do: 'Look for throttled CPU and for very large configuration of the proxy',
      run: 'kubectl top pod {{pod}} -n {{namespace}} --containers',
    },
    { do: 'Restart the pod if nothing else helps', run: 'kubectl delete pod {{pod}} -n {{namespace}}' },
  ],
  references: ['https://istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd/'],
  source: 'knowledge I3 PROXY-STALE',
  explains: ['missing-cluster', 'unhealthy-upstream', 'failed-upstream-connection'],
  needs: ['sync'],
  uses: ['connections', 'capture', 'proxies', 'platform'],
  *check({ sync, connections = [], capture, proxies = [], platform }) {
    const now = capture?.time === undefined ? Number.NaN : Date.parse(capture.time);
    const connectedAt = new Map(connections.map(({ proxy, connectedAt: at }) => [podName(proxy), at]));
    const revisionOf = new Map(proxies.map((proxy) => [podName(proxy), proxy.revision]));
    const groups = new Map<string, { status: SyncStatus; types: readonly string[]; old: boolean }[]>();
    for (const status of sync) {
      const types = staleTypes(status, now);
      const since = connectedAt.get(podName(status.proxy));
      // A proxy that has just connected is being told everything.
      if (types.length === 0 || (since !== undefined && now - Date.parse(since) < graceMs)) continue;
      const old = types.some((type) => now - Date.parse(status.sent?.[type] ?? '') >= 5 * graceMs);
      const key = status.proxy.namespace;
      addTo(groups, key, { status, types, old });
    }
    for (const [namespace, all] of groups) {
      const [first] = all;
      const evidence = evidenceOf(
        all.slice(0, 3).map(
          ({ status, types }): Evidence => ({
            ...status.at,
            stage: 'sync',
            say:
              status.compared === undefined
                ? `${podName(status.proxy)} has not acknowledged ${types.join(', ').toUpperCase()}.`
                : `${podName(status.proxy)} holds other ${types.join(', ').toUpperCase()} than istiod has for it${differencesOf(status)}.`,
          }),
        ),
      );
      if (first === undefined || evidence === undefined) continue;
      // proxy-status tells of one proxy once for each istiod, and once more for the comparison of one pod.
      const pods = [...new Set(all.map((one) => podName(one.status.proxy)))];
      const one = pods.length === 1;
      const { status } = first;
      const revision = revisionOf.get(podName(status.proxy));
      const scope: Scope = {
        ...(revision === undefined ? {} : { revision }),
        ...(namespace === '' ? {} : { namespace }),
        ...(one && status.proxy.pod !== '' ? { pod: status.proxy.pod } : {}),
      };
      const types = [...new Set(all.flatMap((each) => each.types))].join(', ').toUpperCase();
      const said = all.every((each) => each.status.compared !== undefined)
        ? `${one ? 'holds' : 'hold'} other ${types} than istiod has for ${one ? 'it' : 'them'}`
        : `${one ? 'has' : 'have'} not acknowledged ${types} from ${status.istiod ?? 'istiod'}`;
      yield {
        subject: some(pods),
        scope,
        count: pods.length,
        message: `${counted(pods.length, 'proxy', 'proxies')} in ${namespace || 'the mesh'} ${said}: ${some(pods)}`,
        facts: { pod: status.proxy.pod, namespace, istioNamespace: platform?.istioNamespace ?? 'istio-system' },
        confidence: all.some(({ old }) => old) ? 'likely' : 'possible',
        missing: all.some(({ old }) => old)
          ? []
          : ['Whether it stays so: run istioctl proxy-status again a minute later.'],
        evidence,
      };
    }
  },
});

/** The first names that the comparison of one pod tells apart, `-` istiod's and `+` Envoy's. */
function differencesOf({ compared }: SyncStatus): string {
  const names = Object.values(compared?.differences ?? {}).flat();
  return names.length === 0 ? '' : `: ${some(names)}`;
}

/** Types sent a while ago and not acknowledged; those without a time of sending count, too. */
function staleTypes(status: SyncStatus, now: number): readonly ('cds' | 'lds' | 'eds' | 'rds' | 'ecds')[] {
  return (['cds', 'lds', 'eds', 'rds', 'ecds'] as const).filter((type) => {
    if (status.types[type] !== 'stale') return false;
    const sent = status.sent?.[type];
    return sent === undefined || !(now - Date.parse(sent) < graceMs);
  });
}
