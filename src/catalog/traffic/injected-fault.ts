import { within } from '../../input/location.ts';
import { coversHost, list, nameOf, ofKind, record, resolveHost, specOf, strings, text } from '../../model/hosts.ts';
import { locator } from '../../model/locate.ts';
import { namespaceOfHost } from '../../model/services.ts';
import { failuresByDestination } from '../../model/traffic.ts';
import type { KubeObject } from '../../parse/facts.ts';
import { accessEvidence, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { clientOf, failureScope, failureSeverity, ofAll, targetName } from './requests.ts';

/** Requests that a VirtualService's `fault.abort` failed on purpose (flag FI): a test that was forgotten, or still runs. */
export const injectedFault = defineRule({
  id: 'injected-fault',
  title: 'Requests failed on purpose by fault injection',
  area: 'traffic',
  severity: 'error',
  why: 'A VirtualService injects faults: the calling proxy answers with the configured error itself and the request never reaches the service.',
  fix: [
    {
      do: 'If the test is over, remove `fault` from {{route}}',
      run: 'kubectl edit virtualservice {{routeName}} -n {{routeNamespace}}',
    },
    {
      do: 'Verify that no proxy injects faults any more',
      run: 'istioctl proxy-config routes {{client}} -o json | grep -i abort',
    },
  ],
  references: ['https://istio.io/latest/docs/tasks/traffic-management/fault-injection/'],
  source: 'Envoy response flag FI; fault_filter_abort',
  explains: ['exhausted-retries', 'application-errors'],
  needs: ['access'],
  uses: ['config', 'services', 'pods', 'proxies'],
  *check({ access, config = [], services = [], pods, proxies }) {
    for (const failures of failuresByDestination(
      access,
      services,
      ({ flags, details }) => flags.includes('FI') || details === 'fault_filter_abort',
      locator({ services, ...(pods && { pods }), ...(proxies && { proxies }) }),
    )) {
      const { host, groups, first, last, count, ended, proxies: seenBy } = failures;
      const fault = faultFor(config, host);
      const evidence = evidenceOf(
        accessEvidence(groups, 'symptom', 'The proxy answered with the injected error.'),
        fault && { ...within(fault.route.at, fault.pointer), stage: 'route', say: 'The route injects the fault.' },
      );
      if (evidence === undefined) continue;
      yield {
        subject: fault === undefined ? targetName(failures) : nameOf(fault.route),
        scope: failureScope(failures),
        when: { first, last },
        count,
        ended,
        severity: failureSeverity(failures),
        message: `${fault === undefined ? 'fault injection' : nameOf(fault.route)} fails ${ofAll(failures)} to ${targetName(failures)} on purpose (${some([...new Set(groups.map(({ code }) => `${code} FI`))])}), in ${some(seenBy.map(podName))}`,
        facts: {
          host,
          namespace: namespaceOfHost(host),
          client: clientOf(seenBy[0]),
          route: fault === undefined ? `the VirtualService of ${host}` : nameOf(fault.route),
          ...(fault === undefined
            ? {}
            : { routeName: fault.route.meta.name, routeNamespace: fault.route.meta.namespace }),
        },
        confidence: fault === undefined ? 'likely' : 'certain',
        evidence,
      };
    }
  },
});

/** The route that injects aborts for a host. */
function faultFor(
  config: readonly KubeObject[],
  host: string,
): { readonly route: KubeObject; readonly pointer: string } | undefined {
  for (const route of ofKind(config, 'VirtualService')) {
    const full = (name: string) => resolveHost(name, route.meta.namespace);
    const serves = strings(specOf(route)['hosts']).some((name) => coversHost(full(name), host));
    for (const [index, entry] of list(specOf(route)['http']).entries()) {
      const { fault, route: targets } = record(entry);
      if (record(fault)['abort'] === undefined) continue;
      const leads = list(targets).some((one) => full(text(record(record(one)['destination'])['host']) ?? '') === host);
      if (serves || leads) return { route, pointer: `/spec/http/${index}/fault` };
    }
  }
  return undefined;
}
