import { within } from '../../input/location.ts';
import { faultScope, gatewayProxies, type HostMismatch, routingOf, serversOf } from '../../model/gateways.ts';
import { nameOf } from '../../model/hosts.ts';
import { evidenceOf, some } from '../evidence.ts';
import { defineRule, type Evidence } from '../rule.ts';
import { unroutedRequests } from './gateway-requests.ts';

/**
 * A VirtualService is bound to a Gateway that does not serve its hosts, or to one that does not exist: istiod builds no route
 * from it, and says nothing (IST0132, IST0101).
 */
export const gatewayHostMismatch = defineRule({
  id: 'gateway-host-mismatch',
  title: 'VirtualService for hosts that its Gateway does not serve',
  area: 'gateway',
  severity: 'warning',
  why: 'A route is built only for hosts that both the Gateway and the VirtualService name; for all others the gateway answers 404 with flag `NR`.',
  fix: [
    {
      do: 'Write the same host in {{route}} and in {{gateway}}',
      run: 'kubectl edit virtualservice {{routeName}} -n {{routeNamespace}}',
    },
    {
      do: 'Or add the host to the servers of {{gateway}}',
      run: 'kubectl edit gateways.networking.istio.io {{gatewayName}} -n {{gatewayNamespace}}',
    },
    {
      do: 'Verify that nothing is reported any more',
      run: 'istioctl analyze -n {{routeNamespace}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/reference/config/analysis/ist0132/',
    'https://istio.io/latest/docs/reference/config/networking/gateway/#Server',
    'https://learn.microsoft.com/en-us/troubleshoot/azure/azure-kubernetes/extensions/istio-add-on-ingress-gateway',
  ],
  source: 'IST0132; knowledge F16, ING2c',
  explains: ['missing-route', 'unroutable-gateway-port'],
  needs: ['config'],
  uses: ['services', 'proxies', 'access', 'analysis'],
  *check({ config, services = [], proxies = [], access, analysis = [] }) {
    const selected = gatewayProxies(proxies);
    const requests = unroutedRequests(access);
    for (const mismatch of routingOf(config, services).mismatches) {
      const { object: route, unserved, bindings, waiting } = mismatch;
      const gateways = bindings.flatMap(({ gateway }) => gateway ?? []);
      const [gateway] = gateways;
      const failed = requests(gateways.flatMap(selected), mismatch.hosts);
      const reported = analysis.find(
        ({ code, namespace, name }) =>
          code === 'IST0132' && namespace === route.meta.namespace && name === route.meta.name,
      );
      const hosts = unserved.map(({ name }) => name);
      const names = bindings.map(({ name }) => name);
      const absent = bindings.filter((binding) => binding.gateway === undefined);
      const evidence = evidenceOf(
        failed.evidence,
        placesOf(mismatch),
        reported && { ...reported.at, stage: 'config', say: 'istioctl analyze found it as well.' },
      );
      if (evidence === undefined) continue;
      const served = [...new Set(gateways.flatMap((each) => serversOf(each).flatMap((server) => server.hosts)))];
      yield {
        subject: nameOf(route),
        scope: faultScope(mismatch),
        ...(failed.when === undefined ? {} : { when: failed.when }),
        ...(failed.count === 0 ? {} : { count: failed.count }),
        message:
          gateway === undefined
            ? `${nameOf(route)} routes ${some(hosts)} at Gateway ${some(names)}, which does not exist`
            : `${nameOf(route)} is bound to Gateway ${some(names)} for ${some(hosts)}, but ${absent.length > 0 ? `Gateway ${some(absent.map(({ name }) => name))} does not exist and the other serves` : 'the Gateway serves'} ${some(served.map(({ host }) => host))}`,
        facts: {
          route: nameOf(route),
          routeName: route.meta.name,
          routeNamespace: route.meta.namespace,
          gateway: `Gateway ${names[0] ?? ''}`,
          gatewayName: (names[0] ?? '').split('/')[1] ?? '',
          gatewayNamespace: (names[0] ?? '').split('/')[0] ?? '',
          host: hosts[0] ?? '',
        },
        confidence: failed.count > 0 ? 'certain' : 'likely',
        supports: [
          ...(failed.count > 0
            ? [`The gateway answered ${failed.count} requests for ${some(failed.hosts)} with 404 NR.`]
            : []),
          ...(reported === undefined ? [] : ['istioctl analyze reports IST0132 for it.']),
          ...(waiting.length > 0 ? [`No VirtualService routes ${some(waiting)} of the Gateway.`] : []),
        ],
        missing: access === undefined ? ['The gateway’s access log would show requests answered with 404 NR.'] : [],
        evidence,
      };
    }
  },
});

function placesOf({ object: route, unserved, bindings }: HostMismatch): readonly Evidence[] {
  const places: Evidence[] = unserved.slice(0, 3).map(({ name, pointer }) => ({
    ...within(route.at, pointer),
    stage: 'route',
    say: `The VirtualService asks for ${name}.`,
    mark: [name],
  }));
  for (const { gateway, name, pointer } of bindings.slice(0, 3)) {
    if (gateway === undefined) {
      places.push({ ...within(route.at, pointer), stage: 'route', say: `There is no Gateway ${name}.`, mark: [name] });
      continue;
    }
    for (const server of serversOf(gateway).slice(0, 2))
      places.push({
        ...within(gateway.at, `${server.pointer}/hosts`),
        stage: 'config',
        say: `The Gateway serves ${some(server.hosts.map(({ host }) => host))} on port ${server.port}.`,
      });
  }
  return places;
}
