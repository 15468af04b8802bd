import { within } from '../../input/location.ts';
import { type InjectionWebhook, injectionWebhooks, istiodWebhooks } from '../../model/injection.ts';
import type { Certificate } from '../../parse/facts.ts';
import { counted, evidenceOf, some } from '../evidence.ts';
import { defineRule, type Evidence, type NonEmpty, type Occurrence } from '../rule.ts';
import {
  configurationEvidence,
  managerOf,
  webhookFailures,
  webhookOccurrence,
  webhookUses,
} from './webhook-failures.ts';

/**
 * The API server does not trust the certificate istiod shows for its injection webhook (x509). Told by events; compared with the
 * caBundle of the other webhooks of the same istiod and the mesh's root certificate.
 */
export const untrustedInjectionWebhook = defineRule({
  id: 'untrusted-injection-webhook',
  title: 'Injection webhook the API server does not trust',
  area: 'injection',
  severity: 'error',
  why: 'The API server checks istiod’s certificate against the caBundle of the webhook configuration. When that belongs to another CA, every pod of the namespaces it serves is refused (failurePolicy Fail).',
  fix: [
    {
      do: 'Put the present root certificate into webhook {{index}} of {{configuration}}, and into its others',
      run: `kubectl patch mutatingwebhookconfiguration {{configuration}} --type=json -p="[{\\"op\\":\\"replace\\",\\"path\\":\\"/webhooks/{{index}}/clientConfig/caBundle\\",\\"value\\":\\"$(kubectl get configmap istio-ca-root-cert -n {{istioNamespace}} -o jsonpath='{.data.root-cert\\.pem}' | base64 | tr -d '\\n')\\"}]"`,
    },
    {
      do: 'Or let istiod write it: it repairs the webhooks that carry label istio.io/rev of its own revision',
      run: 'kubectl label mutatingwebhookconfiguration {{configuration}} istio.io/rev={{revision}} --overwrite && kubectl rollout restart deployment/{{service}} -n {{istioNamespace}}',
    },
    { do: 'Keep Helm or GitOps tools from writing caBundle: ignore the field in their comparison' },
    {
      do: 'Verify that pods are created again',
      run: 'kubectl rollout restart deployment/{{workload}} -n {{namespace}} && kubectl rollout status deployment/{{workload}} -n {{namespace}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/injection/#x509-certificate-related-errors',
    'https://istio.io/latest/docs/setup/upgrade/canary/#stable-revision-labels',
  ],
  source: 'knowledge F01, D001 INJ-X509-CA, D002 INJ-X509-TIME, D003 INJ-X509-NAME',
  explains: [
    'missing-replicas',
    'service-without-endpoints',
    'unhealthy-upstream',
    'uninjected-pod',
    'failing-injection-webhook',
  ],
  needs: [],
  anyOf: ['events', 'workloads'],
  uses: [...webhookUses, 'certificates'],
  *check(mesh) {
    const roots = (mesh.certificates ?? []).filter(
      ({ name, fingerprint }) => name === 'istio-ca-root-cert' && fingerprint !== undefined,
    );
    const all = istiodWebhooks(mesh.webhooks ?? []);
    const told = new Set<string>();
    for (const failure of webhookFailures(mesh)) {
      if (failure.trouble !== 'untrusted') continue;
      const { error, count, namespaces, candidates } = failure;
      const strange = candidates.filter((one) => strangerOf(one, all, roots) !== undefined);
      const configuration = failure.configuration ?? (strange.length === 1 ? strange[0] : undefined);
      const odd = configuration === undefined ? undefined : strangerOf(configuration, all, roots);
      if (configuration !== undefined) told.add(configuration.configuration.meta.name);
      const evidence = evidenceOf(
        failure.evidence,
        configuration &&
          configurationEvidence(
            configuration,
            'clientConfig',
            configuration.caBundle === undefined
              ? 'The webhook has no caBundle.'
              : `caBundle holds ${describe(configuration.caBundle)}.`,
          ),
        odd?.evidence,
      );
      if (evidence === undefined) continue;
      const { who, ...common } = webhookOccurrence({ ...failure, configuration });
      const reason =
        configuration === undefined
          ? ''
          : configuration.caBundle === undefined
            ? ', which has no caBundle'
            : odd === undefined
              ? ''
              : `, whose caBundle (${describe(configuration.caBundle)}) is not ${odd.other}`;
      const manager = configuration && managerOf(configuration.configuration);
      yield {
        ...common,
        message: `the API server does not trust istiod through ${common.subject}${reason}: ${counted(count, 'time')} no pod of ${who} was created in ${some(namespaces)} (${error})`,
        confidence: odd === undefined ? 'likely' : 'certain',
        supports: [
          'Events of the API server name the webhook and the x509 error.',
          ...(odd === undefined ? [] : [odd.support]),
          ...(manager === undefined || configuration?.configuration.meta.labels['istio.io/rev'] !== undefined
            ? []
            : [`It is managed by ${manager} and has no label istio.io/rev, so istiod does not repair its caBundle.`]),
        ],
        missing:
          configuration === undefined
            ? ['The webhook configuration: kubectl get mutatingwebhookconfigurations -o yaml']
            : [],
        evidence,
      };
    }
    yield* strangers(injectionWebhooks(mesh.webhooks ?? []), all, roots, told);
  },
});

interface Stranger {
  readonly other: string;
  readonly support: string;
  readonly evidence: readonly Evidence[];
}

/** What shows that a caBundle is not of the CA in use: the bundles of the same istiod's other webhooks, and the mesh's root. */
function strangerOf(
  webhook: InjectionWebhook,
  all: readonly InjectionWebhook[],
  roots: readonly Certificate[],
): Stranger | undefined {
  const own = webhook.caBundle?.fingerprint;
  if (own === undefined) return undefined;
  const same = all.filter(
    (one) =>
      one.service?.name === webhook.service?.name &&
      one.service?.namespace === webhook.service?.namespace &&
      one.configuration !== webhook.configuration &&
      one.caBundle?.fingerprint !== undefined,
  );
  const root = roots.find(({ fingerprint }) => fingerprint === own);
  if (root !== undefined || same.some(({ caBundle }) => caBundle?.fingerprint === own)) return undefined;
  const [other] = same;
  const [meshRoot] = roots;
  if (other === undefined && meshRoot === undefined) return undefined;
  return {
    other: other === undefined ? 'the root certificate of the mesh' : 'the one istiod’s other webhooks have',
    support: [
      other === undefined ? '' : `Other webhooks of ${other.service?.name ?? 'istiod'} carry another caBundle.`,
      meshRoot === undefined ? '' : 'ConfigMap istio-ca-root-cert holds another root certificate.',
    ]
      .filter((sentence) => sentence !== '')
      .join(' '),
    evidence: [
      ...(other === undefined
        ? []
        : [
            configurationEvidence(
              other,
              'clientConfig',
              `${other.configuration.meta.name} calls the same istiod and holds ${describe(other.caBundle ?? {})}.`,
            ),
          ]),
      ...(meshRoot === undefined
        ? []
        : [
            {
              ...within(meshRoot.at, '/data'),
              stage: 'policy' as const,
              say: `The root certificate of the mesh: ${describe(meshRoot)}.`,
            },
          ]),
    ],
  };
}

/** Webhooks with a caBundle of their own that no event complains about: nobody has created a pod there yet. */
function* strangers(
  webhooks: readonly InjectionWebhook[],
  all: readonly InjectionWebhook[],
  roots: readonly Certificate[],
  told: ReadonlySet<string>,
): Generator<Occurrence> {
  const byName = new Map<string, InjectionWebhook>();
  for (const webhook of webhooks) {
    const { name } = webhook.configuration.meta;
    if (!told.has(name) && !byName.has(name)) byName.set(name, webhook);
  }
  for (const [name, webhook] of byName) {
    const odd = strangerOf(webhook, all, roots);
    // Two signs: an istiod with a certificate of its own may have other bundles than the mesh's root.
    if (odd === undefined || odd.evidence.length < 2) continue;
    const [first, ...others] = odd.evidence;
    if (first === undefined) continue;
    const evidence: NonEmpty<Evidence> = [
      configurationEvidence(webhook, 'clientConfig', `caBundle holds ${describe(webhook.caBundle ?? {})}.`),
      first,
      ...others,
    ];
    yield {
      subject: `MutatingWebhookConfiguration ${name}`,
      scope: { revision: webhook.revision },
      message: `the caBundle of MutatingWebhookConfiguration ${name} (${describe(webhook.caBundle ?? {})}) is not ${odd.other}: the next pod it should inject will be refused`,
      facts: {
        configuration: name,
        index: webhook.index,
        revision: webhook.revision,
        service: webhook.service?.name ?? 'istiod',
        istioNamespace: webhook.service?.namespace ?? 'istio-system',
      },
      severity: 'warning',
      supports: [odd.support],
      missing: ['No event tells that a pod was refused.'],
      evidence,
    };
  }
}

/** `O=cluster.local from 2026-11-25, SHA-256 7988cbe78a3c…`. */
const describe = (certificate: {
  readonly subject?: string;
  readonly from?: string;
  readonly fingerprint?: string;
}): string =>
  [
    certificate.subject ?? 'a certificate',
    certificate.from === undefined ? '' : `issued ${certificate.from.slice(0, 19)}Z`,
    certificate.fingerprint === undefined ? '' : `SHA-256 ${certificate.fingerprint.slice(0, 12)}…`,
  ]
    .filter((part) => part !== '')
    .join(', ');
