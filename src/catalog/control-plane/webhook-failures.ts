import { within } from '../../input/location.ts';
import { text } from '../../model/hosts.ts';
import { type InjectionWebhook, injectionWebhooks, revisionOfService } from '../../model/injection.ts';
import { isListed } from '../../model/listings.ts';
import type { Mesh } from '../../model/mesh.ts';
import { matchesSelector } from '../../model/selectors.ts';
import type { KubeEvent, KubeObject, Workload } from '../../parse/facts.ts';
import { some } from '../evidence.ts';
import type { Evidence, Occurrence, Scope } from '../rule.ts';
import { eventEvidence } from './place.ts';

/** Why the API server could not have a pod injected. */
export type WebhookTrouble = 'untrusted' | 'timeout' | 'no-endpoints' | 'other';

/** Pods that could not be created because one injection webhook failed in one way. */
export interface WebhookFailure {
  readonly trouble: WebhookTrouble;
  /** The webhook's own name, as in the error. */
  readonly webhook: string;
  /** The configuration that holds it; undefined where it was not read, or several could be meant. */
  readonly configuration: InjectionWebhook | undefined;
  /** All that the error can mean: a default revision has the same webhooks in two configurations. */
  readonly candidates: readonly InjectionWebhook[];
  /** `istiod-asm-1-29`, '' where the error names none. */
  readonly service: string;
  readonly serviceNamespace: string;
  readonly revision: string;
  readonly namespaces: readonly string[];
  /** `farm/weighbridge`: the workloads whose pods are missing. */
  readonly workloads: readonly string[];
  /** The API server's words after the call. */
  readonly error: string;
  readonly count: number;
  readonly first: string | undefined;
  readonly last: string | undefined;
  /** Every workload concerned has all its pods by now. */
  readonly ended: boolean;
  readonly evidence: readonly Evidence[];
}

/**
 * What the rules of webhook failures read. Events or workloads alone prove a failure: events expire within the hour, and
 * archives without them are common.
 */
export const webhookUses = ['events', 'workloads', 'webhooks', 'namespaces', 'capture', 'listings'] as const;
type Known = Partial<Pick<Mesh, (typeof webhookUses)[number]>>;

interface Report {
  readonly message: string;
  readonly namespace: string;
  readonly owner: string;
  readonly count: number;
  readonly first: string | undefined;
  readonly last: string | undefined;
  readonly goesOn: boolean;
  readonly evidence: Evidence;
}

