import { within } from '../../input/location.ts';
import { addTo } from '../../model/groups.ts';
import { hostOfService, nameOf } from '../../model/hosts.ts';
import type { MeshProxy } from '../../model/mesh.ts';
import { later } from '../../model/order.ts';
import { matchesLabels } from '../../model/selectors.ts';
import type { Service } from '../../parse/facts.ts';
import { counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule, type Evidence, type Scope } from '../rule.ts';
import { type Culprit, culpritOf } from './culprit.ts';
import { reasonOf } from './refusal-reasons.ts';
import { type Refusal, reasonKey, refusalSignatures, refusalsOf, type Source } from './refusals.ts';

/**
 * Envoy refuses an update (NACK) and keeps what it had: everything that comes later in the same listener, cluster or route is
 * lost too. Istiod's log, the proxy's log, the dump's `error_state` and the sync status each prove it alone.
 */
export const rejectedConfiguration = defineRule({
  id: 'rejected-configuration',
  title: 'Configuration that Envoy refuses',
  area: 'configuration',
  severity: 'error',
  why: 'A proxy that refuses an update keeps its old configuration, so later changes to the same resource do not arrive either; a pod that starts now never becomes ready.',
  fix: [
    { do: '{{advice}}, in {{object}}', run: 'kubectl edit {{kind}} {{name}} -n {{namespace}}' },
    {
      do: 'If that takes time, save and delete {{object}}, so that the proxies take updates again',
      run: 'kubectl get {{kind}} {{name}} -n {{namespace}} -o yaml > {{name}}.yaml && kubectl delete {{kind}} {{name}} -n {{namespace}}',
    },
    {
      do: 'See that the proxy refuses nothing any more',
      run: 'kubectl logs {{pod}} -n {{podNamespace}} -c istio-proxy --since=5m | grep rejected',
    },
    { do: 'Verify that nothing is refused or stale any more', run: 'istioctl proxy-status -i {{istioNamespace}}' },
  ],
  references: [
    'https://istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd/',
    'https://istio.io/latest/docs/reference/config/networking/envoy-filter/',
  ],
  source: 'knowledge D076, D077, F09; Envoy error_state; istio pkg/xds/server.go',
  explains: [
    'stale-proxy',
    'never-ready-proxy',
    'missing-replicas',
    'unmatched-filter-chain',
    'plaintext-client',
    'missing-route',
    'missing-cluster',
    'reset-upstream-connection',
    'failed-upstream-connection',
    'service-without-endpoints',
    'unhealthy-upstream',
  ],
  signatures: refusalSignatures,
  needs: ['capture'],
  uses: [
    'istiodLog',
    'proxyLog',
    'rejections',
    'sync',
    'config',
    'proxies',
    'pods',
    'services',
    'configSizes',
    'logFiles',
    'listings',
    'platform',
  ],
  anyOf: ['istiodLog', 'proxyLog', 'rejections', 'sync'],
  *check({
    capture,
    config = [],
    proxies = [],
    services = [],
    platform,
    istiodLog,
    proxyLog,
    rejections,
    sync,
    pods: kubePods,
    configSizes,
    logFiles,
    listings,
  }) {
    const refusals = refusalsOf({
      ...(istiodLog && { istiodLog }),
      ...(proxyLog && { proxyLog }),
      ...(rejections && { rejections }),
      ...(sync && { sync }),
      ...(kubePods && { pods: kubePods }),
      ...(configSizes && { configSizes }),
      ...(logFiles && { logFiles }),
      ...(listings && { listings }),
    });
    const rootNamespace = platform?.istioNamespace ?? 'istio-system';
    const known = new Map(proxies.map((proxy) => [podName(proxy), proxy]));
    const proxyOf = ({ proxy }: Refusal) => known.get(podName(proxy));

    for (const { refusals: same, culprit } of problems(refusals, (alike) =>
      culpritOf(alike, config, proxyOf, rootNamespace),
    )) {
      const [one] = same;
      if (one === undefined) continue;
      const pods = [...new Map(same.map(({ proxy }) => [podName(proxy), proxy])).values()];
      const still = same.filter(({ state }) => state === 'still');
      const ended = same.every(({ state }) => state === 'over');
      const times = same
        .flatMap(({ first, last }) => [...(first === undefined ? [] : [first]), ...(last === undefined ? [] : [last])])
        .toSorted();
      const [first] = times;
      // What a dump still refuses goes on until the archive was made.
      const last = (still.length > 0 ? capture.window?.last : undefined) ?? times.at(-1);
      const evidence = evidenceOf(placesOf(same), culprit && placeOf(culprit));
      if (evidence === undefined) continue;
      const reason = reasonOf(one.why);
      const sources = new Set(same.flatMap(({ sources: told }) => told));
      const where = workloadsOf(same, proxyOf);
      const whose = `${counted(pods.length, 'proxy', 'proxies')} of ${where}`;
      const verb = ended ? 'refused' : pods.length === 1 ? 'refuses' : 'refuse';
      yield {
        subject: culprit === undefined ? where : nameOf(culprit.object),
        scope: scopeOf(same, proxyOf, services),
        ...(first === undefined || last === undefined ? {} : { when: { first, last: later(first, last) } }),
        count: same.reduce((sum, { count }) => sum + count, 0),
        ended,
        message:
          culprit === undefined
            ? `${whose} ${verb} the ${one.type} configuration istiod sends: ${one.why}`
            : `${nameOf(culprit.object)} holds ${reason.about}${also(culprit)}, so ${whose} ${verb} every ${one.type} update: ${one.why}`,
        facts: {
          object: culprit === undefined ? 'the object behind it' : nameOf(culprit.object),
          advice: reason.advice,
          ...(culprit === undefined
            ? {}
            : {
                kind: culprit.object.kind.toLowerCase(),
                name: culprit.object.meta.name,
                namespace: culprit.object.meta.namespace,
              }),
          pod: one.proxy.pod,
          podNamespace: one.proxy.namespace,
          type: one.type,
          istioNamespace: rootNamespace,
        },
        confidence: confidenceOf(sources, culprit),
        supports: supportsOf(sources, culprit, still.length, pods.length),
        missing: missingOf(culprit, config.length),
        contradicts:
          culprit !== undefined && culprit.mark === '' && culprit.rivals.length > 0
            ? [`${some(culprit.rivals.map(nameOf))} would fit as well; this one is the newest.`]
            : [],
        evidence,
      };
    }
  },
});

