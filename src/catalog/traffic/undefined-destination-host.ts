import { within } from '../../input/location.ts';
import { addTo } from '../../model/groups.ts';
import { coversHost, hostOfAuthority, nameOf, serviceOfHost } from '../../model/hosts.ts';
import { isListed } from '../../model/listings.ts';
import {
  hostScope,
  knownHosts,
  outboundByHost,
  type RouteDestination,
  routeDestinations,
} from '../../model/services.ts';
import { counted, evidenceOf, podName } from '../evidence.ts';
import { defineRule } from '../rule.ts';

/** A VirtualService routes to a host that is neither a service nor in a ServiceEntry: there is no cluster for it (IST0101). */
export const undefinedDestinationHost = defineRule({
  id: 'undefined-destination-host',
  title: 'Route to a host that does not exist',
  area: 'traffic',
  severity: 'warning',
  why: 'The mesh knows no service of that name, so there is no cluster to send to and every request of the route ends in an error (503 with flag `NC`). A name without dots belongs to the namespace of the VirtualService; a name with dots is taken as it stands.',
  fix: [
    {
      do: 'Correct `destination.host` in {{route}}; write it in full: `service.namespace.svc.cluster.local`',
      run: 'kubectl edit virtualservice {{routeName}} -n {{routeNamespace}}',
    },
    { do: 'Or create the service or ServiceEntry {{host}}', run: 'kubectl get services,serviceentries -A' },
    { do: 'Verify that nothing is reported any more', run: 'istioctl analyze -n {{routeNamespace}}' },
  ],
  references: [
    'https://istio.io/latest/docs/reference/config/analysis/ist0101/',
    'https://istio.io/latest/docs/reference/config/networking/virtual-service/#Destination',
  ],
  source: 'IST0101; Envoy response flag NC',
  explains: ['missing-cluster', 'exhausted-retries', 'unhealthy-upstream'],
  needs: ['config', 'services'],
  uses: ['listings', 'clusters'],
  *check({ config, services, listings, clusters = [] }) {
    const hosts = knownHosts(services, config);
    const wide = [...hosts].filter((host) => host.startsWith('*'));
    const inProxies = outboundByHost(clusters);
    // A table of endpoints lists no cluster that has none.
    const held = clusters.filter(({ summary }) => summary !== true);
    const byTarget = new Map<string, RouteDestination[]>();
    for (const destination of routeDestinations(config)) {
      const { host, route, weight } = destination;
      // What gets no share of the requests fails none.
      if (weight === 0) continue;
      if (host === '' || hosts.has(host) || inProxies.has(host) || wide.some((one) => coversHost(one, host))) continue;
      // Services of other clusters are no objects of this one.
      if (host.endsWith('.clusterset.local')) continue;
      const namespace = serviceOfHost(host)?.namespace;
      const looked =
        namespace === undefined
          ? isListed(listings, 'Service', '*') && isListed(listings, 'ServiceEntry', '*')
          : isListed(listings, 'Service', namespace);
      if (!looked) continue;
      const key = `${nameOf(route)}|${host}`;
      addTo(byTarget, key, destination);
    }
    for (const [first, ...others] of byTarget.values()) {
      if (first === undefined) continue;
      const { route, host, pointer, weight } = first;
      const meant = hostOfAuthority(host, route.meta.namespace, services);
      const hint = meant !== host && hosts.has(meant) ? `; the service is ${meant}` : '';
      const evidence = evidenceOf({
        ...within(route.at, `${pointer}/host`),
        stage: 'route',
        say: 'The route names the host.',
        mark: [host.split('.')[0] ?? host],
      });
      if (evidence === undefined) continue;
      yield {
        subject: nameOf(route),
        scope: hostScope(host),
        message: `${nameOf(route)} sends ${weight === undefined ? 'traffic' : `${weight} % of the traffic`} to ${host}, which is neither a service nor in a ServiceEntry${hint}`,
        facts: {
          host,
          route: nameOf(route),
          routeName: route.meta.name,
          routeNamespace: route.meta.namespace,
        },
        confidence: held.length > 0 ? 'certain' : 'likely',
        supports: [
          'Services and ServiceEntries were both read.',
          ...(held.length > 0
            ? [`No proxy has a cluster for it, e.g. ${podName(held[0]?.proxy ?? { namespace: '', pod: '' })}.`]
            : []),
          ...(others.length > 0
            ? [
                `${counted(others.length, 'more route')} of the same object ${others.length === 1 ? 'names' : 'name'} it.`,
              ]
            : []),
        ],
        evidence,
      };
    }
  },
});
