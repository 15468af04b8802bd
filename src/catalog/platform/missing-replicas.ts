import { within } from '../../input/location.ts';
import { isIstiod } from '../../model/control-plane.ts';
import { groupBy } from '../../model/groups.ts';
import { hostOfService } from '../../model/hosts.ts';
import { byText } from '../../model/order.ts';
import { isMeantRow, isReadyRow, workloadOfRow } from '../../model/pod-rows.ts';
import { hasProxy, isReady, matchesLabels, workloadOf } from '../../model/selectors.ts';
import type { Condition, KubeEvent, Namespace, Pod, PodRow, Service, Workload } from '../../parse/facts.ts';
import { counted, evidenceOf } from '../evidence.ts';
import { defineRule, type Severity } from '../rule.ts';
import { byWeight, eventEvidence, podTrouble, shortened, type Trouble } from './pod-trouble.ts';
import { rowTrouble } from './row-trouble.ts';
import { isYoungPod } from './young-pod.ts';

/**
 * A Deployment or StatefulSet of the mesh that has fewer ready pods than it wants, with the reason Kubernetes gives. istiod has
 * rules of its own. Pods that were created in the last minute and have not failed yet are a rollout, worth a line and no more.
 */
export const missingReplicas = defineRule({
  id: 'missing-replicas',
  title: 'Workload with fewer ready pods than wanted',
  area: 'platform',
  severity: 'error',
  why: 'The pods that are missing serve nothing: with none ready every request to the workload fails, with fewer than wanted the others carry its load.',
  fix: [
    {
      do: 'See what Kubernetes says of {{kind}} {{workload}}',
      run: 'kubectl describe {{kind}} {{workload}} -n {{namespace}}',
    },
    {
      do: 'Read the events of its pods and ReplicaSets, newest last',
      run: 'kubectl get events -n {{namespace}} --sort-by=.lastTimestamp',
    },
    { do: 'Remove the reason given: {{reason}}' },
    {
      do: 'Verify that all replicas come up',
      run: 'kubectl rollout status {{kind}}/{{workload}} -n {{namespace}} --timeout=3m',
    },
  ],
  references: [
    'https://kubernetes.io/docs/tasks/debug/debug-application/debug-pods/',
    'https://istio.io/latest/docs/ops/common-problems/injection/',
  ],
  source: 'Kubernetes status of Deployments, StatefulSets and ReplicaSets; knowledge C-INJ-03',
  symptom: true,
  explains: ['service-without-endpoints', 'unhealthy-upstream', 'failed-upstream-connection'],
  needs: [],
  anyOf: ['workloads', 'podRows'],
  uses: ['workloads', 'podRows', 'pods', 'events', 'namespaces', 'services', 'capture'],
  *check({ workloads: read = [], podRows = [], pods = [], events = [], namespaces, services = [], capture }) {
    const podsByWorkload = groupBy(
      pods.filter(({ meta, phase }) => meta.deleted === undefined && phase !== 'Succeeded'),
      (pod) => `${pod.meta.namespace}/${workloadOf(pod)}`,
    );
    const warnings = groupBy(
      events.filter(({ type }) => type !== 'Normal'),
      ({ object }) => `${object.kind.toLowerCase()} ${object.namespace}/${object.name}`,
    );
    const described = new Set(pods.map(({ meta }) => `${meta.namespace}/${meta.name}`));
    const rows = podRows.filter((row) => isMeantRow(row) && !described.has(`${row.namespace}/${row.name}`));
    const rowsByWorkload = groupBy(rows, (row) => `${row.namespace}/${workloadOfRow(row)?.name ?? ''}`);
    const refused = refusedReplicaSets(
      events.filter((event) => isRecent(event, capture?.time)),
      read,
      rows,
      podsByWorkload,
    );
    const podless = new Set(refused.map(({ meta }) => `${meta.namespace}/${meta.owners[0]?.name ?? ''}`));
    const workloads = [...read, ...refused];
    const replicaSets = groupBy(
      workloads.filter(({ kind }) => kind === 'ReplicaSet'),
      ({ meta }) => `${meta.namespace}/${meta.owners[0]?.name ?? meta.name}`,
    );
    const inMesh = meshNamespaces(pods, rows, namespaces);
    const shown = workloads.filter(isOutermost);
    const outermost = [...shown, ...deploymentsOfReplicaSets(workloads, shown)];

    const implied = workloadsOfRows(rowsByWorkload, podsByWorkload, outermost);

    for (const workload of [...outermost, ...implied]) {
      const { namespace, name } = workload.meta;
      const { desired, ready } = workload.replicas;
      if (desired === 0 || workload.meta.deleted !== undefined || isIstiod(workload)) continue;
      const key = namespace === '' ? name : `${namespace}/${name}`;
      const own = podsByWorkload.get(key) ?? [];
      const ownRows = rowsByWorkload.get(`${namespace}/${name}`) ?? [];
      if (!isOfMesh(workload, own, inMesh)) continue;

      const failed = own.filter((pod) => !isReady(pod) && pod.phase !== 'Failed');
      const failedRows = ownRows.filter((row) => !isReadyRow(row));
      const troubles = [
        ...refusals([workload, ...(replicaSets.get(key) ?? [])], warnings, own.length + ownRows.length < desired),
        ...failed.map((pod) => podTrouble(pod, warnings.get(`pod ${pod.meta.namespace}/${pod.meta.name}`) ?? [])),
        ...failedRows.map((row) => rowTrouble(row, warnings.get(`pod ${row.namespace}/${row.name}`) ?? [])),
      ].toSorted(byWeight);
      const [main] = troubles;
      // All replicas serve while new ones cannot come up: a rollout that is stuck.
      if (ready >= desired && main?.kind !== 'refused' && main?.kind !== 'failed') continue;
      const starting =
        main !== undefined &&
        (main.kind === 'waiting' || main.kind === 'unready') &&
        failed.every((pod) => isYoungPod(pod, capture?.time)) &&
        failedRows.every(({ age }) => age !== undefined && age < 60_000);
      const severity: Severity = starting ? 'info' : ready === 0 ? 'error' : 'warning';

      const index = Math.max(
        workload.conditions.findIndex(isRefusal),
        ...(workload.conditions.some(isRefusal) ? [] : [workload.conditions.findIndex(isUnavailable)]),
      );
      const since = workload.conditions.find(isUnavailable)?.since;
      const evidence = evidenceOf(main?.evidence, {
        ...within(workload.at, index < 0 ? '/status' : `/status/conditions/${index}/message`),
        stage: 'pod',
        say: `${workload.kind} ${key} wants ${counted(desired, 'replica')}, ${ready} ${ready === 1 ? 'is' : 'are'} ready.`,
      });
      if (evidence === undefined) continue;
      const reason = main?.text ?? 'the archive gives no reason';
      yield {
        subject: `${workload.kind} ${key}`,
        scope: { namespace, workload: name, ...hostOf(workload, services) },
        ...(since === undefined || capture?.time === undefined ? {} : { when: { first: since, last: capture.time } }),
        count: Math.max(1, desired - ready),
        severity,
        confidence: main === undefined ? 'likely' : 'certain',
        message:
          ready >= desired
            ? `${workload.kind} ${key} cannot replace its pods, the old ones still serve: ${reason}`
            : `${workload.kind} ${key} has ${podless.has(key) ? 'no pod' : `${ready} of ${counted(desired, 'replica')} ready`}${starting ? ', the others were created less than a minute before the archive' : ''}: ${reason}`,
        facts: { namespace, workload: name, kind: workload.kind.toLowerCase(), reason },
        missing: main === undefined && events.length === 0 ? ['The events of the cluster would tell the reason.'] : [],
        evidence,
      };
    }
  },
});

