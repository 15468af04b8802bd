import { within } from '../../input/location.ts';
import { type RefusedRoute, refusedRoutes } from '../../model/gateway-routes.ts';
import { faultScope } from '../../model/gateways.ts';
import { addTo } from '../../model/groups.ts';
import { nameOf } from '../../model/hosts.ts';
import { isListed } from '../../model/listings.ts';
import { summaryOf } from '../../model/traffic.ts';
import type { AccessGroup } from '../../parse/facts.ts';
import { accessEvidence, counted, evidenceOf, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';

/**
 * A route of the Gateway API that does not take effect: istiod says so in its status (`Accepted` or `ResolvedRefs` is False), or
 * the Gateway it names does not exist, of which no status tells.
 */
export const refusedRoute = defineRule({
  id: 'refused-route',
  title: 'Gateway API route that does not take effect',
  area: 'gateway',
  severity: 'warning',
  why: 'A route that its Gateway does not accept is not built at all, so requests end in 404 with flag `NR`; one whose backend does not exist or may not be used answers every request with 500.',
  fix: [
    {
      do: 'Read the conditions in the status of {{route}}',
      run: 'kubectl get {{kind}} {{name}} -n {{namespace}} -o yaml',
    },
    {
      do: 'Correct `parentRefs`, `hostnames` or `backendRefs` of {{route}}, or allow it: `allowedRoutes` of the listener, a ReferenceGrant for what lies in another namespace',
      run: 'kubectl edit {{kind}} {{name}} -n {{namespace}}',
    },
    {
      do: 'Verify that both `Accepted` and `ResolvedRefs` are True',
      run: 'kubectl describe {{kind}} {{name}} -n {{namespace}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/',
    'https://gateway-api.sigs.k8s.io/reference/spec/#routeconditiontype',
  ],
  source: 'Gateway API route conditions; istio pilot/pkg/config/kube/gateway/conditions.go',
  explains: ['missing-route', 'missing-cluster', 'proxy-answered-errors', 'failed-upstream-connection'],
  needs: ['config'],
  uses: ['listings', 'access'],
  *check({ config, listings, access = [] }) {
    const failing = failuresByHost(access);
    for (const fault of refusedRoutes(config, (namespace) => isListed(listings, 'Gateway', namespace))) {
      const { object: route, pointer, reason, detail, parent, hosts, own } = fault;
      const failed = hosts.flatMap((host) => failing.get(host) ?? []);
      const evidence = evidenceOf(
        accessEvidence(failed, 'symptom', 'A proxy answered a request for its host itself.'),
        {
          ...within(route.at, pointer),
          stage: 'route',
          say: reason === 'NoParent' ? `There is no Gateway ${parent}.` : `The controller says: ${reason}.`,
          mark: [reason === 'NoParent' ? (parent.split('/')[1] ?? parent) : reason],
        },
      );
      if (evidence === undefined) continue;
      const { count } = summaryOf(failed);
      yield {
        subject: nameOf(route),
        scope: faultScope(fault),
        message: `${nameOf(route)}${own.length === 0 ? '' : ` for ${some(own)}`} ${saysOf(fault)}`,
        facts: {
          route: nameOf(route),
          kind: route.kind.toLowerCase(),
          name: route.meta.name,
          namespace: route.meta.namespace,
          reason,
        },
        confidence: reason !== 'NoParent' || count > 0 ? 'certain' : 'likely',
        supports: [
          ...(reason === 'NoParent' ? ['All Gateways of that namespace were read.'] : ['Its own status says so.']),
          ...(detail === '' ? [] : [`In the words of the controller: ${detail}`]),
          ...(count === 0
            ? []
            : [`Proxies answered ${counted(count, 'request')} for its hosts with an error themselves.`]),
        ],
        evidence,
      };
    }
  },
});

function saysOf({ reason, parent }: RefusedRoute): string {
  const gateway = parent === '' ? 'its parent' : `Gateway ${parent}`;
  switch (reason) {
    case 'NoParent':
      return `is bound to Gateway ${parent}, which does not exist`;
    case 'NoMatchingListenerHostname':
      return `has no host in common with ${gateway}, and so is not accepted`;
    case 'NoMatchingParent':
      return `names a listener that ${gateway} does not have, and so is not accepted`;
    case 'NotAllowedByListeners':
      return `is not allowed by the listeners of ${gateway}, and so is not accepted`;
    case 'BackendNotFound':
      return 'sends requests to a backend that does not exist';
    case 'RefNotPermitted':
      return 'sends requests to another namespace, which no ReferenceGrant permits';
    default:
      return `does not take effect at ${gateway} (${reason})`;
  }
}

/** What proxies answered themselves with 404 NR or 500, by requested host. */
function failuresByHost(access: readonly AccessGroup[]): ReadonlyMap<string, readonly AccessGroup[]> {
  const groups = new Map<string, AccessGroup[]>();
  for (const group of access) {
    if (!group.flags.includes('NR') && !(group.code === 500 && group.details === 'direct_response')) continue;
    const host = group.authority.replace(/:\d+$/, '').toLowerCase();
    addTo(groups, host, group);
  }
  return groups;
}
