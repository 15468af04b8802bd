import type { Artifact } from '../artifact.ts';
import { azureMessages, mayBeRefused } from '../azure-messages.ts';
import type { ManagedCluster } from '../facts.ts';
import { jsonDocuments } from '../json-documents.ts';
import { mask } from '../mask.ts';
import { type Reader, type SourceFile, textReader } from '../reader.ts';
import { present, recordOf, recordsOf, textOf, textsOf, type UntypedRecord } from '../untyped.ts';
import { parseYaml } from '../yaml.ts';

/** Outputs of tools are small; a log of more than this is not searched as a whole. */
const mostText = 64 * 2 ** 20;
/** Distinct refusals of one file. */
const mostErrors = 200;
/** Clusters of `az aks list`. */
const mostClusters = 100;

/**
 * What Azure says of the Istio add-on: the 15 messages of its refusals in any carrier (text of the CLI, ARM errors and the activity
 * log as JSON, output of Terraform and Bicep), and managed clusters as `az aks show` prints them.
 */
export const azure: Reader = textReader('azure', 'output of Azure', function* (text, file) {
  const at = { file: file.path };
  if (text.length > mostText) {
    const detail = `only the first ${mostText / 2 ** 20} MiB were searched for refusals of AKS`;
    yield { kind: 'gap', value: { file: file.path, reason: 'too-large', detail } };
  }
  const searched = text.slice(0, mostText);
  yield* refusals(searched, file);
  yield { kind: 'seen', value: { kinds: ['azure-error'], at } };
  const clusters = managedClusters(searched, file);
  yield* clusters;
  if (clusters.some(({ kind }) => kind === 'managed-cluster'))
    yield { kind: 'seen', value: { kinds: ['managed-cluster'], at } };
});

const carriers =
  /"serviceMeshProfile"\s*:|^\s*serviceMeshProfile:|"meshRevisions"\s*:|"service_mesh_profile"|^\s*service_mesh_profile\b|"operationName"[\s\S]{0,2000}Microsoft\.ContainerService\/managedClusters|Microsoft\.ContainerService\/managedClusters[\s\S]{0,20000}"(?:statusMessage|eventTimestamp|agentPoolProfiles|addonProfiles)"|"agentPoolProfiles"\s*:[\s\S]{0,40000}Microsoft\.ContainerService\/managedClusters/m;

/** Whether the first bytes of a file are Azure's words about a managed cluster or a refusal. */
export const isAzure = (head: string): boolean => mayBeRefused(unwrapped(head).text) || carriers.test(head);