/** Pods that the API server refused to create: the condition of the workload or its ReplicaSets, and the event. */
function refusals(
  workloads: readonly Workload[],
  warnings: ReadonlyMap<string, readonly KubeEvent[]>,
  short: boolean,
): readonly Trouble[] {
  return workloads.flatMap((workload): readonly Trouble[] => {
    const index = workload.conditions.findIndex(isRefusal);
    const event = (
      warnings.get(`${workload.kind.toLowerCase()} ${workload.meta.namespace}/${workload.meta.name}`) ?? []
    )
      .filter(({ reason }) => reason === 'FailedCreate')
      .toSorted((a, b) => byText(b.last ?? '', a.last ?? ''))[0];
    const text = workload.conditions[index]?.message ?? (short ? event?.message : undefined);
    if (text === undefined) return [];
    return [
      {
        kind: 'refused',
        text: `its pods are not created, ${shortened(text)}`,
        // The condition of the workload itself is shown anyway.
        evidence: event === undefined ? [] : [eventEvidence(event)],
      },
    ];
  });
}

/** What a person deploys: not the ReplicaSets of a Deployment, nor Jobs. A DaemonSet without nodes is complete. */
const isOutermost = ({ kind, meta }: Workload): boolean =>
  kind === 'Deployment' ||
  kind === 'StatefulSet' ||
  ((kind === 'ReplicaSet' || kind === 'ReplicationController') && meta.owners.length === 0);

