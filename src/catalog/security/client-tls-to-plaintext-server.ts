import { within } from '../../input/location.ts';
import { nameOf } from '../../model/hosts.ts';
import { workloadOf } from '../../model/selectors.ts';
import { hostScope, namespaceOfHost } from '../../model/services.ts';
import { summaryOf } from '../../model/traffic.ts';
import { accessEvidence, counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule, type Evidence } from '../rule.ts';
import {
  accessOf,
  clientName,
  clusterOf,
  counterEvidence,
  errorsOf,
  failingClusters,
  type TlsOfHost,
  tlsOfHosts,
  worksAnyway,
} from './client-tls.ts';
import { tlsFailureOf } from './tls-failure.ts';

/**
 * A DestinationRule makes clients open TLS to a server that answers in plaintext: pods without a sidecar, or an outside host.
 * Envoy reports WRONG_VERSION_NUMBER; for ISTIO_MUTUAL and pods without a proxy the configuration alone proves it.
 */
export const clientTlsToPlaintextServer = defineRule({
  id: 'client-tls-to-plaintext-server',
  title: 'Client forced to use TLS with a server that speaks plaintext',
  area: 'security',
  severity: 'warning',
  why: 'The DestinationRule makes every client open TLS, but the server answers in plaintext, so the handshake fails with `WRONG_VERSION_NUMBER` and the request ends in 503 with flag `UF`.',
  fix: [
    {
      do: 'Take `tls` out of DestinationRule {{rule}}, or set its mode to DISABLE, until the servers speak TLS',
      run: 'kubectl edit destinationrule {{ruleName}} -n {{ruleNamespace}}',
    },
    {
      do: 'Or give the servers a sidecar',
      run: 'kubectl label namespace {{namespace}} istio.io/rev={{revision}} --overwrite && kubectl rollout restart deployment -n {{namespace}}',
    },
    {
      do: 'Verify which TLS settings the clients have now',
      run: 'istioctl proxy-config clusters {{client}} --fqdn {{host}} -o json',
    },
  ],
  references: [
    'https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings',
    'https://istio.io/latest/docs/ops/common-problems/network-issues/#503-errors-after-setting-destination-rule',
  ],
  source: 'knowledge F04, C-SEC-09; WRONG_VERSION_NUMBER',
  explains: [
    'failed-tls-handshake',
    'failed-upstream-connection',
    'reset-upstream-connection',
    'exhausted-retries',
    'ejected-endpoints',
    'unhealthy-upstream',
  ],
  needs: ['config'],
  uses: ['services', 'pods', 'access', 'clusters', 'clusterConfigs', 'meshConfigs', 'platform', 'proxies'],
  *check({ config, services, pods, access, clusters, clusterConfigs = [], meshConfigs, platform, proxies = [] }) {
    const revision = proxies.find((proxy) => proxy.revision !== undefined)?.revision ?? 'default';
    for (const tls of tlsOfHosts({
      config,
      ...(services && { services }),
      ...(pods && { pods }),
      ...(access && { access }),
      ...(clusters && { clusters }),
      ...(meshConfigs && { meshConfigs }),
      ...(platform && { platform }),
    })) {
      const { rule, host, wide } = tls;
      const choices = tls.choices.filter(({ mode }) => mode !== 'DISABLE');
      const groups = accessOf(tls, choices);
      const failed = groups.filter((group) => tlsFailureOf(group)?.reason === 'WRONG_VERSION_NUMBER');
      const [choice] = choices.filter(({ mode }) => mode === 'ISTIO_MUTUAL').concat(choices);
      if (choice === undefined) continue;
      const bare = choice.servers.filter(({ inMesh }) => !inMesh);
      const refusing = choice.servers.some(({ inMesh, accepts }) => inMesh && accepts.mode === 'DISABLE');
      // A sidecar that takes plaintext only is a contradiction of policies, and told as one.
      if (bare.length === 0 && refusing) continue;
      if (failed.length === 0 && (choice.mode !== 'ISTIO_MUTUAL' || bare.length === 0 || wide)) continue;
      const works = failed.length === 0 && worksAnyway(groups);
      const failing = choice.mode === 'ISTIO_MUTUAL' && bare.length > 0 ? failingClusters(tls, choices) : [];
      const [server] = bare;
      const { count, first, last, proxies: loggedBy } = summaryOf(failed);
      const clients = [...loggedBy, ...failing.map(({ proxy }) => proxy)];
      const errors = errorsOf(failing);
      const fails = count > 0 || errors > 0;
      const configured = clusterOf(clusterConfigs, tls, clients);
      const evidence = evidenceOf(
        accessEvidence(failed, 'client', 'The client opens TLS and is answered in plaintext.', [
          'WRONG_VERSION_NUMBER',
        ]),
        counterEvidence(failing),
        configured && {
          ...configured.at,
          stage: 'cluster',
          say: `The client’s cluster for ${host} comes from this DestinationRule.`,
        },
        server && {
          ...within(server.pod.at, '/spec/containers'),
          stage: 'server',
          say: `${server.pod.meta.namespace}/${server.pod.meta.name} has no istio-proxy container.`,
        },
        {
          ...choice.at,
          stage: 'config',
          say: `${nameOf(rule)} makes clients use TLS (mode ${choice.mode}).`,
          mark: [`mode: ${choice.mode}`],
        } satisfies Evidence,
      );
      if (evidence === undefined) continue;
      yield {
        subject: nameOf(rule),
        scope: hostScope(host),
        ...(count > 0 ? { when: { first, last }, count } : errors > 0 ? { count: errors } : {}),
        severity: fails ? 'error' : works ? 'info' : 'warning',
        message: `${nameOf(rule)} makes clients use TLS (mode ${choice.mode}) to ${host}, ${serversOf(tls, bare.length, choice.servers.length, server && workloadOf(server.pod))}${fails ? `: ${counted(count || errors, 'request')} failed${count > 0 ? ' with WRONG_VERSION_NUMBER' : ''}` : ''}`,
        facts: {
          host,
          namespace: namespaceOfHost(host) || rule.meta.namespace,
          rule: `${rule.meta.namespace}/${rule.meta.name}`,
          ruleName: rule.meta.name,
          ruleNamespace: rule.meta.namespace,
          revision,
          client: clientName(clients[0] ?? configured?.proxy),
        },
        confidence: fails ? 'certain' : works ? 'possible' : 'likely',
        supports: [
          ...(bare.length > 0 ? [`${counted(bare.length, 'pod')} behind ${host} without a proxy.`] : []),
          ...(count > 0
            ? [`The handshake fails at ${some(clients.map(podName))}: the server answered in plaintext.`]
            : []),
        ],
        contradicts: works ? ['Requests to this host came through and none broke.'] : [],
        evidence,
      };
    }
  },
});

function serversOf({ host }: TlsOfHost, bare: number, all: number, workload: string | undefined): string {
  if (workload === undefined) return `which answers in plaintext`;
  const pods = bare === all ? 'whose pods have no proxy' : `where ${bare} of ${all} pods have no proxy`;
  return `${pods} (${namespaceOfHost(host)}/${workload})`;
}
