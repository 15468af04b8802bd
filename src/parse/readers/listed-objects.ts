import type { Artifact, ArtifactKind } from '../artifact.ts';
import { artifactKindOf } from '../kube-facts.ts';
import type { Reader } from '../reader.ts';
import { kubeObjects } from './kube-objects.ts';

/** Resources that collectors list one file each, with what their objects are where the file does not say it. */
const resources: Readonly<Record<string, readonly [apiVersion: string, kind: string]>> = {
  configmaps: ['v1', 'ConfigMap'],
  cronjobs: ['batch/v1', 'CronJob'],
  'custom-resource-definitions': ['apiextensions.k8s.io/v1', 'CustomResourceDefinition'],
  daemonsets: ['apps/v1', 'DaemonSet'],
  deployments: ['apps/v1', 'Deployment'],
  endpoints: ['v1', 'Endpoints'],
  endpointslices: ['discovery.k8s.io/v1', 'EndpointSlice'],
  events: ['v1', 'Event'],
  horizontalpodautoscalers: ['autoscaling/v2', 'HorizontalPodAutoscaler'],
  jobs: ['batch/v1', 'Job'],
  'mutating-webhook-configurations': ['admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration'],
  namespaces: ['v1', 'Namespace'],
  'network-policy': ['networking.k8s.io/v1', 'NetworkPolicy'],
  networkpolicies: ['networking.k8s.io/v1', 'NetworkPolicy'],
  nodes: ['v1', 'Node'],
  pods: ['v1', 'Pod'],
  replicasets: ['apps/v1', 'ReplicaSet'],
  'replication-controllers': ['v1', 'ReplicationController'],
  replicationcontrollers: ['v1', 'ReplicationController'],
  secrets: ['v1', 'Secret'],
  services: ['v1', 'Service'],
  statefulsets: ['apps/v1', 'StatefulSet'],
  'validating-webhook-configurations': ['admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration'],
};

/** The names of these resources, as an alternative of a layout's pattern. */
export const resourceNames = Object.keys(resources).join('|');

/**
 * One file with all objects of a resource, in a namespace or of the whole cluster: `resource` and `namespace` of the file's
 * params say which. Read to its end it proves that there are no others. Older collectors write the bare items, whose
 * kind only the path tells.
 */
export const listedObjects: Reader = {
  name: 'listed-objects',
  title: 'all objects of a kind',
  open(file, context, emit) {
    const [apiVersion, kind] = resources[file.params['resource'] ?? ''] ?? [];
    const namespace = file.params['namespace'] ?? '*';
    let whole = true;
    let objects = 0;
    const take = (artifact: Artifact): void => {
      if (artifact.kind === 'gap') whole = false;
      else objects++;
      if ('meta' in artifact.value && namespace !== '*' && artifact.value.meta.namespace !== namespace) whole = false;
      emit(artifact);
    };
    const params = apiVersion === undefined || kind === undefined ? {} : { apiVersion, kind };
    const parser = kubeObjects.open({ ...file, params: { ...file.params, ...params } }, context, (artifact) => {
      // `[]` and `{"items": null}` hold no object, and say so.
      if (artifact.kind === 'gap' && artifact.value.reason === 'unrecognised' && empty) return;
      take(artifact);
    });
    let head = '';
    let empty = false;
    return {
      push(chunk) {
        if (head.length < 256) head += new TextDecoder().decode(chunk.subarray(0, 256));
        parser.push(chunk);
      },
      end(complete) {
        empty = /^\s*(?:\[\s*\]|null|\{\})?\s*$/.test(head);
        parser.end(complete);
        if (!complete || !whole || apiVersion === undefined || kind === undefined) return;
        // Without a byte, the collector was refused; a plain List is what a person asked kubectl for, whatever that was.
        if (objects === 0 && head.trim() === '') return;
        if (/^\s*\{/.test(head) && !/"kind": ?"\w+List"/.test(head)) return;
        const at = { file: file.path };
        const fact = artifactKindOf(apiVersion, kind) as ArtifactKind | undefined;
        if (fact !== undefined) emit({ kind: 'seen', value: { kinds: [fact], at } });
        emit({ kind: 'listing', value: { kind, namespace, at } });
      },
    };
  },
};
