import { within } from '../../input/location.ts';
import { addTo } from '../../model/groups.ts';
import { nameOf, text } from '../../model/hosts.ts';
import { rootNamespaceOf } from '../../model/peers.ts';
import { addressesOf } from '../../model/selectors.ts';
import {
  endpointsByService,
  hostScope,
  namespaceOfHost,
  ruleLookup,
  servicesByHost,
  settingOf,
  unhealthyByHost,
} from '../../model/services.ts';
import { destinationOf, failuresByDestination, ipOf, summaryOf } from '../../model/traffic.ts';
import type { AccessGroup, EnvoyCluster, EnvoyEndpoint, KubeObject, ProxyRef, Service } from '../../parse/facts.ts';
import { accessEvidence, counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule, type Evidence } from '../rule.ts';
import { clientOf } from './requests.ts';

/**
 * Outlier detection took endpoints out of a proxy's load balancing: `failed_outlier_check` in `/clusters`. Istio sets the panic
 * threshold to 0 with it, so a cluster whose endpoints are all ejected answers 503 UH until the ejection ends.
 */
export const ejectedEndpoints = defineRule({
  id: 'ejected-endpoints',
  title: 'Endpoints ejected by outlier detection',
  area: 'traffic',
  severity: 'error',
  why: 'After errors in a row `outlierDetection` takes endpoints out of the load balancing. When `maxEjectionPercent` lets it take all of them, every request ends in 503 with flag `UH`, though the pods may be healthy again, until `baseEjectionTime` is over.',
  fix: [
    {
      do: 'Lower `maxEjectionPercent` in {{rule}} so that some endpoints always stay, or set `minHealthPercent`',
      run: 'kubectl edit destinationrule {{ruleName}} -n {{ruleNamespace}}',
    },
    {
      do: 'Find out why {{host}} answered with errors or refused connections before',
      run: 'kubectl logs -n {{namespace}} {{pod}} --all-containers --since=1h',
    },
    {
      do: 'Verify that no endpoint is marked `FAILED` any more',
      run: 'istioctl proxy-config endpoints {{client}} --cluster {{cluster}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/reference/config/networking/destination-rule/#OutlierDetection',
    'https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier',
  ],
  source: 'envoy-formats 1.9 C03, C04; knowledge K6',
  explains: ['unhealthy-upstream', 'exhausted-retries', 'application-errors'],
  needs: [],
  anyOf: ['clusters', 'access'],
  uses: ['clusters', 'access', 'config', 'clusterConfigs', 'services', 'endpoints', 'platform', 'meshConfigs'],
  *check({
    clusters = [],
    access = [],
    config = [],
    clusterConfigs = [],
    services = [],
    endpoints = [],
    platform,
    meshConfigs,
  }) {
    const ruleOf = ruleLookup(config, rootNamespaceOf(meshConfigs, platform));
    const errors = errorsByHost(access);
    const byHost = servicesByHost(services);
    const slices = endpointsByService(endpoints);
    const configs = new Map(
      clusterConfigs.flatMap((one) =>
        one.outlierDetection === undefined ? [] : [[`${podName(one.proxy)} ${one.name}`, one] as const],
      ),
    );
    const reported = new Set<string>();
    for (const [host, ofHost] of unhealthyByHost(clusters)) {
      const touched = ofHost.filter(({ endpoints }) => endpoints.some(isEjected));
      const [worst] = [...touched].sort((a, b) => share(b) - share(a));
      if (worst === undefined) continue;
      reported.add(host);
      const all = touched.filter((cluster) => share(cluster) === 1);
      const proxies = distinctProxies(touched);
      const ejected = worst.endpoints.filter(isEjected);
      const before = errorsBefore(errors.get(host) ?? [], ejected, proxies);
      const rule = ruleOf(host, worst.proxy.namespace);
      const setting = rule && settingOf(rule, 'outlierDetection', worst.port, worst.subset);
      const configured = configs.get(`${podName(worst.proxy)} ${worst.name}`);
      const evidence = evidenceOf(
        accessEvidence(before, 'symptom', 'Errors like this made the proxy eject the endpoint.'),
        ejected.slice(0, 2).map(
          (endpoint): Evidence => ({
            ...endpoint.at,
            stage: 'endpoint',
            say: `The proxy ejected ${endpoint.address}${endpoint.rqError > 0 ? ` after ${endpoint.rqError} failed of ${counted(endpoint.rqTotal, 'request')}` : ''}.`,
            mark: ['failed_outlier_check'],
          }),
        ),
        policyEvidence(rule, setting),
        setting === undefined && configured !== undefined
          ? {
              ...within(configured.at, '/cluster/outlier_detection'),
              stage: 'cluster',
              say: 'The proxy was told to eject endpoints.',
            }
          : undefined,
      );
      if (evidence === undefined) continue;
      const percent = text(setting?.value['maxEjectionPercent']) ?? percentOf(configured?.outlierDetection);
      const { count: failed } = summaryOf(before);
      yield {
        subject: host,
        scope: { ...hostScope(host), ...(touched.some(({ subset }) => subset === '') ? {} : { subset: worst.subset }) },
        count: ejected.length,
        severity: all.length > 0 ? 'error' : share(worst) >= 0.5 ? 'warning' : 'info',
        message: `outlier detection ejected ${ejected.length === worst.endpoints.length ? (ejected.length === 1 ? 'the only endpoint' : `all ${ejected.length} endpoints`) : `${ejected.length} of ${counted(worst.endpoints.length, 'endpoint')}`} of ${host} for ${some(proxies.map(podName))}${failed > 0 ? ` after ${counted(failed, 'failed request')}` : ''}${rule === undefined || setting === undefined ? '' : `: ${nameOf(rule)} has maxEjectionPercent ${percent ?? '10 (default)'}`}`,
        facts: { ...factsOf(host, worst.name, worst.proxy, rule), pod: podOf(ejected[0], host) },
        confidence: 'certain',
        supports: [
          '`/clusters` shows the ejection itself.',
          ...(failed > 0 ? [`The log shows ${counted(failed, 'error')} of the same endpoints before.`] : []),
          ...readiness(byHost.get(host), slices),
        ],
        missing: failed > 0 ? [] : ['The errors that led to the ejection are older than the access log, or not in it.'],
        evidence,
      };
    }
    yield* inferred();

    /** Without `/clusters`: UH although endpoints are ready, outlier detection that may take all, and errors before. */
    function* inferred() {
      const seenClusters = new Set(clusters.map(({ proxy }) => podName(proxy)));
      for (const failures of failuresByDestination(access, services, ({ flags }) => flags.includes('UH'))) {
        const { host, port, subset, proxies, groups, first, last, ended, count } = failures;
        const service = byHost.get(host);
        if (reported.has(host) || service === undefined || proxies.some((proxy) => seenClusters.has(podName(proxy))))
          continue;
        const ready = [...addressesOf(service, slices.get(`${service.meta.namespace}/${service.meta.name}`) ?? [])];
        if (subset !== '' || !ready.some(([, isReady]) => isReady)) continue;
        const rule = ruleOf(host, proxies[0]?.namespace ?? '');
        const setting = rule && settingOf(rule, 'outlierDetection', port, subset);
        const percent = Number(setting?.value['maxEjectionPercent'] ?? 10);
        const before = errorsBefore(errors.get(host) ?? [], [], proxies).filter((group) => group.first <= last);
        if (rule === undefined || setting === undefined || before.length === 0) continue;
        if ((percent / 100) * ready.length < ready.length) continue;
        const evidence = evidenceOf(
          accessEvidence(before, 'symptom', 'An error of an endpoint, before none was left.'),
          accessEvidence(groups, 'client', 'No endpoint was left for this request.'),
          policyEvidence(rule, setting),
        );
        if (evidence === undefined) continue;
        reported.add(host);
        yield {
          subject: host,
          scope: hostScope(host),
          when: { first, last },
          count,
          ended,
          message: `outlier detection of ${nameOf(rule)} (maxEjectionPercent ${percent}) most likely ejected all endpoints of ${host}: they are ready, and answered with errors before 503 UH`,
          facts: { ...factsOf(host, groups[0]?.cluster ?? '', proxies[0], rule), pod: `deploy/${host.split('.')[0]}` },
          confidence: 'likely' as const,
          supports: [
            'Kubernetes has ready endpoints, the proxy has none.',
            'Errors of the same endpoints came before.',
          ],
          missing: ['`/clusters` of the calling proxy, which would show `failed_outlier_check`.'],
          evidence,
        };
      }
    }
  },
});

const isEjected = ({ flags }: EnvoyEndpoint): boolean => flags.includes('failed_outlier_check');
const share = ({ endpoints }: EnvoyCluster): number =>
  endpoints.filter(isEjected).length / Math.max(1, endpoints.length);

const distinctProxies = (clusters: readonly EnvoyCluster[]): readonly ProxyRef[] => [
  ...new Map(clusters.map(({ proxy }) => [podName(proxy), proxy])).values(),
];

/** Failures of endpoints that count for outlier detection, as callers logged them, by host. */
function errorsByHost(access: readonly AccessGroup[]): ReadonlyMap<string, readonly AccessGroup[]> {
  const errors = new Map<string, AccessGroup[]>();
  for (const group of access) {
    const counts = group.code >= 500 || group.flags.includes('UF') || group.flags.includes('UC');
    if (!counts || group.direction !== 'outbound' || group.upstreamHost === '') continue;
    const { host } = destinationOf(group, []);
    addTo(errors, host, group);
  }
  return errors;
}

/** Those of the given endpoints and proxies; of all endpoints where none is given. */
function errorsBefore(
  errors: readonly AccessGroup[],
  ejected: readonly EnvoyEndpoint[],
  proxies: readonly ProxyRef[],
): readonly AccessGroup[] {
  const addresses = new Set(ejected.map(({ address }) => address));
  const names = new Set(proxies.map(podName));
  return errors.filter(
    ({ proxy, upstreamHost }) => names.has(podName(proxy)) && (addresses.size === 0 || addresses.has(upstreamHost)),
  );
}

function policyEvidence(
  rule: KubeObject | undefined,
  setting: { readonly pointer: string; readonly value: Readonly<Record<string, unknown>> } | undefined,
): Evidence | undefined {
  if (rule === undefined || setting === undefined) return undefined;
  const { consecutive5xxErrors, consecutiveGatewayErrors, maxEjectionPercent, baseEjectionTime } = setting.value;
  const errors = text(consecutive5xxErrors) ?? text(consecutiveGatewayErrors) ?? '5 (default)';
  return {
    ...within(rule.at, setting.pointer),
    stage: 'policy',
    say: `It ejects an endpoint after ${errors} errors in a row for ${text(baseEjectionTime) ?? '30s (default)'}, up to ${text(maxEjectionPercent) ?? '10 (default)'} % of them.`,
  };
}

function percentOf(outlier: Readonly<Record<string, unknown>> | undefined): string | undefined {
  return text(outlier?.['max_ejection_percent'] ?? outlier?.['maxEjectionPercent']);
}

/** What Kubernetes says of the same endpoints. */
function readiness(service: Service | undefined, slices: ReturnType<typeof endpointsByService>): readonly string[] {
  if (service === undefined) return [];
  const own = slices.get(`${service.meta.namespace}/${service.meta.name}`) ?? [];
  const ready = [...addressesOf(service, own).values()].filter(Boolean).length;
  return ready === 0 ? [] : [`Kubernetes has ${counted(ready, 'ready endpoint')} of it: the pods are up.`];
}

const podOf = (endpoint: EnvoyEndpoint | undefined, host: string): string =>
  endpoint?.hostname !== undefined && endpoint.hostname !== '' && endpoint.hostname !== ipOf(endpoint.address)
    ? endpoint.hostname
    : `deploy/${host.split('.')[0]}`;

const factsOf = (host: string, cluster: string, client: ProxyRef | undefined, rule: KubeObject | undefined) => ({
  host,
  cluster,
  namespace: namespaceOfHost(host),
  client: clientOf(client),
  rule: rule === undefined ? `the DestinationRule of ${host}` : nameOf(rule),
  ...(rule === undefined ? {} : { ruleName: rule.meta.name, ruleNamespace: rule.meta.namespace }),
});
