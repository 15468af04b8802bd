import { within } from '../../input/location.ts';
import { policiesFor } from '../../model/authorization.ts';
import { addTo } from '../../model/groups.ts';
import { nameOf } from '../../model/hosts.ts';
import { rootNamespaceOf, serverLookup } from '../../model/peers.ts';
import { hasEnded, succeeded, summaryOf } from '../../model/traffic.ts';
import type { AccessGroup } from '../../parse/facts.ts';
import { accessEvidence, counted, evidenceOf, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';

/** Envoy's jwt_authn filter answers 401, or 403 for a wrong audience, and says why: `jwt_authn_access_denied{Jwt_is_expired}`. */
export const refusedJwt = defineRule({
  id: 'refused-jwt',
  title: 'Requests refused for their token',
  area: 'security',
  severity: 'error',
  why: 'A RequestAuthentication makes the proxy verify every token it is shown; a token that fails is answered with 401, whatever the policies allow.',
  fix: [
    {
      do: 'Compare issuer, audiences and key id of the token with the RequestAuthentication',
      run: 'kubectl get requestauthentications -n {{namespace}} -o yaml',
    },
    {
      do: 'See whether istiod could fetch the keys of the issuer',
      run: 'kubectl logs -n {{istioNamespace}} -l app=istiod --tail=-1 | grep -i jwks',
    },
    {
      do: 'Verify with a fresh token',
      run: 'kubectl logs {{pod}} -n {{namespace}} -c istio-proxy --since=5m | grep jwt_authn_access_denied',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/security-issues/#end-user-authentication-fails',
    'https://istio.io/latest/docs/reference/config/security/request_authentication/',
  ],
  source: 'knowledge C-SEC-01, D160; Envoy jwt_authn',
  symptom: true,
  needs: ['access'],
  uses: ['pods', 'proxies', 'config', 'services', 'meshConfigs', 'platform'],
  *check({ access, pods, proxies, config, services = [], meshConfigs, platform }) {
    const serverOf = serverLookup(pods, proxies);
    const gathered = new Map<string, AccessGroup[]>();
    for (const group of access) {
      const reason = reasonOf(group);
      if (reason === undefined) continue;
      const server = serverOf(group.proxy);
      const key = `${server.namespace}/${server.workload}\n${reason}`;
      addTo(gathered, key, group);
    }
    if (gathered.size === 0) return;
    const root = rootNamespaceOf(meshConfigs, platform);
    for (const groups of gathered.values()) {
      const [group] = groups;
      const reason = group && reasonOf(group);
      if (group === undefined || reason === undefined) continue;
      const server = serverOf(group.proxy);
      const name = `${server.namespace}/${server.workload}`;
      const { count, first, last } = summaryOf(groups);
      const [policy] = config === undefined ? [] : policiesFor(config, 'RequestAuthentication', server, root);
      const evidence = evidenceOf(
        accessEvidence(groups, 'server', `The proxy refused the token: ${meaningOf(reason)}.`, [group.details]),
        policy && { ...within(policy.at, '/spec'), stage: 'policy', say: `${nameOf(policy)} selects the server.` },
      );
      if (evidence === undefined) continue;
      yield {
        subject: name,
        scope: { namespace: server.namespace, workload: server.workload },
        when: { first, last },
        count,
        ended: hasEnded(groups, access, services) && !atServer(reason),
        // Callers with an old token or none are everyday, unless they are most of them; keys that do not fit concern every caller.
        ...(count < 3 || !(atServer(reason) || isMost(groups, access)) ? { severity: 'warning' as const } : {}),
        message: `${counted(count, 'request')} to ${name} refused with ${some(groups.map(({ code }) => String(code)))}: ${reason.replaceAll('_', ' ')} (${meaningOf(reason)}), asked by ${some(groups.map(({ peer }) => peer || 'unknown callers'))}`,
        facts: {
          namespace: server.namespace,
          pod: group.proxy.pod,
          reason,
          istioNamespace: platform?.istioNamespace ?? 'istio-system',
        },
        evidence,
      };
    }
  },
});

/** `Jwt_is_expired` of a 401 or 403; undefined for any other answer. */
function reasonOf({ details }: AccessGroup): string | undefined {
  return /^jwt_authn_access_denied\{([^}]*)/.exec(details)?.[1];
}

/** Whether the reason lies in keys and settings rather than in one caller's token. */
const atServer = (reason: string): boolean =>
  !/^Jwt_(?:is_missing|is_expired|not_yet_valid|is_not_in_the_form)/.test(reason);

/** Whether more requests were refused at a sidecar than it served from the first refusal to the last. */
function isMost(refused: readonly AccessGroup[], access: readonly AccessGroup[]): boolean {
  const { count, first, last } = summaryOf(refused);
  if (count < 10 || refused.some(({ direction }) => direction !== 'inbound')) return false;
  const places = new Set(refused.map(placeOf));
  const served = access
    .filter((group) => succeeded(group) && places.has(placeOf(group)))
    .flatMap(({ perMinute }) => Object.entries(perMinute))
    .reduce(
      (sum, [minute, requests]) => (minute >= first.slice(0, 16) && minute <= last.slice(0, 16) ? sum + requests : sum),
      0,
    );
  return count > served;
}

const placeOf = ({ proxy, cluster }: AccessGroup): string => `${proxy.namespace}/${proxy.pod} ${cluster}`;

function meaningOf(reason: string): string {
  const [, meaning] = meanings.find(([word]) => reason.startsWith(word)) ?? [];
  return meaning ?? 'the token could not be read';
}

const meanings: readonly (readonly [reason: string, meaning: string])[] = [
  ['Jwt_is_missing', 'no token was sent, or in another header than `fromHeaders` names'],
  ['Jwt_is_expired', 'the token is too old, or a clock is wrong'],
  ['Jwt_not_yet_valid', 'clocks of issuer and node differ'],
  ['Jwt_issuer_is_not_configured', 'no rule has this issuer; often a trailing slash'],
  ['Audiences_in_Jwt_are_not_allowed', 'the token is meant for another audience'],
  ['Jwt_verification_fails', 'no key the proxy has fits the signature: wrong keys, or istiod could not fetch them'],
  ['Jwks_doesn', 'the issuer signs with a key the proxy does not know yet, or istiod could not fetch the keys'],
  ['Jwks_remote_fetch', 'the proxy could not fetch the keys'],
  ['Jwks_', 'what the issuer gives out are no keys'],
];
