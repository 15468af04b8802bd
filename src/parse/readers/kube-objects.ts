import type { Artifact, ArtifactKind } from '../artifact.ts';
import type { Gap } from '../facts.ts';
import { askedBy, listedIn } from '../kube-asked.ts';
import { artifactOf } from '../kube-facts.ts';
import { isJson, type KubeForm, kubeForm } from '../kube-form.ts';
import { glanceAt, isDropped } from '../kube-glance.ts';
import { type ItemSink, jsonItems, type ListHead, type RawItem, yamlItems } from '../list-items.ts';
import { mask } from '../mask.ts';
import { meshConfigMaps } from '../mesh-config-maps.ts';
import { chosenByHead } from '../peek.ts';
import type { Parser, Reader, SourceFile } from '../reader.ts';
import { recordOf, textOf, type UntypedRecord } from '../untyped.ts';
import { parseYaml } from '../yaml.ts';
import { kubeDescribe } from './kube-describe.ts';
import { kubeTables } from './kube-tables.ts';

type Emit = (artifact: Artifact) => void;

/** Gaps for single objects of one file; the rest is one gap with their number. */
const mostObjectGaps = 20;

/** Text of items without a kind that is held until the end of their list says it. */
const mostWaiting = 64 * 2 ** 20;

/** What `kubectl get all,jobs,configmaps -A` lists in every version of bug-report, whether there is one or not. */
const alwaysListed = [
  'Pod',
  'Service',
  'ReplicationController',
  'DaemonSet',
  'Deployment',
  'ReplicaSet',
  'StatefulSet',
  'HorizontalPodAutoscaler',
  'CronJob',
  'Job',
  'ConfigMap',
];

/** Asked for together since istioctl 1.12: one of them proves that the others were asked for. */
const clusterKinds = [
  'Namespace',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
  'CustomResourceDefinition',
];

/** `crs` holds every custom resource there is, so that it also proves the absence of these. */
const istioKinds = [
  'AuthorizationPolicy',
  'DestinationRule',
  'EnvoyFilter',
  'Gateway',
  'PeerAuthentication',
  'ProxyConfig',
  'RequestAuthentication',
  'ServiceEntry',
  'Sidecar',
  'Telemetry',
  'VirtualService',
  'WasmPlugin',
  'WorkloadEntry',
  'WorkloadGroup',
  'HTTPRoute',
  'GRPCRoute',
  'TLSRoute',
  'TCPRoute',
  'ReferenceGrant',
];

/** Any file of bug-report's `cluster/`: what kubectl printed changed over the versions, so the content decides. */
export const kubeFile: Reader = {
  name: 'kube-file',
  title: 'kubectl output',
  open: (file, context, emit) => chosenByHead((head) => readers[kubeForm(head) ?? 'objects'].open(file, context, emit)),
};

/** Objects as `kubectl get -o yaml` or `-o json` prints them: Lists, single objects, several outputs in one file. */
export const kubeObjects: Reader = {
  name: 'kube-objects',
  title: 'kubectl get -o yaml or json',
  open(file, _context, emit) {
    return chosenByHead((head) => {
      const reading = readObjects(file, emit);
      const items = isJson(head) ? jsonItems : yamlItems;
      const parser = items(reading.sink);
      return {
        push: parser.push,
        end(complete) {
          parser.end(complete);
          reading.end(complete);
        },
      };
    });
  },
};

const readers: Readonly<Record<KubeForm, Reader>> = { objects: kubeObjects, describe: kubeDescribe, table: kubeTables };

