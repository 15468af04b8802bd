import { within } from '../../input/location.ts';
import { addTo } from '../../model/groups.ts';
import { list, nameOf, record, specOf, text } from '../../model/hosts.ts';
import { rootNamespaceOf } from '../../model/peers.ts';
import { matchesLabels, workloadOf } from '../../model/selectors.ts';
import type { KubeObject, LogHits, Pod } from '../../parse/facts.ts';
import { accessEvidence, counted, evidenceOf, logEvidence, podName, some } from '../evidence.ts';
import { spanOf } from '../log-rules.ts';
import { defineRule, type Evidence, type Scope } from '../rule.ts';

/**
 * istiod fetches the keys of every RequestAuthentication. Where it cannot, proxies get a placeholder key that fits no token, and
 * every token of the issuer is answered with 401.
 */
export const unreachableJwks = defineRule({
  id: 'unreachable-jwks',
  title: 'Token keys that istiod cannot fetch',
  area: 'security',
  severity: 'error',
  why: 'Without the issuer’s keys istiod gives the proxies a placeholder that fits no token, so every request with a token of that issuer is refused with 401.',
  fix: [
    {
      do: 'Try the address from the cluster, as istiod does',
      run: 'kubectl run jwks-check --rm -i --restart=Never --image=curlimages/curl -n {{namespace}} -- -sv -m 10 {{uri}}',
    },
    {
      do: 'Correct `jwksUri` in {{policy}}, or allow istiod the way there (DNS, firewall, proxy, private authority)',
      run: 'kubectl edit requestauthentication {{policyName}} -n {{namespace}}',
    },
    { do: 'If istiod must not reach the issuer, put the keys into `jwks` of the same rule' },
    {
      do: 'Verify that istiod fetches the keys',
      run: 'kubectl logs -n {{istioNamespace}} -l app=istiod --since=5m | grep -i jwks',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/security-issues/#end-user-authentication-fails',
    'https://istio.io/latest/docs/reference/config/security/jwt/',
  ],
  source: 'knowledge F27, D110; istio pilot/pkg/model/jwks_resolver.go',
  explains: ['refused-jwt'],
  signatures: [
    {
      id: 'unreachable-jwks/fetch',
      log: 'istiod',
      contains: 'public key from',
      matching:
        /Failed to (?:fetch|refresh) (?:JWT |jwt )?public key from (?:jwks URI |issuer )?"?(?<uri>[^"\s]+?)"?:? /,
    },
    {
      id: 'unreachable-jwks/issuer',
      log: 'istiod',
      contains: ' for issuer ',
      matching: /(?:JWKS fetch failed|The JWKS key is not yet fetched) for issuer (?<issuer>\S+) \((?<uri>[^)]*)\)/,
    },
    {
      id: 'unreachable-jwks/discovery',
      log: 'istiod',
      contains: 'Failed to fetch jwks_uri from',
      matching: /Failed to fetch jwks_uri from "(?<uri>[^"]*)"/,
    },
    {
      id: 'unreachable-jwks/content',
      log: 'istiod',
      contains: 'is not a valid JWKS',
      matching: /Content fetched from jwks URI "(?<uri>[^"]*)" is not a valid JWKS/,
    },
  ],
  needs: ['istiodLog'],
  uses: ['config', 'pods', 'access', 'meshConfigs', 'platform'],
  *check({ istiodLog, config, pods = [], access = [], meshConfigs, platform }) {
    const hits = istiodLog.filter(({ signature }) => signature.startsWith('unreachable-jwks/'));
    if (hits.length === 0) return;
    const root = rootNamespaceOf(meshConfigs, platform);
    const refused = access.filter(({ details }) => details.startsWith('jwt_authn_access_denied'));
    const policies = config?.filter(({ kind }) => kind === 'RequestAuthentication') ?? [];
    for (const [uri, failures] of byUri(hits)) {
      const issuers = new Set(failures.flatMap(({ captures }) => captures['issuer'] ?? []));
      const asking = policies.flatMap((policy) => {
        const rule = list(specOf(policy)['jwtRules'])
          .map(record)
          .findIndex((jwt) => wants(jwt, uri, issuers));
        return rule < 0 ? [] : [{ policy, pointer: `/spec/jwtRules/${rule}` }];
      });
      // Keys that nothing asks for any more fail nobody.
      if (config !== undefined && asking.length === 0) continue;
      const fetches = failures.filter(({ signature }) => signature !== 'unreachable-jwks/issuer');
      const shown = fetches.length > 0 ? fetches : failures;
      const count = shown.reduce((sum, hit) => sum + hit.count, 0);
      const when = spanOf(failures);
      const error = errorOf(shown);
      for (const one of asking.length > 0 ? asking : [undefined]) {
        const scope = one === undefined ? {} : scopeOf(one.policy, pods, root);
        const tokens = refused.filter(
          ({ proxy }) => scope.namespace === undefined || proxy.namespace === scope.namespace,
        );
        const evidence = evidenceOf(
          accessEvidence(tokens, 'symptom', 'Tokens are refused.'),
          logEvidence(shown.slice(0, 1), 'sync', 'istiod could not fetch the keys.', [uri]),
          one &&
            ({
              ...within(one.policy.at, one.pointer),
              stage: 'policy',
              say: `${nameOf(one.policy)} asks for these keys.`,
              mark: [uri],
            } satisfies Evidence),
        );
        if (evidence === undefined) continue;
        yield {
          subject: one === undefined ? uri : nameOf(one.policy),
          scope,
          ...(when === undefined ? {} : { when }),
          count,
          ...(isBrief(failures) ? { severity: 'warning' as const } : {}),
          message: `istiod cannot fetch the keys of ${one === undefined ? '' : `${nameOf(one.policy)} from `}${uri}${error === '' ? '' : `: ${error}`} (${counted(count, 'failure')})`,
          facts: {
            uri,
            policy: one === undefined ? 'the RequestAuthentication' : nameOf(one.policy),
            policyName: one?.policy.meta.name ?? 'NAME',
            namespace: one?.policy.meta.namespace ?? 'default',
            istioNamespace: platform?.istioNamespace ?? 'istio-system',
          },
          confidence: one !== undefined && tokens.length > 0 ? 'certain' : 'likely',
          supports: [
            `Failures logged by ${some(shown.map(({ pod }) => podName(pod)))}.`,
            ...(tokens.length > 0 ? ['Proxies refuse tokens with 401.'] : []),
          ],
          evidence,
        };
      }
    }
  },
});

