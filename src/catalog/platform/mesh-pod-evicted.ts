import { within } from '../../input/location.ts';
import { earlier, later } from '../../model/order.ts';
import { hasProxy, isReady, workloadOf } from '../../model/selectors.ts';
import type { KubeEvent, Pod } from '../../parse/facts.ts';
import { counted, evidenceOf, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';

/** Pods of the mesh that the kubelet or the scheduler threw off their node: for memory, disk, or a pod of higher priority. */
export const meshPodEvicted = defineRule({
  id: 'mesh-pod-evicted',
  title: 'Pods of the mesh were evicted from their node',
  area: 'platform',
  severity: 'warning',
  why: 'An evicted pod ends without regard to open requests: callers see resets and 503 until the new pod is ready, and the node that was short of resources will evict again.',
  fix: [
    { do: 'See what the node is short of', run: 'kubectl describe node {{node}}' },
    {
      do: 'Give the proxies and applications requests near what they really use',
      run: 'kubectl get pods -A -o wide --field-selector spec.nodeName={{node}}',
    },
    {
      do: 'Remove evicted pods that are left over',
      run: 'kubectl delete pods -n {{namespace}} --field-selector status.phase=Failed',
    },
    { do: 'Verify that no further evictions follow', run: 'kubectl get events -A --field-selector reason=Evicted' },
  ],
  references: ['https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/'],
  source: 'Kubernetes pod status reason Evicted',
  explains: ['reset-upstream-connection', 'failed-upstream-connection', 'missing-replicas'],
  needs: ['pods'],
  uses: ['events'],
  *check({ pods, events = [] }) {
    const ofMesh = new Map(
      pods
        .filter((pod) => hasProxy(pod) || pod.meta.labels['app'] === 'istiod')
        .map((pod) => [`${pod.meta.namespace}/${pod.meta.name}`, pod]),
    );
    const workloads = new Set([...ofMesh.values()].map((pod) => `${pod.meta.namespace}/${workloadOf(pod)}`));
    const evictions = new Map<string, KubeEvent>();
    for (const event of events) {
      if (
        !/^(?:Evicted|Preempted|TaintManagerEviction)$/.test(event.reason) ||
        event.object.kind.toLowerCase() !== 'pod'
      )
        continue;
      // The taint manager also says that it gave up evicting.
      if (event.message.startsWith('Cancelling')) continue;
      const name = `${event.object.namespace}/${event.object.name}`;
      // Evicted pods are soon deleted: then only the name tells whose they were.
      if (ofMesh.has(name) || workloads.has(name.replace(/-[a-z0-9]{6,10}-[a-z0-9]{5}$/, '')))
        evictions.set(name, event);
    }
    for (const [name, pod] of ofMesh)
      if (pod.reason === 'Evicted' && !evictions.has(name)) evictions.set(name, eventOf(pod));
    if (evictions.size === 0) return;

    // One node that is short of something is one problem.
    const byNode = new Map<string, [string, KubeEvent][]>();
    for (const [name, event] of evictions) {
      const node = ofMesh.get(name)?.node ?? /node (\S+)/i.exec(event.source ?? '')?.[1] ?? '';
      const known = byNode.get(node);
      if (known === undefined) byNode.set(node, [[name, event]]);
      else known.push([name, event]);
    }
    for (const [node, gone] of byNode) {
      const evidence = evidenceOf(
        gone.slice(0, 3).map(([name, event]) => ({
          ...within(event.at, event.reason === podStatus ? '/status/message' : '/message'),
          stage: 'event' as const,
          say: `${name} was evicted.`,
        })),
      );
      if (evidence === undefined) continue;
      const namespaces = [...new Set(gone.map(([name]) => name.split('/')[0] ?? ''))];
      const times = gone.flatMap(([, { first, last }]) => [first ?? last ?? [], last ?? []].flat());
      const [time, ...more] = times;
      // The workload has ready pods again.
      const replaced = gone.every(([name]) => {
        const workload = name.replace(/-[a-z0-9]{6,10}-[a-z0-9]{5}$/, '');
        return [...ofMesh].some(([other, pod]) => other.startsWith(`${workload}-`) && isReady(pod));
      });
      yield {
        subject: node === '' ? some(gone.map(([name]) => name)) : `node ${node}`,
        scope: {
          ...(node === '' ? {} : { node }),
          ...(namespaces.length === 1 && namespaces[0] !== undefined ? { namespace: namespaces[0] } : {}),
        },
        ...(time === undefined ? {} : { when: { first: more.reduce(earlier, time), last: more.reduce(later, time) } }),
        count: gone.length,
        ended: replaced,
        confidence: 'certain',
        message: `${counted(gone.length, 'pod')} of the mesh (${some(gone.map(([name]) => name))}) ${gone.length === 1 ? 'was' : 'were'} evicted${node === '' ? '' : ` from node ${node}`}: ${(gone[0]?.[1].message ?? '').trim().slice(0, 200)}`,
        facts: { node, namespace: namespaces[0] ?? '' },
        evidence,
      };
    }
  },
});

const podStatus = 'Evicted (pod status)';

/** What the pod's own status says of its eviction, where the event is gone. */
const eventOf = ({ meta, message = 'evicted', at }: Pod): KubeEvent => ({
  type: 'Warning',
  reason: podStatus,
  message,
  count: 1,
  object: { kind: 'Pod', namespace: meta.namespace, name: meta.name },
  at,
});