function readObjects(file: SourceFile, emit: Emit): { readonly sink: ItemSink } & Pick<Parser, 'end'> {
  const lists: { items: number; whole: boolean }[] = [];
  /** Kinds of which there are facts. */
  const kinds = new Set<string>();
  /** Objects found, dropped ones included. */
  let objects = 0;
  let messages = 0;
  const namespaces = new Set<string>();
  /** Kinds of which an object was lost, `*` where its kind is not known: their listing proves nothing. */
  const lost = new Set<string>();
  let objectGaps = 0;
  let furtherGaps = 0;
  let waiting: RawItem[] = [];
  let waitingLength = 0;
  let secretData = false;
  const mesh = meshConfigMaps(emit);

  const gap = (reason: Gap['reason'], detail: string, line?: number): void =>
    emit({ kind: 'gap', value: { file: file.path, reason, detail, ...(line === undefined ? {} : { line }) } });

  function objectGap(reason: Gap['reason'], detail: string, line: number, kind = '*'): void {
    lost.add(kind);
    if (++objectGaps > mostObjectGaps) furtherGaps++;
    else gap(reason, detail, line);
  }

  /** `last` when its list has told all it will. */
  function read(item: RawItem, last: boolean): void {
    const head: ListHead = item.list ?? {};
    const maySay = item.list !== undefined && head.kind === undefined && !last;
    const glance = item.json ? {} : glanceAt(item.text);
    if (isDropped(glance)) {
      objects++;
      return;
    }
    if (!item.json && glance.kind === undefined && maySay) {
      wait(item);
      return;
    }
    const kind = glance.kind ?? itemKind(head.kind);
    let parsed: unknown;
    try {
      parsed = item.json ? JSON.parse(item.text) : parseYaml(item.text);
    } catch (error) {
      const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
      const format = item.json ? 'JSON' : 'YAML';
      objectGap(
        'malformed',
        `${kind ?? 'an object'} here is not valid ${format}: ${mask(reason ?? '')}`,
        item.line,
        kind,
      );
      return;
    }
    // An item of a YAML list keeps its dash.
    const object = withKind(recordOf(Array.isArray(parsed) ? parsed[0] : parsed), head, file.params);
    if (object !== undefined) take(object, item);
    else if (maySay) wait(item);
    else objectGap('unrecognised', 'an object here has no kind', item.line);
  }

  /** Items of a typed list have no kind, and YAML says the list's behind them. */
  function wait(item: RawItem): void {
    waitingLength += item.text.length;
    if (waitingLength <= mostWaiting) waiting.push(item);
    else objectGap('too-large', 'the list says the kind of its items only at its end', item.line);
  }

  function take(object: UntypedRecord, item: RawItem): void {
    objects++;
    const at =
      item.pointer === undefined ? { file: file.path, line: item.line } : { file: file.path, pointer: item.pointer };
    const artifact = artifactOf(object, at);
    if (artifact === undefined) return;
    kinds.add(textOf(object['kind']) ?? '');
    if (artifact.kind === 'secret' && Object.keys(recordOf(object['data'])).length > 0) secretData = true;
    if ('meta' in artifact.value) namespaces.add(artifact.value.meta.namespace);
    // Strings cut from the item's text would keep all of it in memory: a fact owns its strings.
    const own = JSON.parse(JSON.stringify(artifact)) as Artifact;
    if (own.kind === 'config-map') mesh(own.value);
    else emit(own);
  }

  const sink: ItemSink = {
    item: (item) => read(item, false),
    list(_head, items, whole) {
      for (const item of waiting) read(item, true);
      waiting = [];
      waitingLength = 0;
      lists.push({ items, whole });
    },
    tooLarge: (line, bytes) =>
      objectGap('too-large', `an object here has ${Math.round(bytes / 2 ** 20)} MiB and was passed over`, line),
    cut: (line) => objectGap('truncated', 'the file ends within the object here', line),
    message(text, line) {
      messages++;
      if (!/^(?:Warning|No resources)/.test(text)) gap('not-available', text.slice(0, 300), line);
    },
  };

  function end(complete: boolean): void {
    if (furtherGaps > 0) gap('malformed', `${furtherGaps} further objects could not be read`);
    if (secretData) gap('skipped', 'the file holds the data of Secrets; only their names and types were read');
    if (!complete) gap('truncated', 'the file is cut short');
    else if (lists.some(({ whole }) => !whole)) gap('truncated', 'the list ends before its own end');
    else if (objects + lists.length + objectGaps + messages === 0) gap('unrecognised', 'no Kubernetes object found');
    const whole = complete && lists.length > 0 && lists.every((list) => list.whole) && !lost.has('*');
    if (whole) provide(lists.reduce((sum, { items }) => sum + items, 0));
  }

  /** What a file of bug-report proves that was read to its end, or one whose command is known to have asked for everything. */
  function provide(items: number): void {
    const name = /(?:^|\/)cluster\/([\w-]+)$/.exec(file.path)?.[1];
    const seen = (...facets: ArtifactKind[]): void =>
      emit({ kind: 'seen', value: { kinds: facets, at: { file: file.path } } });
    const listing = (listed: Iterable<string>, namespace = '*'): void => {
      for (const kind of new Set(listed)) {
        if (!lost.has(kind)) emit({ kind: 'listing', value: { kind, namespace, at: { file: file.path } } });
      }
    };
    switch (name) {
      case 'k8s-resources': {
        if (items === 0) {
          // istioctl 1.30 with --include asks for a namespace called `a,b`: no cluster is empty.
          gap(
            'not-available',
            'the list is empty: istioctl 1.30 and later lose it when several namespaces are included',
          );
          return;
        }
        const cluster = kinds.has('Namespace') ? clusterKinds : [];
        seen('pod', 'service', 'endpoints', 'workload', 'config-map', 'object');
        if (cluster.length > 0) seen('namespace');
        if (kinds.has('Event')) seen('event');
        listing([...alwaysListed, ...cluster, ...kinds]);
        return;
      }
      case 'k8s-cluster-resources':
        if (items === 0) return;
        seen('node', 'namespace', 'object');
        listing([...clusterKinds, 'Node', ...kinds]);
        return;
      case 'crs':
        // The same fault of 1.30 leaves cluster-scoped resources only.
        if ([...namespaces].every((namespace) => namespace === '')) return;
        seen('object');
        listing([...istioKinds, ...kinds]);
        return;
      case 'nodes':
        seen('node');
        listing(['Node']);
        return;
      case 'pods': {
        seen('pod');
        const [namespace, other] = [...namespaces];
        if (namespace !== undefined && other === undefined) listing(['Pod'], namespace);
        return;
      }
      case 'secrets':
        seen('secret');
        listing(['Secret']);
        return;
      default: {
        const asked = messages > 0 ? undefined : askedBy(file.params['command']);
        if (asked === undefined) return;
        seen(...new Set(asked.kinds.map((kind) => factOf[kind] ?? 'object')));
        for (const kind of asked.kinds) listing([kind], listedIn(asked, kind));
      }
    }
  }

  return { sink, end };
}

/** Facts that are made of objects of a kind; of all others: `object`. */
const factOf: Readonly<Record<string, ArtifactKind>> = {
  Pod: 'pod',
  Service: 'service',
  Endpoints: 'endpoints',
  EndpointSlice: 'endpoints',
  Deployment: 'workload',
  ReplicaSet: 'workload',
  StatefulSet: 'workload',
  DaemonSet: 'workload',
  Job: 'workload',
  Secret: 'secret',
  Node: 'node',
  Namespace: 'namespace',
};

/** `Pod` of `PodList`; nothing of a plain `List`. */
const itemKind = (kind: string | undefined): string | undefined => /^(\w+)List$/.exec(kind ?? '')?.[1];

/** The object with the kind its list gives it where it has none, or the one the layout knows (`kind` and `apiVersion` of the params). */
function withKind(object: UntypedRecord, head: ListHead, params: SourceFile['params']): UntypedRecord | undefined {
  if (textOf(object['kind']) !== undefined) return object;
  const kind = itemKind(head.kind) ?? params['kind'];
  return kind === undefined
    ? undefined
    : { ...object, apiVersion: object['apiVersion'] ?? head.apiVersion ?? params['apiVersion'], kind };
}