function byUri(hits: readonly LogHits[]): ReadonlyMap<string, readonly LogHits[]> {
  const groups = new Map<string, LogHits[]>();
  for (const hit of hits) {
    const uri = hit.captures['uri'] ?? '';
    if (uri === '') continue;
    addTo(groups, uri, hit);
  }
  return groups;
}

/** Whether a jwtRule takes its keys from this address: named, or found through the issuer's discovery document. */
function wants(rule: Readonly<Record<string, unknown>>, uri: string, issuers: ReadonlySet<string>): boolean {
  if (text(rule['jwks']) !== undefined) return false;
  const named = text(rule['jwksUri']) ?? text(rule['jwks_uri']);
  const issuer = text(rule['issuer']) ?? '';
  if (named !== undefined && named !== '') return named === uri;
  return issuer !== '' && (issuers.has(issuer) || uri.startsWith(issuer.replace(/\/$/, '')));
}

/** The workload a policy selects, its namespace, or the whole mesh for one of the root namespace. */
function scopeOf(policy: KubeObject, pods: readonly Pod[], root: string): Scope {
  const { namespace } = policy.meta;
  const selector = record(record(specOf(policy)['selector'])['matchLabels']);
  if (Object.keys(selector).length === 0) return namespace === root ? {} : { namespace };
  const workloads = new Set(
    pods
      .filter(
        ({ meta }) => (meta.namespace === namespace || namespace === root) && matchesLabels(selector, meta.labels),
      )
      .map((pod) => `${pod.meta.namespace}/${workloadOf(pod)}`),
  );
  const [only, ...others] = workloads;
  if (only === undefined || others.length > 0) return namespace === root ? {} : { namespace };
  const [place = namespace, workload = ''] = only.split('/');
  return { namespace: place, workload };
}

/** What follows the address: `dial tcp: lookup idp.example: no such host`; a line that names the reason before one that gave up. */
function errorOf(hits: readonly LogHits[]): string {
  const causes = hits
    .flatMap(({ samples }) => samples)
    .flatMap(({ text }) => /(?:Get "[^"]*"|public key from[^:]*"): (.+?)(?:\. Retry in .*)?$/.exec(text)?.[1] ?? [])
    .map((cause) => cause.replace(/^Get "[^"]*": /, '').slice(0, 200));
  return causes.findLast((cause) => /dial|lookup|x509|refused|status/.test(cause)) ?? causes.at(-1) ?? '';
}

/** One failure that was not repeated: istiod tries again at once and every 20 minutes. */
const isBrief = (hits: readonly LogHits[]): boolean => hits.reduce((sum, { count }) => sum + count, 0) < 2;
