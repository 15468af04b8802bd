import type { ManagedCluster } from '../../parse/facts.ts';
import { minorsAhead } from '../platform/minor-version.ts';
import { aksRevisions } from '../platform/versions-data.ts';
import type { NonEmpty, Remedy } from '../rule.ts';

/** One message with which AKS refuses to enable, change or upgrade the add-on, as the catalog's data. */
export interface Refusal {
  readonly id: string;
  readonly title: string;
  readonly why: string;
  readonly fix: NonEmpty<Remedy>;
  readonly references: readonly string[];
  /** Row of knowledge A.4. */
  readonly source: string;
  /** What was refused, from the message's own values. */
  readonly refused: (values: readonly string[]) => string;
  /** What of a cluster would be refused again, each as the end of a sentence; for conditions the profile shows. */
  readonly in?: (cluster: ManagedCluster) => readonly string[];
}

const page =
  'https://learn.microsoft.com/en-us/troubleshoot/azure/azure-kubernetes/extensions/istio-add-on-general-troubleshooting';
const about = 'https://learn.microsoft.com/en-us/azure/aks/istio-about';
const ingress = 'https://learn.microsoft.com/en-us/azure/aks/istio-deploy-ingress';
const upgrade = 'https://learn.microsoft.com/en-us/azure/aks/istio-upgrade';
const pluginCa = 'https://learn.microsoft.com/en-us/azure/aks/istio-plugin-ca';
const support = 'https://learn.microsoft.com/en-us/azure/aks/istio-support-policy';

const show: Remedy = {
  do: 'See the mesh profile as Azure has it',
  run: 'az aks show --resource-group GROUP --name CLUSTER --query serviceMeshProfile --output json',
};
const compatible: Remedy = {
  do: 'List the revisions and the Kubernetes versions that go together',
  run: 'az aks mesh get-upgrades --resource-group GROUP --name CLUSTER',
};
const complete: Remedy = {
  do: 'Complete the upgrade once all workloads run with the new revision',
  run: 'az aks mesh upgrade complete --resource-group GROUP --name CLUSTER',
};
const rollBack: Remedy = {
  do: 'Or go back to the old revision',
  run: 'az aks mesh upgrade rollback --resource-group GROUP --name CLUSTER',
};

const quoted = (value: string | undefined): string => (value === undefined || value === '' ? 'nothing' : `'${value}'`);
const isIstio = ({ mode }: ManagedCluster): boolean => mode === 'Istio';
const parameters = [
  'keyVaultId',
  'rootCertObjectName',
  'certObjectName',
  'keyObjectName',
  'certChainObjectName',
] as const;
const vaultId = /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.KeyVault\/vaults\/[^/]+$/i;
const revisionOf = (revision: string) => aksRevisions.find((known) => known.revision === revision);

