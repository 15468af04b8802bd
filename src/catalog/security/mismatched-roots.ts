import type { Certificate, ProxyRef } from '../../parse/facts.ts';
import { accessEvidence, counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule, type Evidence } from '../rule.ts';
import { scopeOfProxies } from './certificates.ts';
import { tlsFailureOf } from './tls-failure.ts';

/**
 * Proxies that have no root certificate in common cannot trust each other. During a rotation two roots stand side by side in
 * every proxy, which is as it should be: only bundles without a common root are told.
 */
export const mismatchedRoots = defineRule({
  id: 'mismatched-roots',
  title: 'Proxies that trust different root certificates',
  area: 'security',
  severity: 'error',
  why: 'Mutual TLS works between proxies that trust the authority of each other’s certificate. After the root was replaced in one step, proxies that kept the old one refuse the new ones and are refused.',
  fix: [
    {
      do: 'See which root the proxy trusts',
      run: 'istioctl proxy-config secret {{pod}}',
    },
    {
      do: 'Compare with the root that istiod hands out',
      run: "kubectl get configmap istio-ca-root-cert -n {{namespace}} -o jsonpath='{.data.root-cert\\.pem}' | openssl x509 -noout -serial -subject -dates",
    },
    {
      do: 'Restart the workloads that keep the old root',
      run: 'kubectl rollout restart deployment -n {{namespace}}',
    },
    {
      do: 'For the next rotation put both roots into `root-cert.pem` until every workload has a certificate of the new one',
    },
  ],
  references: [
    'https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/',
    'https://learn.microsoft.com/en-us/azure/aks/istio-plugin-ca#root-ca-rotation',
  ],
  source: 'knowledge F05, D136',
  explains: [
    'failed-tls-handshake',
    'failed-upstream-connection',
    'reset-upstream-connection',
    'exhausted-retries',
    'unreachable-control-plane',
    'failing-certificate-signing',
    'never-ready-proxy',
  ],
  needs: ['certificates'],
  uses: ['access', 'pods', 'proxies'],
  *check({ certificates, access = [], pods, proxies }) {
    const bundles = bundlesOf(certificates);
    if (bundles.length < 2) return;
    const majority = bundles.find(({ holders }) => holders.length > 0);
    if (majority === undefined) return;
    const read = { ...(pods && { pods }), ...(proxies && { proxies }) };
    const refused = access.filter((group) => {
      const reason = tlsFailureOf(group)?.reason ?? '';
      return reason === 'CERTIFICATE_VERIFY_FAILED' || reason === 'TLSV1_ALERT_UNKNOWN_CA';
    });
    for (const bundle of bundles) {
      if (bundle === majority || shares(bundle, majority)) continue;
      const { holders, roots } = bundle;
      const [root] = roots;
      const [other] = majority.roots;
      if (root === undefined || other === undefined) continue;
      const { scope, workloads } = scopeOfProxies(holders, read);
      const object = holders.length === 0;
      const concerned = refused.filter(
        ({ proxy }) => object || holders.some(({ namespace }) => namespace === proxy.namespace),
      );
      const evidence = evidenceOf(
        placeOf(root, `Root certificate ${root.serial}, of ${root.from}.`),
        placeOf(other, `Others trust ${other.serial}, of ${other.from}.`),
        accessEvidence(concerned, 'symptom', 'A handshake fails because the authority is not trusted.'),
      );
      if (evidence === undefined) continue;
      const newer = root.from > other.from;
      const [holder] = holders;
      yield {
        subject: object ? 'ConfigMap istio-ca-root-cert' : some(workloads),
        scope,
        count: Math.max(1, holders.length),
        message: object
          ? `ConfigMap istio-ca-root-cert holds root ${short(root)}, which none of ${counted(majority.holders.length, 'proxy', 'proxies')} trusts: they have ${short(other)}`
          : `${counted(holders.length, 'proxy', 'proxies')} (${some(holders.map(podName))}) ${holders.length === 1 ? 'trusts' : 'trust'} only root ${short(root)}, ${counted(majority.holders.length, 'other')} only ${short(other)}, which is ${newer ? 'older' : 'newer'}`,
        facts: {
          namespace: holder?.namespace ?? majority.holders[0]?.namespace ?? 'NAMESPACE',
          pod: holder === undefined ? 'POD' : `${holder.pod}.${holder.namespace}`,
          serial: root.serial,
        },
        severity: object && concerned.length === 0 ? 'warning' : 'error',
        confidence: concerned.length > 0 ? 'certain' : 'likely',
        supports: [
          'The bundles have no root certificate in common.',
          ...(concerned.length > 0 ? ['Handshakes fail for want of trust.'] : []),
        ],
        evidence,
      };
    }
  },
});

interface Bundle {
  readonly roots: readonly Certificate[];
  readonly serials: ReadonlySet<string>;
  /** Proxies with exactly these roots; none where only a ConfigMap has them. */
  readonly holders: readonly ProxyRef[];
}

/** Distinct sets of mesh roots, the one most proxies have first. */
function bundlesOf(certificates: readonly Certificate[]): readonly Bundle[] {
  const byHolder = new Map<string, { proxy: ProxyRef | undefined; roots: Map<string, Certificate> }>();
  for (const certificate of certificates) {
    const { proxy, use, name, serial, at } = certificate;
    if (use !== 'root' || serial === '' || (name !== 'ROOTCA' && name !== 'istio-ca-root-cert')) continue;
    const key = proxy === undefined ? `${at.file}:${name}` : podName(proxy);
    let known = byHolder.get(key);
    if (known === undefined) {
      known = { proxy, roots: new Map() };
      byHolder.set(key, known);
    }
    known.roots.set(serial, certificate);
  }
  const bundles = new Map<string, { roots: Certificate[]; serials: Set<string>; holders: ProxyRef[] }>();
  for (const { proxy, roots } of byHolder.values()) {
    const key = [...roots.keys()].toSorted().join(',');
    let known = bundles.get(key);
    if (known === undefined) {
      known = { roots: [...roots.values()], serials: new Set(roots.keys()), holders: [] };
      bundles.set(key, known);
    }
    if (proxy !== undefined) known.holders.push(proxy);
  }
  return [...bundles.values()].sort((a, b) => b.holders.length - a.holders.length);
}

const shares = (one: Bundle, other: Bundle): boolean => [...one.serials].some((serial) => other.serials.has(serial));

const placeOf = (root: Certificate, say: string): Evidence => ({
  ...root.at,
  stage: 'server',
  say,
  mark: [root.serial],
});

/** The first digits of the serial and the day: enough to tell two roots apart. */
const short = ({ serial, from }: Certificate): string => `${serial.slice(0, 8)}… of ${from.slice(0, 10)}`;
