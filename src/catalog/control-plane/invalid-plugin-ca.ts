import { within } from '../../input/location.ts';
import { revisionOfIstiod } from '../../model/control-plane.ts';
import type { LogHits } from '../../parse/facts.ts';
import { evidenceOf, logEvidence, some } from '../evidence.ts';
import { spanOf } from '../log-rules.ts';
import { defineRule, type Evidence } from '../rule.ts';
import { istiodExplains, istiodStates, istiodUses } from './istiod.ts';

/** istiod's words about CA files it cannot use (security/pkg/pki/ca, pilot/pkg/bootstrap/istio_ca.go). */
const reasons: readonly { readonly words: RegExp; readonly says: string }[] = [
  { words: /does not match the key|does not match public key/i, says: 'ca-key.pem does not belong to ca-cert.pem' },
  {
    words: /cannot verify the cert with the provided root chain|signed by unknown authority/i,
    says: 'cert-chain.pem does not lead to root-cert.pem',
  },
  { words: /has expired|not yet valid/i, says: 'a certificate of the bundle is expired or not yet valid' },
  {
    words: /not authorized to sign|not a CA certificate|not a ca type/i,
    says: 'the certificate is no CA certificate',
  },
  { words: /no such file|incomplete/i, says: 'a file of the bundle is missing' },
  { words: /failed to parse|PEM|asn1|malformed/i, says: 'a file of the bundle cannot be read' },
];

