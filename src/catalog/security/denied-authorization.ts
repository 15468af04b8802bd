import { within } from '../../input/location.ts';
import { actionOf, standing } from '../../model/authorization.ts';
import { addTo } from '../../model/groups.ts';
import { nameOf } from '../../model/hosts.ts';
import { peerName } from '../../model/peers.ts';
import { hasEnded, summaryOf } from '../../model/traffic.ts';
import type { AccessGroup, AppliedPolicy, KubeObject, Service } from '../../parse/facts.ts';
import { accessEvidence, counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule, type Evidence } from '../rule.ts';
import { type Denial, denialsOf } from './denials.ts';

/**
 * The server's proxy answers 403 because an AuthorizationPolicy denies the caller: a DENY policy that Envoy names, or ALLOW
 * policies of which none matches (`matched_policy[none]`). The caller's address leads to its service account.
 */
export const deniedAuthorization = defineRule({
  id: 'denied-authorization',
  title: 'Callers that an AuthorizationPolicy denies',
  area: 'security',
  severity: 'error',
  why: 'As soon as one ALLOW policy selects a workload, whoever none of its policies names is denied with 403 `RBAC: access denied`; a DENY policy that matches denies in any case.',
  fix: [
    {
      do: 'If {{caller}} is meant to call {{server}}, add `{{principal}}` to {{policy}}',
      run: 'kubectl edit authorizationpolicy {{policyName}} -n {{policyNamespace}}',
    },
    {
      do: 'See which policies the server’s proxy applies',
      run: 'istioctl x authz check {{pod}}',
    },
    {
      do: 'Verify that the denials stop',
      run: 'kubectl logs {{podName}} -n {{serverNamespace}} -c istio-proxy --since=5m | grep rbac_access_denied',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/security-issues/#authorization-is-too-restrictive-or-permissive',
    'https://istio.io/latest/docs/concepts/security/#authorization-policies',
  ],
  source: 'knowledge C-SEC-02 to C-SEC-07, D158',
  needs: ['access'],
  uses: ['pods', 'proxies', 'config', 'services', 'meshConfigs', 'platform', 'appliedPolicies'],
  *check({ access, pods, proxies, config, services = [], meshConfigs, platform, appliedPolicies = [] }) {
    const denials = denialsOf({
      access,
      ...(pods && { pods }),
      ...(proxies && { proxies }),
      ...(config && { config }),
      ...(meshConfigs && { meshConfigs }),
      ...(platform && { platform }),
    });
    for (const [first, ...others] of byPolicy(denials)) {
      if (first === undefined) continue;
      const all = [first, ...others];
      const { server, plaintext, policies = [], deniedBy } = first;
      const inbound = all.flatMap((denial) => denial.inbound);
      const outbound = all.flatMap((denial) => denial.outbound);
      const { count, ...span } = summaryOf(inbound.length > 0 ? inbound : outbound);
      const [policy] = policies;
      const servers = [...new Set(all.map((denial) => `${denial.server.namespace}/${denial.server.workload}`))];
      const callers = [...new Set(all.map(callerOf))];
      const evidence = evidenceOf(
        accessEvidence(outbound, 'client', 'The caller got 403 from the other side.'),
        accessEvidence(inbound, 'server', 'The server’s proxy denied the request.', [inbound[0]?.details ?? '']),
        policies.slice(0, 3).map((one): Evidence => placeOf(one)),
        // The policies themselves say more.
        policies.length > 0 ? [] : inForce(appliedPolicies, inbound),
      );
      if (evidence === undefined) continue;
      const [proxy] = summaryOf(inbound).proxies;
      const sole = servers.length === 1;
      const sameNamespace = all.every((denial) => denial.server.namespace === server.namespace);
      yield {
        subject: policy === undefined ? some(servers) : nameOf(policy),
        scope: sole
          ? { namespace: server.namespace, workload: server.workload }
          : sameNamespace
            ? { namespace: server.namespace }
            : {},
        when: { first: span.first, last: span.last },
        count,
        // The server serves others all the time: the callers' own logs tell that they are let in again, or that no policy is left.
        ended:
          (outbound.length > 0 && hasEnded(outbound, access, services)) ||
          (all.every((denial) => denial.policies?.length === 0) && isServedAgain(inbound, access, services)),
        ...(isMinor(all, count) ? { severity: 'warning' as const } : {}),
        message: `${becauseOf(first)} ${some(callers)} to call ${some(servers)}: ${counted(count, inbound.every(({ tcp }) => tcp) && inbound.length > 0 ? 'connection' : 'request')} denied${inbound.some(({ code }) => code === 403) || inbound.length === 0 ? ' (403)' : ''}${plaintext ? '; the connection is plaintext, so the caller has no identity' : ''}`,
        facts: {
          server: servers[0] ?? '',
          serverNamespace: server.namespace,
          pod: proxy === undefined ? 'POD' : `${proxy.pod}.${proxy.namespace}`,
          podName: proxy?.pod ?? 'POD',
          caller: callers[0] ?? 'the caller',
          principal: first.caller?.principal ?? 'PRINCIPAL',
          policy: policy === undefined ? (deniedBy ?? 'a policy') : nameOf(policy),
          policyName: policy?.meta.name ?? deniedBy?.split('/')[1] ?? 'POLICY',
          policyNamespace: policy?.meta.namespace ?? deniedBy?.split('/')[0] ?? server.namespace,
        },
        confidence: inbound.length > 0 && policies.length > 0 ? 'certain' : inbound.length > 0 ? 'likely' : 'possible',
        supports: [
          ...(inbound.length > 0 ? ['The server’s proxy names the denial in its own access log.'] : []),
          ...supportOf(first),
        ],
        contradicts:
          first.policies?.length === 0
            ? [
                'No AuthorizationPolicy of the archive selects the server: it was changed since, or something else denies.',
              ]
            : [],
        missing:
          first.policies === undefined
            ? ['The policies of the server: kubectl get authorizationpolicies -A -o yaml']
            : inbound.length === 0
              ? ['The access log of the server’s proxy: kubectl logs POD -c istio-proxy']
              : [],
        evidence,
      };
    }
  },
});

/** Whether the servers answered others well after the last denial. */
const isServedAgain = (
  denied: readonly AccessGroup[],
  access: readonly AccessGroup[],
  services: readonly Service[],
): boolean => denied.length > 0 && hasEnded(denied, access, services);

/** One policy, or one set of ALLOW policies, that denies for one reason. */
function byPolicy(denials: readonly Denial[]): Iterable<readonly Denial[]> {
  const groups = new Map<string, Denial[]>();
  for (const denial of denials) {
    const { server, plaintext, deniedBy, policies = [] } = denial;
    const names = policies.map(({ meta }) => `${meta.namespace}/${meta.name}`).join(',');
    const who = deniedBy ?? (names === '' ? `${server.namespace}/${server.workload}` : names);
    const key = `${who}\n${plaintext}`;
    addTo(groups, key, denial);
  }
  return groups.values();
}

const callerOf = ({ client, caller, inbound }: Denial): string => {
  if (client === undefined) return inbound[0]?.peer || 'unknown callers';
  return caller === undefined ? peerName(client) : `${peerName(client)} (${caller.principal})`;
};

/** `AuthorizationPolicy shop/carts does not allow`, `… denies`. */
function becauseOf({ policies, deniedBy, caller, server }: Denial): string {
  if (deniedBy !== undefined) return `AuthorizationPolicy ${deniedBy} (DENY) forbids`;
  const [policy, ...others] = policies ?? [];
  if (policy === undefined) return `no AuthorizationPolicy of ${server.namespace}/${server.workload} allows`;
  if (others.length > 0)
    return `none of the ${others.length + 1} ALLOW policies of ${server.namespace}/${server.workload} (${some([policy, ...others].map(({ meta }) => `${meta.namespace}/${meta.name}`))}) allows`;
  const stands = standing(policy, caller);
  if (stands === 'nobody') return `${nameOf(policy)} has no rule and so allows nobody, not even`;
  return stands === 'admitted' && caller !== undefined
    ? `${nameOf(policy)} names the caller but not this operation, and so does not allow`
    : `${nameOf(policy)} does not allow`;
}

function supportOf({ policies = [], caller, client, deniedBy }: Denial): readonly string[] {
  if (deniedBy !== undefined) return policies.length > 0 ? ['The policy that Envoy names is in the archive.'] : [];
  if (caller === undefined || client === undefined) return [];
  const against = policies.filter((policy) => standing(policy, caller) === 'not-named');
  return against.length === policies.length && policies.length > 0
    ? [
        `${peerName(client)} runs as service account ${caller.serviceAccount}; no source of the policies names ${caller.principal}.`,
      ]
    : [];
}

/** What `istioctl experimental authz check` listed for the proxies that denied. */
function inForce(applied: readonly AppliedPolicy[], inbound: readonly AccessGroup[]): readonly Evidence[] {
  const servers = new Set(inbound.map(({ proxy }) => podName(proxy)));
  return applied
    .filter(({ proxy }) => servers.has(podName(proxy)))
    .slice(0, 3)
    .map(({ namespace, name, action, at }) => ({
      ...at,
      stage: 'policy',
      say:
        namespace === ''
          ? 'The server has a policy of its own that allows nobody.'
          : `AuthorizationPolicy ${namespace}/${name} (${action}) is in force at the server.`,
    }));
}

const placeOf = (policy: KubeObject): Evidence => ({
  ...within(policy.at, '/spec'),
  stage: 'policy',
  say: `${nameOf(policy)} (${actionOf(policy)}) selects the server.`,
});

/** What is probably meant: outsiders turned away at a gateway, single tries, or some operations of a caller that may do others. */
const isMinor = (denials: readonly Denial[], count: number): boolean =>
  count < 3 || denials.every(({ server, client, partial }) => partial || (server.gateway && client === undefined));
