import { within } from '../../input/location.ts';
import { addTo } from '../../model/groups.ts';
import { nameOf, record } from '../../model/hosts.ts';
import type { Mesh } from '../../model/mesh.ts';
import { rootNamespaceOf } from '../../model/peers.ts';
import { namespaceOfHost, outboundByHost, type PolicySetting, ruleLookup, settingOf } from '../../model/services.ts';
import { failuresByDestination } from '../../model/traffic.ts';
import type { EnvoyCluster, KubeObject, Metric } from '../../parse/facts.ts';
import { accessEvidence, counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule, type Evidence } from '../rule.ts';
import { clientOf, failureScope, failureSeverity, ofAll, targetName } from './requests.ts';

/** Counters that say which limit was met; a proxy shows them only where its `proxyStatsMatcher` includes them. */
const overflows = new Map([
  ['envoy_cluster_upstream_rq_pending_overflow', 'pending requests'],
  ['envoy_cluster_upstream_cx_overflow', 'connections'],
  ['envoy_cluster_upstream_cx_pool_overflow', 'connection pools'],
  ['envoy_cluster_upstream_rq_active_overflow', 'active requests'],
  ['envoy_cluster_upstream_rq_retry_overflow', 'retries'],
]);

/**
 * Envoy answers 503 with flag UO when a limit of the cluster's connection pool is reached. Istio sets no limit of its own, so
 * a DestinationRule (or EnvoyFilter) stands behind it.
 */
export const circuitBreakerOverflow = defineRule({
  id: 'circuit-breaker-overflow',
  title: 'Requests over the limits of the connection pool',
  area: 'traffic',
  severity: 'error',
  why: 'The calling proxy refuses what exceeds the `connectionPool` limits of the DestinationRule with 503 and flag `UO`; the service itself may be well, and only too slow for so small a pool.',
  fix: [
    {
      do: 'Raise the limits in {{rule}} to what the callers of {{host}} need at once; the limits count per proxy',
      run: 'kubectl edit destinationrule {{ruleName}} -n {{ruleNamespace}}',
    },
    {
      do: 'If the service is slow, add replicas or make it faster: requests in flight = rate × response time',
      run: 'kubectl top pods -n {{namespace}} --containers',
    },
    {
      do: 'Verify the limits that the proxy uses',
      run: 'istioctl proxy-config clusters {{client}} --fqdn {{host}} -o json',
    },
  ],
  references: [
    'https://istio.io/latest/docs/tasks/traffic-management/circuit-breaking/',
    'https://istio.io/latest/docs/reference/config/networking/destination-rule/#ConnectionPoolSettings',
  ],
  source: 'Envoy response flag UO; knowledge D149',
  explains: ['exhausted-retries', 'application-errors'],
  needs: [],
  anyOf: ['access', 'metrics'],
  uses: ['access', 'metrics', 'clusters', 'config', 'services', 'platform', 'meshConfigs'],
  *check({ access = [], metrics = [], clusters = [], config = [], services = [], platform, meshConfigs }) {
    const ruleOf = ruleLookup(config, rootNamespaceOf(meshConfigs, platform));
    const outbound = outboundByHost(clusters);
    const seen = new Set<string>();
    for (const failures of failuresByDestination(access, services, ({ flags }) => flags.includes('UO'))) {
      const { host, port, subset, first, last, proxies, groups, ended, count } = failures;
      seen.add(`${port ?? ''}|${subset}|${host}`);
      const limits = limitsFor(failures, proxies[0]?.namespace ?? '', ruleOf);
      const cluster = (outbound.get(host) ?? []).find(
        ({ proxy, limits, ...one }) =>
          one.port === port &&
          one.subset === subset &&
          Object.keys(limits).length > 0 &&
          proxies.some(({ namespace, pod }) => proxy.namespace === namespace && proxy.pod === pod),
      );
      const evidence = evidenceOf(
        accessEvidence(groups, 'symptom', 'The proxy refused the request itself: a limit was reached.'),
        clusterEvidence(cluster),
        limitEvidence(limits),
      );
      if (evidence === undefined) continue;
      const retries = groups.every(({ details }) => !details.includes('overflow'));
      yield {
        subject: limits === undefined ? targetName(failures) : nameOf(limits.rule),
        scope: failureScope(failures),
        when: { first, last },
        count,
        ended,
        severity: failureSeverity(failures),
        message: `${ofAll(failures)} to ${targetName(failures)} overflowed ${retries ? 'the limit of retries' : 'the connection pool'} (503 UO) in ${some(proxies.map(podName))}${said(limits, cluster)}`,
        facts: factsOf(host, proxies[0], limits),
        confidence: limits === undefined && cluster === undefined ? 'likely' : 'certain',
        supports: [
          ...(limits === undefined
            ? []
            : [`${nameOf(limits.rule)} sets the limits, and Istio sets none where no DestinationRule does.`]),
          ...(cluster === undefined ? [] : [`The calling proxy uses them: ${words(cluster.limits)}.`]),
        ],
        missing: limits === undefined ? ['The DestinationRule of the host, which sets the limits.'] : [],
        evidence,
      };
    }
    for (const [key, counters] of byCluster(metrics)) {
      if (seen.has(key)) continue;
      const [port, subset = '', host = ''] = key.split('|');
      const [counter] = counters;
      if (counter === undefined) continue;
      const target = { host, port: Number(port), subset };
      const limits = limitsFor(target, counter.proxy?.namespace ?? '', ruleOf);
      const evidence = evidenceOf(
        { ...counter.at, stage: 'client', say: 'The counter of refused requests since the proxy started.' },
        limitEvidence(limits),
      );
      if (evidence === undefined) continue;
      const count = counters.reduce((sum, { value }) => sum + value, 0);
      yield {
        subject: limits === undefined ? targetName(target) : nameOf(limits.rule),
        scope: failureScope({ ...target, groups: [] }),
        count,
        // Counters are as old as the proxy: whether it still happens they do not tell.
        severity: 'warning',
        message: `limit of ${some(counters.map(({ name }) => overflows.get(name) ?? name))} to ${targetName(target)} was met ${count === 1 ? 'once' : `${count} times`} since the proxies started${said(limits, undefined)}`,
        facts: factsOf(host, counter.proxy, limits),
        evidence,
      };
    }
  },
});