const failed =
  /failed calling (?:admission )?webhook "([^"]*sidecar-injector[^"]*)"[^\n]*?(?::\s+failed to call webhook)?:\s+([^\n]*)/;
const denied = /admission webhook "([^"]*sidecar-injector[^"]*)" denied the request:?\s*([^\n]*)/;

/**
 * Failures of injection webhooks, from events of controllers and from the ReplicaFailure conditions they leave behind, by
 * webhook configuration and kind of failure.
 */
export function webhookFailures(mesh: Known): readonly WebhookFailure[] {
  const known = injectionWebhooks(mesh.webhooks ?? []);
  const labels = new Map((mesh.namespaces ?? []).map(({ meta }) => [meta.name, meta.labels]));
  const groups = new Map<string, { base: Base; reports: Report[] }>();
  for (const report of reportsOf(mesh)) {
    const base = baseOf(report, known, labels.get(report.namespace));
    if (base === undefined) continue;
    const key = `${base.trouble}\0${base.configuration?.configuration.meta.name ?? ''}\0${base.service}\0${base.webhook}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { base, reports: [report] });
    else group.reports.push(report);
  }
  return [...groups.values()].map(({ base, reports }): WebhookFailure => {
    const goesOn = reports.some((report) => report.goesOn);
    const last = max(reports.flatMap((report) => report.last ?? []));
    return {
      ...base,
      namespaces: [...new Set(reports.map(({ namespace }) => namespace))].toSorted(),
      workloads: [...new Set(reports.map(({ namespace, owner }) => `${namespace}/${owner}`))].toSorted(),
      count: reports.reduce((sum, { count }) => sum + count, 0),
      first: reports.flatMap((report) => report.first ?? []).toSorted()[0],
      // A condition that stands when the archive is made says more than the last event: controllers wait longer each time.
      last: goesOn ? max([last, mesh.capture?.time].flatMap((time) => time ?? [])) : last,
      ended: !goesOn,
      evidence: reports.slice(0, 3).map(({ evidence }) => evidence),
    };
  });
}

type Base = Pick<
  WebhookFailure,
  'trouble' | 'webhook' | 'configuration' | 'candidates' | 'service' | 'serviceNamespace' | 'revision' | 'error'
>;

const max = (times: readonly string[]): string | undefined => times.toSorted().at(-1);

function baseOf(
  { message }: Report,
  known: readonly InjectionWebhook[],
  namespace: Readonly<Record<string, string>> | undefined,
): Base | undefined {
  const refusal = denied.exec(message);
  const [, webhook = '', rest = ''] = refusal ?? failed.exec(message) ?? [];
  if (webhook === '') return undefined;
  const [, service = '', serviceNamespace = ''] = /https:\/\/(istiod[^./:]*)\.([^./:]+)\.svc/.exec(message) ?? [];
  const missing = /service "(istiod[^"]*)" not found|no endpoints available for service "(istiod[^"]*)"/.exec(message);
  const named = service || missing?.[1] || missing?.[2] || '';
  const same = known.filter(
    (one) =>
      one.name === webhook &&
      (named === '' || one.service === undefined || one.service.name === named) &&
      (namespace === undefined || matchesSelector(one.namespaceSelector, namespace)),
  );
  const configuration = same.length === 1 ? same[0] : undefined;
  const error = (/https:\/\/[^"\s]+":? ?(.*)/.exec(rest)?.[1] ?? rest).replace(/^:\s*/, '').trim();
  return {
    trouble: refusal ? 'other' : troubleOf(message),
    webhook,
    configuration,
    candidates: same,
    service: named || (configuration?.service?.name ?? ''),
    serviceNamespace: serviceNamespace || (configuration?.service?.namespace ?? ''),
    revision: named === '' ? (configuration?.revision ?? 'default') : revisionOfService(named),
    error: error || rest,
  };
}

function troubleOf(message: string): WebhookTrouble {
  if (/x509:|certificate/.test(message)) return 'untrusted';
  if (/no endpoints available|connection refused/.test(message)) return 'no-endpoints';
  if (/deadline exceeded|Client\.Timeout|i\/o timeout|request canceled|Timeout exceeded/i.test(message))
    return 'timeout';
  return 'other';
}

/** Events and standing conditions that name an injection webhook. */
function* reportsOf(mesh: Known): Generator<Report> {
  const workloads = new Map((mesh.workloads ?? []).map((workload) => [keyOf(workload), workload]));
  const told = new Set<string>();
  for (const event of mesh.events ?? []) {
    if (!event.message.includes('sidecar-injector')) continue;
    const { kind, namespace, name } = event.object;
    const owner = workloads.get(`${kind.toLowerCase()}/${namespace}/${name}`);
    const goesOn = owner === undefined ? false : isFailing(owner);
    told.add(`${namespace}/${ownerName(owner, kind, name)}`);
    yield {
      message: event.message,
      namespace,
      owner: ownerName(owner, kind, name),
      count: event.count,
      first: event.first ?? event.last,
      last: event.last,
      // Workloads of other namespaces do not tell whether this one got its pods.
      goesOn: goesOn || (owner === undefined && !isListed(mesh.listings, kind, namespace)),
      evidence: eventEvidence(event, marksOf(event)),
    };
  }
  for (const workload of mesh.workloads ?? []) {
    if (workload.kind === 'Deployment') continue;
    const owner = ownerName(workload, workload.kind, workload.meta.name);
    const condition = failureOf(workload);
    if (condition?.message === undefined || told.has(`${workload.meta.namespace}/${owner}`)) continue;
    yield {
      message: condition.message,
      namespace: workload.meta.namespace,
      owner,
      count: 1,
      first: condition.since,
      last: condition.since,
      goesOn: isFailing(workload),
      evidence: {
        ...within(workload.at, '/status/conditions'),
        stage: 'event',
        say: `${workload.kind} ${workload.meta.namespace}/${workload.meta.name} cannot create its pods.`,
        mark: ['failed calling webhook'],
      },
    };
  }
}

const keyOf = ({ kind, meta }: Workload): string => `${kind.toLowerCase()}/${meta.namespace}/${meta.name}`;

const failureOf = ({ conditions }: Workload) =>
  conditions.find(
    ({ type, status, message }) =>
      type === 'ReplicaFailure' && status === 'True' && message?.includes('sidecar-injector') === true,
  );

const isFailing = (workload: Workload): boolean =>
  failureOf(workload) !== undefined || workload.replicas.current < workload.replicas.desired;

/** The Deployment behind a ReplicaSet; the object itself for other kinds. */
function ownerName(workload: Workload | undefined, kind: string, name: string): string {
  const owner = workload?.meta.owners[0]?.name;
  return owner ?? (kind === 'ReplicaSet' ? name.replace(/-[a-z0-9]{6,10}$/, '') : name);
}

const marksOf = ({ message }: KubeEvent): readonly string[] => {
  const found = /x509: [^"]*|context deadline exceeded|connection refused|no endpoints available|i\/o timeout/.exec(
    message,
  );
  return found === null ? [] : [found[0]];
};

/** What occurrences of all webhook rules have in common; several namespaces share it. */
export function webhookOccurrence(failure: WebhookFailure): Pick<
  Occurrence,
  'subject' | 'scope' | 'when' | 'count' | 'ended' | 'facts' | 'severity'
> & {
  readonly who: string;
} {
  const { configuration, webhook, namespaces, revision, service, serviceNamespace, workloads } = failure;
  const [namespace, ...others] = namespaces;
  const scope: Scope =
    namespace === undefined ? {} : others.length > 0 ? { revision, namespaces } : { revision, namespace };
  const name = configuration?.configuration.meta.name;
  const [workload = ''] = workloads;
  return {
    subject: name === undefined ? `webhook ${webhook}` : `MutatingWebhookConfiguration ${name}`,
    scope,
    ...(failure.first === undefined || failure.last === undefined
      ? {}
      : { when: { first: failure.first, last: failure.last } }),
    count: failure.count,
    ended: failure.ended,
    ...(failure.ended ? { severity: 'warning' as const } : {}),
    facts: {
      webhook,
      ...(name === undefined ? {} : { configuration: name }),
      index: configuration?.index ?? 0,
      revision,
      service: service || 'istiod',
      istioNamespace: serviceNamespace || 'istio-system',
      namespace: namespace ?? '',
      workload: workload.split('/')[1] ?? '',
    },
    who: some(workloads),
  };
}

/** The configuration of a failing webhook as evidence. */
export function configurationEvidence(webhook: InjectionWebhook, field: string, say: string): Evidence {
  const { configuration, index } = webhook;
  return { ...within(configuration.at, `/webhooks/${index}/${field}`), stage: 'config', say };
}

/** `argocd`, `Helm`: who manages an object by its own label. */
export const managerOf = (object: KubeObject): string | undefined =>
  text(object.meta.labels['app.kubernetes.io/managed-by']);
