import { within } from '../../input/location.ts';
import { addTo } from '../../model/groups.ts';
import { hostOfService, nameOf } from '../../model/hosts.ts';
import { inboundPort } from '../../model/locate.ts';
import { targetsOf } from '../../model/peers.ts';
import { hasProxy, isGateway, isReady, podsOfService, workloadOf } from '../../model/selectors.ts';
import { hostScope, podsByNamespace } from '../../model/services.ts';
import { summaryOf } from '../../model/traffic.ts';
import type { AccessGroup, EnvoyCluster, Pod, Service, Socket } from '../../parse/facts.ts';
import { accessEvidence, counted, evidenceOf, some } from '../evidence.ts';
import { defineRule, type Evidence, type Occurrence } from '../rule.ts';
import { refusedByPeer } from './connect-failure.ts';

/**
 * A service port that leads to a container port on which nothing listens. Three things prove it: the sidecar of the pod is
 * refused by its own pod, the pod's sockets lack the port, the containers declare other ports.
 */
export const wrongTargetPort = defineRule({
  id: 'wrong-target-port',
  title: 'Service targetPort on which nothing listens',
  area: 'traffic',
  severity: 'error',
  why: 'The service sends its callers to a port of the pod where no process listens. The sidecar of the pod is refused by the application and answers 503 with flag `UF`, while the pod is Ready because its probe asks another port.',
  fix: [
    {
      do: 'Set `targetPort` of port {{port}} in Service {{service}} to the port the application listens on ({{listening}})',
      run: 'kubectl edit service {{serviceName}} -n {{namespace}}',
    },
    { do: 'Or make the application listen on port {{target}}, on all addresses and not on 127.0.0.1 only' },
    {
      do: 'Verify that something listens on the port',
      run: 'kubectl exec -n {{namespace}} {{pod}} -c istio-proxy -- netstat -ltn',
    },
  ],
  references: [
    'https://kubernetes.io/docs/concepts/services-networking/service/#field-spec-ports',
    'https://istio.io/latest/docs/ops/common-problems/network-issues/',
  ],
  source: 'knowledge D146, C-OPS-03',
  explains: [
    'failed-upstream-connection',
    'exhausted-retries',
    'unhealthy-upstream',
    'ejected-endpoints',
    'application-errors',
    'service-without-endpoints',
  ],
  needs: ['services', 'pods'],
  uses: ['sockets', 'access', 'clusters'],
  *check({ services, pods, sockets = [], access = [], clusters = [] }) {
    const byNamespace = podsByNamespace(pods);
    const socketsOf = new Map<string, Socket[]>();
    for (const socket of sockets) addTo(socketsOf, `${socket.proxy.namespace}/${socket.proxy.pod}`, socket);
    const triedAt = new Map<string, AccessGroup[]>();
    for (const group of access)
      if (group.direction !== 'inbound' && refusedByPeer(group)) addTo(triedAt, group.upstreamHost, group);
    const inboundOf = new Map<string, AccessGroup[]>();
    for (const group of access)
      if (group.direction === 'inbound') addTo(inboundOf, `${group.proxy.namespace}/${group.proxy.pod}`, group);
    const clustersOf = new Map<string, EnvoyCluster[]>();
    for (const cluster of clusters)
      if (cluster.direction === 'inbound')
        addTo(clustersOf, `${cluster.proxy.namespace}/${cluster.proxy.pod}`, cluster);

    for (const service of services) {
      // A table does not print the ports that pods listen on.
      if (service.summary) continue;
      const behind = podsOfService(service, byNamespace.get(service.meta.namespace) ?? []).filter(
        (pod) => isReady(pod) && !isGateway(pod),
      );
      if (behind.length === 0) continue;
      const broken: Broken[] = [];
      for (const [index, { port, protocol, targetPort }] of service.ports.entries()) {
        if (protocol === 'UDP') continue;
        const found = portOf(service, index, port, targetPort, behind, socketsOf, inboundOf, triedAt, clustersOf);
        if (found !== undefined) broken.push(found);
      }
      // A port nobody calls harms nobody: one line for all of them.
      for (const one of broken) if (one.proven || one.nameless) yield* occurrenceOf(service, [one]);
      const idle = broken.filter(({ proven, nameless }) => !proven && !nameless);
      if (idle.length > 0) yield* occurrenceOf(service, idle);
    }
  },
});

