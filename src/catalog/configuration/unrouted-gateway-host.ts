import { within } from '../../input/location.ts';
import { faultScope, gatewayProxies, routingOf } from '../../model/gateways.ts';
import { nameOf } from '../../model/hosts.ts';
import { evidenceOf, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { unroutedRequests } from './gateway-requests.ts';

/** A Gateway opens a port for a host to which no VirtualService is bound, or only one with routes of another protocol. */
export const unroutedGatewayHost = defineRule({
  id: 'unrouted-gateway-host',
  title: 'Gateway host without a VirtualService',
  area: 'gateway',
  severity: 'info',
  why: 'The gateway accepts requests for the host and has nowhere to send them: it answers each with 404 and flag `NR`.',
  fix: [
    {
      do: 'Bind a VirtualService with `http` routes for {{host}} to {{gateway}}',
      run: 'kubectl get virtualservices -A',
    },
    {
      do: 'Or take the host out of {{gateway}}',
      run: 'kubectl edit gateways.networking.istio.io {{gatewayName}} -n {{gatewayNamespace}}',
    },
    {
      do: 'Verify that the gateway has a route for the host',
      run: 'istioctl proxy-config routes deploy/{{workload}} -n {{workloadNamespace}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/reference/config/networking/gateway/',
    'https://istio.io/latest/docs/ops/common-problems/network-issues/#gateway-mismatch',
  ],
  source: 'knowledge F16, C-NET-09, D187',
  explains: ['missing-route', 'unroutable-gateway-port'],
  needs: ['config'],
  uses: ['services', 'proxies', 'access'],
  *check({ config, services = [], proxies = [], access }) {
    const selected = gatewayProxies(proxies);
    const requests = unroutedRequests(access);
    for (const fault of routingOf(config, services).unrouted) {
      const { object: gateway, servers, hosts, unfit } = fault;
      const pods = selected(gateway);
      const failed = requests(pods, hosts);
      const evidence = evidenceOf(
        failed.evidence,
        servers.slice(0, 3).map((server) => ({
          ...within(gateway.at, `${server.pointer}/hosts`),
          stage: 'config' as const,
          say: `The Gateway serves ${some(server.hosts.map(({ host }) => host))} on port ${server.port}.`,
        })),
        unfit.slice(0, 2).map((route) => ({
          ...within(route.at, '/spec'),
          stage: 'route' as const,
          say: 'This VirtualService has no `http` routes, and the Gateway ends TLS itself.',
        })),
      );
      if (evidence === undefined) continue;
      const [pod] = pods;
      yield {
        subject: nameOf(gateway),
        scope: faultScope(fault),
        ...(failed.when === undefined ? {} : { when: failed.when }),
        ...(failed.count === 0 ? {} : { count: failed.count }),
        message:
          unfit.length > 0
            ? `${nameOf(gateway)} ends TLS for ${some(hosts)}, but ${some(unfit.map(nameOf))} has no http routes`
            : `no VirtualService is bound to ${nameOf(gateway)} for ${some(hosts)}`,
        facts: {
          gateway: nameOf(gateway),
          gatewayName: gateway.meta.name,
          gatewayNamespace: gateway.meta.namespace,
          host: hosts[0] ?? '',
          ...(pod === undefined ? {} : { workload: pod.workload ?? pod.pod, workloadNamespace: pod.namespace }),
        },
        severity: failed.count > 0 || unfit.length > 0 ? 'warning' : 'info',
        confidence: failed.count > 0 ? 'certain' : 'likely',
        supports:
          failed.count > 0
            ? [`The gateway answered ${failed.count} requests for ${some(failed.hosts)} with 404 NR.`]
            : [],
        evidence,
      };
    }
  },
});
