import { kubeForm } from './kube-form.ts';
import type { Reader } from './reader.ts';
import { kubeDescribe } from './readers/kube-describe.ts';
import { kubeObjects } from './readers/kube-objects.ts';
import { isRolloutStatus, kubeRollout } from './readers/kube-rollout.ts';
import { kubeTables } from './readers/kube-tables.ts';

/**
 * The reader for a loose file by its first bytes as text: objects in YAML or JSON, `kubectl describe`, tables of
 * `kubectl get`, `kubectl rollout status`. Undefined for anything else.
 */
export function recogniseKube(head: string): Reader | undefined {
  switch (kubeForm(head)) {
    case 'objects':
      return kubeObjects;
    case 'describe':
      return kubeDescribe;
    case 'table':
      return kubeTables;
    default:
      return isRolloutStatus(head) ? kubeRollout : undefined;
  }
}
