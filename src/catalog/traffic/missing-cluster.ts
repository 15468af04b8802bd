import { hostScope, hostsBehind, namespaceOfHost } from '../../model/services.ts';
import { failuresByDestination } from '../../model/traffic.ts';
import { accessEvidence, counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';

/** Envoy answers 503 with flag NC when a route names a cluster that does not exist in the proxy (details `cluster_not_found`). */
export const missingCluster = defineRule({
  id: 'missing-cluster',
  title: 'Route to a cluster that does not exist',
  area: 'traffic',
  severity: 'error',
  why: 'The route points to a cluster that this proxy never received, most often a subset that no DestinationRule defines or a host no service has; Envoy answers 503 with flag `NC`.',
  fix: [
    { do: 'Find the route and the destination it names', run: 'istioctl proxy-config routes {{client}} -o json' },
    { do: 'Compare with the clusters the proxy has', run: 'istioctl proxy-config clusters {{client}}' },
    { do: 'Define the subset or correct the destination of the VirtualService' },
  ],
  references: [
    'https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#response-flags',
  ],
  source: 'Envoy response flag NC',
  symptom: true,
  needs: ['access'],
  uses: ['services', 'config'],
  *check({ access, services = [], config = [] }) {
    for (const { host, count, first, last, proxies, groups, ended } of failuresByDestination(
      access,
      services,
      ({ flags }) => flags.includes('NC'),
    )) {
      const evidence = evidenceOf(
        accessEvidence(groups, 'symptom', 'The route named a cluster the proxy does not have.'),
      );
      if (evidence === undefined) continue;
      // At a gateway the caller names an outside host; what it is routed to is the destination that fails.
      const [behind, ...more] = hostsBehind(config, host);
      const target = behind !== undefined && more.length === 0 ? behind : host;
      yield {
        subject: host,
        scope: hostScope(target),
        when: { first, last },
        count,
        ended,
        message: `${counted(count, 'request')} to ${host} met a route to a cluster that does not exist (503 NC), sent by ${some(proxies.map(podName))}`,
        facts: {
          host,
          namespace: namespaceOfHost(host),
          client: proxies[0] === undefined ? 'POD' : `${proxies[0].pod}.${proxies[0].namespace}`,
        },
        evidence,
      };
    }
  },
});
