import type { Artifact } from '../artifact.ts';
import { mask } from '../mask.ts';
import { maskValues } from '../mask-values.ts';
import { type Reader, type SourceFile, textReader } from '../reader.ts';
import { recordOf, textOf, type UntypedRecord } from '../untyped.ts';
import { parseYaml } from '../yaml.ts';

/** Fields of MeshConfig that stand at its top and that nothing else has (istio.io/api mesh/v1alpha1/config.proto). */
const fields = [
  'accessLogEncoding',
  'accessLogFile',
  'accessLogFormat',
  'caCertificates',
  'configSources',
  'defaultConfig',
  'defaultHttpRetryPolicy',
  'defaultProviders',
  'discoverySelectors',
  'enableAutoMtls',
  'enableEnvoyAccessLogService',
  'enablePrometheusMerge',
  'enableTracing',
  'extensionProviders',
  'ingressControllerMode',
  'ingressSelector',
  'localityLbSetting',
  'meshMTLS',
  'outboundTrafficPolicy',
  'pathNormalization',
  'proxyListenPort',
  'rootNamespace',
  'serviceSettings',
  'tlsDefaults',
  'trustDomain',
  'trustDomainAliases',
  'verifyCertificateAtClient',
];
const field = new RegExp(`^(?:${fields.join('|')}):(?: |$)`, 'gm');
/** Fields that alone are enough. */
const certain = /^(?:defaultConfig|outboundTrafficPolicy|meshMTLS|extensionProviders|discoverySelectors):/m;

/** Top-level fields of the values of istiod's chart, or of the old chart of everything. */
const helm = /^(?:meshConfig|sidecarInjectorWebhook|pilot|istio_cni|global|base|istiodRemote):(?: |$)/gm;

/**
 * Mesh configuration without the ConfigMap around it: what `-o jsonpath='{.data.mesh}'` or `'{.data}'` prints, and the values given
 * to Helm, of which only `meshConfig` is read. Values are what was asked for; a ConfigMap of the cluster says what is.
 */
export const meshConfigFile: Reader = textReader(
  'mesh-config',
  'MeshConfig, bare or in Helm values',
  function* (text, file) {
    const parsed = read(text, file);
    if ('gap' in parsed) {
      yield parsed.gap;
      return;
    }
    const whole = recordOf(parsed.value);
    const mesh = textOf(whole['mesh']);
    if (mesh !== undefined) {
      const inner = read(mesh, file);
      if ('gap' in inner) yield inner.gap;
      else yield configOf(recordOf(inner.value), '/mesh', file);
      return;
    }
    // IstioOperator's spec and `helm get values --all` have the chart's fields at the top, too.
    if (whole['meshConfig'] !== undefined) yield configOf(recordOf(whole['meshConfig']), '/meshConfig', file);
    else if (!isHelm(text)) yield configOf(whole, '', file);
  },
);

function read(text: string, { path }: SourceFile): { readonly value: unknown } | { readonly gap: Artifact } {
  try {
    return { value: /^\s*\{/.test(text) ? JSON.parse(text) : parseYaml(text) };
  } catch (error) {
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    const detail = `the mesh configuration is not valid YAML: ${mask(reason)}`;
    return { gap: { kind: 'gap', value: { file: path, reason: 'malformed', detail } } };
  }
}

const configOf = (config: UntypedRecord, pointer: string, file: SourceFile): Artifact => ({
  kind: 'mesh-config',
  value: {
    from: 'config-map',
    name: file.params['name'] ?? 'istio',
    config: recordOf(maskValues(config)),
    at: { file: file.path, pointer },
  },
});

const isHelm = (text: string): boolean => new Set(text.match(helm)).size >= 2 || /^meshConfig:/m.test(text);

/** Whether the first bytes of a file are mesh configuration or values of Istio's charts. */
export function isMeshConfig(head: string): boolean {
  if (/^(?:- )?apiVersion:|^kind:/m.test(head)) return false;
  if (/^\s*\{\s*"mesh": ?"/.test(head)) return true;
  if (/^[[{]/.test(head.trimStart())) return false;
  // A log prints such fields, too.
  if (!head.split('\n', 40).every((line) => /^(?:[A-Za-z]\w*:(?:\s|$)|[\s#]|-{3}|- |$)/.test(line))) return false;
  return new Set(head.match(field)).size >= 2 || certain.test(head) || isHelm(head);
}
