import { hostsBehind, namespaceOfHost } from '../../model/services.ts';
import { destinationOf, failuresByDestination, type Locate } from '../../model/traffic.ts';
import { accessEvidence, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { clientOf, failureScope, failureSeverity, ofAll } from './requests.ts';

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
  explains: ['exhausted-retries', 'application-errors'],
  needs: ['access'],
  uses: ['services', 'config'],
  *check({ access, services = [], config = [] }) {
    // At a gateway the caller names an outside host; what it is routed to is the destination that fails.
    const behind = new Map<string, string>();
    const locate: Locate = (group) => {
      const to = destinationOf(group, services);
      let host = behind.get(to.host);
      if (host === undefined) {
        const [one, ...more] = hostsBehind(config, to.host);
        host = one !== undefined && more.length === 0 ? one : to.host;
        behind.set(to.host, host);
      }
      return { host, port: undefined, subset: to.subset };
    };
    for (const failures of failuresByDestination(
      access,
      services,
      ({ flags, details }) => flags.includes('NC') || details === 'cluster_not_found',
      locate,
    )) {
      const { host, first, last, proxies, groups, ended, count } = failures;
      const evidence = evidenceOf(
        accessEvidence(groups, 'symptom', 'The route named a cluster the proxy does not have.'),
      );
      if (evidence === undefined) continue;
      const asked = [...new Set(groups.map(({ authority }) => authority).filter((name) => name !== ''))];
      const other = asked.filter((name) => !host.startsWith(name.replace(/:\d+$/, '')));
      yield {
        subject: host,
        scope: failureScope(failures),
        when: { first, last },
        count,
        ended,
        severity: failureSeverity(failures),
        message: `${ofAll(failures)} to ${host} met a route to a cluster that does not exist (503 NC)${other.length === 0 ? '' : `, asked for as ${some(asked)}`}, sent by ${some(proxies.map(podName))}`,
        facts: { host, namespace: namespaceOfHost(host), client: clientOf(proxies[0]) },
        evidence,
      };
    }
  },
});
