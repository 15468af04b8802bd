import { hostOfService } from '../../model/hosts.ts';
import { locator } from '../../model/locate.ts';
import { isHttp, protocolOf } from '../../model/protocols.ts';
import { hasProxy, isGateway, podsOfService } from '../../model/selectors.ts';
import { hostScope, podsByNamespace, servicesByHost } from '../../model/services.ts';
import { failuresByDestination, ipOf, type Locate } from '../../model/traffic.ts';
import type { AccessGroup, Service } from '../../parse/facts.ts';
import { accessEvidence, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule, type Evidence } from '../rule.ts';
import { clientOf, failureScope, failureSeverity, ofAll, targetName } from './requests.ts';

/**
 * The protocol a Service declares for a port is not what is spoken on it: Envoy cannot parse the bytes (flags DPE, UPE). Without
 * such failures, ports whose name says no protocol are only worth knowing: Istio detects the protocol then.
 */
export const misnamedServicePort = defineRule({
  id: 'misnamed-service-port',
  title: 'Service port whose name tells no or the wrong protocol',
  area: 'traffic',
  severity: 'error',
  why: 'Istio takes the protocol of a port from `appProtocol` or from the name up to the first dash. A port declared as HTTP on which something else is spoken fails with flags `DPE` or `UPE`; one that declares nothing is detected from the first bytes, and HTTP routing, retries and telemetry depend on that.',
  fix: [
    {
      do: 'Set `appProtocol`, or name port {{port}} of Service {{service}} by what it speaks, e.g. `http-web`, `grpc-api`, `tcp-db`',
      run: 'kubectl edit service {{name}} -n {{namespace}}',
    },
    {
      do: 'Verify that Istio understands the names',
      run: 'istioctl analyze -n {{namespace}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/',
    'https://istio.io/latest/docs/reference/config/analysis/ist0118/',
  ],
  source: 'IST0118; knowledge C-OPS-01, D155, D162',
  explains: ['exhausted-retries', 'reset-upstream-connection', 'application-errors'],
  needs: ['services'],
  uses: ['access', 'pods', 'proxies'],
  *check({ services, access = [], pods, proxies }) {
    const byHost = servicesByHost(services);
    const seen = new Set<string>();
    for (const failures of failuresByDestination(access, services, isUnparsable, byAddress(services, pods, proxies))) {
      const { host, port, groups, first, last, count, ended, proxies: seenBy } = failures;
      const service = byHost.get(host);
      const index = service?.ports.findIndex((one) => one.port === port) ?? -1;
      const declared = service?.ports[index];
      if (service === undefined || declared === undefined) continue;
      const { protocol } = protocolOf(declared);
      if (!isHttp(protocol)) continue;
      const evidence = evidenceOf(
        accessEvidence(groups, 'symptom', 'The bytes were not the protocol the port declares.'),
        portEvidence(service, index, `The port is taken for ${protocol}.`),
      );
      if (evidence === undefined) continue;
      seen.add(`${host}|${port}`);
      yield {
        subject: targetName(failures),
        scope: failureScope(failures),
        when: { first, last },
        count,
        ended,
        severity: failureSeverity(failures),
        message: `port ${port} of Service ${service.meta.namespace}/${service.meta.name} is declared ${protocol} (${named(declared)}), but ${ofAll(failures)} could not be parsed as that (${codes(groups)}), logged by ${some(seenBy.map(podName))}`,
        facts: { ...factsOf(service), port: port ?? 0, client: clientOf(seenBy[0]) },
        supports: ['Envoy itself could not parse the bytes as the declared protocol.'],
        evidence,
      };
    }
    if (pods === undefined) return;
    const podsIn = podsByNamespace(pods);
    for (const service of services) {
      const unclear = service.ports
        .map((port, index) => ({ ...port, index }))
        .filter((port) => {
          const { protocol, declared } = protocolOf(port);
          return !declared && protocol === 'auto' && !seen.has(`${hostOfService(service)}|${port.port}`);
        });
      const [one] = unclear;
      if (one === undefined) continue;
      const behind = podsOfService(service, podsIn.get(service.meta.namespace) ?? []);
      if (!behind.some((pod) => hasProxy(pod) && !isGateway(pod))) continue;
      yield {
        subject: `Service ${service.meta.namespace}/${service.meta.name}`,
        scope: hostScope(hostOfService(service)),
        count: unclear.length,
        severity: 'info',
        message: `Service ${service.meta.namespace}/${service.meta.name} declares no protocol Istio knows for port ${some(unclear.map((port) => `${port.port} (${named(port)})`))}: it is detected from the first bytes`,
        facts: { ...factsOf(service), port: one.port },
        evidence: [portEvidence(service, one.index, 'Neither name nor appProtocol says a protocol.')],
      };
    }
  },
});

/** Bytes that Envoy could not parse: sent by the caller (DPE, with the codec's words) or by the server (UPE). */
const isUnparsable = ({ flags, details }: AccessGroup): boolean =>
  flags.includes('UPE') ||
  (flags.includes('DPE') && /^(http[12]\.|codec_error|http1\.codec_error)/.test(details)) ||
  details.includes('{protocol_error');

/** A caller's broken bytes reach no cluster; the address it called tells the service. */
function byAddress(
  services: readonly Service[],
  pods: Parameters<typeof locator>[0]['pods'],
  proxies: Parameters<typeof locator>[0]['proxies'],
): Locate {
  const locate = locator({ services, ...(pods && { pods }), ...(proxies && { proxies }) });
  const byIp = new Map(services.flatMap((service) => service.clusterIPs.map((ip) => [ip, service] as const)));
  return (group) => {
    const to = locate(group);
    if (group.cluster !== '' || group.local === '') return to;
    const service = byIp.get(ipOf(group.local));
    const port = Number(/:(\d+)$/.exec(group.local)?.[1]);
    return service === undefined ? to : { host: hostOfService(service), port, subset: '' };
  };
}

const portEvidence = (service: Service, index: number, say: string): Evidence => ({
  ...service.at,
  pointer: `/spec/ports/${index}`,
  stage: 'config',
  say,
});

const named = ({ name, appProtocol }: Service['ports'][number]): string =>
  appProtocol !== undefined ? `appProtocol ${appProtocol}` : name === undefined ? 'no name' : `name ${name}`;

const codes = (groups: readonly AccessGroup[]): string =>
  some([...new Set(groups.map(({ code, flags }) => `${code} ${flags.join(',')}`.trim()))]);

const factsOf = ({ meta }: Service) => ({
  service: `${meta.namespace}/${meta.name}`,
  name: meta.name,
  namespace: meta.namespace,
});