/** A service port that leads nowhere, and what shows it. */
interface Broken {
  readonly index: number;
  readonly port: number;
  readonly target: number | string;
  readonly pods: readonly Pod[];
  /** Ports that containers of the pod listen on, from its sockets, else as declared. */
  readonly listening: readonly number[];
  readonly declared: boolean;
  readonly socket: Socket | undefined;
  /** The port is open on 127.0.0.1 only. */
  readonly local: boolean;
  /** The port is a name that no container declares. */
  readonly nameless: boolean;
  readonly refused: readonly AccessGroup[];
  readonly cluster: EnvoyCluster | undefined;
  /** Requests were refused. */
  readonly proven: boolean;
}

function portOf(
  service: Service,
  index: number,
  port: number,
  targetPort: number | string,
  behind: readonly Pod[],
  socketsOf: ReadonlyMap<string, readonly Socket[]>,
  inboundOf: ReadonlyMap<string, readonly AccessGroup[]>,
  triedAt: ReadonlyMap<string, readonly AccessGroup[]>,
  clustersOf: ReadonlyMap<string, readonly EnvoyCluster[]>,
): Broken | undefined {
  const refused: AccessGroup[] = [];
  let cluster: EnvoyCluster | undefined;
  let seen = 0;
  let unnamed = 0;
  let socket: Socket | undefined;
  let local = true;
  const listening = new Set<number>();
  const declared = new Set<number>();
  let target: number | string = targetPort;
  for (const pod of behind) {
    const name = `${pod.meta.namespace}/${pod.meta.name}`;
    const number = targetsOf(service, pod)[index]?.target;
    for (const { port } of applicationPorts(pod)) declared.add(port);
    if (number === undefined) {
      unnamed++;
      continue;
    }
    target = number;
    const groups = (inboundOf.get(name) ?? []).filter((group) => inboundPort(group.cluster) === number);
    // A pod without a sidecar refuses its callers itself.
    const failed = hasProxy(pod)
      ? groups.filter(refusedByPeer)
      : pod.ips.flatMap((ip) => triedAt.get(ip.includes(':') ? `[${ip}]:${number}` : `${ip}:${number}`) ?? []);
    const served = groups.some(
      (group) => group.code > 0 && !refusedByPeer(group) && group.details !== 'direct_response',
    );
    const own = socketsOf.get(name);
    if (own !== undefined) {
      seen++;
      socket ??= own.find(({ program }) => program !== 'envoy' && program !== 'pilot-agent');
      const open = own.filter((one) => one.port === number);
      for (const one of own) if (!isMeshPort(one.port)) listening.add(one.port);
      if (open.some(({ address }) => !isLoopback(address))) return undefined;
      if (open.length === 0) local = false;
    } else if (served) return undefined;
    const inbound = (clustersOf.get(name) ?? []).find((one) => one.port === number);
    const tried = inbound?.endpoints.reduce((sum, { cxTotal }) => sum + cxTotal, 0) ?? 0;
    const missed = inbound?.endpoints.reduce((sum, { cxConnectFail }) => sum + cxConnectFail, 0) ?? 0;
    if (tried > 0 && missed === tried) cluster ??= inbound;
    refused.push(...failed);
  }
  // A name that no container declares: Kubernetes gives the port no endpoint at all.
  const nameless = unnamed === behind.length && typeof targetPort === 'string';
  const proven = refused.length > 0 || cluster !== undefined;
  // Without the pod's sockets, refusals and a declaration that knows better must agree.
  if (
    !nameless &&
    seen === 0 &&
    (!proven || declared.size === 0 || (typeof target === 'number' && declared.has(target)))
  )
    return undefined;
  return {
    index,
    port,
    target,
    pods: behind,
    listening: [...(listening.size > 0 ? listening : declared)].toSorted((a, b) => a - b),
    declared: listening.size === 0,
    socket: seen === 0 ? undefined : socket,
    local: seen > 0 && local && !nameless,
    nameless,
    refused,
    cluster,
    proven,
  };
}