/** Objects that hold the same, such as a second VirtualService for the host. */
const also = ({ mark, rivals }: Culprit): string =>
  mark === '' || rivals.length === 0 ? '' : ` (so does ${some(rivals.map(nameOf))})`;

interface Problem {
  readonly refusals: readonly Refusal[];
  readonly culprit: Culprit | undefined;
}

/** One per culprit; without one, per reason and type in a namespace. */
function* problems(
  refusals: readonly Refusal[],
  find: (same: readonly Refusal[]) => Culprit | undefined,
): Generator<Problem> {
  const byReason = new Map<string, Refusal[]>();
  for (const refusal of refusals) {
    const key = `${refusal.type}\0${reasonKey(refusal.why)}`;
    addTo(byReason, key, refusal);
  }
  const byCulprit = new Map<string, { readonly refusals: Refusal[]; readonly culprit: Culprit | undefined }>();
  const add = (key: string, same: readonly Refusal[], culprit: Culprit | undefined): void => {
    const found = byCulprit.get(key);
    if (found === undefined) byCulprit.set(key, { refusals: [...same], culprit });
    else for (const refusal of same) found.refusals.push(refusal);
  };
  for (const [key, same] of byReason) {
    const common = find(same);
    if (common !== undefined) {
      add(nameOf(common.object), same, common);
      continue;
    }
    // Equal words in two namespaces need not have one origin.
    const byNamespace = new Map<string, Refusal[]>();
    for (const refusal of same)
      byNamespace.set(refusal.proxy.namespace, [...(byNamespace.get(refusal.proxy.namespace) ?? []), refusal]);
    for (const [namespace, here] of byNamespace) {
      const culprit = byNamespace.size > 1 ? find(here) : undefined;
      add(culprit === undefined ? `${key}\0${namespace}` : nameOf(culprit.object), here, culprit);
    }
  }
  yield* byCulprit.values();
}

