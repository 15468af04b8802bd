import type { Location } from '../input/location.ts';
import type { Artifact, ArtifactKind, ArtifactKinds } from '../parse/artifact.ts';
import type * as facts from '../parse/facts.ts';
import { controlPlane } from './control-plane.ts';
import { withPrintedTimes } from './event-times.ts';
import type { Mesh } from './mesh.ts';
import { captureOf, platformOf } from './platform.ts';
import { withPodNamespaces } from './pod-namespaces.ts';
import { proxiesOf } from './proxies.ts';
import { withoutRepeatedLogs } from './repeated-logs.ts';
import { type Superseded, superseded } from './superseded.ts';
import { withUnknownProxies } from './unknown-proxy.ts';

/** The mesh as far as the archive shows it, and what it did not show. */
export interface Built {
  readonly mesh: Partial<Mesh>;
  readonly gaps: readonly facts.Gap[];
}

/** Collects artifacts in archive order and folds them into one mesh. */
export interface MeshBuilder {
  add(artifact: Artifact): void;
  build(fileTimes: { readonly newest?: string }): Built;
}

type Collected = { [K in ArtifactKind]: ArtifactKinds[K][] };

/** A builder for one archive, or for several that show one cluster. */
export function meshBuilder(): MeshBuilder {
  const collected: Partial<Collected> = {};
  const seen = new Set<ArtifactKind>();

  const add = (artifact: Artifact): void => {
    if (artifact.kind === 'seen') {
      for (const kind of artifact.value.kinds) seen.add(kind);
      return;
    }
    seen.add(artifact.kind);
    // One list per kind: the tag and the value belong together by the type of Artifact.
    let values = collected[artifact.kind] as unknown[] | undefined;
    if (values === undefined) {
      values = [];
      (collected as Record<string, unknown[]>)[artifact.kind] = values;
    }
    values.push(artifact.value);
  };

  return { add, build: ({ newest }) => fold(withPodNamespaces(collected), seen, newest) };
}

function fold(collected: Partial<Collected>, seen: ReadonlySet<ArtifactKind>, newestFile: string | undefined): Built {
  /** The facts of a kind, or undefined where no file could have held one. */
  const of = <K extends ArtifactKind>(kind: K): readonly ArtifactKinds[K][] | undefined =>
    seen.has(kind) ? ((collected[kind] as ArtifactKinds[K][] | undefined) ?? []) : undefined;

  const older = superseded();
  const objects = unique(of('object'), (object) => `${object.apiVersion.split('/')[0]} ${object.kind}`, older);
  const logs = withUnknownProxies(
    withoutRepeatedLogs({ logFiles: of('log-file'), hits: of('log-hits') ?? [], access: of('access') }),
  );
  const { logFiles, hits } = logs;
  const logOf = (log: facts.LogHitSource) =>
    logFiles?.some((file) => file.log === log) ? hits.filter((hit) => hit.log === log) : undefined;

  const base: Partial<Mesh> = {
    ...facet(
      'pods',
      unique(of('pod'), () => 'Pod'),
    ),
    ...facet(
      'services',
      unique(of('service'), () => 'Service', older),
    ),
    ...facet(
      'endpoints',
      unique(of('endpoints'), ({ kind }) => kind),
    ),
    ...facet(
      'workloads',
      unique(of('workload'), ({ kind }) => kind, older),
    ),
    ...facet(
      'namespaces',
      unique(of('namespace'), () => 'Namespace'),
    ),
    ...facet(
      'nodes',
      unique(of('node'), () => 'Node'),
    ),
    ...facet(
      'configMaps',
      unique(of('config-map'), () => 'ConfigMap', older),
    ),
    ...facet('podRows', lastRows(of('pod-row'))),
    ...facet('events', uniqueEvents(of('event'))),
    ...facet('secrets', of('secret')),
    ...facet('listings', of('listing')),
    ...facet('config', configurationOf(objects, of('listing'))),
    ...facet('webhooks', webhooksOf(objects, of('listing'))),
    ...facet(
      'otherObjects',
      objects?.filter((object) => !isMeshConfiguration(object) && !isWebhook(object)),
    ),
    ...facet('collections', of('collection')),
    ...facet('versions', of('version')),
    ...facet('memory', of('memory')),
    ...facet('clusters', of('cluster')),
    ...facet('clusterConfigs', of('cluster-config')),
    ...facet('listeners', of('listener')),
    ...facet('routes', of('route')),
    ...facet('rejections', of('rejection')),
    ...facet('warming', of('warming')),
    ...facet('proxySecrets', of('proxy-secret')),
    ...facet('configSizes', of('config-size')),
    ...facet('certificates', uniqueCertificates(of('certificate'))),
    ...facet('metrics', of('metric')),
    ...facet('sockets', of('socket')),
    ...facet('sync', uniqueSync(of('sync'))),
    ...facet('connections', of('connection')),
    ...facet('pushStatus', of('push-status')),
    ...facet('meshConfigs', of('mesh-config')),
    ...facet('tags', of('tag')),
    ...facet('injectionChecks', of('injection-check')),
    ...facet('appliedPolicies', of('applied-policy')),
    ...facet('analysis', uniqueAnalysis(of('analysis'))),
    ...facet('azureErrors', of('azure-error')),
    ...facet('managedClusters', of('managed-cluster')),
    ...facet('istiodLog', logOf('istiod')),
    ...facet('proxyLog', logOf('proxy')),
    ...facet('ztunnelLog', logOf('ztunnel')),
    ...facet('cniLog', logOf('cni')),
    ...facet('operatorLog', logOf('operator')),
    ...facet('logFiles', logFiles),
    ...facet(
      'access',
      logFiles?.some(({ log }) => log === 'proxy' || log === 'ztunnel') ? (logs.access ?? []) : undefined,
    ),
  };

  const platform = platformOf(base);
  const capture = captureOf(base, newestFile);
  const mesh: Partial<Mesh> = {
    ...base,
    platform,
    capture,
    ...facet('events', withPrintedTimes(base.events, capture)),
    ...facet('revisions', controlPlane(base, platform)),
    ...facet('proxies', proxiesOf(base, of('proxy'))),
  };
  return { mesh, gaps: [...(collected.gap ?? []), ...older.gaps()] };
}

