import type { Pod, Workload } from '../parse/facts.ts';
import { list, record, text } from './hosts.ts';
import type { Mesh, Platform, Revision } from './mesh.ts';
import { byText } from './order.ts';

type Draft = { -readonly [K in keyof Revision]: Revision[K] extends readonly (infer T)[] ? T[] : Revision[K] };

/**
 * The control-plane revisions the archive shows: istiod pods and deployments, the injection webhooks that point to them, and
 * the tags istioctl lists. A revision that only a webhook or a tag names has no pods and no deployments. Undefined when
 * neither pods nor workloads nor webhooks were read.
 */
export function controlPlane(mesh: Partial<Mesh>, platform: Platform): readonly Revision[] | undefined {
  const { pods, workloads, webhooks, podRows } = mesh;
  if (pods === undefined && workloads === undefined && webhooks === undefined && podRows === undefined)
    return undefined;
  const revisions = new Map<string, Draft>();
  const draft = (name: string, namespace: string, at: Revision['at']): Draft => {
    let found = revisions.get(name);
    if (found === undefined) {
      found = { name, namespace, versions: [], pods: [], rows: [], deployments: [], tags: [], webhooks: [], at };
      revisions.set(name, found);
    }
    return found;
  };

  for (const deployment of workloads ?? []) {
    if (deployment.kind !== 'Deployment' || !isIstiod(deployment)) continue;
    draft(revisionOf(deployment), deployment.meta.namespace || platform.istioNamespace, deployment.at).deployments.push(
      deployment,
    );
  }
  for (const pod of pods ?? []) {
    if (pod.meta.labels['app'] !== 'istiod' && !pod.containers.some(({ name }) => name === 'discovery')) continue;
    const revision = draft(revisionOf(pod), pod.meta.namespace, pod.at);
    revision.pods.push(pod);
    const image = pod.containers.find(({ name }) => name === 'discovery')?.image ?? '';
    const version = /:v?(\d+\.\d+\.\d+[^@-]*)/.exec(image)?.[1];
    if (version !== undefined && !revision.versions.includes(version)) revision.versions.push(version);
  }
  const described = new Set([...revisions.values()].flatMap(({ pods: known }) => known.map(({ meta }) => meta.name)));
  for (const row of podRows ?? []) {
    if (described.has(row.name) || !(row.labels?.['app'] === 'istiod' || istiodPod.test(row.name))) continue;
    const namespace = row.namespace || platform.istioNamespace;
    const name = row.labels?.['istio.io/rev'] ?? revisionOfIstiod(row.name);
    draft(name, namespace, row.at).rows.push({ ...row, namespace });
  }
  for (const fact of mesh.versions ?? []) {
    if (fact.component !== 'istiod' || fact.revision === undefined) continue;
    const revision = revisions.get(fact.revision);
    if (revision !== undefined && !revision.versions.includes(fact.version)) revision.versions.push(fact.version);
  }
  for (const webhook of webhooks ?? []) {
    const target = injectionTarget(webhook.body);
    if (webhook.kind !== 'MutatingWebhookConfiguration' || target === undefined) continue;
    const name = webhook.meta.labels['istio.io/rev'] ?? target.revision;
    const revision = draft(name, target.namespace ?? platform.istioNamespace, webhook.at);
    revision.webhooks.push(webhook.meta.name);
    const tag =
      webhook.meta.labels['istio.io/tag'] ??
      /^istio-revision-tag-(.+?)(?:-aks-istio-system|-istio-system)?$/.exec(webhook.meta.name)?.[1];
    if (tag !== undefined && !revision.tags.includes(tag)) revision.tags.push(tag);
  }
  for (const { tag, revision: name, at } of mesh.tags ?? []) {
    const revision = draft(name, platform.istioNamespace, at);
    if (tag !== '' && tag !== name && !revision.tags.includes(tag)) revision.tags.push(tag);
  }
  return [...revisions.values()].sort((a, b) => byText(a.name, b.name));
}

/** Whether a deployment is a control plane. */
export const isIstiod = (workload: Workload): boolean =>
  workload.meta.labels['app'] === 'istiod' ||
  workload.template.labels['app'] === 'istiod' ||
  /^istiod(-|$)/.test(workload.meta.name);

/** The revision a control-plane object belongs to: its label, else the suffix of its name. */
const revisionOf = (object: Pod | Workload): string =>
  object.meta.labels['istio.io/rev'] ??
  /^istiod-(.+?)(?:-[a-f0-9]{7,10}-[a-z0-9]{5})?$/.exec(object.meta.name)?.[1] ??
  'default';

/** The name of a pod of a deployment called `istiod` or `istiod-REVISION`. */
const istiodPod = /^istiod-(?:.+-)?[a-f0-9]{7,10}-[a-z0-9]{5}$/;

/** The revision that the name of an istiod pod or deployment implies: `asm-1-29` of `istiod-asm-1-29-7df6dbb7bd-x2x4k`. */
export const revisionOfIstiod = (name: string): string =>
  /^istiod-(.+)$/.exec(name.replace(/-[a-f0-9]{7,10}-[a-z0-9]{5}$/, ''))?.[1] ?? 'default';

/** The istiod service an injection webhook calls, and the revision its name implies. */
function injectionTarget(
  body: Readonly<Record<string, unknown>>,
): { readonly revision: string; readonly namespace?: string } | undefined {
  for (const webhook of list(body['webhooks']).map(record)) {
    const config = record(webhook['clientConfig']);
    const service = record(config['service']);
    const name = text(service['name']) ?? /\/\/(istiod[^./:]*)/.exec(text(config['url']) ?? '')?.[1];
    if (name === undefined || !/^istiod(-|$)/.test(name)) continue;
    const namespace = text(service['namespace']);
    return {
      revision: name === 'istiod' ? 'default' : name.slice('istiod-'.length),
      ...(namespace === undefined ? {} : { namespace }),
    };
  }
  return undefined;
}