/** istiod cannot load the CA files of Secret `cacerts` (or of Key Vault), at start or when they change. */
export const invalidPluginCa = defineRule({
  id: 'invalid-plugin-ca',
  title: 'Plug-in CA that istiod cannot load',
  area: 'control-plane',
  severity: 'error',
  why: 'istiod signs all workload certificates with the CA in Secret cacerts (AKS add-on: Key Vault objects). When key, certificate, chain and root do not fit together it exits at start, or keeps the old CA when the files change later.',
  fix: [
    {
      do: 'Compare the public keys of certificate and key: both commands must print the same',
      run: "kubectl get secret cacerts -n {{istioNamespace}} -o jsonpath='{.data.ca-cert\\.pem}' | base64 -d | openssl x509 -noout -pubkey | sha256sum; kubectl get secret cacerts -n {{istioNamespace}} -o jsonpath='{.data.ca-key\\.pem}' | base64 -d | openssl pkey -pubout | sha256sum",
    },
    {
      do: 'Check that chain and root belong together and are valid',
      run: 'for file in root-cert cert-chain ca-cert; do kubectl get secret cacerts -n {{istioNamespace}} -o jsonpath="{.data.$file\\.pem}" | base64 -d > $file.pem; openssl x509 -noout -subject -issuer -dates -in $file.pem; done; openssl verify -CAfile root-cert.pem -untrusted cert-chain.pem ca-cert.pem',
    },
    {
      do: 'Put a matching set of ca-cert.pem, ca-key.pem, cert-chain.pem and root-cert.pem in place (AKS add-on: correct the objects in Key Vault); keep the root unless it must change',
      run: 'kubectl create secret generic cacerts -n {{istioNamespace}} --from-file=ca-cert.pem --from-file=ca-key.pem --from-file=cert-chain.pem --from-file=root-cert.pem --dry-run=client -o yaml | kubectl apply -f -',
    },
    {
      do: 'Restart istiod and verify that it starts',
      run: 'kubectl rollout restart deployment/{{deployment}} -n {{istioNamespace}} && kubectl rollout status deployment/{{deployment}} -n {{istioNamespace}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/',
    'https://learn.microsoft.com/azure/aks/istio-plugin-ca',
  ],
  source:
    'knowledge D120 CA-BUNDLE-CREATE, D121 CA-KEY-MISMATCH, D122 CA-NOT-CA, D123 CA-INCOMPLETE, D125 CA-RELOAD-FAIL',
  explains: [...istiodExplains, 'istiod-crash-loop', 'istiod-not-available', 'istiod-restarts', 'mismatched-roots'],
  needs: ['istiodLog'],
  uses: [...istiodUses, 'revisions', 'secrets', 'platform'],
  signatures: [
    {
      id: 'invalid-plugin-ca',
      log: 'istiod',
      contains: 'CA KeyCertBundle (',
      matching: /failed to create CA KeyCertBundle \((?<why>[^\n]{1,300})\)/,
    },
    {
      id: 'invalid-plugin-ca/reload',
      log: 'istiod',
      contains: 'Failed to update new Plug-in CA certs',
      matching: /Failed to update new Plug-in CA certs: (?<why>[^\n]{1,300})/,
    },
    {
      id: 'invalid-plugin-ca/incomplete',
      log: 'istiod',
      contains: 'incomplete signing CA bundle detected',
      matching: /(?<why>incomplete signing CA bundle detected at [^\s]+)/,
    },
    {
      id: 'invalid-plugin-ca/create',
      log: 'istiod',
      contains: 'failed to create an istiod CA',
      matching: /failed to create an istiod CA: (?<why>[^\n]{1,300})/,
    },
    {
      id: 'invalid-plugin-ca/reloaded',
      log: 'istiod',
      contains: 'Istiod certificates are reloaded',
    },
  ],
  *check(mesh) {
    const states = istiodStates(mesh);
    const byReason = new Map<string, { readonly revision: string; readonly says: string; readonly hits: LogHits[] }>();
    const reloaded = new Map<string, string>();
    for (const hit of mesh.istiodLog) {
      if (hit.signature === 'invalid-plugin-ca/reloaded') reloaded.set(hit.pod.pod, hit.last ?? '');
      const why = hit.captures['why'];
      if (!hit.signature.startsWith('invalid-plugin-ca') || why === undefined) continue;
      const says = reasons.find(({ words }) => words.test(why))?.says ?? why;
      // A log that somebody attached does not say whose it is.
      const [only, ...others] = states;
      const revision =
        hit.pod.pod === '' && only !== undefined && others.length === 0 ? only.revision : revisionOfIstiod(hit.pod.pod);
      const key = `${revision}\0${says}`;
      const known = byReason.get(key);
      if (known === undefined) byReason.set(key, { revision, says, hits: [hit] });
      else known.hits.push(hit);
    }
    for (const { revision, says, hits } of byReason.values()) {
      const state = states.find((one) => one.revision === revision);
      const fatal = hits.some(isFatal);
      const when = spanOf(hits);
      // The line tells of the past where the same pod loaded its files, or serves, afterwards.
      const over = hits.every(({ pod, last, signature }) => {
        if ((reloaded.get(pod.pod) ?? '') > (last ?? '')) return true;
        const fails = state?.failing.some(({ name }) => name === pod.pod);
        return state !== undefined && isFatal({ signature }) && fails === false && state.ready > 0;
      });
      const [first] = hits;
      if (first === undefined) continue;
      const words = first.captures['why'] ?? says;
      const namespace = state?.namespace ?? mesh.platform?.istioNamespace ?? first.pod.namespace;
      const secret = (mesh.secrets ?? []).find((one) => one.name === 'cacerts' && one.namespace === namespace);
      const volume = state?.pods.find(({ volumes }) => volumes.some(({ name }) => name === 'cacerts'));
      const source: Evidence | undefined = secret
        ? { ...secret.at, stage: 'config', say: 'The Secret the files come from.', mark: ['cacerts'] }
        : volume && { ...within(volume.at, '/spec/volumes'), stage: 'config', say: 'istiod mounts volume cacerts.' };
      const down = state?.failing.slice(0, 1).flatMap((pod) => pod.evidence.slice(0, 1));
      const evidence = evidenceOf(
        logEvidence(distinctFiles(hits), 'config', 'istiod refuses its CA files.', [words]),
        down,
        source,
      );
      if (evidence === undefined) continue;
      const pods = [...new Set(hits.map(({ pod }) => pod.pod || 'it'))];
      const what = secret || !volume ? `Secret ${namespace}/cacerts` : `volume cacerts of ${namespace}`;
      yield {
        subject: what,
        scope: state?.scope ?? {},
        ...(when === undefined ? {} : { when }),
        count: distinctFiles(hits).reduce((sum, { count }) => sum + count, 0),
        ended: over,
        message: `istiod of revision ${revision} cannot use the CA of ${what}: ${says} (${words}); ${fatal ? `${some(pods)} ${pods.length === 1 ? 'exits' : 'exit'} at start` : 'it keeps the CA it had'}`,
        facts: {
          istioNamespace: namespace,
          deployment: state?.name ?? (revision === 'default' ? 'istiod' : `istiod-${revision}`),
          revision,
        },
        severity: over || (!fatal && (state?.ready ?? 0) > 0) || state?.idle ? 'warning' : 'error',
        confidence: 'certain',
        supports: [
          'istiod itself says so in its log.',
          ...(secret === undefined ? [] : ['Secret cacerts exists, so a plug-in CA is in use.']),
        ],
        evidence,
      };
    }
  },
});

/** istiod exits at start with these; the others it survives. */
const isFatal = ({ signature }: Pick<LogHits, 'signature'>): boolean =>
  /^invalid-plugin-ca(?:$|\/create$)/.test(signature);

/** One entry per file: the same words come from several signatures, and from the previous container's log. */
function distinctFiles(hits: readonly LogHits[]): readonly LogHits[] {
  return [...new Map(hits.map((hit) => [hit.file, hit])).values()];
}