/** The text without what terminals and JSON put around and into a message, and where each of its lines began. */
function unwrapped(text: string): { readonly text: string; readonly starts: readonly number[] } {
  const starts: number[] = [];
  let length = 0;
  const lines = text.split('\n').map((line) => {
    const plain = line
      // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with the control character itself
      .replace(/\x1b\[[0-9;]*[A-Za-z]/g, '')
      .replace(/^\s*[│╷╵|>]\s?/, '')
      .replace(/\\{1,8}u0027/g, "'")
      .replace(/\\{1,8}u0022/g, '"')
      .replace(/\\{1,8}[nr]/g, ' ')
      .replace(/\\{1,8}(?=["'/])/g, '')
      .trimEnd();
    starts.push(length);
    length += plain.length + 1;
    return plain;
  });
  return { text: lines.join('\n'), starts };
}

const lineAt = (starts: readonly number[], offset: number): number => {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low + 1;
};

/** A value as the page that lists the messages writes it: text about an error is none. */
const placeholder = /^(?:\{\}|%[sd]|<[^>]*>)$/;

function* refusals(text: string, file: SourceFile): Generator<Artifact> {
  const { text: plain, starts } = unwrapped(text);
  if (!mayBeRefused(plain)) return;
  const found = new Map<string, { id: string; message: string; values: string[]; count: number; offset: number }>();
  for (const { id, pattern } of azureMessages) {
    for (const match of plain.matchAll(pattern)) {
      const values = match.slice(1).map((value) => mask((value ?? '').replace(/\s+/g, ' ')).trim());
      if (values.some((value) => placeholder.test(value))) continue;
      const key = JSON.stringify([id, values]);
      const known = found.get(key);
      if (known !== undefined) known.count++;
      else if (found.size < mostErrors) {
        const message = mask(match[0].replace(/\s+/g, ' ')).slice(0, 1000);
        found.set(key, { id, message, values, count: 1, offset: match.index });
      }
    }
  }
  for (const { offset, ...error } of [...found.values()].sort((one, other) => one.offset - other.offset)) {
    const time = timeBefore(plain, offset);
    yield {
      kind: 'azure-error',
      value: { ...error, ...present({ time }), at: { file: file.path, line: lineAt(starts, offset) } },
    };
  }
}

/** An entry of the activity log says its time before what came of it; both are within one object. */
function timeBefore(text: string, offset: number): string | undefined {
  const before = text.slice(Math.max(0, offset - 20_000), offset);
  const stamp = [...before.matchAll(/"eventTimestamp"\s*:\s*"([^"]{10,40})"/g)].at(-1)?.[1];
  const time = stamp === undefined ? Number.NaN : Date.parse(stamp);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

function managedClusters(text: string, file: SourceFile): Artifact[] {
  const artifacts: Artifact[] = [];
  const add = (value: unknown, pointer: string | undefined, line: number): void => {
    const fields = recordOf(value);
    const cluster = clusterOf(fields);
    if (cluster === undefined || artifacts.length >= mostClusters) return;
    const profile = 'properties' in fields ? '/properties/serviceMeshProfile' : '/serviceMeshProfile';
    const place = `${pointer ?? ''}${cluster.hasProfile ? profile : ''}`;
    const at = pointer === undefined ? { file: file.path, line } : { file: file.path, pointer: place };
    artifacts.push({ kind: 'managed-cluster', value: { ...cluster, at } });
  };
  if (/^\s*[[{]/.test(text)) {
    const documents = [...jsonDocuments(text)];
    for (const { value, line } of documents) {
      const one = documents.length === 1;
      if (value === undefined) {
        const detail = 'the JSON here does not parse; it was searched for messages only';
        artifacts.push({ kind: 'gap', value: { file: file.path, reason: 'malformed', detail, line } });
      } else if (Array.isArray(value))
        for (const [index, item] of value.entries()) add(item, one ? `/${index}` : undefined, line);
      else add(value, one ? '' : undefined, line);
    }
  } else if (/^serviceMeshProfile:/m.test(text)) {
    try {
      add(parseYaml(text), '', 1);
    } catch (error) {
      const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
      const detail = `not valid YAML: ${mask(reason)}`;
      artifacts.push({ kind: 'gap', value: { file: file.path, reason: 'malformed', detail } });
    }
  }
  return artifacts;
}

/** A managed cluster as the CLI prints it (fields at the top) or as ARM has it (below `properties`). */
function clusterOf(fields: UntypedRecord): Omit<ManagedCluster, 'at'> | undefined {
  const properties = 'properties' in fields ? recordOf(fields['properties']) : fields;
  const isCluster =
    'serviceMeshProfile' in properties ||
    /^Microsoft\.ContainerService\/managedClusters$/i.test(textOf(fields['type']) ?? '');
  if (!isCluster) return undefined;
  const profile = properties['serviceMeshProfile'];
  const mesh = recordOf(profile);
  const istio = recordOf(mesh['istio']);
  const plugin = recordOf(istio['certificateAuthority'])['plugin'];
  return {
    name: textOf(fields['name']) ?? '',
    hasProfile: profile !== undefined && profile !== null,
    hasIstio: mesh['istio'] !== undefined && mesh['istio'] !== null,
    revisions: textsOf(istio['revisions']),
    ingressGateways: recordsOf(recordOf(istio['components'])['ingressGateways']).map(({ mode, enabled }) => ({
      mode: textOf(mode) ?? '',
      enabled: enabled === true,
    })),
    addons: Object.entries(recordOf(properties['addonProfiles'])).map(([name, addon]) => ({
      name,
      enabled: recordOf(addon)['enabled'] === true,
    })),
    ...present({
      location: textOf(fields['location']),
      kubernetesVersion: textOf(properties['currentKubernetesVersion']) ?? textOf(properties['kubernetesVersion']),
      provisioningState: textOf(properties['provisioningState']),
      mode: textOf(mesh['mode']),
      certificateAuthority: plugin === undefined || plugin === null ? undefined : pluginOf(recordOf(plugin)),
    }),
  };
}

/** Names of objects in a key vault and the vault's id: no secrets, but whatever was typed in. */
const pluginOf = (plugin: UntypedRecord): Readonly<Record<string, string>> =>
  Object.fromEntries(
    ['keyVaultId', 'rootCertObjectName', 'certObjectName', 'keyObjectName', 'certChainObjectName'].flatMap((name) => {
      const value = textOf(plugin[name]);
      return value === undefined ? [] : [[name, mask(value)] as const];
    }),
  );