interface Limits extends PolicySetting {
  readonly rule: KubeObject;
}

function limitsFor(
  { host, port, subset }: { readonly host: string; readonly port: number | undefined; readonly subset: string },
  client: string,
  ruleOf: ReturnType<typeof ruleLookup>,
): Limits | undefined {
  const rule = ruleOf(host, client);
  const setting = rule && settingOf(rule, 'connectionPool', port, subset);
  return rule && setting ? { rule, ...setting } : undefined;
}

const limitEvidence = (limits: Limits | undefined): Evidence | undefined =>
  limits && { ...within(limits.rule.at, limits.pointer), stage: 'policy', say: `It allows ${pool(limits)}.` };

const clusterEvidence = (cluster: EnvoyCluster | undefined): Evidence | undefined =>
  cluster && { ...cluster.at, stage: 'cluster', say: `The proxy's limits for it: ${words(cluster.limits)}.` };

function said(limits: Limits | undefined, cluster: EnvoyCluster | undefined): string {
  if (limits !== undefined) return `: ${nameOf(limits.rule)} allows ${pool(limits)}`;
  return cluster === undefined ? '' : `, which allows ${words(cluster.limits)}`;
}

/** `maxConnections 1, http1MaxPendingRequests 1`: the limits, not the timeouts, as they are written. */
function pool({ value }: Limits): string {
  const limits = [...Object.entries(record(value['tcp'])), ...Object.entries(record(value['http']))].filter(
    ([name, limit]) => /^(max|http[12]Max)/.test(name) && typeof limit === 'number',
  );
  return limits.length === 0 ? 'other limits' : limits.map(([name, limit]) => `${name} ${limit}`).join(', ');
}

function words({ connections, pending, requests, retries }: EnvoyCluster['limits']): string {
  return [
    ...(connections === undefined ? [] : [counted(connections, 'connection')]),
    ...(pending === undefined ? [] : [counted(pending, 'pending request')]),
    ...(requests === undefined ? [] : [counted(requests, 'request')]),
    ...(retries === undefined ? [] : [counted(retries, 'retry', 'retries')]),
  ].join(', ');
}

const factsOf = (host: string, client: Parameters<typeof clientOf>[0], limits: Limits | undefined) => ({
  host,
  namespace: namespaceOfHost(host),
  client: clientOf(client),
  ...(limits === undefined
    ? { rule: `the DestinationRule of ${host}` }
    : {
        rule: nameOf(limits.rule),
        ruleName: limits.rule.meta.name,
        ruleNamespace: limits.rule.meta.namespace,
      }),
});

function byCluster(metrics: NonNullable<Mesh['metrics']>): ReadonlyMap<string, readonly Metric[]> {
  const groups = new Map<string, Metric[]>();
  for (const metric of metrics) {
    if (metric.proxy === undefined || !overflows.has(metric.name) || metric.value === 0) continue;
    const [direction, port, subset, host] = (metric.labels['cluster_name'] ?? '').split('|');
    if (direction !== 'outbound' || !host) continue;
    const key = `${port}|${subset}|${host}`;
    addTo(groups, key, metric);
  }
  return groups;
}
