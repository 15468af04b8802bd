import { locator } from '../../model/locate.ts';
import { namespaceOfHost } from '../../model/services.ts';
import { type Failures, failuresByDestination, ipOf } from '../../model/traffic.ts';
import type { AccessGroup } from '../../parse/facts.ts';
import { accessEvidence, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule, type Occurrence } from '../rule.ts';
import { failureScope, ofAll, targetName } from './requests.ts';

/**
 * 5xx that the application answered (`via_upstream`), as its own sidecar logged them; where that log is absent, as callers did.
 * A caller's `via_upstream` alone proves nothing when the server has a sidecar, which may have answered in its place.
 */
export const applicationErrors = defineRule({
  id: 'application-errors',
  title: 'Errors answered by the application',
  area: 'traffic',
  severity: 'warning',
  why: 'The mesh delivered the request and the application itself answered with 5xx. The cause is in the application or in what it depends on, not in the mesh.',
  fix: [
    {
      do: 'Read the log of the application for the time of the errors',
      run: 'kubectl logs -n {{namespace}} deploy/{{name}} --since=1h',
    },
    { do: 'Check what the application depends on: databases, other services, secrets' },
  ],
  references: ['https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/response_code_details'],
  source: 'Envoy response code details via_upstream; envoy-formats 4.3',
  symptom: true,
  needs: ['access'],
  uses: ['services', 'pods', 'proxies'],
  *check({ access, services = [], pods, proxies }) {
    const locate = locator({ services, ...(pods && { pods }), ...(proxies && { proxies }) });
    const answered = (group: AccessGroup) =>
      group.code >= 500 && group.details === 'via_upstream' && !group.flags.some((flag) => flag !== 'URX');
    const logged = loggingAddresses(access, proxies ?? []);
    const atServer = failuresByDestination(
      access,
      services,
      (group) => group.direction === 'inbound' && answered(group),
      locate,
    );
    const hosts = new Set(atServer.map(({ host }) => host));
    const atCaller = failuresByDestination(
      access,
      services,
      (group) =>
        group.direction === 'outbound' &&
        answered(group) &&
        !hosts.has(locate(group).host) &&
        !logged.has(ipOf(group.upstreamHost)),
      locate,
    );
    const inMesh = new Set((proxies ?? []).flatMap(({ ips }) => ips));
    for (const failures of atServer) yield* occurrenceOf(failures, 'application');
    for (const failures of atCaller) {
      const behindProxy = failures.groups.some(({ upstreamHost }) => inMesh.has(ipOf(upstreamHost)));
      yield* occurrenceOf(failures, behindProxy ? 'either' : 'destination');
    }
  },
});

/** Who answered, as far as known: the application, it or its sidecar whose log is absent, or a destination without a sidecar. */
type Answerer = 'application' | 'either' | 'destination';

function* occurrenceOf(failures: Failures, by: Answerer): Iterable<Occurrence> {
  const { groups, first, last, ended, host, count, among, proxies } = failures;
  const evidence = evidenceOf(
    accessEvidence(
      groups,
      by === 'application' ? 'server' : 'symptom',
      by === 'application'
        ? 'The application answered with the error itself.'
        : 'The destination answered with the error.',
    ),
  );
  if (evidence === undefined) return;
  const codes = [...new Set(groups.map(({ code }) => String(code)))].toSorted();
  yield {
    subject: targetName(failures),
    scope: failureScope(failures),
    when: { first, last },
    count,
    ended,
    severity: count * 100 < among ? 'info' : 'warning',
    message: `${host} ${by === 'either' ? '(its application or its sidecar)' : 'itself'} answered ${ofAll(failures)} with ${some(codes)}, logged by ${some(proxies.map(podName))}`,
    facts: {
      host,
      name: host.split('.')[0] ?? host,
      namespace: namespaceOfHost(host) || (proxies[0]?.namespace ?? ''),
    },
    missing:
      by === 'application' ? [] : ["The server's own proxy log, which would tell whether its application answered."],
    evidence,
  };
}

/** Addresses of pods whose own proxy writes an access log. */
function loggingAddresses(
  access: readonly AccessGroup[],
  proxies: readonly { readonly namespace: string; readonly pod: string; readonly ips: readonly string[] }[],
): ReadonlySet<string> {
  const inbound = access.filter(({ direction }) => direction === 'inbound');
  const names = new Set(inbound.map(({ proxy }) => podName(proxy)));
  return new Set([
    ...inbound.flatMap(({ local }) => (local === '' ? [] : [ipOf(local)])),
    ...proxies.filter((proxy) => names.has(podName(proxy))).flatMap(({ ips }) => ips),
  ]);
}
