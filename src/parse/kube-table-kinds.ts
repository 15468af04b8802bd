/** What a table of `kubectl get` lists; `other`: it says too little to be a fact. */
export type TableKind =
  | 'Event'
  | 'Secret'
  | 'Namespace'
  | 'Node'
  | 'Pod'
  | 'Deployment'
  | 'ReplicaSet'
  | 'StatefulSet'
  | 'DaemonSet'
  | 'Job'
  | 'Service'
  | 'Endpoints'
  | 'other';

/** Headers behind the namespace, first match wins (kubernetes pkg/printers/internalversion/printers.go, 1.8 to 1.34). */
const headers: readonly (readonly [RegExp, TableKind])[] = [
  [/^LAST SEEN +(?:TYPE|FIRST SEEN +COUNT)\b.* MESSAGE\b/, 'Event'],
  [/^NAME +TYPE +DATA +AGE\b/, 'Secret'],
  // Without labels it is not known whether sidecars are injected.
  [/^NAME +STATUS +AGE(?: +\S+)* +(?:LABELS|ISTIO-INJECTION|REV)\b/, 'Namespace'],
  [/^NAME +STATUS +ROLES +AGE +VERSION\b/, 'Node'],
  [/^NAME +READY +STATUS +RESTARTS +AGE\b/, 'Pod'],
  [/^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\b/, 'Deployment'],
  [/^NAME +DESIRED +CURRENT +UP-TO-DATE +AVAILABLE +AGE\b/, 'Deployment'],
  [/^NAME +DESIRED +CURRENT +READY +AGE\b/, 'ReplicaSet'],
  [/^NAME +DESIRED +CURRENT +READY +UP-TO-DATE +AVAILABLE +NODE SELECTOR +AGE\b/, 'DaemonSet'],
  [/^NAME +READY +AGE\b/, 'StatefulSet'],
  [/^NAME +(?:STATUS +)?COMPLETIONS +DURATION +AGE\b/, 'Job'],
  [/^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\b/, 'Service'],
  [/^NAME +ENDPOINTS +AGE\b/, 'Endpoints'],
  [/^NAME +[A-Z](?:[A-Z ()/:.-]*[A-Z)])? +AGE\b/, 'other'],
  [/^NAME +(?:CREATED AT|AGE)$/, 'other'],
  [/^(?:POD +)?NAME +CPU\(cores\) +/, 'other'],
];

/** The kind of table a line is the header of; undefined for any other line. */
export function tableKindOf(line: string): TableKind | undefined {
  const header = line.trimEnd().replace(/^NAMESPACE +/, '');
  if (!/^(?:NAME|LAST SEEN|POD) /.test(header)) return undefined;
  return headers.find(([pattern]) => pattern.test(header))?.[1];
}

/** A row of pods as `kubectl get pods | grep` leaves it, without header. */
export const podRow =
  /^(?:(\S+)\s+)?(\S+)\s+(\d+)\/(\d+)\s+([A-Z][\w:/.-]*)\s+(\d+)(?:\s+\((\S+) ago\))?\s+((?:\d+[ydhms])+|<unknown>|<invalid>)(?:\s+(.*))?$/;

/** A row of `kubectl get crd | grep`. */
export const resourceRow = /^[a-z]+\.[\w.-]+\s+\d{4}-\d\d-\d\dT[\d:]+Z$/;
