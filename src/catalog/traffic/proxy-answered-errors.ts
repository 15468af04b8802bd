import { refusedRoutes } from '../../model/gateway-routes.ts';
import { faultLookup, faultScope } from '../../model/gateways.ts';
import { locator } from '../../model/locate.ts';
import { byText } from '../../model/order.ts';
import { namespaceOfHost } from '../../model/services.ts';
import { failuresByDestination } from '../../model/traffic.ts';
import type { AccessGroup } from '../../parse/facts.ts';
import { accessEvidence, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule, type Severity } from '../rule.ts';
import { clientOf, failureScope, failureSeverity, ofAll, targetName } from './requests.ts';

/** Errors that a proxy answered itself for a reason that has no rule of its own; Envoy's details name it. */
export const proxyAnsweredErrors = defineRule({
  id: 'proxy-answered-errors',
  title: 'Errors that a proxy answered itself',
  area: 'traffic',
  severity: 'error',
  why: 'The request never reached the application: a filter or a route of the proxy answered it with an error. Envoy’s response code details say which.',
  fix: [
    {
      do: 'Find the filter or route that answers {{details}}',
      run: 'istioctl proxy-config all {{client}} -o json',
    },
    {
      do: 'Look for what configures it: AuthorizationPolicy with action CUSTOM, EnvoyFilter, WasmPlugin, `directResponse` of a VirtualService',
      run: 'kubectl get authorizationpolicies,envoyfilters,wasmplugins,virtualservices -A',
    },
  ],
  references: ['https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/response_code_details'],
  source: 'Envoy response code details; envoy-formats 4.3',
  symptom: true,
  explains: ['exhausted-retries', 'application-errors'],
  needs: ['access'],
  uses: ['services', 'pods', 'proxies', 'config'],
  *check({ access, services = [], pods, proxies, config = [] }) {
    const answered = new Map<string, number>();
    for (const group of access) {
      if (isAnsweredByProxy(group)) answered.set(kindOf(group), (answered.get(kindOf(group)) ?? 0) + group.count);
    }
    if (answered.size === 0) return;
    // Scripts and filters may put anything into the details: the frequent ones stand for themselves.
    const kinds = [...answered].sort((a, b) => b[1] - a[1] || byText(a[0], b[0])).map(([kind]) => kind);
    const named = new Set(kinds.slice(0, kindsNamed));
    const shownKind = (group: AccessGroup): string => (named.has(kindOf(group)) ? kindOf(group) : 'other details');
    const details = new Set(kinds.map((kind) => (named.has(kind) ? kind : 'other details')));
    const locate = locator({ services, ...(pods && { pods }), ...(proxies && { proxies }) });
    const faultFor = faultLookup(refusedRoutes(config, () => false));
    for (const kind of details) {
      for (const failures of failuresByDestination(
        access,
        services,
        (group) => isAnsweredByProxy(group) && shownKind(group) === kind,
        locate,
      )) {
        const { groups, first, last, ended, host, count, proxies: seenBy } = failures;
        const evidence = evidenceOf(accessEvidence(groups, 'symptom', `The proxy answered itself: ${kind}.`, [kind]));
        if (evidence === undefined) continue;
        const fault = faultFor(host);
        const codes = [...new Set(groups.map(({ code, flags }) => `${code} ${flags.join(',')}`.trim()))];
        yield {
          subject: targetName(failures),
          scope: fault === undefined ? failureScope(failures) : faultScope(fault, host),
          when: { first, last },
          count,
          ended,
          severity: failureSeverity(failures, severityOf(kind, count, fault !== undefined)),
          message: `${ofAll(failures)} to ${targetName(failures)} ${groups.length === 1 && count === 1 ? 'was' : 'were'} answered with ${some(codes)} by a proxy itself (${kind}): ${meaningOf(kind)}, in ${some(seenBy.map(podName))}`,
          facts: { host, namespace: namespaceOfHost(host), client: clientOf(seenBy[0]), details: kind },
          evidence,
        };
      }
    }
  },
});

/** Kinds of details that are findings of their own; what is rarer is one more. */
const kindsNamed = 20;

/** Flags and details that have rules of their own. */
const told = new Set([
  'UF',
  'UH',
  'UO',
  'NC',
  'NR',
  'UC',
  'UR',
  'LR',
  'UT',
  'UMSDR',
  'SI',
  'UPE',
  'DPE',
  'FI',
  'DF',
  'DC',
]);

/** Server errors that no upstream sent, and an external authorizer that failed: its denials are answers. */
const isAnsweredByProxy = ({ code, flags, details, tcp, route, cluster }: AccessGroup): boolean =>
  !tcp &&
  details !== '' &&
  details !== 'via_upstream' &&
  (code >= 500 || details === 'ext_authz_error') &&
  !flags.some((flag) => told.has(flag)) &&
  cluster !== 'BlackHoleCluster' &&
  // REGISTRY_ONLY, named by its route or code alone: blocked-egress.
  !(details === 'direct_response' && (route === 'block_all' || code === 502)) &&
  !/^(?:cluster_not_found|fault_filter_abort|no_healthy_upstream|rbac_|jwt_|(?:upstream_)?(?:response|per_try|request)_|upstream_reset|upstream_response_timeout|max_stream_duration|filter_chain)/.test(
    details,
  );

/** Details without what differs from request to request. */
const kindOf = ({ details }: AccessGroup): string => details.replace(/[{[(].*$/, '');

const meanings: ReadonlyMap<string, string> = new Map([
  ['ext_authz_error', 'the external authorizer could not be asked'],
  ['direct_response', 'a route answers instead of sending on: `directResponse`, or a backend that does not exist'],
  ['overload', 'the proxy is overloaded'],
  ['lua_response', 'a Lua script of an EnvoyFilter answered'],
  ['ext_proc_error', 'the external processor failed'],
  ['rate_limiter_error', 'the rate limit service could not be asked'],
  ['wasm_fail_stream', 'a WebAssembly plugin failed'],
  ['wasm_creation_error', 'a WebAssembly plugin could not be loaded'],
  ['internal_redirect', 'a redirect failed'],
]);
const meaningOf = (kind: string): string => meanings.get(kind) ?? 'a filter of the proxy refused it';

/** What somebody wrote to be answered is an answer; what failed is an error once it is more than a try. */
const severityOf = (kind: string, count: number, broken: boolean): Severity =>
  (!broken && (kind === 'direct_response' || kind === 'lua_response')) || count < 3 ? 'warning' : 'error';
