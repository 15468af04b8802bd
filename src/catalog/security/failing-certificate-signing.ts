import { addTo } from '../../model/groups.ts';
import type { LogHits } from '../../parse/facts.ts';
import { counted, evidenceOf, logEvidence, podName, some } from '../evidence.ts';
import { spanOf } from '../log-rules.ts';
import { defineRule } from '../rule.ts';
import { scopeOfProxies } from './certificates.ts';

/**
 * Certificate requests that end in an error: istiod's authority refuses or cannot sign, or an agent gets no answer that helps.
 * A request that failed because istiod could not be reached at all is another problem.
 */
export const failingCertificateSigning = defineRule({
  id: 'failing-certificate-signing',
  title: 'Certificate requests that fail',
  area: 'security',
  severity: 'error',
  why: 'Without a certificate a new proxy never becomes ready, and a running one loses mutual TLS when its present one ends, usually within a day.',
  fix: [
    {
      do: 'Read istiod’s reason for each refused request',
      run: 'kubectl logs -n {{istioNamespace}} -l app=istiod --tail=-1 | grep -iE "csr|serverca|x509"',
    },
    {
      do: 'Read the agent’s side',
      run: 'kubectl logs {{podName}} -n {{podNamespace}} -c istio-proxy --tail=-1 | grep -iE "workload certificate|ca request|sds"',
    },
    {
      do: 'After mending the reason verify that a restarted pod gets its certificate',
      run: 'istioctl proxy-config secret {{pod}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/security-issues/#keys-and-certificates-errors',
    'https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/',
  ],
  source: 'knowledge D117 to D137',
  explains: ['never-ready-proxy', 'failed-tls-handshake', 'expired-certificate'],
  signatures: [
    {
      id: 'failing-certificate-signing/sign',
      log: 'istiod',
      contains: 'CSR signing error',
      matching: /CSR signing error:? \(?(?<why>.*)/,
    },
    {
      id: 'failing-certificate-signing/authenticate',
      log: 'istiod',
      contains: 'uthenticat',
      matching:
        /serverca\t.*(?:Authentication failed for \S+:|request authenticate failure|Failed to authenticate client from \S+:) ?(?<why>.*)/,
    },
    {
      id: 'failing-certificate-signing/agent',
      log: 'proxy',
      contains: 'failed to generate workload certificate',
      matching: /failed to generate workload certificate: (?<why>.*)/,
    },
  ],
  needs: ['platform'],
  uses: ['istiodLog', 'proxyLog', 'metrics', 'pods', 'proxies'],
  anyOf: ['istiodLog', 'proxyLog', 'metrics'],
  *check({ istiodLog = [], proxyLog = [], metrics = [], pods, proxies, platform }) {
    const istioNamespace = platform.istioNamespace;
    const hits = [...istiodLog, ...proxyLog].filter(
      ({ signature, captures }) =>
        signature.startsWith('failing-certificate-signing/') && !isUnreachable(captures['why'] ?? ''),
    );
    const counters = metrics.filter(({ name, value }) => name === 'citadel_server_csr_sign_err_count' && value > 0);
    for (const [reason, same] of byReason(hits)) {
      const count = same.reduce((sum, hit) => sum + hit.count, 0);
      const when = spanOf(same);
      const agents = same.filter(({ log }) => log === 'proxy').map(({ pod }) => pod);
      const { scope, workloads } = scopeOfProxies(agents, {
        ...(pods && { pods }),
        ...(proxies && { proxies }),
      });
      const atIstiod = same.filter(({ log }) => log === 'istiod');
      const evidence = evidenceOf(
        logEvidence(
          agents.length > 0 ? same.filter(({ log }) => log === 'proxy') : [],
          'client',
          'The agent got no certificate.',
        ),
        logEvidence(atIstiod, 'server', 'istiod did not sign.'),
        counters.slice(0, 1).map(({ at, value }) => ({
          ...at,
          stage: 'server' as const,
          say: `istiod counts ${value} requests that it could not sign.`,
        })),
      );
      if (evidence === undefined) continue;
      const [agent] = agents;
      yield {
        subject: workloads.length > 0 ? some(workloads) : some(atIstiod.map(({ pod }) => podName(pod))),
        // What istiod cannot sign, it can sign for nobody.
        scope: atIstiod.length > 0 ? {} : scope,
        ...(when === undefined ? {} : { when }),
        count,
        ...(count < 2 ? { severity: 'warning' as const } : {}),
        message: `${counted(count, 'certificate request')}${workloads.length > 0 ? ` of ${some(workloads)}` : ''} failed: ${reason}`,
        facts: {
          istioNamespace,
          pod: agent === undefined ? 'POD' : `${agent.pod}.${agent.namespace}`,
          podName: agent?.pod ?? 'POD',
          podNamespace: agent?.namespace ?? 'NAMESPACE',
        },
        confidence: atIstiod.length > 0 && (agents.length > 0 || counters.length > 0) ? 'certain' : 'likely',
        supports: [
          ...(atIstiod.length > 0 && agents.length > 0 ? ['istiod and the agents tell of the same failure.'] : []),
          ...(counters.length > 0 ? ['istiod’s metrics count the failures.'] : []),
        ],
        evidence,
      };
    }
    const [counter] = counters;
    if (hits.length > 0 || counter === undefined) return;
    yield {
      subject: counter.istiod === undefined ? 'istiod' : podName(counter.istiod),
      scope: {},
      count: counter.value,
      // The counter tells neither when nor whether it still goes on.
      severity: 'warning',
      message: `istiod could not sign ${counted(counter.value, 'certificate request')} since it started${counter.labels['error'] === undefined ? '' : ` (${counter.labels['error']})`}`,
      facts: { istioNamespace, pod: 'POD', podName: 'POD', podNamespace: 'NAMESPACE' },
      missing: [`The reasons, from istiod’s log: kubectl logs -n ${istioNamespace} -l app=istiod --tail=-1`],
      evidence: [{ ...counter.at, stage: 'server', say: 'istiod counts requests that it could not sign.' }],
    };
  },
});

/** No connection to istiod: told by the rules of the control plane. */
const isUnreachable = (why: string): boolean =>
  !why.includes('x509') &&
  /code = (?:Unavailable|DeadlineExceeded|Canceled)|connection refused|no such host|i\/o timeout|context deadline exceeded|context canceled/.test(
    why,
  );

/** Failures by what they say, without what differs from one to the next. */
function byReason(hits: readonly LogHits[]): ReadonlyMap<string, readonly LogHits[]> {
  const groups = new Map<string, LogHits[]>();
  for (const hit of hits) {
    const reason = (hit.captures['why'] ?? '')
      .replace(/^create certificate: rpc error: code = (\w+) desc = /, '')
      .replace(/^CSR signing error \(/, '')
      .replace(/\d+\.\d+\.\d+\.\d+(?::\d+)?/g, 'an address')
      .replace(/\)+$/, '')
      .slice(0, 200);
    addTo(groups, reason, hit);
  }
  return groups;
}