/** A facet is set only where it is known: an absent one must stay absent for "not checked". */
function facet<K extends keyof Mesh>(name: K, value: Mesh[K] | undefined): Partial<Pick<Mesh, K>> {
  return value === undefined ? {} : ({ [name]: value } as Pick<Mesh, K>);
}

const meshGroups = ['istio.io', 'gateway.networking.k8s.io', 'inference.networking'];
const isMeshConfiguration = ({ apiVersion }: facts.KubeObject): boolean =>
  meshGroups.some((group) => (apiVersion.split('/')[0] ?? '').includes(group));
const isWebhook = ({ kind }: facts.KubeObject): boolean =>
  kind === 'MutatingWebhookConfiguration' || kind === 'ValidatingWebhookConfiguration';

/**
 * Istio's own objects come with a listing of their own (`cluster/crs`): webhooks and CRDs of another file do not prove that
 * there is no VirtualService.
 */
function configurationOf(
  objects: readonly facts.KubeObject[] | undefined,
  listings: readonly facts.Listing[] | undefined,
): readonly facts.KubeObject[] | undefined {
  const configuration = objects?.filter(isMeshConfiguration) ?? [];
  const listed = listings?.some(({ kind }) => kind === 'VirtualService' || kind === 'DestinationRule') ?? false;
  return configuration.length > 0 || listed ? configuration : undefined;
}

/** Webhooks come only with some listings (istioctl 1.12 and later): objects alone do not prove that none exists. */
function webhooksOf(
  objects: readonly facts.KubeObject[] | undefined,
  listings: readonly facts.Listing[] | undefined,
): readonly facts.KubeObject[] | undefined {
  const webhooks = objects?.filter(isWebhook) ?? [];
  const listed = listings?.some(({ kind }) => kind.endsWith('WebhookConfiguration')) ?? false;
  return webhooks.length > 0 || listed ? webhooks : undefined;
}

/**
 * Files of an archive overlap: of two copies of an object the newer stays, in the place of the first. `older` hears of those that
 * say something else.
 */
function unique<T extends { readonly meta: facts.ObjectMeta; readonly at: Location }>(
  items: readonly T[] | undefined,
  kind: (item: T) => string,
  older?: Superseded,
): readonly T[] | undefined {
  if (items === undefined) return undefined;
  const byName = new Map<string, T>();
  for (const item of items) {
    const key = `${kind(item)}\0${item.meta.namespace}\0${item.meta.name}`;
    const other = byName.get(key);
    const newer = other === undefined || isNewer(item.meta, other.meta);
    if (newer) byName.set(key, item);
    if (other === undefined) continue;
    const name = kind(item).split(' ').at(-1) ?? '';
    if (newer) older?.note(name, item, other);
    else older?.note(name, other, item);
  }
  return [...byName.values()];
}

