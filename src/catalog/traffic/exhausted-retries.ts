import { locator } from '../../model/locate.ts';
import { namespaceOfHost } from '../../model/services.ts';
import { failuresByDestination } from '../../model/traffic.ts';
import { accessEvidence, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { clientOf, failureScope, failureSeverity, ofAll, targetName } from './requests.ts';

/** Flags that tell why the last try failed; each has a problem of its own. */
const better = new Set(['UF', 'UC', 'UR', 'UT', 'UH', 'UO', 'NC', 'NR', 'LR', 'UPE', 'OM', 'UAEX', 'DF', 'SI']);

/** Requests whose retries were used up (flag URX) where no other flag says what went wrong: the answers were errors themselves. */
export const exhaustedRetries = defineRule({
  id: 'exhausted-retries',
  title: 'Retries used up',
  area: 'traffic',
  severity: 'error',
  why: 'Every try of the request failed until the limit of retries was reached. Retries hide short failures; where all of them fail they only add load.',
  fix: [
    {
      do: 'Look at what {{host}} answered',
      run: 'kubectl logs -n {{namespace}} deploy/{{name}} --all-containers --since=1h',
    },
    { do: 'Check that `retries` of the VirtualService fit: attempts, `retryOn`, `perTryTimeout`' },
  ],
  references: [
    'https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRetry',
    'https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#response-flags',
  ],
  source: 'Envoy response flag URX; knowledge D148',
  symptom: true,
  needs: ['access'],
  uses: ['services', 'pods', 'proxies'],
  *check({ access, services = [], pods, proxies }) {
    for (const failures of failuresByDestination(
      access,
      services,
      ({ flags }) => flags.includes('URX') && !flags.some((flag) => better.has(flag)),
      locator({ services, ...(pods && { pods }), ...(proxies && { proxies }) }),
    )) {
      const { groups, first, last, ended, host, count } = failures;
      const evidence = evidenceOf(accessEvidence(groups, 'symptom', 'The last try failed like those before.'));
      if (evidence === undefined) continue;
      const answered = groups.every(({ details }) => details === 'via_upstream');
      const codes = [...new Set(groups.map(({ code }) => String(code)))];
      yield {
        subject: targetName(failures),
        scope: failureScope(failures),
        when: { first, last },
        count,
        ended,
        // The application answered each try: its answer is the problem, not the mesh.
        severity: failureSeverity(failures, answered ? 'warning' : 'error'),
        message: `${ofAll(failures)} to ${targetName(failures)} used up ${groups.every(({ tcp }) => tcp) ? 'their connection attempts' : 'all retries'}${answered ? `, each answered with ${some(codes)} by the destination` : ''}, sent by ${some(failures.proxies.map(podName))}`,
        facts: {
          host,
          name: host.split('.')[0] ?? host,
          namespace: namespaceOfHost(host),
          client: clientOf(failures.proxies[0]),
        },
        evidence,
      };
    }
  },
});