/** A few places of each kind, those of one proxy first. */
function placesOf(refusals: readonly Refusal[]): readonly Evidence[] {
  const places: Evidence[] = [];
  const files = new Set<string>();
  const sorted = refusals.toSorted((a, b) => b.evidence.length - a.evidence.length);
  for (const { evidence } of sorted.slice(0, 3))
    for (const place of evidence) {
      // The sync status is one long line that repeats istiod's log.
      if (place.file.endsWith('syncz') && evidence.length > 1) continue;
      const key = `${place.file}:${place.line ?? place.pointer}`;
      if (files.has(key) || places.length >= 7) continue;
      files.add(key);
      places.push(place);
    }
  return places;
}

const placeOf = ({ object, pointer, mark }: Culprit): Evidence => ({
  ...within(object.at, pointer),
  stage: 'config',
  say:
    mark === ''
      ? `${nameOf(object)} patches what was refused, in the pods that refuse it.`
      : 'What Envoy quotes stands here.',
  ...(mark === '' ? {} : { mark: [mark] }),
});

function workloadsOf(refusals: readonly Refusal[], proxyOf: (refusal: Refusal) => MeshProxy | undefined): string {
  return some(
    refusals.map((refusal) => `${refusal.proxy.namespace}/${proxyOf(refusal)?.workload ?? refusal.proxy.pod}`),
  );
}

/** As narrow as all refusing proxies allow. What is refused on the inbound side concerns the callers of one service only. */
function scopeOf(
  refusals: readonly Refusal[],
  proxyOf: (refusal: Refusal) => MeshProxy | undefined,
  services: readonly Service[],
): Scope {
  const [namespace, ...more] = new Set(refusals.map(({ proxy }) => proxy.namespace));
  if (namespace === undefined) return {};
  if (more.length > 0) return { namespaces: [namespace, ...more] };
  const [workload, ...others] = new Set(refusals.map((refusal) => proxyOf(refusal)?.workload));
  if (workload === undefined || others.length > 0) return { namespace };
  const inbound = refusals.every(({ type, resource }) => type === 'listener' && resource === 'virtualInbound');
  const labels = refusals.map((refusal) => proxyOf(refusal)?.labels ?? {});
  const [service, ...siblings] = inbound
    ? services.filter(
        ({ meta, selector = {} }) =>
          meta.namespace === namespace &&
          Object.keys(selector).length > 0 &&
          labels.some((each) => matchesLabels(selector, each)),
      )
    : [];
  return {
    namespace,
    workload,
    ...(service === undefined || siblings.length > 0 ? {} : { host: hostOfService(service) }),
  };
}

function confidenceOf(sources: ReadonlySet<Source>, culprit: Culprit | undefined): 'certain' | 'likely' | 'possible' {
  if (culprit === undefined) return sources.size > 1 ? 'certain' : 'likely';
  if (culprit.mark !== '') return 'certain';
  return culprit.rivals.length > 0 ? 'possible' : 'likely';
}

const told: Readonly<Record<Source, string>> = {
  istiod: 'istiod logged it',
  proxy: 'the proxy logged it',
  dump: 'the proxy’s dump holds the refused version',
  sync: 'istiod’s sync status holds Envoy’s words',
};

function supportsOf(
  sources: ReadonlySet<Source>,
  culprit: Culprit | undefined,
  still: number,
  pods: number,
): readonly string[] {
  const said = [...sources].map((source) => told[source]).join(', ');
  return [
    `${said.charAt(0).toUpperCase()}${said.slice(1)}.`,
    ...(still > 0
      ? [`It still stood when the archive was made, in ${counted(still, 'proxy', 'proxies')} of ${pods}.`]
      : []),
    ...(culprit === undefined
      ? []
      : [
          `${nameOf(culprit.object)} selects every proxy that refuses${culprit.object.meta.created === undefined ? '' : `; it was created ${culprit.object.meta.created}`}.`,
        ]),
    ...(culprit === undefined || culprit.mark === '' ? [] : [`It holds what Envoy quotes: ${culprit.mark}`]),
  ];
}

function missingOf(culprit: Culprit | undefined, objects: number): readonly string[] {
  if (culprit !== undefined) return [];
  return objects === 0
    ? ['The mesh’s configuration is not in the archive: `istioctl bug-report` collects it in cluster/crs.']
    : ['No EnvoyFilter or other object that fits was found.'];
}