/** The 15 messages of the troubleshooting page. */
export const refusals: readonly Refusal[] = [
  {
    id: 'unsupported-mesh-region',
    title: 'Istio add-on not offered in the region',
    why: 'AKS does not offer the add-on in every region and cloud, so enabling it is refused and nothing is installed.',
    fix: [{ do: 'Create the cluster in a region that offers the add-on, or install Istio yourself' }],
    references: [page, about],
    source: 'AZ1',
    refused: () => 'AKS does not offer the Istio add-on in the region of the cluster',
  },
  {
    id: 'missing-service-mesh-mode',
    title: 'Mesh profile without a mode',
    why: '`serviceMeshProfile` must say which mesh it means; a request without `mode` is refused as a whole.',
    fix: [{ do: 'Set `mode` of `serviceMeshProfile` to `Istio`' }, show],
    references: [page],
    source: 'AZ2',
    refused: ([mode]) => `the mesh profile names no mode that AKS knows (${quoted(mode)})`,
    in: ({ hasProfile, mode }) => (hasProfile && mode === undefined ? ['has a mesh profile without a mode'] : []),
  },
  {
    id: 'invalid-ingress-mode',
    title: 'Unknown kind of ingress gateway',
    why: 'An ingress gateway of the add-on is either external or internal; any other word is refused.',
    fix: [
      {
        do: 'Use `External` or `Internal`',
        run: 'az aks mesh enable-ingress-gateway --resource-group GROUP --name CLUSTER --ingress-gateway-type external',
      },
    ],
    references: [page, ingress],
    source: 'AZ3',
    refused: ([mode]) => `${quoted(mode)} is no kind of ingress gateway`,
    in: ({ ingressGateways }) =>
      ingressGateways
        .filter(({ mode }) => mode !== 'External' && mode !== 'Internal')
        .map(({ mode }) => `asks for an ingress gateway of kind ${quoted(mode)}`),
  },
  {
    id: 'too-many-ingress-gateways',
    title: 'More ingress gateways than the add-on allows',
    why: 'The add-on runs one external and one internal ingress gateway; a profile that lists a kind twice is refused.',
    fix: [
      show,
      { do: 'Keep one gateway of each kind in `components.ingressGateways`; deploy further ones with the Gateway API' },
    ],
    references: [page, ingress],
    source: 'AZ4',
    refused: ([kind, most]) => `the request lists more than ${most ?? '1'} ingress gateway of kind ${quoted(kind)}`,
    in: ({ ingressGateways }) =>
      ['External', 'Internal'].flatMap((kind) => {
        const count = ingressGateways.filter(({ mode }) => mode === kind).length;
        return count > 1 ? [`lists ${count} ingress gateways of kind '${kind}'`] : [];
      }),
  },
  {
    id: 'missing-istio-profile',
    title: 'Mesh profile without its Istio part',
    why: 'Mode `Istio` needs `istio` beside it (revision, components, certificate authority); without it the request is refused.',
    fix: [{ do: 'Add `istio` with the wanted revision to `serviceMeshProfile`' }, show],
    references: [page],
    source: 'AZ5',
    refused: () => 'the mesh profile says mode Istio and has no istio part',
    in: (cluster) => (isIstio(cluster) && !cluster.hasIstio ? ['says mode Istio and has no istio part'] : []),
  },
  {
    id: 'incompatible-aks-feature',
    title: 'Istio add-on beside a feature that excludes it',
    why: 'Two meshes would both redirect the traffic of a pod: AKS refuses the add-on while the other feature is on.',
    fix: [
      {
        do: 'Disable the other feature, for Open Service Mesh',
        run: 'az aks disable-addons --resource-group GROUP --name CLUSTER --addons open-service-mesh',
      },
      {
        do: 'Remove the resources it left behind (namespaces, webhooks, custom resource definitions), then enable the add-on',
      },
    ],
    references: [page, about],
    source: 'AZ6',
    refused: ([feature]) => `the Istio add-on cannot run beside ${feature ?? 'another feature'}`,
    in: (cluster) =>
      isIstio(cluster) &&
      cluster.addons.some(({ name, enabled }) => enabled && name.toLowerCase() === 'openservicemesh')
        ? ['has Open Service Mesh enabled beside the Istio add-on']
        : [],
  },
  {
    id: 'incomplete-plugin-ca',
    title: 'Plug-in certificate authority with missing parameters',
    why: 'The plug-in certificate authority needs the vault and all four objects in it; with fewer the request is refused.',
    fix: [
      {
        do: 'Give all five parameters',
        run: 'az aks mesh enable --resource-group GROUP --name CLUSTER --key-vault-id VAULT --root-cert-object-name root-cert --ca-cert-object-name ca-cert --ca-key-object-name ca-key --cert-chain-object-name cert-chain',
      },
    ],
    references: [page, pluginCa],
    source: 'AZ7',
    refused: ([missing]) => `the plug-in certificate authority lacks ${missing ?? 'parameters'}`,
    in: ({ certificateAuthority }) => {
      if (certificateAuthority === undefined) return [];
      const missing = parameters.filter((name) => certificateAuthority[name] === undefined);
      return missing.length > 0 ? [`has a plug-in certificate authority without ${missing.join(', ')}`] : [];
    },
  },
  {
    id: 'missing-key-vault-addon',
    title: 'Plug-in certificate authority without the Key Vault provider',
    why: 'The secrets provider brings the CA certificates from the key vault to istiod; AKS refuses the plug-in CA without it.',
    fix: [
      {
        do: 'Enable the provider first',
        run: 'az aks enable-addons --resource-group GROUP --name CLUSTER --addons azure-keyvault-secrets-provider',
      },
    ],
    references: [page, pluginCa],
    source: 'AZ8',
    refused: () => 'the plug-in certificate authority needs the Key Vault secrets provider, which is not enabled',
    in: ({ certificateAuthority, addons }) =>
      certificateAuthority !== undefined &&
      !addons.some(({ name, enabled }) => enabled && name.toLowerCase() === 'azurekeyvaultsecretsprovider')
        ? ['has a plug-in certificate authority and no Key Vault secrets provider']
        : [],
  },
  {
    id: 'invalid-key-vault-id',
    title: 'Key vault id that is none',
    why: 'The key vault is named by its whole resource id; with a name, an address or an id of something else the request is refused.',
    fix: [
      { do: 'Take the id from the vault', run: 'az keyvault show --name VAULT --query id --output tsv' },
      { do: 'Use a vault of the same tenant as the cluster' },
    ],
    references: [page, pluginCa],
    source: 'AZ9',
    refused: ([id]) => `${quoted(id)} is no resource id of a key vault`,
    in: ({ certificateAuthority }) => {
      const id = certificateAuthority?.['keyVaultId'];
      return id !== undefined && !vaultId.test(id) ? [`names the key vault by ${quoted(id)}`] : [];
    },
  },
  {
    id: 'missing-kubernetes-version',
    title: 'Upgrade request without a Kubernetes version',
    why: 'AKS checks the revision against the version of Kubernetes, so a request that leaves it out is refused.',
    fix: [
      {
        do: 'Send `kubernetesVersion` of the cluster with the request; templates that were cut down to one property lose it',
      },
    ],
    references: [page, upgrade],
    source: 'AZ10',
    refused: () => 'the request does not say the Kubernetes version of the cluster',
  },
  {
    id: 'incompatible-mesh-revision',
    title: 'Mesh revision for another Kubernetes version',
    why: 'Each revision of the add-on supports a range of Kubernetes minors; outside of it AKS refuses the operation.',
    fix: [compatible, { do: 'Choose a revision for this Kubernetes version, or upgrade the cluster first' }],
    references: [page, support],
    source: 'AZ11',
    refused: ([revision, version]) => `revision ${revision} does not support Kubernetes ${version}`,
    in: ({ revisions, kubernetesVersion }) =>
      revisions.flatMap((name) => {
        const range = revisionOf(name)?.kubernetes;
        if (range === undefined || kubernetesVersion === undefined) return [];
        const outside =
          (minorsAhead(kubernetesVersion, range.from) ?? 0) < 0 || (minorsAhead(kubernetesVersion, range.to) ?? 0) > 0;
        return outside
          ? [`runs revision ${name}, for Kubernetes ${range.from} to ${range.to}, on Kubernetes ${kubernetesVersion}`]
          : [];
      }),
  },
  {
    id: 'unsupported-aks-version',
    title: 'Kubernetes version below all mesh revisions',
    why: 'No revision that can still be installed supports this Kubernetes version, so AKS refuses to enable or upgrade the mesh.',
    fix: [
      {
        do: 'Upgrade the cluster to a supported version',
        run: 'az aks upgrade --resource-group GROUP --name CLUSTER --kubernetes-version VERSION',
      },
      compatible,
    ],
    references: [page, support],
    source: 'AZ12',
    refused: ([version]) => `no mesh revision supports Kubernetes ${version}`,
  },
  {
    id: 'empty-mesh-revision',
    title: 'Upgrade request without a revision',
    why: 'An upgrade must say which revision it leads to; an empty list is refused.',
    fix: [
      {
        do: 'Name the revision',
        run: 'az aks mesh upgrade start --resource-group GROUP --name CLUSTER --revision REVISION',
      },
      compatible,
    ],
    references: [page, upgrade],
    source: 'AZ13',
    refused: () => 'the request names no mesh revision',
  },
  {
    id: 'too-many-mesh-revisions',
    title: 'More mesh revisions than AKS allows',
    why: 'Two revisions run side by side during an upgrade; a third one is refused until one of them is gone.',
    fix: [complete, rollBack, show],
    references: [page, upgrade],
    source: 'AZ14',
    refused: ([most]) => `the request asks for more than the ${most} mesh revisions that AKS allows`,
    in: ({ revisions }) =>
      revisions.length > 2 ? [`lists ${revisions.length} mesh revisions (${revisions.join(', ')})`] : [],
  },
  {
    id: 'unfinished-mesh-upgrade',
    title: 'Mesh upgrade neither completed nor rolled back',
    why: 'While an upgrade of the add-on is open AKS answers no question about further ones, and both control planes keep running.',
    fix: [complete, rollBack],
    references: [page, upgrade],
    source: 'AZ15',
    refused: () => 'an upgrade of the mesh was begun and is neither completed nor rolled back',
  },
];
