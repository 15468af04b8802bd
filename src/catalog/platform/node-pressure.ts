import { within } from '../../input/location.ts';
import { hasProxy, isReady } from '../../model/selectors.ts';
import type { Condition } from '../../parse/facts.ts';
import { counted, evidenceOf, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';

/** A node with pods of the mesh that is not ready, or short of memory, disk or process ids. */
export const nodePressure = defineRule({
  id: 'node-pressure',
  title: 'Node of the mesh not ready or short of resources',
  area: 'platform',
  severity: 'warning',
  why: 'Pods on a node that is not ready leave the endpoints of their services, and a node under pressure evicts pods; the mesh shows both as resets, timeouts and missing endpoints.',
  fix: [
    { do: 'See conditions and events of the node', run: 'kubectl describe node {{node}}' },
    {
      do: 'Move its pods away while it is repaired',
      run: 'kubectl drain {{node}} --ignore-daemonsets --delete-emptydir-data',
    },
    { do: 'Repair or replace the node: {{reason}}' },
    { do: 'Let it take pods again and verify', run: 'kubectl uncordon {{node}} && kubectl get node {{node}}' },
  ],
  references: [
    'https://kubernetes.io/docs/concepts/architecture/nodes/#condition',
    'https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/',
  ],
  source: 'Kubernetes node conditions',
  explains: ['mesh-pod-evicted', 'missing-replicas', 'cni-not-ready', 'failed-upstream-connection'],
  needs: ['nodes', 'pods'],
  *check({ nodes, pods }) {
    for (const node of nodes) {
      const bad = node.conditions.filter(isBad);
      const here = pods.filter(
        (pod) =>
          pod.node === node.meta.name &&
          (hasProxy(pod) || pod.meta.labels['app'] === 'istiod' || pod.meta.labels['app'] === 'ztunnel'),
      );
      if (bad.length === 0 || here.length === 0) continue;
      const evidence = evidenceOf(
        bad.map((condition) => ({
          ...within(node.at, `/status/conditions/${node.conditions.indexOf(condition)}/message`),
          stage: 'pod' as const,
          say: `${condition.type} is ${condition.status} on node ${node.meta.name}${condition.since === undefined ? '' : ` since ${condition.since}`}.`,
        })),
      );
      if (evidence === undefined) continue;
      const words = bad
        .map(({ type, status }) => (type === 'Ready' ? `not ready (${status})` : `under ${type}`))
        .join(', ');
      const reason = bad
        .map(({ reason: why, message, type }) => message ?? why ?? type)
        .join('; ')
        .slice(0, 300);
      // Only where a pod suffers can the node be the reason.
      const namespaces = [
        ...new Set(here.filter((pod) => !isReady(pod) || silent(bad)).map(({ meta }) => meta.namespace)),
      ];
      yield {
        subject: `node ${node.meta.name}`,
        scope: {
          node: node.meta.name,
          ...(namespaces.length === 0 ? {} : { namespaces }),
        },
        count: here.length,
        confidence: 'certain',
        message: `node ${node.meta.name} is ${words} with ${counted(here.length, 'pod')} of the mesh (${some(here.map(({ meta }) => `${meta.namespace}/${meta.name}`))}): ${reason}`,
        facts: { node: node.meta.name, reason },
        evidence,
      };
    }
  },
});

/** `NetworkUnavailable` counts; conditions of cloud agents whose meaning differs are left alone. */
const isBad = ({ type, status }: Condition): boolean =>
  type === 'Ready'
    ? status !== 'True'
    : status === 'True' && /^(?:MemoryPressure|DiskPressure|PIDPressure|NetworkUnavailable)$/.test(type);

/** Of a node that does not report, what its pods last said is out of date. */
const silent = (conditions: readonly Condition[]): boolean => conditions.some(({ type }) => type === 'Ready');
