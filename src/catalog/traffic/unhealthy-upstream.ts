import { hostScope, namespaceOfHost, outboundClusters } from '../../model/services.ts';
import { failuresByDestination } from '../../model/traffic.ts';
import { accessEvidence, counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';

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
  needs: [],
  uses: ['access', 'clusters', 'services'],
  *check({ access = [], clusters = [], services = [] }) {
    const seen = new Set<string>();
    for (const failures of failuresByDestination(
      access,
      services,
      ({ flags, cluster }) => flags.includes('UH') && cluster !== 'BlackHoleCluster',
    )) {
      const { host, port, subset, count, first, last, proxies, groups, ended } = failures;
      const evidence = evidenceOf(
        accessEvidence(groups, 'symptom', 'The proxy found no healthy endpoint and answered itself.'),
      );
      if (evidence === undefined) continue;
      seen.add(`${port ?? ''}|${subset}|${host}`);
      yield {
        subject: subset === '' ? host : `${host} subset ${subset}`,
        scope: { ...hostScope(host), ...(subset === '' ? {} : { subset }) },
        when: { first, last },
        count,
        ended,
        message: `${counted(count, 'request')} to ${host}${subset === '' ? '' : ` subset ${subset}`} met no healthy endpoint (503 UH), sent by ${some(proxies.map(podName))}`,
        facts: {
          host,
          namespace: namespaceOfHost(host),
          cluster: groups[0]?.cluster ?? '',
          client: clientOf(proxies[0]),
        },
        evidence,
      };
    }
    for (const [key, sameCluster] of outboundClusters(clusters)) {
      const unhealthy = sameCluster.filter(
        ({ endpoints }) => endpoints.length > 0 && endpoints.every(({ healthy }) => !healthy),
      );
      const [one] = unhealthy;
      if (one === undefined || seen.has(key)) continue;
      const [endpoint] = one.endpoints;
      const evidence = evidenceOf(
        endpoint && {
          ...endpoint.at,
          stage: 'endpoint',
          say: `The only state of its endpoints: ${endpoint.flags.join(', ')}.`,
          mark: endpoint.flags,
        },
      );
      if (evidence === undefined) continue;
      const { host, subset } = one;
      yield {
        subject: subset === '' ? host : `${host} subset ${subset}`,
        scope: { ...hostScope(host), ...(subset === '' ? {} : { subset }) },
        count: unhealthy.length,
        // Nobody was seen asking: it will fail, but it hurts nobody yet.
        severity: 'warning',
        message: `none of the ${counted(one.endpoints.length, 'endpoint')} of ${host}${subset === '' ? '' : ` subset ${subset}`} is healthy for ${some(unhealthy.map(({ proxy }) => podName(proxy)))}`,
        facts: { host, namespace: namespaceOfHost(host), cluster: one.name, client: clientOf(one.proxy) },
        evidence,
      };
    }
  },
});

/** `pod.namespace`, as istioctl takes it. */
const clientOf = (proxy: { readonly namespace: string; readonly pod: string } | undefined): string =>
  proxy === undefined || proxy.namespace === '' ? 'POD' : `${proxy.pod}.${proxy.namespace}`;