function* occurrenceOf(service: Service, broken: readonly Broken[]): Iterable<Occurrence> {
  const [one] = broken;
  const [pod] = one?.pods ?? [];
  if (one === undefined || pod === undefined) return;
  const host = hostOfService(service);
  const name = `${service.meta.namespace}/${service.meta.name}`;
  const listening = one.listening.length === 0 ? 'none' : one.listening.join(', ');
  const { count, first, last } = summaryOf(one.refused);
  const own = hasProxy(pod);
  const evidence = evidenceOf(
    accessEvidence(
      one.refused,
      own ? 'server' : 'client',
      own ? 'The sidecar was refused by its own pod: nothing listens there.' : 'The pod refused the connection.',
    ),
    one.cluster?.endpoints[0] && {
      ...one.cluster.endpoints[0].at,
      stage: 'server',
      say: `All ${one.cluster.endpoints[0].cxTotal} connections of the sidecar to its application failed.`,
    },
    one.socket && {
      ...one.socket.at,
      stage: 'pod',
      say: one.local
        ? `The pod listens on port ${one.target} of 127.0.0.1 only.`
        : `The pod listens on ${listening}, not on ${one.target}.`,
    },
    containerEvidence(pod),
    broken.map(
      ({ index }): Evidence => ({
        ...within(service.at, `/spec/ports/${index}/targetPort`),
        stage: 'config',
        say: `The service sends port ${service.ports[index]?.port} to ${service.ports[index]?.targetPort}.`,
        mark: [`targetPort: ${service.ports[index]?.targetPort}`],
      }),
    ),
  );
  if (evidence === undefined) return;
  const where = one.nameless
    ? `which no container of ${workloadOf(pod)} declares`
    : one.local
      ? `where ${workloadOf(pod)} listens on 127.0.0.1 only`
      : `where nothing listens in ${workloadOf(pod)}`;
  const ports = broken.map(({ port, target }) => `port ${port} to targetPort ${target}`);
  yield {
    subject: `Service ${name}`,
    scope: { ...hostScope(host), ...(one.proven ? { port: one.port } : {}) },
    ...(count > 0 ? { when: { first, last }, count } : {}),
    severity: one.proven ? 'error' : 'warning',
    message: `Service ${name} sends ${some(ports)}, ${where}${one.local || one.listening.length === 0 ? '' : ` (it ${one.declared ? 'declares' : 'listens on'} ${some(one.listening.map(String), 5)})`}${count > 0 ? `: ${counted(count, one.refused.every(({ tcp }) => tcp) ? 'connection' : 'request')} refused` : ''}`,
    facts: {
      host,
      service: name,
      serviceName: service.meta.name,
      namespace: service.meta.namespace,
      port: one.port,
      target: one.target,
      listening,
      pod: pod.meta.name,
    },
    confidence: one.nameless || (one.proven && one.socket !== undefined) ? 'certain' : 'likely',
    supports: [
      ...(count > 0 && own
        ? ['The sidecar of the pod itself was refused, so neither network nor mutual TLS is in between.']
        : []),
      ...(one.socket === undefined ? [] : ['The list of the sockets of the pod lacks the port.']),
    ],
    missing:
      one.socket === undefined && !one.nameless ? ['`netstat` of the pod, which lists the ports that are open.'] : [],
    evidence,
  };
}

function containerEvidence(pod: Pod): Evidence | undefined {
  const ports = applicationPorts(pod);
  if (ports.length === 0) return undefined;
  return {
    ...within(pod.at, '/spec/containers'),
    stage: 'pod',
    say: `${nameOf({ kind: 'Pod', meta: pod.meta })} declares container ports ${some(
      ports.map(({ port }) => String(port)),
      5,
    )}.`,
  };
}

const applicationPorts = (pod: Pod) =>
  pod.containers.filter(({ name }) => name !== 'istio-proxy').flatMap(({ ports }) => ports);

/** Ports of the proxy and its agent; 15199 and others around them belong to applications. */
const meshPorts = new Set([15000, 15001, 15004, 15006, 15008, 15020, 15021, 15053, 15090]);
const isMeshPort = (port: number): boolean => meshPorts.has(port);
const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1';
