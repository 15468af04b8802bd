/** How kubectl printed what is in a file. */
export type KubeForm = 'objects' | 'describe' | 'table';

/** Tables that say what the YAML would: secrets, events, namespaces with their labels, nodes. */
const tableHeader =
  /^(?:NAMESPACE +)?(?:NAME +TYPE +DATA +AGE|LAST SEEN +TYPE +REASON +OBJECT +.*MESSAGE\b.*|NAME +STATUS +AGE +LABELS|NAME +STATUS +ROLES +AGE +VERSION\b.*) *$/m;

/** Any other table of `kubectl get`. */
const otherHeader =
  /^(?:NAMESPACE {2,})?NAME {2,}[A-Z][A-Z()-]* .*\bAGE\b[A-Z -]*$|^NAME {2,}(?:[A-Z]+ {2,})?(?:CREATED AT|AGE)$|^[a-z]+\.[\w.-]+ +\d{4}-\d\d-\d\dT[\d:]+Z$/m;

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
  if (tableHeader.test(head)) return 'table';
  if (describeHead.test(head) && describeField.test(head)) return 'describe';
  // Only a message of kubectl: what was asked for is not there.
  if (/^(?:Error from server \(|error: the server doesn't have a resource|No resources found\b)/.test(head))
    return 'objects';
  return undefined;
}

/** Whether the output is JSON: it may stand behind warnings, and YAML may hold lines that begin like it. */
export const isJson = (head: string): boolean =>
  /^[{[]/m.test(head.trimStart()) && !/^(?:- )?(?:apiVersion|kind|items|metadata):/m.test(head);

/** Whether it is a table that leaves out what rules ask for: pods without containers and labels, workloads without templates. */
export const isOtherTable = (head: string): boolean => otherHeader.test(head);
