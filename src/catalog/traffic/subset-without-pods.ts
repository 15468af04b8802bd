import { within } from '../../input/location.ts';
import { isReady, matchesLabels, podsOfService } from '../../model/selectors.ts';
import {
  hostScope,
  knowsLabels,
  outboundByHost,
  podsByNamespace,
  routeDestinations,
  servicesByHost,
  subsetsOf,
} from '../../model/services.ts';
import { counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule, type Evidence } from '../rule.ts';

/**
 * A subset whose labels no pod of the service carries: its cluster exists and has no endpoint (IST0173). Pods and labels prove
 * it; without them the proxies do: the subset's cluster is empty while the service's own cluster has endpoints.
 */
export const subsetWithoutPods = defineRule({
  id: 'subset-without-pods',
  title: 'Subset without a ready pod',
  area: 'traffic',
  severity: 'warning',
  why: 'The subset exists as a cluster without endpoints, so every request routed to it ends in 503 with flag `UH`, while the service itself looks fine.',
  fix: [
    { do: 'See which labels the pods of {{host}} carry', run: 'kubectl get pods -n {{namespace}} --show-labels' },
    {
      do: 'Correct the labels of subset {{subset}} in DestinationRule {{rule}}, or deploy pods that carry them',
      run: 'kubectl edit destinationrule {{ruleName}} -n {{ruleNamespace}}',
    },
    { do: 'Until then send no traffic to the subset', run: 'kubectl get virtualservices -A -o yaml' },
    {
      do: 'Verify that the subset has endpoints',
      run: 'istioctl proxy-config endpoints {{client}} --cluster {{cluster}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/reference/config/analysis/ist0173/',
    'https://istio.io/latest/docs/reference/config/networking/destination-rule/#Subset',
  ],
  source: 'IST0173; knowledge F08',
  explains: ['unhealthy-upstream', 'exhausted-retries'],
  needs: ['config'],
  uses: ['services', 'pods', 'clusters', 'listings'],
  *check({ config, services = [], pods, clusters = [], listings }) {
    const byHost = servicesByHost(services);
    const outbound = outboundByHost(clusters);
    const podsIn = podsByNamespace(pods ?? []);
    const routed = new Map(
      routeDestinations(config).map((destination) => [`${destination.host}|${destination.subset}`, destination]),
    );
    for (const { rule, host, name, labels, index } of subsetsOf(config)) {
      const service = byHost.get(host);
      const label = Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(',');
      if (label === '') continue;
      const ofHost = outbound.get(host) ?? [];
      const ofSubset = ofHost.filter(({ subset }) => subset === name);
      const empty = ofSubset.filter(({ endpoints }) => endpoints.length === 0);
      const proof: Evidence[] = [];
      let why = `which no pod of ${host} carries`;
      const ofNamespace = podsIn.get(service?.meta.namespace ?? '') ?? [];
      if (service?.selector !== undefined && knowsLabels(listings, ofNamespace, service.meta.namespace)) {
        const ofService = podsOfService(service, ofNamespace);
        const selected = ofService.filter(({ meta }) => matchesLabels(labels, meta.labels));
        if (selected.some(isReady)) continue;
        // A service without any ready pod is another problem, and says more.
        const one = ofService.find(isReady);
        if (one === undefined) continue;
        const [unready] = selected;
        if (unready === undefined) {
          proof.push({
            ...within(one.at, '/metadata/labels'),
            stage: 'pod',
            say: `The pods of ${service.meta.name} carry other values, e.g. ${named(one.meta.labels, labels)}.`,
          });
        } else {
          why = `whose ${counted(selected.length, 'pod')} ${selected.length === 1 ? 'is' : 'are'} not ready`;
          proof.push({ ...within(unready.at, '/status/conditions'), stage: 'pod', say: 'The pod is not ready.' });
        }
      } else if (
        empty.length === 0 ||
        empty.length < ofSubset.length ||
        !ofHost.some(({ subset, endpoints }) => subset === '' && endpoints.length > 0)
      )
        continue;

      const [cluster] = empty;
      const route = routed.get(`${host}|${name}`);
      const evidence = evidenceOf(
        route && {
          ...within(route.route.at, `${route.pointer}/subset`),
          stage: 'route',
          say: `The route sends ${route.weight === undefined ? 'requests' : `${route.weight} % of the requests`} there.`,
        },
        cluster && {
          ...cluster.at,
          stage: 'cluster',
          say: `The subset's cluster has no endpoint in ${counted(empty.length, 'proxy', 'proxies')}.`,
        },
        proof,
        {
          ...within(rule.at, `/spec/subsets/${index}/labels`),
          stage: 'config',
          say: `The subset asks for ${label}.`,
          mark: Object.values(labels),
        },
      );
      if (evidence === undefined) continue;
      yield {
        subject: `DestinationRule ${rule.meta.namespace}/${rule.meta.name}`,
        scope: { ...hostScope(host), subset: name },
        message: `subset ${name} of DestinationRule ${rule.meta.namespace}/${rule.meta.name} selects ${label}, ${why}`,
        facts: {
          host,
          subset: name,
          rule: `${rule.meta.namespace}/${rule.meta.name}`,
          ruleName: rule.meta.name,
          ruleNamespace: rule.meta.namespace,
          namespace: hostScope(host).namespace ?? rule.meta.namespace,
          ...(cluster === undefined
            ? {}
            : { client: `${cluster.proxy.pod}.${cluster.proxy.namespace}`, cluster: cluster.name }),
        },
        // A subset that no route uses harms nobody yet.
        severity: route === undefined ? 'info' : 'warning',
        confidence: proof.length > 0 && empty.length > 0 ? 'certain' : 'likely',
        supports: [
          ...(proof.length > 0 ? ['Labels of the subset and of the pods were both read.'] : []),
          ...(empty.length > 0 ? [`Its cluster is empty in ${some(empty.map(({ proxy }) => podName(proxy)))}.`] : []),
        ],
        evidence,
      };
    }
  },
});

/** The values pods have for the labels a subset asks for. */
const named = (labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): string =>
  Object.keys(wanted)
    .map((key) => `${key}=${labels[key] ?? '(none)'}`)
    .join(', ');
