import { spoken } from '../../model/durations.ts';
import { locator } from '../../model/locate.ts';
import { namespaceOfHost } from '../../model/services.ts';
import { failuresByDestination } from '../../model/traffic.ts';
import { accessEvidence, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { isAbandoned, isUnconnected } from './connect-failure.ts';
import { clientOf, failureScope, isMostly, ofAll, targetName } from './requests.ts';

/**
 * Most callers of a destination leave before it answers (flag DC, code 0): it is slower than they wait. Where not even a
 * connection came about it is `failed-upstream-connection`.
 */
export const abandonedRequests = defineRule({
  id: 'abandoned-requests',
  title: 'Callers that give up before the answer',
  area: 'traffic',
  severity: 'warning',
  why: 'The proxy reached the destination, but no answer came in the time the callers wait, so they closed the connection. To them it is a timeout, though no proxy reports an error.',
  fix: [
    {
      do: 'Find out what {{host}} waits for',
      run: 'kubectl logs -n {{namespace}} deploy/{{name}} --all-containers --since=1h',
    },
    { do: 'If the time is well spent, let the callers wait longer' },
    {
      do: 'Verify that requests are answered',
      run: 'kubectl logs {{pod}} -n {{podNamespace}} -c istio-proxy --since=5m | grep downstream_remote_disconnect',
    },
  ],
  references: [
    'https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#response-flags',
  ],
  source: 'Envoy response flag DC without a response code',
  symptom: true,
  needs: ['access'],
  uses: ['services', 'pods', 'proxies'],
  *check({ access, services = [], pods, proxies }) {
    const locate = locator({ services, ...(pods && { pods }), ...(proxies && { proxies }) });
    for (const failures of failuresByDestination(
      access,
      services,
      (group) => isAbandoned(group) && !isUnconnected(group),
      locate,
    )) {
      const { host, groups, first, last, count, ended, proxies: seenBy } = failures;
      // Some callers are always in a hurry.
      if (count < 5 || !isMostly(failures, access, locate)) continue;
      const evidence = evidenceOf(
        accessEvidence(groups, 'symptom', 'The caller left before an answer came.', ['0 DC']),
      );
      if (evidence === undefined) continue;
      const waited = groups.reduce((sum, { duration }) => sum + duration.sum, 0) / count;
      const [client] = seenBy;
      yield {
        subject: targetName(failures),
        scope: failureScope(failures),
        when: { first, last },
        count,
        ended,
        message: `${ofAll(failures)} to ${targetName(failures)} got no answer before the callers gave up, after ${spoken(waited)} on average (code 0, DC), seen by ${some(seenBy.map(podName))}`,
        facts: {
          host,
          name: host.split('.')[0] ?? host,
          namespace: namespaceOfHost(host),
          client: clientOf(client),
          pod: client?.pod ?? 'POD',
          podNamespace: client?.namespace ?? 'NAMESPACE',
        },
        evidence,
      };
    }
  },
});
