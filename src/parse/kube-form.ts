import { podRow, resourceRow, tableKindOf } from './kube-table-kinds.ts';

/** How kubectl printed what is in a file. */
export type KubeForm = 'objects' | 'describe' | 'table';

/** `kubectl describe` of one or several objects: a name, and a field that stands in column 0 only there. */
const describeHead = /^Name: {2,}\S+$/m;
const describeField = /^(?:Labels|Annotations|Selector|Roles|Namespace|Priority|Replicas): {2,}\S/m;

/** The form the first bytes of a file show; undefined for anything but kubectl's output about objects. */
export function kubeForm(head: string): KubeForm | undefined {
  if (isJson(head)) return /"(?:kind|apiVersion)" *: *"/.test(head) ? 'objects' : undefined;
  if (
    /^(?:- )?apiVersion: *["']?[\w./-]+["']?\s*$/m.test(head) &&
    /^(?:- | {2})?(?:kind|items|metadata|data|spec):/m.test(head)
  ) {
    return 'objects';
  }
  if (isTable(head)) return 'table';
  if (describeHead.test(head) && describeField.test(head)) return 'describe';
  // Only a message of kubectl: what was asked for is not there.
  if (/^(?:Error from server \(|error: the server doesn't have a resource|No resources found\b)/.test(head))
    return 'table';
  return undefined;
}

/** Whether the output is JSON: it may stand behind warnings, and YAML may hold lines that begin like it. */
export const isJson = (head: string): boolean =>
  /^[{[]/m.test(head.trimStart()) && !/^(?:- )?(?:apiVersion|kind|items|metadata):/m.test(head);

/** Whether one of the lines is a table's header, or a row of one whose header `grep` took. */
const isTable = (head: string): boolean =>
  head
    .split('\n')
    .map((line) => line.trimEnd())
    .some((line) => tableKindOf(line) !== undefined || podRow.test(line) || resourceRow.test(line));
