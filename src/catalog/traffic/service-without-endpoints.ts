import { within } from '../../input/location.ts';
import { hostOfService } from '../../model/hosts.ts';
import { isListed } from '../../model/listings.ts';
import { addressesOf, isReady, matchesLabels, podsOfService, workloadOf } from '../../model/selectors.ts';
import { endpointsByService, hostScope, knowsLabels, outboundByHost, podsByNamespace } from '../../model/services.ts';
import { failuresByDestination } from '../../model/traffic.ts';
import type { EnvoyCluster, Pod, Service, Workload } from '../../parse/facts.ts';
import { counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule, type Evidence } from '../rule.ts';

/**
 * A service with a selector and no ready address. Why, in this order: no pod carries the labels, none of the pods is ready, the
 * pods are ready and the port is not theirs. Services scaled to zero that nobody calls are meant to be so.
 */
export const serviceWithoutEndpoints = defineRule({
  id: 'service-without-endpoints',
  title: 'Service without a ready endpoint',
  area: 'traffic',
  severity: 'warning',
  why: 'Kubernetes publishes only ready pods as endpoints. A service without any leaves its callers with 503 and flag `UH`.',
  fix: [
    {
      do: 'Look at the pods behind {{service}} and why they are missing or not ready',
      run: 'kubectl get pods -n {{namespace}} -l {{selector}} -o wide',
    },
    {
      do: 'Read what Kubernetes says about them',
      run: 'kubectl get events -n {{namespace}} --sort-by=.lastTimestamp',
    },
    {
      do: 'If pods run under other labels, correct the selector of {{service}}',
      run: 'kubectl get pods -n {{namespace}} --show-labels',
    },
    {
      do: 'Verify that the service has endpoints',
      run: 'kubectl get endpointslices -n {{namespace}} -l kubernetes.io/service-name={{name}}',
    },
  ],
  references: [
    'https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/#does-the-service-have-any-endpointslices',
    'https://istio.io/latest/docs/ops/common-problems/network-issues/',
  ],
  source: 'knowledge K6 EP-NONE; envoy-formats 1.9 C01',
  explains: ['unhealthy-upstream', 'exhausted-retries'],
  needs: ['services'],
  anyOf: ['endpoints', 'pods'],
  uses: ['endpoints', 'pods', 'workloads', 'clusters', 'access', 'platform', 'listings'],
  *check({ services, endpoints, pods, workloads, clusters = [], access = [], platform, listings }) {
    const slices = endpointsByService(endpoints ?? []);
    const podsIn = podsByNamespace(pods ?? []);
    const inProxies = outboundByHost(clusters);
    const asked = new Map(
      failuresByDestination(access, services, ({ flags, tcp, code }) => flags.includes('UH') && (tcp || code > 0)).map(
        (failures) => [failures.host, failures],
      ),
    );
    for (const service of services) {
      const { selector, meta } = service;
      if (service.type === 'ExternalName' || selector === undefined || Object.keys(selector).length === 0) continue;
      const own = slices.get(`${meta.namespace}/${meta.name}`) ?? [];
      const addresses = addressesOf(service, own);
      const behind = podsOfService(service, podsIn.get(meta.namespace) ?? []).filter(
        ({ phase }) => phase !== 'Succeeded' && phase !== 'Failed',
      );
      const ready = behind.filter(isReady);
      // Endpoints and pods are listed one after the other: a pod that is not ready is no endpoint, or will not be one for long.
      const down = new Set(behind.filter((pod) => !isReady(pod)).flatMap(({ ips }) => ips));
      if ([...addresses].some(([ip, isUp]) => isUp && !(asked.has(hostOfService(service)) && down.has(ip)))) continue;
      // Kubernetes keeps an object of endpoints for every selector: without it the list is not whole, and the pods decide.
      if (own.length === 0 && ready.length > 0) continue;
      const labelled = knowsLabels(listings, podsIn.get(meta.namespace) ?? [], meta.namespace);
      const listed = ['Endpoints', 'EndpointSlice'].some((kind) => isListed(listings, kind, meta.namespace));
      if (own.length === 0 && !labelled && !listed) continue;
      const host = hostOfService(service);
      const failures = asked.get(host);
      const owners = (workloads ?? []).filter(
        ({ meta: own, kind, template }) =>
          kind !== 'ReplicaSet' &&
          own.namespace === meta.namespace &&
          matchesLabels(selector, template.labels) &&
          kind !== 'Job' &&
          kind !== 'CronJob',
      );
      const idle = owners.length > 0 && owners.every(({ replicas }) => replicas.desired === 0);
      const system =
        meta.namespace === 'kube-system' ||
        meta.namespace === platform?.istioNamespace ||
        meta.namespace.startsWith('gatekeeper');
      const ofHost = inProxies.get(host) ?? [];
      // A proxy that has endpoints where Kubernetes has none reads another cluster, or another time.
      if (failures === undefined && ofHost.some(({ endpoints }) => endpoints.some(({ healthy }) => healthy))) continue;
      const reason = reasonOf(service, behind, ready, owners, labelled || behind.length > 0, addresses.size);
      const evidence = evidenceOf(
        failures && {
          file: failures.groups[0]?.file ?? '',
          line: failures.groups[0]?.samples.at(-1)?.line ?? 1,
          quote: failures.groups[0]?.samples.slice(-1).map(({ text }) => text) ?? [],
          stage: 'symptom',
          say: 'A caller found no endpoint.',
          mark: ['UH'],
        },
        emptyCluster(ofHost),
        reason.evidence,
        {
          ...within(service.at, '/spec/selector'),
          stage: 'config',
          say: `The service selects ${labelsOf(selector)}.`,
        },
      );
      if (evidence === undefined) continue;
      const quiet = failures === undefined && (idle || system);
      yield {
        subject: `Service ${meta.namespace}/${meta.name}`,
        scope: hostScope(host),
        ...(failures?.ended ? { ended: true } : {}),
        severity: quiet ? 'info' : 'warning',
        message: `Service ${meta.namespace}/${meta.name} has no ready endpoint: ${reason.say}`,
        facts: {
          host,
          service: `Service ${meta.namespace}/${meta.name}`,
          name: meta.name,
          namespace: meta.namespace,
          selector: labelsOf(selector),
        },
        confidence: own.length > 0 && labelled ? 'certain' : 'likely',
        supports: [
          ...(own.length === 0 ? [] : ['Its endpoints were listed, and none is ready.']),
          ...(ofHost.length > 0
            ? [`Its clusters have no healthy endpoint in ${some(ofHost.map(({ proxy }) => podName(proxy)))}.`]
            : []),
          ...(failures === undefined
            ? ['No request to it was seen to fail.']
            : [`${counted(failures.count, 'request')} to it failed with UH.`]),
        ],
        missing: !labelled && behind.length === 0 ? ['The pods of the namespace, which tell why.'] : [],
        evidence,
      };
    }
  },
});