const isRefusal = ({ type, status }: Condition): boolean => type === 'ReplicaFailure' && status === 'True';
const isUnavailable = ({ type, status }: Condition): boolean => type === 'Available' && status === 'False';

/** Deployments of which only a ReplicaSet was described: it wants at least as many pods. */
function deploymentsOfReplicaSets(workloads: readonly Workload[], known: readonly Workload[]): readonly Workload[] {
  const names = new Set(known.map(({ meta }) => `${meta.namespace}/${meta.name}`));
  const found = new Map<string, Workload>();
  for (const set of workloads) {
    const [owner] = set.meta.owners;
    if (set.kind !== 'ReplicaSet' || owner?.kind !== 'Deployment') continue;
    const key = `${set.meta.namespace}/${owner.name}`;
    const other = found.get(key);
    if (names.has(key) || (other !== undefined && other.replicas.desired >= set.replicas.desired)) continue;
    found.set(key, { ...set, kind: 'Deployment', meta: { ...set.meta, name: owner.name, owners: [] } });
  }
  return [...found.values()];
}

/** The controller waits up to a quarter of an hour between two attempts: an older refusal may be over. */
const isRecent = ({ last }: KubeEvent, now: string | undefined): boolean =>
  last === undefined || now === undefined || Date.parse(now) - Date.parse(last) < 20 * 60_000;

/**
 * ReplicaSets whose pods are refused as events tell, of which nothing else was read and no pod stands in the table of their
 * namespace. They want one pod at least.
 */
function refusedReplicaSets(
  events: readonly KubeEvent[],
  workloads: readonly Workload[],
  rows: readonly PodRow[],
  pods: ReadonlyMap<string, readonly Pod[]>,
): readonly Workload[] {
  const names = new Set(workloads.map(({ kind, meta }) => `${kind} ${meta.namespace}/${meta.name}`));
  const tables = new Set(rows.map(({ namespace }) => namespace));
  const alive = new Set(rows.map((row) => `${row.namespace}/${workloadOfRow(row)?.name ?? ''}`));
  const found = new Map<string, Workload>();
  for (const { reason, object, at } of events) {
    const name = /^(.+)-[4-9bcdf]{5,10}$/.exec(object.name)?.[1];
    if (reason !== 'FailedCreate' || object.kind !== 'ReplicaSet' || name === undefined) continue;
    const { namespace } = object;
    const key = `${namespace}/${name}`;
    if (names.has(`ReplicaSet ${namespace}/${object.name}`) || names.has(`Deployment ${key}`)) continue;
    if (!tables.has(namespace) || alive.has(key) || pods.has(key)) continue;
    found.set(key, {
      kind: 'ReplicaSet',
      meta: { name: object.name, namespace, labels: {}, annotations: {}, owners: [{ kind: 'Deployment', name }] },
      at,
      replicas: { desired: 1, current: 0, ready: 0, available: 0 },
      selector: {},
      template: { labels: {}, annotations: {}, images: [], hostNetwork: false },
      conditions: [],
    });
  }
  return [...found.values()];
}

