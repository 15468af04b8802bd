import { locator } from '../../model/locate.ts';
import { peerName, peersByIp } from '../../model/peers.ts';
import { namespaceOfHost } from '../../model/services.ts';
import { failuresByDestination, ipOf } from '../../model/traffic.ts';
import type { AccessGroup } from '../../parse/facts.ts';
import { accessEvidence, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { type ConnectFailure, connectFailure, isTlsFailure, isUnconnected } from './connect-failure.ts';
import { clientOf, failureScope, failureSeverity, isMostly, ofAll, targetName } from './requests.ts';

/**
 * Connections that could not be made for another reason than TLS: refused, timed out, no route, no address (flags UF, DF), or
 * still being tried when the caller gave up (flag DC without an answer).
 */
export const failedUpstreamConnection = defineRule({
  id: 'failed-upstream-connection',
  title: 'Connections to a destination fail',
  area: 'traffic',
  severity: 'error',
  why: 'The proxy could not open a connection to the address it chose and answers 503 with flag `UF`. Refused means that nothing listens there; a timeout means that something on the way drops the packets.',
  fix: [
    {
      do: 'Compare the port of {{address}} with the ports the pod listens on',
      run: 'kubectl get pods -A -o wide --field-selector status.podIP={{ip}}',
    },
    {
      do: 'If connections time out, look for a NetworkPolicy or firewall between the two',
      run: 'kubectl get networkpolicies -A',
    },
    {
      do: 'See which endpoints the proxy has, and whether they exist',
      run: 'istioctl proxy-config endpoints {{client}} --cluster {{cluster}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/network-issues/#requests-are-rejected-by-envoy',
    'https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#response-flags',
  ],
  source: 'Envoy response flag UF; knowledge D146',
  symptom: true,
  explains: ['exhausted-retries', 'application-errors'],
  needs: ['access'],
  uses: ['services', 'pods', 'proxies'],
  *check({ access, services = [], pods, proxies }) {
    const peers = peersByIp(pods, proxies);
    const locate = locator({ services, ...(pods && { pods }), ...(proxies && { proxies }) });
    for (const failures of failuresByDestination(
      access,
      services,
      (group) =>
        ((group.flags.includes('UF') || group.flags.includes('DF')) && !isTlsFailure(group)) || isUnconnected(group),
      locate,
    )) {
      const { groups, first, last, ended, proxies: seenBy, host, count } = failures;
      const kind = mostOf(groups);
      // A caller that leaves now and then is in a hurry; most of them, one after the other, met a wall.
      if (kind === 'silent' && (count < 3 || !isMostly(failures, access, locate))) continue;
      const inbound = groups.filter(({ direction }) => direction === 'inbound');
      const evidence = evidenceOf(
        accessEvidence(inbound, 'server', 'The sidecar could not connect to its own application.'),
        accessEvidence(
          groups.filter(({ direction }) => direction !== 'inbound'),
          'symptom',
          'The proxy could not connect to the address.',
        ),
      );
      if (evidence === undefined) continue;
      const addresses = [...new Set(groups.map(({ upstreamHost }) => upstreamHost).filter((one) => one !== ''))];
      const [address = ''] = addresses;
      const peer = peers.get(ipOf(address));
      const outside = groups.every(({ cluster }) => cluster === 'PassthroughCluster');
      yield {
        subject: targetName(failures),
        scope: failureScope(failures),
        when: { first, last },
        count,
        ended,
        severity: failureSeverity(failures, outside ? 'warning' : 'error'),
        message: `${ofAll(failures)} to ${targetName(failures)} failed ${ends[kind]}${addresses.length === 0 ? '' : ` at ${some(addresses)}`}${peer === undefined ? '' : ` (${peerName(peer)})`}, ${inbound.length === groups.length ? 'seen by its own sidecar' : 'sent by'} ${some(seenBy.map(podName))}`,
        facts: {
          host,
          namespace: namespaceOfHost(host),
          address,
          ip: ipOf(address),
          cluster: groups[0]?.cluster ?? '',
          client: clientOf(seenBy[0]),
        },
        supports: [
          ...(inbound.length > 0
            ? [
                'The sidecar of the server itself fails to reach the application: the network between the pods is not at fault.',
              ]
            : []),
          ...(pods !== undefined && address !== '' && peer === undefined && !outside
            ? [`No pod of the archive has the address ${ipOf(address)}: the endpoint may be gone.`]
            : []),
        ],
        evidence,
      };
    }
  },
});

const ends: Readonly<Record<ConnectFailure, string>> = {
  refused: 'because the connection was refused',
  timeout: 'because the connection timed out',
  silent: 'because no connection came about before the callers gave up',
  unreachable: 'because there is no route',
  reset: 'because the connection was reset',
  name: 'because the name does not resolve',
  other: 'to connect',
};

/** The reason of most failures. */
function mostOf(groups: readonly AccessGroup[]): ConnectFailure {
  const counts = new Map<ConnectFailure, number>();
  for (const group of groups) {
    const kind = connectFailure(group);
    counts.set(kind, (counts.get(kind) ?? 0) + group.count);
  }
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'other';
}
