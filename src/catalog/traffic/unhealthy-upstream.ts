import { namespaceOfHost, unhealthyByHost } from '../../model/services.ts';
import { destinationOf, failuresByDestination, type Locate } from '../../model/traffic.ts';
import { accessEvidence, counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { clientOf, failureScope, failureSeverity, ofAll, targetName } from './requests.ts';

/**
 * Envoy answers 503 with flag UH when a cluster has no endpoint it may use: none at all, all ejected or all failing their
 * health checks. The access log shows requests that met it; `/clusters` shows it even where nothing was asked.
 */
export const unhealthyUpstream = defineRule({
  id: 'unhealthy-upstream',
  title: 'Service without a healthy endpoint',
  area: 'traffic',
  severity: 'error',
  why: 'A proxy that sees no usable endpoint for a service answers 503 with flag `UH` without sending the request anywhere.',
  fix: [
    {
      do: 'See whether the service has ready endpoints',
      run: 'kubectl get endpointslices,pods -n {{namespace}} -o wide',
    },
    {
      do: 'Compare with what the calling proxy sees',
      run: 'istioctl proxy-config endpoints {{client}} --cluster {{cluster}}',
    },
    { do: 'If the pods are ready but ejected, relax `outlierDetection` in the DestinationRule of {{host}}' },
  ],
  references: [
    'https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#response-flags',
    'https://istio.io/latest/docs/ops/common-problems/network-issues/',
  ],
  source: 'Envoy response flag UH; knowledge K6',
  symptom: true,
  explains: ['exhausted-retries', 'application-errors'],
  needs: [],
  anyOf: ['access', 'clusters'],
  uses: ['access', 'clusters', 'services'],
  *check({ access = [], clusters = [], services = [] }) {
    const seen = new Set<string>();
    // The ports of a service share their endpoints.
    const locate: Locate = (group) => ({ ...destinationOf(group, services), port: undefined });
    for (const failures of failuresByDestination(
      access,
      services,
      ({ flags, cluster }) => flags.includes('UH') && cluster !== 'BlackHoleCluster',
      locate,
    )) {
      const { host, subset, count, first, last, proxies, groups, ended } = failures;
      const evidence = evidenceOf(
        accessEvidence(groups, 'symptom', 'The proxy found no healthy endpoint and answered itself.'),
      );
      if (evidence === undefined) continue;
      seen.add(`${subset}|${host}`);
      yield {
        subject: targetName(failures),
        scope: failureScope(failures),
        when: { first, last },
        count,
        ended,
        severity: failureSeverity(failures),
        message: `${ofAll(failures)} to ${targetName(failures)} met no healthy endpoint (503 UH), sent by ${some(proxies.map(podName))}`,
        facts: {
          host,
          namespace: namespaceOfHost(host),
          cluster: groups[0]?.cluster ?? '',
          client: clientOf(proxies[0]),
        },
        evidence,
      };
    }
    for (const [host, ofHost] of unhealthyByHost(clusters)) {
      const unhealthy = ofHost.filter(
        ({ endpoints, subset }) =>
          endpoints.length > 0 && endpoints.every(({ healthy }) => !healthy) && !seen.has(`${subset}|${host}`),
      );
      const [one] = unhealthy;
      const [endpoint] = one?.endpoints ?? [];
      if (one === undefined || endpoint === undefined) continue;
      const target = { host, port: undefined, subset: one.subset };
      yield {
        subject: targetName(target),
        scope: failureScope({ ...target, groups: [] }),
        count: unhealthy.length,
        // Nobody was seen asking: it will fail, but it hurts nobody yet.
        severity: 'warning',
        message: `none of the ${counted(one.endpoints.length, 'endpoint')} of ${targetName(target)} is healthy for ${some(unhealthy.map(({ proxy }) => podName(proxy)))}`,
        facts: { host, namespace: namespaceOfHost(host), cluster: one.name, client: clientOf(one.proxy) },
        evidence: [
          {
            ...endpoint.at,
            stage: 'endpoint',
            say: `The state of its endpoints: ${endpoint.flags.join(', ')}.`,
            mark: endpoint.flags,
          },
        ],
      };
    }
  },
});
