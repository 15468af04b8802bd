import { isOtherTable, kubeForm } from './kube-form.ts';
import type { Reader } from './reader.ts';
import { knownFile } from './readers/known-file.ts';
import { kubeDescribe } from './readers/kube-describe.ts';
import { kubeObjects } from './readers/kube-objects.ts';
import { kubeTables } from './readers/kube-tables.ts';

const otherTable = knownFile('kubectl-table', 'kubectl get, a table that says too little');

/**
 * The reader for a loose file by its first bytes as text: objects in YAML or JSON, `kubectl describe`, tables of secrets,
 * events, namespaces and nodes; other tables are known and not read. Undefined for anything else.
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
      return isOtherTable(head) ? otherTable : undefined;
  }
}
