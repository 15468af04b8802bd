import { addTo } from '../../model/groups.ts';
import { nameOf } from '../../model/hosts.ts';
import { hostScope, namespaceOfHost } from '../../model/services.ts';
import { summaryOf } from '../../model/traffic.ts';
import { accessEvidence, counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule, type Evidence } from '../rule.ts';
import {
  accessOf,
  brokenConnections,
  type Choice,
  clientName,
  clusterOf,
  counterEvidence,
  errorsOf,
  failingClusters,
  type TlsOfHost,
  tlsOfHosts,
  worksAnyway,
} from './client-tls.ts';

/**
 * A DestinationRule makes clients speak one way while the servers' effective PeerAuthentication takes only the other: plaintext
 * or one-way TLS against STRICT, mutual TLS against DISABLE.
 */
export const conflictingMtlsModes = defineRule({
  id: 'conflicting-mtls-modes',
  title: 'DestinationRule and PeerAuthentication that contradict each other',
  area: 'security',
  severity: 'warning',
  why: 'A DestinationRule decides how clients speak, PeerAuthentication what servers accept. Where they contradict each other every connection to the service is reset.',
  fix: [
    {
      do: 'Take `tls` out of DestinationRule {{rule}}, so that Istio chooses mutual TLS by itself',
      run: 'kubectl edit destinationrule {{ruleName}} -n {{ruleNamespace}}',
    },
    {
      do: 'If the mode is meant, let the servers accept it: correct {{policy}}',
      run: 'kubectl get peerauthentications -n {{policyNamespace}} -o yaml',
    },
    {
      do: 'Verify which TLS settings the clients have now',
      run: 'istioctl proxy-config clusters {{client}} --fqdn {{host}} -o json',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/network-issues/#503-errors-after-setting-destination-rule',
    'https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings',
    'https://istio.io/latest/docs/ops/common-problems/security-issues/#mutual-tls-errors',
  ],
  source: 'knowledge F03, C-SEC-09',
  explains: [
    'unmatched-filter-chain',
    'reset-upstream-connection',
    'failed-upstream-connection',
    'failed-tls-handshake',
    'exhausted-retries',
    'ejected-endpoints',
    'unhealthy-upstream',
  ],
  needs: ['config'],
  uses: ['services', 'pods', 'access', 'clusters', 'clusterConfigs', 'meshConfigs', 'platform'],
  *check({ config, services, pods, access, clusters, clusterConfigs = [], meshConfigs, platform }) {
    const read = {
      config,
      ...(services && { services }),
      ...(pods && { pods }),
      ...(access && { access }),
      ...(clusters && { clusters }),
      ...(meshConfigs && { meshConfigs }),
      ...(platform && { platform }),
    };
    for (const [first, ...others] of byProblem(tlsOfHosts(read))) {
      if (first === undefined) continue;
      const { tls, choices } = first;
      const { rule, host } = tls;
      const [choice] = choices;
      const server = choice?.servers.find((one) => clashes(choice, one));
      const policy = server?.accepts.policy;
      if (choice === undefined || server === undefined || policy === undefined) continue;
      const groups = accessOf(tls, choices);
      const broken = brokenConnections(groups);
      const works = worksAnyway(groups);
      const failing = failingClusters(tls, choices);
      const refused = (access ?? []).filter(
        ({ details, proxy }) =>
          details === 'filter_chain_not_found' &&
          choices.some(({ servers }) =>
            servers.some(({ pod }) => pod.meta.name === proxy.pod && pod.meta.namespace === proxy.namespace),
          ),
      );
      const { count, first: since, last, proxies: loggedBy } = summaryOf(broken);
      const clients = [...loggedBy, ...failing.map(({ proxy }) => proxy)];
      const errors = errorsOf(failing);
      const fails = count > 0 || errors > 0;
      const configured = clusterOf(clusterConfigs, tls, clients);
      const { said, wanted } = wordsOf(choice.mode, server.accepts.mode);
      const evidence = evidenceOf(
        accessEvidence(broken, 'client', 'The client’s connection breaks.'),
        counterEvidence(failing),
        configured && {
          ...configured.at,
          stage: 'cluster',
          say: `The client’s cluster for ${host} comes from this DestinationRule${configured.tls === 'none' ? ' and has no TLS' : ''}.`,
        },
        accessEvidence(refused.slice(0, 1), 'server', 'The server’s proxy refuses the connection.'),
        {
          ...choice.at,
          stage: 'config',
          say: `${nameOf(rule)} ${said} (mode ${choice.mode}).`,
          mark: [`mode: ${choice.mode}`],
        } satisfies Evidence,
        server.accepts.at && {
          ...server.accepts.at,
          stage: 'policy',
          say: `${nameOf(policy)}: the pods take ${wanted} only.`,
          mark: [server.accepts.mode],
        },
      );
      if (evidence === undefined) continue;
      const hosts = [host, ...others.map((other) => other.tls.host)];
      const part = partOf(tls, choices);
      yield {
        subject: nameOf(rule),
        scope: others.length > 0 ? { namespace: namespaceOfHost(host) || rule.meta.namespace } : hostScope(host),
        ...(count > 0 ? { when: { first: since, last }, count } : errors > 0 ? { count: errors } : {}),
        severity: fails ? 'error' : works ? 'info' : 'warning',
        message: `${nameOf(rule)} ${said} (mode ${choice.mode}) for ${some(hosts)}${part}, whose pods accept ${wanted} only (${nameOf(policy)} is ${server.accepts.mode})${fails ? `: ${counted(count || errors, 'request')} failed` : ''}`,
        facts: {
          host,
          namespace: namespaceOfHost(host) || rule.meta.namespace,
          rule: `${rule.meta.namespace}/${rule.meta.name}`,
          ruleName: rule.meta.name,
          ruleNamespace: rule.meta.namespace,
          policy: nameOf(policy),
          policyNamespace: policy.meta.namespace,
          client: clientName(clients[0] ?? configured?.proxy),
        },
        confidence: fails ? 'certain' : works ? 'possible' : 'likely',
        supports: [
          `DestinationRule, PeerAuthentication and the ${counted(choice.servers.length, 'pod')} behind ${host} were read.`,
          ...(fails ? [`Clients that use the rule fail: ${some(clients.map(podName))}.`] : []),
          ...(refused.length > 0 ? ['The servers’ own access log shows refused connections.'] : []),
        ],
        contradicts: works ? ['Requests to these ports came through and none broke.'] : [],
        evidence,
      };
    }
  },
});

interface Conflict {
  readonly tls: TlsOfHost;
  readonly choices: readonly Choice[];
}

/** One for each rule and host; hosts of a wildcard that nobody was seen to fail with are told together. */
function byProblem(all: readonly TlsOfHost[]): Iterable<readonly Conflict[]> {
  const problems = new Map<string, Conflict[]>();
  for (const tls of all) {
    const choices = tls.choices.filter((choice) => choice.servers.some((server) => clashes(choice, server)));
    if (choices.length === 0) continue;
    const fails = brokenConnections(accessOf(tls, choices)).length > 0;
    const key = `${tls.rule.meta.namespace}/${tls.rule.meta.name}\n${tls.wide && !fails ? '*' : tls.host}`;
    addTo(problems, key, { tls, choices });
  }
  return problems.values();
}

/** Whether a client's mode and what a sidecar accepts exclude each other. A pod without a sidecar is another problem. */
function clashes({ mode }: Choice, { inMesh, accepts }: Choice['servers'][number]): boolean {
  if (!inMesh) return false;
  if (accepts.mode === 'STRICT') return mode === 'DISABLE' || mode === 'SIMPLE' || mode === 'MUTUAL';
  return accepts.mode === 'DISABLE' && mode === 'ISTIO_MUTUAL';
}

function wordsOf(mode: string, accepted: string): { readonly said: string; readonly wanted: string } {
  const said =
    mode === 'DISABLE'
      ? 'turns TLS off'
      : mode === 'ISTIO_MUTUAL'
        ? 'sends mutual TLS'
        : `sends TLS without the mesh’s certificate`;
  return { said, wanted: accepted === 'STRICT' ? 'mutual TLS' : 'plaintext' };
}

/** Which ports or subsets are meant, where it is not the whole host. */
function partOf({ choices: all }: TlsOfHost, choices: readonly Choice[]): string {
  const subsets = [...new Set(choices.map(({ subset }) => subset))];
  if (!subsets.includes('')) return ` subset ${some(subsets)}`;
  if (choices.length === all.length) return '';
  return ` port ${some([...new Set(choices.map(({ port }) => String(port)))])}`;
}