/**
 * Workloads that rows of pods imply where nothing else shows them. How many pods they want is not known: as many as there are.
 */
function workloadsOfRows(
  rows: ReadonlyMap<string, readonly PodRow[]>,
  pods: ReadonlyMap<string, readonly Pod[]>,
  known: readonly Workload[],
): readonly Workload[] {
  const names = new Set(known.map(({ meta }) => `${meta.namespace}/${meta.name}`));
  return [...rows].flatMap(([key, own]) => {
    const [row] = own;
    const workload = row && workloadOfRow(row);
    if (row === undefined || workload === undefined || names.has(key)) return [];
    const others = pods.get(key) ?? [];
    const ready = own.filter(isReadyRow).length + others.filter(isReady).length;
    const desired = own.length + others.length;
    return [
      {
        kind: workload.kind,
        meta: { name: workload.name, namespace: row.namespace, labels: {}, annotations: {}, owners: [] },
        at: own.find((one) => !isReadyRow(one))?.at ?? row.at,
        replicas: { desired, current: desired, ready, available: ready },
        selector: {},
        template: { labels: row.labels ?? {}, annotations: {}, images: [], hostNetwork: false },
        conditions: [],
      },
    ];
  });
}

/**
 * Namespaces whose pods are meant to be in the mesh, by their labels, by the proxies that run there, or by Istio's own names.
 * Where no namespace was read all that pods were listed of may be.
 */
function meshNamespaces(
  pods: readonly Pod[],
  rows: readonly PodRow[],
  namespaces: readonly Namespace[] | undefined,
): ReadonlySet<string> {
  const names = new Set(pods.filter(hasProxy).map(({ meta }) => meta.namespace));
  for (const { namespace } of rows)
    if (namespaces === undefined ? !/^(?:kube|gatekeeper)-/.test(namespace) : /(?:^|-)istio(?:-|$)/.test(namespace))
      names.add(namespace);
  for (const { meta } of namespaces ?? []) {
    const { labels } = meta;
    if (labels['istio-injection'] === 'disabled') names.delete(meta.name);
    else if (labels['istio-injection'] === 'enabled' || labels['istio.io/rev'] !== undefined) names.add(meta.name);
    if (labels['istio.io/dataplane-mode'] === 'ambient') names.add(meta.name);
  }
  return names;
}

/** Whether a workload belongs to the mesh: its pods run a proxy, or are meant to. */
function isOfMesh({ meta, template }: Workload, pods: readonly Pod[], inMesh: ReadonlySet<string>): boolean {
  if (pods.some(hasProxy)) return true;
  const inject = template.labels['sidecar.istio.io/inject'] ?? template.annotations['sidecar.istio.io/inject'];
  if (inject !== undefined) return inject === 'true';
  return inMesh.has(meta.namespace) && !template.hostNetwork;
}

/** The host of the one service that selects the pods; with several none is named. */
function hostOf(workload: Workload, services: readonly Service[]): { readonly host?: string } {
  const [one, ...others] = services.filter(
    ({ meta, selector }) =>
      meta.namespace === workload.meta.namespace &&
      selector !== undefined &&
      Object.keys(selector).length > 0 &&
      matchesLabels(selector, workload.template.labels),
  );
  return one === undefined || others.length > 0 ? {} : { host: hostOfService(one) };
}
