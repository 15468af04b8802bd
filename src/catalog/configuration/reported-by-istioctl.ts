import { addTo } from '../../model/groups.ts';
import type { AnalysisMessage } from '../../parse/facts.ts';
import { counted, evidenceOf, some } from '../evidence.ts';
import { defineRule, type Severity } from '../rule.ts';

/**
 * What `istioctl analyze` said when the archive was made, as far as no rule of ours judges the same with more evidence. Its
 * level counts one step less: it sees configuration only, not whether anything fails.
 */
export const reportedByIstioctl = defineRule({
  id: 'reported-by-istioctl',
  title: 'Message of istioctl analyze',
  area: 'istioctl',
  severity: 'info',
  why: 'The collector ran `istioctl analyze`; what it found is configuration that may surprise, whether or not anything fails by it.',
  fix: [
    {
      do: 'Read what {{code}} means, and correct the objects it names',
      run: 'istioctl analyze --all-namespaces',
    },
    {
      do: 'Or say that it is meant so, on the object',
      run: 'kubectl annotate {{kind}} {{name}} -n {{namespace}} galley.istio.io/analyze-suppress={{code}}',
    },
  ],
  references: ['https://istio.io/latest/docs/reference/config/analysis/'],
  source: 'istioctl analyze; knowledge C.8',
  needs: ['analysis'],
  uses: ['platform', 'config'],
  *check({ analysis, platform, config }) {
    const byCode = new Map<string, AnalysisMessage[]>();
    for (const message of analysis) {
      // Without the objects themselves istioctl's word is all there is.
      if (config !== undefined && judgedElsewhere(message)) continue;
      addTo(byCode, message.code, message);
    }
    for (const [code, messages] of byCode) {
      const [one] = messages;
      const evidence = evidenceOf(messages.slice(0, 5).map(({ at }) => ({ ...at, stage: 'config' as const })));
      if (one === undefined || evidence === undefined) continue;
      const [namespace, ...others] = new Set(messages.map((message) => message.namespace));
      const harmless =
        code === 'IST0102' || messages.every((message) => isOfAddon(message, platform?.aksAddon ?? false));
      yield {
        subject: some(messages.map(({ resource }) => resource || code)),
        scope: namespace === undefined || namespace === '' || others.length > 0 ? {} : { namespace },
        count: messages.length,
        message: `${code}, ${counted(messages.length, 'object')}: ${one.message}`,
        facts: {
          code,
          kind: one.kind.toLowerCase(),
          name: one.name,
          namespace: one.namespace,
          objects: some(
            messages.map(({ resource }) => resource),
            20,
          ),
        },
        severity: harmless ? 'info' : lowered[one.level],
        confidence: 'possible',
        evidence,
      };
    }
  },
});

const lowered: Readonly<Record<AnalysisMessage['level'], Severity>> = {
  error: 'warning',
  warning: 'info',
  info: 'info',
};

/** Codes whose condition a rule of ours judges from the same objects, or from what they do. */
const ownRules: readonly string[] = [
  'IST0103', // uninjected-pod
  'IST0109', // conflicting-virtual-services
  'IST0132', // gateway-host-mismatch
  'IST0104', // unexposed-gateway-port
  'IST0138', // shared-gateway-certificate
  'IST0145', // conflicting-gateways
  'IST0158', // proxy-version-skew
  'IST0162', // unexposed-gateway-port
  'IST0161', // refused-gateway-secret
  'IST0173', // subset-without-pods
  'IST0123', // conflicting-injection-labels
  'IST0118', // misnamed-service-port
  'IST0112', // the route's destination, by its failures
];

/** IST0101 is many conditions in one code: our own rules know the ones that break traffic. */
const ownReferences =
  /^Referenced (?:host\+subset in destinationrule|mirror\+subset in destinationrule|credentialName|selector|gateway|host|host:port) not found/;

const judgedElsewhere = ({ code, kind, message }: AnalysisMessage): boolean =>
  ownRules.includes(code) ||
  (code === 'IST0101' && ownReferences.test(message) && (kind === 'Gateway' || kind === 'VirtualService'));

/** The AKS add-on runs its own namespaces and gateways so on purpose: IST0102 and IST0146 are in every archive of it. */
const isOfAddon = ({ code, namespace, name }: AnalysisMessage, addon: boolean): boolean =>
  addon && (code === 'IST0102' || code === 'IST0146' || code === 'IST0147') && /^aks-istio-/.test(namespace || name);
