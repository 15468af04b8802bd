import { evidenceOf, logEvidence, podName, some } from '../evidence.ts';
import { spanOf } from '../log-rules.ts';
import { defineRule, type Evidence } from '../rule.ts';
import { captureTime, heldCertificates, nounOf, scopeOfProxies, spell } from './certificates.ts';

/** Clocks of collector and cluster may differ by this much without harm: istiod dates certificates two minutes back. */
const tolerance = 5 * 60_000;

/** A certificate whose time has not come says that a clock is wrong: the issuer's is ahead, or this node's is behind. */
export const certificateNotYetValid = defineRule({
  id: 'certificate-not-yet-valid',
  title: 'Certificate that is not valid yet',
  area: 'security',
  severity: 'error',
  why: 'A certificate from the future is refused in every handshake. Istio issues none, so the clock of the issuer is ahead or that of the node is behind.',
  fix: [
    {
      do: 'Compare the clocks of the nodes',
      run: 'kubectl get nodes -o custom-columns=NODE:.metadata.name,HEARTBEAT:.status.conditions[-1].lastHeartbeatTime',
    },
    {
      do: 'Set the clock of {{where}} right (NTP, chrony) and restart the pods on it',
      run: 'kubectl get pods -A -o wide --field-selector spec.nodeName={{node}}',
    },
    { do: 'Verify the dates of the new certificate', run: 'istioctl proxy-config secret {{pod}}' },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/observability-issues/',
    'https://istio.io/latest/docs/ops/common-problems/security-issues/#keys-and-certificates-errors',
  ],
  source: 'knowledge F07, D138',
  explains: [
    'failed-tls-handshake',
    'failed-upstream-connection',
    'reset-upstream-connection',
    'exhausted-retries',
    'failing-certificate-signing',
    'untrusted-istiod-certificate',
    'never-ready-proxy',
    'unreachable-control-plane',
  ],
  signatures: [
    {
      id: 'certificate-not-yet-valid/proxy',
      log: 'proxy',
      contains: 'has expired or is not yet valid: current time',
      matching: /current time (?<now>\S+) is before (?<begin>[0-9T:Z.+-]+)/,
    },
    {
      id: 'certificate-not-yet-valid/istiod',
      log: 'istiod',
      contains: 'has expired or is not yet valid: current time',
      matching: /current time (?<now>\S+) is before (?<begin>[0-9T:Z.+-]+)/,
    },
  ],
  needs: ['capture'],
  uses: ['certificates', 'proxyLog', 'istiodLog', 'pods', 'proxies'],
  anyOf: ['certificates', 'proxyLog', 'istiodLog'],
  *check({ certificates = [], capture, proxyLog = [], istiodLog = [], pods, proxies }) {
    const now = captureTime(capture);
    const read = { ...(pods && { pods }), ...(proxies && { proxies }) };
    const nodeOf = new Map((pods ?? []).map((pod) => [`${pod.meta.namespace}/${pod.meta.name}`, pod.node]));
    const hits = [...proxyLog, ...istiodLog].filter(({ signature }) =>
      signature.startsWith('certificate-not-yet-valid/'),
    );
    const early =
      now === undefined
        ? []
        : heldCertificates(certificates).filter(({ certificate }) => Date.parse(certificate.from) - now > tolerance);
    for (const { certificate, proxies: holders } of early) {
      const { scope, workloads } = scopeOfProxies(holders, read);
      const [holder] = holders;
      const nodes = [...new Set(holders.flatMap((one) => nodeOf.get(podName(one)) ?? []))];
      yield {
        subject: workloads.length > 0 ? some(workloads) : certificate.name,
        scope,
        count: Math.max(1, holders.length),
        message: `the ${nounOf(certificate)}${holders.length > 0 ? ` of ${some(holders.map(podName))}` : ''} is valid only from ${certificate.from}, ${spell(Date.parse(certificate.from) - (now ?? 0))} after the archive was made`,
        facts: factsOf(nodes[0], holder),
        confidence: 'likely',
        supports: ['Judged by the time the archive was made, not by today’s.'],
        missing: ['The clocks of the nodes: kubectl get --raw /api/v1/nodes, and `date` on the node'],
        evidence: [
          { ...certificate.at, stage: 'server', say: `Valid from ${certificate.from}.` } satisfies Evidence,
          ...logEvidence(hits, 'symptom'),
        ],
      };
    }
    if (early.length > 0) return;
    const evidence = evidenceOf(logEvidence(hits, 'symptom', 'The reader’s clock is behind the certificate’s issuer.'));
    if (evidence === undefined) return;
    const when = spanOf(hits);
    const pair = hits.find(({ captures }) => captures['begin'] !== undefined)?.captures ?? {};
    const behind = Date.parse(pair['begin'] ?? '') - Date.parse(pair['now'] ?? '');
    const holders = hits.map(({ pod }) => pod);
    const nodes = [...new Set(holders.flatMap((pod) => nodeOf.get(podName(pod)) ?? []))];
    const { scope, workloads } = scopeOfProxies(holders, read);
    yield {
      subject: some(workloads),
      scope: nodes.length === 1 && nodes[0] !== undefined ? { node: nodes[0] } : scope,
      ...(when === undefined ? {} : { when }),
      count: hits.reduce((sum, hit) => sum + hit.count, 0),
      message: `the clock of ${nodes.length > 0 ? `node ${some(nodes)}` : some(holders.map(podName))} is ${Number.isFinite(behind) ? `${spell(behind)} ` : ''}behind: certificates are not valid yet there`,
      facts: factsOf(nodes[0], holders[0]),
      confidence: nodes.length === 1 ? 'certain' : 'likely',
      supports: nodes.length === 1 ? ['Only pods of one node complain.'] : [],
      contradicts: nodes.length > 1 ? ['Pods of several nodes complain: the issuer’s clock may be ahead instead.'] : [],
      evidence,
    };
  },
});

const factsOf = (
  node: string | undefined,
  holder: { readonly namespace: string; readonly pod: string } | undefined,
): Readonly<Record<string, string>> => ({
  node: node ?? 'NODE',
  where: node === undefined ? 'the node' : `node ${node}`,
  pod: holder === undefined ? 'POD' : `${holder.pod}.${holder.namespace}`,
});
