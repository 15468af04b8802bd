import { within } from '../../input/location.ts';
import { addTo } from '../../model/groups.ts';
import { specOf, strings } from '../../model/hosts.ts';
import { isListed } from '../../model/listings.ts';
import {
  completeByHost,
  hostScope,
  outboundByHost,
  routeDestinations,
  type Subset,
  subsetsOf,
} from '../../model/services.ts';
import type { EnvoyCluster } from '../../parse/facts.ts';
import { evidenceOf } from '../evidence.ts';
import { defineRule } from '../rule.ts';

/** A VirtualService routes to a subset that no DestinationRule of the host defines: the cluster is never built (IST0101). */
export const undefinedSubset = defineRule({
  id: 'undefined-subset',
  title: 'Route to a subset that no DestinationRule defines',
  area: 'traffic',
  severity: 'warning',
  why: 'Without the subset there is no cluster for it, so every request that the route sends there ends in 503 with flag `NC`.',
  fix: [
    {
      do: 'Correct the subset in {{route}}, or take it out of the route',
      run: 'kubectl edit virtualservice {{routeName}} -n {{routeNamespace}}',
    },
    {
      do: 'Or define subset {{subset}} for {{host}}, with labels that its pods carry',
      run: 'kubectl get pods -n {{namespace}} --show-labels',
    },
    { do: 'Verify that nothing is reported any more', run: 'istioctl analyze -n {{routeNamespace}}' },
  ],
  references: [
    'https://istio.io/latest/docs/reference/config/analysis/ist0101/',
    'https://istio.io/latest/docs/concepts/traffic-management/#destination-rules',
  ],
  source: 'IST0101; knowledge F08',
  explains: ['missing-cluster', 'exhausted-retries'],
  needs: ['config'],
  uses: ['clusters', 'listings'],
  *check({ config, clusters = [], listings }) {
    const subsets = subsetsOf(config);
    const defining = new Map<string, Subset[]>();
    for (const subset of subsets) {
      const key = `${subset.host}|${subset.name}`;
      addTo(defining, key, subset);
    }
    const wildcards = subsets.filter(({ host }) => host.startsWith('*'));
    const inProxies = outboundByHost(clusters);
    const complete = completeByHost(clusters);
    const byTarget = new Map<string, ReturnType<typeof routeDestinations>[number][]>();
    for (const destination of routeDestinations(config)) {
      const { host, subset, route, weight } = destination;
      // What gets no share of the requests fails none.
      if (weight === 0 || subset === '') continue;
      const rules = defining.get(`${host}|${subset}`);
      if (rules !== undefined && !areUnseen(rules, complete.get(host) ?? [])) continue;
      // A proxy has it: the DestinationRule exists, and only the archive lacks it.
      if (rules === undefined && inProxies.get(host)?.some((cluster) => cluster.subset === subset)) continue;
      if (wildcards.some((wide) => wide.name === subset && host.endsWith(wide.host.slice(1)))) continue;
      const key = `${route.meta.namespace}/${route.meta.name}|${host}|${subset}`;
      addTo(byTarget, key, destination);
    }
    for (const [first, ...others] of byTarget.values()) {
      if (first === undefined) continue;
      const { host, subset, route, pointer, weight } = first;
      const known = subsets.filter((subset) => subset.host === host);
      const [rule] = known;
      // DestinationRules that were not listed prove nothing.
      const namespaces = [route.meta.namespace, hostScope(host).namespace ?? route.meta.namespace];
      const listed = namespaces.every((namespace) => isListed(listings, 'DestinationRule', namespace));
      if (rule === undefined && !listed && !complete.has(host)) continue;
      const evidence = evidenceOf(
        {
          ...within(route.at, `${pointer}/subset`),
          stage: 'route',
          say: `The route names subset ${subset}.`,
          mark: [`subset: ${subset}`],
        },
        rule && {
          ...within(rule.rule.at, '/spec/subsets'),
          stage: 'config',
          say: `The DestinationRule in namespace ${rule.rule.meta.namespace} defines ${known.map(({ name }) => name).join(', ')}.`,
        },
      );
      if (evidence === undefined) continue;
      const [unseen] = known.filter(({ name }) => name === subset);
      const defines =
        unseen !== undefined
          ? `DestinationRule ${unseen.rule.meta.namespace}/${unseen.rule.meta.name}, which defines it, holds for clients of namespace ${unseen.rule.meta.namespace} only`
          : rule === undefined
            ? `no DestinationRule for ${host} has subsets`
            : `DestinationRule ${rule.rule.meta.namespace}/${rule.rule.meta.name} defines only ${known.map(({ name }) => name).join(', ')}`;
      yield {
        subject: `VirtualService ${route.meta.namespace}/${route.meta.name}`,
        scope: hostScope(host),
        message: `VirtualService ${route.meta.namespace}/${route.meta.name} sends ${weight === undefined ? 'traffic' : `${weight} % of the traffic`} to subset ${subset} of ${host}, but ${defines}`,
        facts: {
          host,
          subset,
          route: `VirtualService ${route.meta.namespace}/${route.meta.name}`,
          routeName: route.meta.name,
          routeNamespace: route.meta.namespace,
          namespace: hostScope(host).namespace ?? route.meta.namespace,
        },
        confidence: listed || complete.has(host) ? 'certain' : 'likely',
        supports: [
          'Route and DestinationRules were both read.',
          ...(complete.has(host)
            ? [
                unseen === undefined
                  ? 'The proxies have clusters for the host, and none for the subset.'
                  : 'Proxies of other namespaces have clusters for the host, and none for the subset.',
              ]
            : []),
          ...(others.length > 0 ? [`${others.length} more routes of the same object name it.`] : []),
        ],
        evidence,
      };
    }
  },
});

/**
 * Whether rules for a subset hold in their own namespaces only: they are neither in the namespace of the service nor exported to
 * all, and no proxy elsewhere has the subset, though it has the service (istio `destinationRule` lookup: namespace of the client,
 * of the service, root namespace).
 */
function areUnseen(rules: readonly Subset[], ofHost: readonly EnvoyCluster[]): boolean {
  const confined = rules.every(({ rule, host }) => {
    const exportTo = strings(specOf(rule)['exportTo']);
    const shared = exportTo.length === 0 || exportTo.includes('*');
    return !shared || rule.meta.namespace !== hostScope(host).namespace;
  });
  const elsewhere = ofHost.filter(({ proxy }) => !rules.some(({ rule }) => rule.meta.namespace === proxy.namespace));
  return confined && elsewhere.length > 0 && !elsewhere.some(({ subset }) => subset === rules[0]?.name);
}
