import { within } from '../../input/location.ts';
import {
  faultScope,
  gatewayBindings,
  labelText,
  selectorOf,
  serversOf,
  unselectedGateways,
} from '../../model/gateways.ts';
import { nameOf } from '../../model/hosts.ts';
import { isListed } from '../../model/listings.ts';
import { matchesLabels } from '../../model/selectors.ts';
import { evidenceOf, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { unroutedRequests } from './gateway-requests.ts';

/** A Gateway whose selector matches no pod: no proxy ever gets its servers (IST0101). */
export const gatewayWithoutWorkload = defineRule({
  id: 'gateway-without-workload',
  title: 'Gateway that selects no pod',
  area: 'gateway',
  severity: 'warning',
  why: 'A Gateway configures the pods that its selector matches; where it matches none, its ports and hosts exist nowhere: connections are refused or answered with 404.',
  fix: [
    {
      do: 'See which labels the gateways’ pods carry; the AKS add-on’s carry `istio: aks-istio-ingressgateway-external` or `-internal`',
      run: 'kubectl get pods -A -l istio --show-labels',
    },
    {
      do: 'Correct the selector of {{gateway}}',
      run: 'kubectl edit gateways.networking.istio.io {{name}} -n {{namespace}}',
    },
    { do: 'Verify that nothing is reported any more', run: 'istioctl analyze -n {{namespace}}' },
  ],
  references: [
    'https://istio.io/latest/docs/reference/config/networking/gateway/#Gateway',
    'https://istio.io/latest/docs/reference/config/analysis/ist0101/',
    'https://learn.microsoft.com/en-us/troubleshoot/azure/azure-kubernetes/extensions/istio-add-on-ingress-gateway',
  ],
  source: 'IST0101; knowledge F16, ING2a, D188',
  explains: ['missing-route', 'idle-gateway', 'failed-upstream-connection'],
  needs: ['config', 'pods'],
  uses: ['proxies', 'workloads', 'access', 'listings', 'podRows'],
  *check({ config, pods, proxies = [], workloads = [], access, listings, podRows = [] }) {
    const gateways = proxies.filter(({ type }) => type === 'gateway');
    const labels = [
      ...pods.map(({ meta }) => meta.labels),
      ...proxies.map((proxy) => proxy.labels),
      ...podRows.flatMap((row) => (row.labels === undefined ? [] : [row.labels])),
    ];
    // Single pods that somebody described do not tell what the others carry.
    const whole = isListed(listings, 'Pod', '*');
    const labelled = gateways.length > 0 && gateways.every((proxy) => Object.keys(proxy.labels).length > 0);
    const bound = new Map<unknown, string[]>();
    for (const { gateway, route } of gatewayBindings(config))
      if (gateway !== undefined) bound.set(gateway, [...(bound.get(gateway) ?? []), nameOf(route)]);
    const carried = [...new Set(gateways.flatMap((proxy) => proxy.labels['istio'] ?? []))];
    const requests = unroutedRequests(access);
    for (const fault of unselectedGateways(config, labels)) {
      const { object: gateway, hosts } = fault;
      const selector = selectorOf(gateway);
      const asleep = workloads.find(
        (workload) =>
          workload.kind !== 'ReplicaSet' &&
          Object.keys(selector).length > 0 &&
          matchesLabels(selector, workload.template.labels),
      );
      const failed = requests(
        gateways,
        hosts.filter((host) => host !== '*'),
      );
      if (!whole && !(labelled && failed.count > 0)) continue;
      const routes = bound.get(gateway) ?? [];
      const evidence = evidenceOf(
        failed.evidence,
        {
          ...within(gateway.at, '/spec/selector'),
          stage: 'config',
          say: `No pod carries ${labelText(selector)}.`,
          mark: Object.values(selector),
        },
        gateways.slice(0, 2).map(({ kubePod, at, labels: own }) => ({
          ...(kubePod?.at ?? at),
          ...(kubePod === undefined ? {} : { pointer: '/metadata/labels' }),
          stage: 'pod' as const,
          say: `This gateway pod carries ${own['istio'] === undefined ? 'no label istio' : `istio=${own['istio']}`}.`,
        })),
        asleep && {
          ...within(asleep.at, '/spec/replicas'),
          stage: 'pod',
          say: `${asleep.kind} ${asleep.meta.name} would make such pods and has ${asleep.replicas.current}.`,
        },
      );
      if (evidence === undefined) continue;
      yield {
        subject: nameOf(gateway),
        scope: faultScope(fault),
        ...(failed.when === undefined ? {} : { when: failed.when }),
        ...(failed.count === 0 ? {} : { count: failed.count }),
        message: `${nameOf(gateway)} selects ${labelText(selector)}, which no pod carries${asleep === undefined ? (carried.length > 0 ? `; the gateways’ pods carry istio=${some(carried)}` : '') : `: ${asleep.kind} ${asleep.meta.namespace}/${asleep.meta.name} has no pod`}`,
        facts: {
          gateway: nameOf(gateway),
          name: gateway.meta.name,
          namespace: gateway.meta.namespace,
          selector: labelText(selector),
          host: hosts[0] ?? '',
          port: serversOf(gateway)[0]?.port ?? 0,
        },
        // With routes bound to it somebody expects traffic; without, it may be a leftover.
        severity: routes.length > 0 && gateways.length > 0 ? 'error' : 'warning',
        confidence: failed.count > 0 ? 'certain' : 'likely',
        supports: [
          whole ? 'The labels of all pods were read.' : 'The labels of the gateways that answered were read.',
          ...(routes.length > 0 ? [`${some(routes)} ${routes.length === 1 ? 'is' : 'are'} bound to it.`] : []),
          ...(failed.count > 0
            ? [`Gateways answered ${failed.count} requests for ${some(failed.hosts)} with 404 NR.`]
            : []),
        ],
        missing: gateways.length === 0 ? ['No gateway pod is in the archive: was its namespace left out?'] : [],
        evidence,
      };
    }
  },
});
