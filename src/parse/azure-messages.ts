/** What AKS answers when it refuses to enable, change or upgrade its Istio add-on. */
export interface AzureMessage {
  /** The problem's id in the catalog. */
  readonly id: string;
  /** Words that stand in every carrier of the message: nothing else is searched for where they are absent. */
  readonly contains: string;
  /** Blanks may be line breaks: terminals and Terraform wrap. */
  readonly pattern: RegExp;
}

const word = String.raw`([^\s"'\\,;]{0,100}?)`;
const words = String.raw`([^\n"\\]{1,200}?)`;
const message = (id: string, contains: string, pattern: string): AzureMessage => ({
  id,
  contains,
  pattern: new RegExp(pattern.replaceAll(' ', '\\s{1,20}'), 'g'),
});

/**
 * The 15 messages of the troubleshooting page of the add-on (learn.microsoft.com, AKS, "Istio service mesh add-on troubleshooting";
 * knowledge A.4), with what each says of the request in groups.
 */
export const azureMessages: readonly AzureMessage[] = [
  message(
    'unsupported-mesh-region',
    'Azure service mesh is not supported',
    'Azure service mesh is not supported in this region',
  ),
  message(
    'missing-service-mesh-mode',
    'Missing service mesh mode',
    `Missing service mesh mode: ${word}(?=[\\s"'\\\\.,;]|$)`,
  ),
  message(
    'invalid-ingress-mode',
    'Invalid istio ingress mode',
    `Invalid istio ingress mode: ${word}(?=[\\s"'\\\\.,;]|$)`,
  ),
  message(
    'too-many-ingress-gateways',
    'Too many ingresses for type',
    `Too many ingresses for type: ${word}\\. Only ${word} ingress gateway are allowed`,
  ),
  message(
    'missing-istio-profile',
    'Istio profile is missing',
    'Istio profile is missing even though Service Mesh mode is Istio',
  ),
  message(
    'incompatible-aks-feature',
    'Istio based Azure service mesh is incompatible',
    `Istio based Azure service mesh is incompatible with feature ${words}(?=\\.(?:\\s|$)|["\\\\\\n]|$)`,
  ),
  message(
    'incomplete-plugin-ca',
    'ServiceMeshProfile is missing required parameters',
    `ServiceMeshProfile is missing required parameters: ${words} for plugin certificate authority`,
  ),
  message(
    'missing-key-vault-addon',
    'AzureKeyvaultSecretsProvider addon is required',
    'AzureKeyvaultSecretsProvider addon is required for Azure Service Mesh plugin certificate authority feature',
  ),
  message(
    'invalid-key-vault-id',
    'is not a valid Azure keyvault',
    `'KeyVaultId': '([^'\\n]{0,300})' is not a valid Azure keyvault resource identifier`,
  ),
  message(
    'missing-kubernetes-version',
    'Kubernetes version is missing',
    'Kubernetes version is missing in orchestrator profile',
  ),
  message(
    'incompatible-mesh-revision',
    'Service mesh revision',
    `Service mesh revision ${word} is not compatible with cluster version ${word}(?=\\.?[\\s"'\\\\]|\\.?$)`,
  ),
  message(
    'unsupported-aks-version',
    'not supported. Please upgrade',
    `Kubernetes version ${word} not supported\\. Please upgrade to a supported cluster version first`,
  ),
  message(
    'empty-mesh-revision',
    'ServiceMeshProfile revision field',
    'ServiceMeshProfile revision field must not be empty',
  ),
  message(
    'too-many-mesh-revisions',
    'Request exceeds maximum',
    'Request exceeds maximum allowed number of revisions \\((\\d{1,4})\\)',
  ),
  message(
    'unfinished-mesh-upgrade',
    'Mesh upgrade is in progress',
    'Mesh upgrade is in progress\\. Please complete or roll back',
  ),
];

const anyMessage = new RegExp(
  azureMessages.map(({ contains }) => contains.replaceAll('.', '\\.').replaceAll(' ', '\\s{1,20}')).join('|'),
);

/** Whether a text may hold one of the messages. */
export const mayBeRefused = (text: string): boolean => anyMessage.test(text);
