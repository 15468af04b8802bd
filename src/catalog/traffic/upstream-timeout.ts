import { spoken } from '../../model/durations.ts';
import { addTo } from '../../model/groups.ts';
import { nameOf } from '../../model/hosts.ts';
import { locator } from '../../model/locate.ts';
import { namespaceOfHost } from '../../model/services.ts';
import { type RouteTimeout, routeTimeouts } from '../../model/timeouts.ts';
import { type Failures, failuresByDestination, type Locate, succeeded } from '../../model/traffic.ts';
import type { AccessGroup } from '../../parse/facts.ts';
import { accessEvidence, counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { clientOf, failureScope, failureSeverity, ofAll } from './requests.ts';

/**
 * The proxy gave up waiting: flag UT, or UMSDR, with details that say which clock ran out. The limit comes from a route; a limit
 * that equals the time the requests took is the one.
 */
export const upstreamTimeout = defineRule({
  id: 'upstream-timeout',
  title: 'Requests end at a timeout of the route',
  area: 'traffic',
  severity: 'error',
  why: 'The calling proxy waits no longer than the route allows, answers 504 with flag `UT` and drops the request, though the application may answer a little later. Tries that end at `perTryTimeout` are repeated and multiply the load.',
  fix: [
    {
      do: 'Set the timeout in {{route}} above the time {{host}} needs, or remove it',
      run: 'kubectl edit {{routeKind}} {{routeName}} -n {{routeNamespace}}',
    },
    {
      do: 'If the application should be faster, find out what it waits for',
      run: 'kubectl logs -n {{namespace}} deploy/{{name}} --since=1h',
    },
    {
      do: 'Verify what the proxy uses',
      run: 'istioctl proxy-config routes {{client}} -o json | grep -i timeout',
    },
  ],
  references: [
    'https://istio.io/latest/docs/concepts/traffic-management/#timeouts',
    'https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRetry',
  ],
  source: 'Envoy response flag UT; knowledge D153',
  explains: ['exhausted-retries', 'application-errors'],
  needs: ['access'],
  uses: ['config', 'services', 'pods', 'proxies'],
  *check({ access, config, services = [], pods, proxies }) {
    const locate = locator({ services, ...(pods && { pods }), ...(proxies && { proxies }) });
    // One host is one problem, whatever its ports and subsets.
    const byHost: Locate = (group) => ({ host: locate(group).host, port: undefined, subset: '' });
    const dropped = gaveUp(access, locate);
    const answered = longestAnswers(access);
    for (const failures of failuresByDestination(access, services, isTimeout, byHost)) {
      const { host, groups, first, last, ended, count } = failures;
      const limit = bestLimit(routeTimeouts(config ?? [], host), groups);
      const atServer = dropped.get(host) ?? [];
      const evidence = evidenceOf(
        accessEvidence(
          groups,
          'symptom',
          limit === undefined ? 'The proxy gave up waiting.' : `The proxy gave up at the limit of ${limit.text}.`,
        ),
        limit && {
          ...limit.at,
          stage: 'route',
          say: `The route to ${host} allows ${limit.text}${limit.kind === 'try' ? ' per try' : ''}.`,
          mark: [limit.text],
        },
        accessEvidence(atServer, 'server', 'The application was still at work when the caller left (DC).'),
      );
      if (evidence === undefined) continue;
      const slow = slowestAnswer(answered, atServer, limit);
      yield {
        subject: limit === undefined ? host : nameOf(limit.object),
        scope: failureScope(failures),
        when: { first, last },
        count,
        ended,
        severity: failureSeverity(failures),
        message: messageOf(failures, limit),
        facts: {
          host,
          name: host.split('.')[0] ?? host,
          namespace: namespaceOfHost(host),
          client: clientOf(failures.proxies[0]),
          route: limit === undefined ? 'the route (VirtualService, HTTPRoute)' : nameOf(limit.object),
          ...(limit === undefined
            ? {}
            : {
                routeKind: limit.object.kind.toLowerCase(),
                routeName: limit.object.meta.name,
                routeNamespace: limit.object.meta.namespace,
              }),
        },
        confidence: limit === undefined ? 'likely' : 'certain',
        supports: [
          ...(limit === undefined
            ? []
            : [`The requests ended after ${spoken(longest(groups))}, as the route's limit says.`]),
          ...(atServer.length > 0
            ? [
                `The server's own sidecar logged ${counted(sum(atServer), 'request')} of it that the caller left (DC, code 0): the application was reached and still at work.`,
              ]
            : []),
          ...slow,
        ],
        contradicts: groups.every(({ upstreamHost }) => upstreamHost === '')
          ? ['No address was reached in any of the requests: they may have waited for a connection.']
          : [],
        missing:
          limit !== undefined
            ? []
            : config === undefined
              ? ['VirtualServices and HTTPRoutes, which set the timeouts.']
              : [
                  'No route of the archive sets a limit for this host: look at the header x-envoy-upstream-rq-timeout-ms and at EnvoyFilters.',
                ],
        evidence,
      };
    }
  },
});

const isTimeout = ({ flags, details, direction }: AccessGroup): boolean =>
  direction !== 'inbound' &&
  (flags.includes('UT') ||
    flags.includes('UMSDR') ||
    flags.includes('SI') ||
    /^(upstream_)?(response_timeout|per_try_timeout|per_try_idle_timeout|max_stream_duration_reached)$/.test(details) ||
    details === 'request_overall_timeout');

const sum = (groups: readonly AccessGroup[]): number => groups.reduce((all, { count }) => all + count, 0);
const longest = (groups: readonly AccessGroup[]): number =>
  groups.reduce((all, { duration }) => Math.max(all, duration.max), 0);
const mean = (groups: readonly AccessGroup[]): number =>
  groups.reduce((all, { duration }) => all + duration.sum, 0) / Math.max(1, sum(groups));

/** Requests at servers whose caller left before the answer, by host. */
function gaveUp(access: readonly AccessGroup[], locate: Locate): ReadonlyMap<string, readonly AccessGroup[]> {
  const groups = new Map<string, AccessGroup[]>();
  for (const group of access) {
    if (group.direction !== 'inbound' || group.code !== 0 || group.tcp || !group.flags.includes('DC')) continue;
    const { host } = locate(group);
    addTo(groups, host, group);
  }
  return groups;
}

/** The limit that fits how long the requests took; a try's limit where the details name it. */
function bestLimit(limits: readonly RouteTimeout[], groups: readonly AccessGroup[]): RouteTimeout | undefined {
  const perTry = groups.some(({ details }) => details.includes('per_try'));
  const took = mean(groups);
  const fits = limits.filter(({ kind, ms, attempts }) => {
    if (kind !== (perTry ? 'try' : 'request')) return false;
    // All tries and the waits between them, or the one limit.
    return perTry
      ? took >= ms * 0.8 && took <= (ms + 1000) * ((attempts ?? 2) + 1)
      : Math.abs(took - ms) <= 50 + ms * 0.2;
  });
  return [...fits].sort((a, b) => Math.abs(a.ms - took) - Math.abs(b.ms - took))[0];
}

/** The longest answer of each server's port, in milliseconds. */
function longestAnswers(access: readonly AccessGroup[]): ReadonlyMap<string, number> {
  const longest = new Map<string, number>();
  for (const group of access) {
    if (group.direction !== 'inbound' || !succeeded(group)) continue;
    const key = `${podName(group.proxy)} ${group.cluster}`;
    longest.set(key, Math.max(longest.get(key) ?? 0, group.duration.max));
  }
  return longest;
}

/** What the same servers needed for requests that they did answer. */
function slowestAnswer(
  answered: ReadonlyMap<string, number>,
  atServer: readonly AccessGroup[],
  limit: RouteTimeout | undefined,
): readonly string[] {
  const most = atServer.reduce(
    (all, { proxy, cluster }) => Math.max(all, answered.get(`${podName(proxy)} ${cluster}`) ?? 0),
    0,
  );
  return limit !== undefined && most > limit.ms
    ? [`Requests that were answered took up to ${spoken(most)} at the server, longer than the limit.`]
    : [];
}

function messageOf(failures: Failures, limit: RouteTimeout | undefined): string {
  const { groups, host, proxies } = failures;
  const codes = [...new Set(groups.map(({ code }) => String(code)))];
  const flag = groups[0]?.flags.join(',') ?? 'UT';
  const end = `(${some(codes)} ${flag}), sent by ${some(proxies.map(podName))}`;
  if (limit === undefined) return `${ofAll(failures)} to ${host} got no answer within ${spoken(mean(groups))} ${end}`;
  const name =
    limit.object.kind === 'HTTPRoute'
      ? limit.kind === 'try'
        ? 'backendRequest'
        : 'request'
      : limit.kind === 'try'
        ? 'perTryTimeout'
        : 'timeout';
  const tries =
    limit.kind === 'try' && limit.attempts !== undefined
      ? ` in each of ${counted(limit.attempts + 1, 'try', 'tries')}`
      : '';
  return `${nameOf(limit.object)} gives ${host} only ${limit.text} (${name}): ${ofAll(failures)} timed out${tries} ${end}`;
}
