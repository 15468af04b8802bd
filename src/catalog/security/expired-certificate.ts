import { counted, evidenceOf, logEvidence, podName, some } from '../evidence.ts';
import { spanOf } from '../log-rules.ts';
import { defineRule, type Evidence, type Occurrence, type Severity } from '../rule.ts';
import { captureTime, type Held, heldCertificates, nounOf, scopeOfProxies, spell } from './certificates.ts';

const hour = 3_600_000;
const day = 24 * hour;

/**
 * Certificates that ended before the archive was made, or will soon. Workload certificates are renewed at half of their life
 * (SECRET_GRACE_PERIOD_RATIO): one in its last hour was not.
 */
export const expiredCertificate = defineRule({
  id: 'expired-certificate',
  title: 'Certificate that has expired or is about to',
  area: 'security',
  severity: 'error',
  why: 'Every TLS handshake that meets an expired certificate fails. Istio renews workload certificates at half of their life, so one near its end says that renewal fails; roots and gateway certificates are renewed by people.',
  fix: [
    {
      do: 'See the certificates of the proxy and their dates',
      run: 'istioctl proxy-config secret {{pod}}',
    },
    {
      do: 'For a workload certificate find out why it is not renewed',
      run: 'kubectl logs {{podName}} -n {{podNamespace}} -c istio-proxy --tail=-1 | grep -iE "csr|workload certificate|sds"',
    },
    {
      do: 'For the root or a plug-in CA put a new bundle into place, with the old root beside the new one, then restart istiod and the workloads',
      run: 'kubectl get secret -n {{istioNamespace}} cacerts istio-ca-secret',
    },
    { do: 'For a gateway certificate replace the Secret that the Gateway names in `credentialName`' },
    {
      do: 'Verify that a restarted proxy has a new certificate',
      run: 'kubectl delete pod {{podName}} -n {{podNamespace}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/security-issues/#keys-and-certificates-errors',
    'https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/',
  ],
  source: 'knowledge F06, C-SEC-08, D118, D138, D139',
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
      id: 'expired-certificate/proxy',
      log: 'proxy',
      contains: 'has expired or is not yet valid: current time',
      matching: /current time \S+ is after (?<end>[0-9T:Z.+-]+)/,
    },
    {
      id: 'expired-certificate/istiod',
      log: 'istiod',
      contains: 'has expired or is not yet valid: current time',
      matching: /current time \S+ is after (?<end>[0-9T:Z.+-]+)/,
    },
    {
      id: 'expired-certificate/authority',
      log: 'istiod',
      contains: ' has expired',
      matching: /(?:cert chain has expired|signing certificate has expired at (?<end>[0-9TZ: .+-]+))/,
    },
  ],
  needs: ['capture'],
  uses: ['certificates', 'metrics', 'istiodLog', 'proxyLog', 'pods', 'proxies', 'platform'],
  anyOf: ['certificates', 'metrics', 'istiodLog'],
  *check({ certificates = [], capture, metrics = [], istiodLog = [], proxyLog = [], pods, proxies, platform }) {
    const now = captureTime(capture);
    const istioNamespace = platform?.istioNamespace ?? 'istio-system';
    const read = { ...(pods && { pods }), ...(proxies && { proxies }) };
    const occurrenceOf = (
      all: readonly Held[],
      severity: Severity,
      message: string,
      time: number,
    ): Occurrence | undefined => {
      const holders = all.flatMap((one) => one.proxies);
      const { scope, workloads } = scopeOfProxies(holders, read);
      const [holder] = holders;
      const hits = proxyLog.filter(
        ({ signature, pod }) =>
          signature === 'expired-certificate/proxy' && holders.some((one) => podName(one) === podName(pod)),
      );
      const evidence = evidenceOf(
        all.slice(0, 3).map(
          ({ certificate }): Evidence => ({
            ...certificate.at,
            stage: 'server',
            say: `Valid until ${certificate.until}; the archive is of ${new Date(time).toISOString()}.`,
          }),
        ),
        logEvidence(hits, 'symptom', 'A handshake met an expired certificate.'),
      );
      return (
        evidence && {
          subject: workloads.length > 0 ? some(workloads) : (all[0]?.certificate.name ?? ''),
          scope,
          count: Math.max(1, holders.length),
          severity,
          message,
          facts: {
            pod: holder === undefined ? 'POD' : `${holder.pod}.${holder.namespace}`,
            podName: holder?.pod ?? 'POD',
            podNamespace: holder?.namespace ?? 'NAMESPACE',
            istioNamespace,
          },
          confidence: 'certain',
          supports: ['Judged by the time the archive was made, not by today’s.'],
          evidence,
        }
      );
    };

    const told = new Set<string>();
    if (now !== undefined) {
      const ending = heldCertificates(certificates).flatMap((held) => {
        const severity = severityOf(held, now, certificates);
        return severity === undefined ? [] : [{ ...held, severity }];
      });
      const leaves = ending.filter(({ certificate }) => certificate.use === 'workload');
      // A certificate cannot be renewed under a root that has expired: that it ended, too, is no fault of its own.
      const dead = ending.filter(
        ({ certificate, severity }) =>
          certificate.use === 'root' && severity === 'error' && Date.parse(certificate.until) <= now,
      );
      const endedWith = (root: Held, leaf: Held): boolean => {
        const holders = new Set(root.proxies.map(podName));
        return (
          Date.parse(leaf.certificate.until) >= Date.parse(root.certificate.until) - hour &&
          leaf.proxies.every((proxy) => holders.has(podName(proxy)))
        );
      };
      const over = leaves.filter(
        (leaf) => Date.parse(leaf.certificate.until) <= now && !dead.some((root) => endedWith(root, leaf)),
      );
      const near = leaves.filter(({ certificate }) => Date.parse(certificate.until) > now);
      for (const [group, words] of [
        [over, 'expired'],
        [near, 'is about to expire and was not renewed'],
      ] as const) {
        const [first] = group;
        if (first === undefined) continue;
        const holders = group.flatMap((one) => one.proxies);
        const left = Date.parse(first.certificate.until) - now;
        const found = occurrenceOf(
          group,
          first.severity,
          `the workload certificate of ${some(holders.map(podName))} ${words}: it ends at ${first.certificate.until}, ${spell(left)} ${left <= 0 ? 'before' : 'after'} the archive was made`,
          now,
        );
        if (found !== undefined) yield found;
      }
      for (const held of ending) {
        const { certificate, severity } = held;
        if (certificate.use === 'workload') continue;
        const left = Date.parse(certificate.until) - now;
        if (certificate.use === 'root') told.add('root');
        const found = occurrenceOf(
          [held],
          severity,
          `the ${nounOf(certificate)}${certificate.subject === undefined ? '' : ` (${certificate.subject})`} ${left <= 0 ? `expired at ${certificate.until}, ${spell(left)} before the archive was made` : `ends at ${certificate.until}, in ${spell(left)}`}${held.proxies.length > 0 ? `; ${counted(held.proxies.length, 'proxy', 'proxies')} ${held.proxies.length === 1 ? 'holds' : 'hold'} it` : ''}${dead.includes(held) && leaves.some((leaf) => Date.parse(leaf.certificate.until) <= now && endedWith(held, leaf)) ? ', whose own certificates have ended with it' : ''}`,
          now,
        );
        if (found !== undefined) yield found;
      }
      for (const { name, value, at, istiod } of metrics) {
        const what = expiries.get(name);
        const left = value * 1000 - now;
        if (what === undefined || value <= 0 || left > 30 * day || told.has(what.key)) continue;
        told.add(what.key);
        const until = new Date(value * 1000).toISOString();
        yield {
          subject: istiod === undefined ? 'istiod' : podName(istiod),
          scope: {},
          severity: left <= 0 ? 'error' : 'warning',
          message: `${what.words} ${left <= 0 ? 'expired' : 'ends'} at ${until}, ${left <= 0 ? `${spell(left)} before the archive was made` : `in ${spell(left)}`}`,
          facts: { pod: 'POD', podName: 'POD', podNamespace: 'NAMESPACE', istioNamespace },
          confidence: 'certain',
          supports: ['istiod’s own metrics say so.'],
          evidence: [{ ...at, stage: 'server', say: `Seconds since 1970 at which it ends: ${value}.` }],
        };
      }
    }

    const hits = istiodLog.filter(({ signature }) => signature.startsWith('expired-certificate/'));
    const when = spanOf(hits);
    const evidence = evidenceOf(logEvidence(hits, 'server', 'istiod says that a certificate has expired.'));
    if (evidence === undefined || told.size > 0) return;
    const end = hits.flatMap(({ captures }) => captures['end'] ?? [])[0];
    const authority = hits.some(({ signature }) => signature === 'expired-certificate/authority');
    yield {
      subject: some(hits.map(({ pod }) => podName(pod))),
      scope: {},
      ...(when === undefined ? {} : { when }),
      count: hits.reduce((sum, hit) => sum + hit.count, 0),
      severity: authority ? 'error' : 'warning',
      message: authority
        ? `istiod cannot sign certificates: its own ${end === undefined ? 'chain' : 'signing certificate'} has expired${end === undefined ? '' : ` at ${end.trim()}`}`
        : `istiod met an expired certificate${end === undefined ? '' : `, which ended at ${end}`}`,
      facts: { pod: 'POD', podName: 'POD', podNamespace: 'NAMESPACE', istioNamespace },
      evidence,
    };
  },
});