const labelsOf = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

function emptyCluster(ofHost: readonly EnvoyCluster[]): Evidence | undefined {
  const empty = ofHost.find(({ endpoints, subset }) => endpoints.length === 0 && subset === '');
  return empty && { ...empty.at, stage: 'cluster', say: `The cluster has no endpoint in ${podName(empty.proxy)}.` };
}

interface Reason {
  readonly say: string;
  readonly evidence: Evidence | undefined;
}

function reasonOf(
  service: Service,
  behind: readonly Pod[],
  ready: readonly Pod[],
  owners: readonly Workload[],
  podsRead: boolean,
  addresses: number,
): Reason {
  const [owner] = owners;
  const name = owner && `${owner.kind} ${owner.meta.name}`;
  if (!podsRead)
    return {
      say:
        addresses === 0
          ? 'Kubernetes lists no address for it'
          : `none of its ${counted(addresses, 'address', 'addresses')} is ready`,
      evidence: undefined,
    };
  const [pod] = behind;
  if (pod === undefined) {
    if (owner === undefined) return { say: 'no pod carries the labels it selects', evidence: undefined };
    const desired = owner.replicas.desired;
    return {
      say: desired === 0 ? `${name} is scaled to 0` : `${name} wants ${counted(desired, 'pod')} and has none`,
      evidence: {
        ...within(owner.at, desired === 0 ? '/spec/replicas' : '/status'),
        stage: 'pod',
        say: desired === 0 ? 'It wants no pod.' : `It wants ${desired}, and none exists: see its conditions.`,
      },
    };
  }
  if (ready.length === 0) {
    const states = behind.map(stateOf);
    return {
      say: `${behind.length === 1 ? 'its only pod is not ready' : `none of its ${behind.length} pods is ready`} (${some([...new Set(states)])})`,
      evidence: {
        ...within(pod.at, '/status/conditions'),
        stage: 'pod',
        say: `${pod.meta.name} is not ready: ${stateOf(pod)}.`,
      },
    };
  }
  const missing = service.ports.filter(
    ({ targetPort }) =>
      typeof targetPort === 'string' &&
      !/^\d+$/.test(targetPort) &&
      !ready.some(({ containers }) => containers.some(({ ports }) => ports.some((port) => port.name === targetPort))),
  );
  return missing.length > 0
    ? {
        say: `its pods are ready but declare no port named ${some(missing.map(({ targetPort }) => String(targetPort)))}`,
        evidence: {
          ...(ready[0]?.at ?? pod.at),
          pointer: '/spec/containers',
          stage: 'pod',
          say: 'The containers declare other ports.',
        },
      }
    : {
        say: `${counted(ready.length, 'pod')} of ${workloadOf(ready[0] ?? pod)} ${ready.length === 1 ? 'is' : 'are'} ready, but not among its endpoints`,
        evidence: {
          ...(ready[0]?.at ?? pod.at),
          pointer: '/status/conditions',
          stage: 'pod',
          say: 'The pod is ready.',
        },
      };
}

/** Why a pod is not ready, in one word or two. */
function stateOf(pod: Pod): string {
  if (pod.meta.deleted !== undefined) return 'being deleted';
  const waiting = pod.containers.find(({ now }) => now.state === 'waiting' && now.reason !== 'PodInitializing');
  if (waiting?.now.reason !== undefined) return `${waiting.name}: ${waiting.now.reason}`;
  const ended = pod.containers.find(
    ({ now, init, nativeSidecar }) => now.state === 'terminated' && (!init || nativeSidecar || now.exitCode !== 0),
  );
  if (ended !== undefined) return `${ended.name}: ${ended.now.reason ?? 'terminated'}`;
  const unready = pod.containers.find(({ init, ready, nativeSidecar }) => !ready && (!init || nativeSidecar));
  return unready === undefined
    ? pod.phase
    : `${unready.name} not ready${unready.restarts > 0 ? `, ${counted(unready.restarts, 'restart')}` : ''}`;
}