/** Text of describe and of tables has no version: the object itself says more than either. */
function isNewer(one: facts.ObjectMeta, other: facts.ObjectMeta): boolean {
  if (one.resourceVersion === undefined && other.resourceVersion === undefined)
    return (one.changed?.time ?? '') > (other.changed?.time ?? '');
  if (one.resourceVersion === undefined || other.resourceVersion === undefined)
    return one.resourceVersion !== undefined;
  const version = Number(one.resourceVersion) - Number(other.resourceVersion);
  if (Number.isFinite(version) && version !== 0) return version > 0;
  return (one.generation ?? 0) > (other.generation ?? 0);
}

/** Pods only grow older: of two rows of one pod the older one was printed last, and the other fills in what it lacks. */
function lastRows(rows: readonly facts.PodRow[] | undefined): readonly facts.PodRow[] | undefined {
  if (rows === undefined) return undefined;
  const byName = new Map<string, facts.PodRow>();
  for (const row of rows) {
    const key = `${row.namespace}/${row.name}`;
    const other = byName.get(key);
    const isLater = other === undefined || (row.age ?? 0) >= (other.age ?? 0);
    byName.set(key, isLater ? { ...other, ...row } : { ...row, ...other });
  }
  return [...byName.values()];
}

/** The wide table repeats what the YAML list holds; the copy with dates stays. */
function uniqueEvents(events: readonly facts.KubeEvent[] | undefined): readonly facts.KubeEvent[] | undefined {
  if (events === undefined) return undefined;
  const byText = new Map<string, facts.KubeEvent>();
  for (const event of events) {
    const { kind, namespace, name } = event.object;
    const key = `${kind.toLowerCase()}\0${namespace}\0${name}\0${event.reason}\0${event.message.trim().slice(0, 200)}`;
    const other = byText.get(key);
    if (other === undefined || rank(event) > rank(other)) byText.set(key, event);
  }
  return [...byText.values()];
}

const rank = (event: facts.KubeEvent): number =>
  (event.last === undefined ? 0 : 2) + (event.at.file.endsWith('events') ? 0 : 1);

/** istioctl up to 1.10 wrote the same messages once per namespace; a folder may repeat the archive's own. */
function uniqueAnalysis(
  messages: readonly facts.AnalysisMessage[] | undefined,
): readonly facts.AnalysisMessage[] | undefined {
  return (
    messages && [
      ...new Map(
        messages.map((message) => [`${message.code}\0${message.resource}\0${message.message}`, message]),
      ).values(),
    ]
  );
}

/** syncz and proxy-status tell the same of a proxy and an istiod; the one that knows the refusal's text says more. */
function uniqueSync(states: readonly facts.SyncStatus[] | undefined): readonly facts.SyncStatus[] | undefined {
  if (states === undefined) return undefined;
  const byProxy = new Map<string, facts.SyncStatus>();
  for (const state of states) {
    const key = `${state.proxy.namespace}/${state.proxy.pod}@${state.istiod ?? ''}`;
    const other = byProxy.get(key);
    if (other === undefined || (state.errors !== undefined && other.errors === undefined)) byProxy.set(key, state);
  }
  return [...byProxy.values()];
}

/** `/certs` and the config dump name the same certificates; the dump's copy, which comes first, knows the secret. */
function uniqueCertificates(
  certificates: readonly facts.Certificate[] | undefined,
): readonly facts.Certificate[] | undefined {
  if (certificates === undefined) return undefined;
  const bySerial = new Map<string, facts.Certificate>();
  for (const certificate of certificates) {
    const { proxy, serial, use } = certificate;
    const key = `${proxy?.namespace ?? ''}/${proxy?.pod ?? ''}\0${serial}`;
    const other = bySerial.get(key);
    if (
      other === undefined ||
      (other.use === 'other' && use !== 'other') ||
      (other.name === '<inline>' && certificate.name !== '<inline>')
    ) {
      bySerial.set(key, certificate);
    }
  }
  return [...bySerial.values()];
}
