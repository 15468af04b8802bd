import { within } from '../../input/location.ts';
import { addTo } from '../../model/groups.ts';
import { hostOfService } from '../../model/hosts.ts';
import { locator } from '../../model/locate.ts';
import { isHttp, protocolOf } from '../../model/protocols.ts';
import { hasProxy, isGateway, podsOfService } from '../../model/selectors.ts';
import { namespaceOfHost, podsByNamespace, servicesByHost } from '../../model/services.ts';
import { failuresByDestination, ipOf, type Locate } from '../../model/traffic.ts';
import type { AccessGroup, Service } from '../../parse/facts.ts';
import { accessEvidence, counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule, type Evidence, isNonEmpty } from '../rule.ts';
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
      const declared = service?.summary ? undefined : service?.ports[index];
      const { protocol } = declared === undefined ? { protocol: 'http' } : protocolOf(declared);
      if (host === '' || !isHttp(protocol)) continue;
      const evidence = evidenceOf(
        accessEvidence(groups, 'symptom', 'The bytes were not the protocol the port declares.'),
        service && declared && portEvidence(service, index, `The port is taken for ${protocol}.`),
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
        message: `${
          service === undefined || declared === undefined
            ? `${targetName(failures)} is taken for HTTP`
            : `port ${port} of Service ${service.meta.namespace}/${service.meta.name} is declared ${protocol} (${named(declared)})`
        }, but ${ofAll(failures)} could not be parsed as that (${codes(groups)}), logged by ${some(seenBy.map(podName))}`,
        facts: {
          ...(service === undefined
            ? { service: host, name: host, namespace: namespaceOfHost(host) }
            : factsOf(service)),
          port: port ?? 0,
          client: clientOf(seenBy[0]),
        },
        supports: ['Envoy itself could not parse the bytes as the declared protocol.'],
        evidence,
      };
    }
    if (pods === undefined) return;
    const podsIn = podsByNamespace(pods);
    const unclear = new Map<string, { readonly service: Service; readonly index: number }[]>();
    for (const service of services) {
      // A table does not print the names of ports.
      if (service.summary) continue;
      for (const [index, port] of service.ports.entries()) {
        const { protocol, declared } = protocolOf(port);
        if (declared || protocol !== 'auto' || seen.has(`${hostOfService(service)}|${port.port}`)) continue;
        const behind = podsOfService(service, podsIn.get(service.meta.namespace) ?? []);
        if (!behind.some((pod) => hasProxy(pod) && !isGateway(pod))) break;
        addTo(unclear, service.meta.namespace, { service, index });
      }
    }
    for (const [namespace, ports] of unclear) {
      const evidence = ports
        .slice(0, 3)
        .map(({ service, index }) =>
          portEvidence(service, index, 'Neither name nor appProtocol says a protocol that Istio knows.'),
        );
      const [one] = ports;
      if (one === undefined || !isNonEmpty(evidence)) continue;
      const names = ports.map(({ service, index }) => {
        const port = service.ports[index];
        return port === undefined ? '' : `${service.meta.name} port ${port.port} (${named(port)})`;
      });
      yield {
        subject: `namespace ${namespace}`,
        scope: { namespace },
        count: ports.length,
        severity: 'info',
        message: `${counted(ports.length, 'service port')} of namespace ${namespace} ${ports.length === 1 ? 'declares' : 'declare'} no protocol Istio knows, so it is detected from the first bytes: ${some(names)}`,
        facts: { ...factsOf(one.service), port: one.service.ports[one.index]?.port ?? 0 },
        evidence,
      };
    }
  },
});

/** Bytes that Envoy could not parse: sent by the caller (DPE, with the codec's words) or by the server (UPE). */
const isUnparsable = ({ flags, details }: AccessGroup): boolean =>
  flags.includes('UPE') ||
  (flags.includes('DPE') && /^(http[12]\.|codec_error)/.test(details) && !/too_large|too_many/.test(details)) ||
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
  ...within(service.at, `/spec/ports/${index}`),
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
