import { spoken } from '../../model/durations.ts';
import { locator } from '../../model/locate.ts';
import { namespaceOfHost } from '../../model/services.ts';
import { failuresByDestination, ipOf } from '../../model/traffic.ts';
import type { AccessGroup } from '../../parse/facts.ts';
import { accessEvidence, counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { isTlsFailure } from './connect-failure.ts';
import { clientOf, failureScope, failureSeverity, ofAll, targetName } from './requests.ts';

/**
 * Connections that were open and then closed or reset by the other side before the answer: flags UC, UR and LR. The lines at the
 * server's own sidecar tell whether the application did it, or something between the two proxies.
 */
export const resetUpstreamConnection = defineRule({
  id: 'reset-upstream-connection',
  title: 'Connections closed by the destination before the answer',
  area: 'traffic',
  severity: 'error',
  why: 'The other side closed the connection while a request was under way: an idle timeout of the application shorter than that of the proxy, a crash, a shutdown without draining, or a server that refuses what it reads, for example plaintext where it wants mutual TLS.',
  fix: [
    {
      do: 'Look for restarts and terminations of {{host}} at the time of the resets',
      run: 'kubectl get pods,events -n {{namespace}} --sort-by=.metadata.creationTimestamp',
    },
    {
      do: 'If they are sporadic and at once (duration near 0), make the application keep idle connections longer than its callers, or set `connectionPool.http.idleTimeout` in the DestinationRule of {{host}} below it',
    },
    {
      do: 'If all connections are reset, compare the mutual TLS modes of both sides',
      run: 'istioctl x describe pod {{server}} -n {{namespace}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/network-issues/#503-errors-after-setting-destination-rule',
    'https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#response-flags',
  ],
  source: 'Envoy response flags UC, UR; knowledge D145, D156, F12, F13',
  symptom: true,
  explains: ['exhausted-retries', 'application-errors'],
  needs: ['access'],
  uses: ['services', 'pods', 'proxies'],
  *check({ access, services = [], pods, proxies }) {
    const locate = locator({ services, ...(pods && { pods }), ...(proxies && { proxies }) });
    const inboundHosts = new Set<string>();
    for (const group of access)
      if (group.direction === 'inbound' && group.sni !== '') inboundHosts.add(locate(group).host);
    const gone = new Set((pods ?? []).filter(({ meta }) => meta.deleted !== undefined).flatMap(({ ips }) => ips));
    const refused = new Set(
      access.flatMap(({ details, peer, local }) =>
        details === 'filter_chain_not_found' ? [`${peer} ${local}`, peer] : [],
      ),
    );
    const serviceIps = new Set(services.flatMap(({ clusterIPs }) => clusterIPs));
    // The server's log tells of the same connections, and why: the caller went past the mesh's routing.
    const isTold = ({ cluster, peer, upstreamHost }: AccessGroup) =>
      cluster === 'PassthroughCluster' &&
      refused.has(serviceIps.has(ipOf(upstreamHost)) ? peer : `${peer} ${upstreamHost}`);
    for (const failures of failuresByDestination(
      access,
      services,
      (group) => isReset(group) && !isTold(group),
      locate,
    )) {
      const { groups, first, last, ended, host, count, proxies: seenBy } = failures;
      const inbound = groups.filter(({ direction }) => direction === 'inbound');
      const outbound = groups.filter(({ direction }) => direction !== 'inbound');
      const evidence = evidenceOf(
        accessEvidence(outbound, 'symptom', 'The other side ended the connection before it answered.'),
        accessEvidence(inbound, 'server', 'The application ended the connection to its own sidecar.'),
      );
      if (evidence === undefined) continue;
      const mean = groups.reduce((all, { duration }) => all + duration.sum, 0) / Math.max(1, count);
      const leaving = outbound.filter(({ upstreamHost }) => gone.has(upstreamHost.replace(/:\d+$/, '')));
      yield {
        subject: targetName(failures),
        scope: failureScope(failures),
        when: { first, last },
        count,
        ended,
        severity: failureSeverity(failures),
        message: `${ofAll(failures)} to ${targetName(failures)} ended when ${inbound.length > 0 ? 'the application' : 'the other side'} closed the connection (${flagsOf(groups)}), after ${spoken(mean)} on average, logged by ${some(seenBy.map(podName))}`,
        facts: {
          host,
          namespace: namespaceOfHost(host),
          client: clientOf(outbound[0]?.proxy),
          server: inbound[0]?.proxy.pod ?? 'POD',
        },
        supports: [
          ...(inbound.length > 0
            ? [
                `The sidecar of the server logged ${total(inbound)} of them towards its own application: the application closes, not the network.`,
              ]
            : []),
          ...(inbound.length === 0 && inboundHosts.has(host)
            ? ['The sidecar of the server logged none of them: the connection ended at or before it.']
            : []),
          ...(mean < 5 && failures.among > count * 10
            ? [
                'They are few and end at once: most likely the application closed an idle connection as it was used again.',
              ]
            : []),
          ...(leaving.length > 0
            ? [`${counted(total(leaving), 'request')} went to pods that are being deleted: they end without draining.`]
            : []),
        ],
        missing:
          inbound.length === 0 && !inboundHosts.has(host)
            ? ["The log of the server's own proxy, which tells which side closed."]
            : [],
        evidence,
      };
    }
  },
});

const isReset = (group: AccessGroup): boolean =>
  ['UC', 'UR', 'LR'].some((flag) => group.flags.includes(flag)) && !isTlsFailure(group);
const total = (groups: readonly AccessGroup[]): number => groups.reduce((all, { count }) => all + count, 0);
const flagsOf = (groups: readonly AccessGroup[]): string =>
  [...new Set(groups.map(({ code, flags }) => `${code} ${flags.join(',')}`))].slice(0, 3).join('; ');