const expiries: ReadonlyMap<string, { readonly key: string; readonly words: string }> = new Map([
  ['citadel_server_root_cert_expiry_timestamp', { key: 'root', words: 'the root certificate of istiod’s authority' }],
  [
    'citadel_server_cert_chain_expiry_timestamp',
    { key: 'chain', words: 'the signing certificate of istiod’s authority' },
  ],
]);

/** How bad the end of a certificate is at a time; undefined while there is nothing to say. */
function severityOf(
  { certificate, proxies }: Held,
  now: number,
  all: readonly Held['certificate'][],
): Severity | undefined {
  const until = Date.parse(certificate.until);
  const left = until - now;
  const life = until - Date.parse(certificate.from);
  switch (certificate.use) {
    case 'workload':
      if (left <= 0) return 'error';
      return left < Math.min(hour, life / 4) ? 'warning' : undefined;
    case 'root':
    case 'other': {
      if (left > Math.min(30 * day, life / 4)) return undefined;
      // An old root may stay in the bundle beside the new one.
      const replaced =
        proxies.length > 0 &&
        proxies.every((proxy) =>
          all.some(
            (other) =>
              other.use === certificate.use &&
              other.name === certificate.name &&
              Date.parse(other.until) - now > day &&
              Date.parse(other.until) > until &&
              other.proxy !== undefined &&
              podName(other.proxy) === podName(proxy),
          ),
        );
      if (replaced) return left <= 0 ? 'info' : undefined;
      // The chain of a workload's certificate counts; what else a proxy holds may be out of use.
      return left <= 0 && (certificate.use === 'root' || certificate.name === 'default') ? 'error' : 'warning';
    }
    case 'gateway':
      if (left <= 0) return 'error';
      return left < Math.min(14 * day, life / 4) ? 'warning' : undefined;
  }
}
