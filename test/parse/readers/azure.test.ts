import { describe, expect, it } from 'vitest';
import { observe } from '../../../src/analyze.ts';
import { azureMessages } from '../../../src/parse/azure-messages.ts';
import { azure, isAzure } from '../../../src/parse/readers/azure.ts';
import { folderOf } from '../../fixtures/archive-of.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const errorsOf = (text: string) =>
  factsOf(runReader(azure, text), 'azure-error').map(({ id, values, count, at, time }) => [
    id,
    values,
    count,
    at.line,
    time,
  ]);
const clustersOf = (text: string) => factsOf(runReader(azure, text), 'managed-cluster');

const incompatible =
  "Service mesh revision asm-1-22 is not compatible with cluster version 1.32.4. To find information about mesh-cluster compatibility, use 'az aks mesh get-upgrades'";
const found = ['incompatible-mesh-revision', ['asm-1-22', '1.32.4']];

describe('a refusal of AKS', () => {
  it('is read from the text of the CLI, once', () => {
    expect(errorsOf(`(BadRequest) ${incompatible}\nCode: BadRequest\nMessage: ${incompatible}\n`)).toEqual([
      [...found, 2, 1, undefined],
    ]);
  });

  it('is read from what Terraform wrapped and framed', () => {
    const text = [
      '╷',
      '│ Error: updating Cluster: unexpected status 400 with error: BadRequest: Service mesh',
      '│ revision asm-1-22 is not compatible with cluster version 1.32.4. To find information',
      '╵',
    ].join('\n');
    expect(errorsOf(text)).toEqual([[...found, 1, 2, undefined]]);
  });

  it('is read from JSON within JSON, with the time of the activity log', () => {
    const entry = {
      eventTimestamp: '2026-05-01T10:02:03.5Z',
      properties: { statusMessage: JSON.stringify({ error: { code: 'BadRequest', message: incompatible } }) },
    };
    expect(errorsOf(JSON.stringify([entry], null, 2))).toEqual([[...found, 1, 5, '2026-05-01T10:02:03.500Z']]);
  });

  it('keeps the quotes of a value however they are escaped', () => {
    const text = `{"message":"\\u0027KeyVaultId\\u0027: \\u0027shop-vault\\u0027 is not a valid Azure keyvault resource identifier."}`;
    expect(errorsOf(text)).toEqual([['invalid-key-vault-id', ['shop-vault'], 1, 1, undefined]]);
  });

  it('is not what a page about the messages says', () => {
    expect(errorsOf('Missing service mesh mode: {}\nInvalid istio ingress mode: {}\n')).toEqual([]);
    expect(errorsOf('Service mesh revision %s is not compatible with cluster version %s. To find\n')).toEqual([]);
  });

  it('has a rule for each message', async () => {
    const { builtInRules } = await import('../../../src/catalog/index.ts');
    const ids = builtInRules.map(({ id }) => id);
    for (const { id } of azureMessages) expect(ids).toContain(id);
  });

  it('is found beside other output in one file', async () => {
    const text = `$ kubectl get ns\nNAME   STATUS   AGE\nshop   Active   5d\n$ az aks mesh upgrade start -g shop -n shop-aks --revision asm-1-22\n(BadRequest) ${incompatible}\n`;
    const { mesh } = await observe([folderOf({ 'paste.txt': text })], [], { jobs: 1 });
    expect(mesh.azureErrors?.map(({ id, at }) => [id, at.line])).toEqual([['incompatible-mesh-revision', 5]]);
  });
});

const profile = {
  mode: 'Istio',
  istio: {
    certificateAuthority: null,
    components: { ingressGateways: [{ enabled: true, mode: 'External' }] },
    revisions: ['asm-1-29'],
  },
};
const shown = {
  name: 'shop-aks',
  location: 'westeurope',
  currentKubernetesVersion: '1.33.2',
  addonProfiles: { azureKeyvaultSecretsProvider: { enabled: true } },
  serviceMeshProfile: profile,
};
const expected = {
  name: 'shop-aks',
  location: 'westeurope',
  kubernetesVersion: '1.33.2',
  mode: 'Istio',
  hasProfile: true,
  hasIstio: true,
  revisions: ['asm-1-29'],
  ingressGateways: [{ mode: 'External', enabled: true }],
  addons: [{ name: 'azureKeyvaultSecretsProvider', enabled: true }],
};

describe('a managed cluster', () => {
  it('is read from az aks show, az aks list and ARM', () => {
    expect(clustersOf(JSON.stringify(shown))).toEqual([
      { ...expected, at: { file: 'file', pointer: '/serviceMeshProfile' } },
    ]);
    expect(clustersOf(JSON.stringify([shown]))).toEqual([
      { ...expected, at: { file: 'file', pointer: '/0/serviceMeshProfile' } },
    ]);
    const { name, location, ...properties } = shown;
    expect(clustersOf(JSON.stringify({ name, location, properties }))).toEqual([
      { ...expected, at: { file: 'file', pointer: '/properties/serviceMeshProfile' } },
    ]);
  });

  it('is read from YAML', () => {
    const text = 'name: shop-aks\nserviceMeshProfile:\n  mode: Istio\n  istio:\n    revisions:\n    - asm-1-29\n';
    expect(clustersOf(text)).toMatchObject([{ name: 'shop-aks', mode: 'Istio', revisions: ['asm-1-29'] }]);
  });

  it('is recognised by its content', () => {
    expect(isAzure(JSON.stringify(shown, null, 2))).toBe(true);
    expect(
      isAzure('apiVersion: v1\nkind: Node\nspec:\n  providerID: azure:///subscriptions/x/virtualMachineScaleSets/y\n'),
    ).toBe(false);
    expect(isAzure('2026-05-01T10:00:00Z\tinfo\tads\tPush debounce stable\n')).toBe(false);
  });
});

it('survives damage', () => {
  survivesDamage(azure, JSON.stringify([shown, { error: { message: incompatible } }], null, 1));
  survivesDamage(azure, `(BadRequest) ${incompatible}\nCode: BadRequest\n`);
});
