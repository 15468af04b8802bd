import { within } from '../../input/location.ts';
import { addTo } from '../../model/groups.ts';
import type { MeshProxy } from '../../model/mesh.ts';
import { proxyContainer, workloadOf } from '../../model/selectors.ts';
import type { LogFile, LogHits, Pod, ProxyRef } from '../../parse/facts.ts';
import { counted, evidenceOf, logEvidence, podName, some } from '../evidence.ts';
import { defineRule, type Evidence, type Scope } from '../rule.ts';

const startMs = 60_000;

/** The agent's reasons (pilot/cmd/pilot-agent/status/ready), in words for people. */
const reasons: readonly { readonly words: RegExp; readonly says: string }[] = [
  { words: /^config not received/, says: 'it never received configuration from istiod' },
  { words: /^config received .* rejected/, says: 'it refuses the configuration istiod sends' },
  { words: /^config not fully received/, says: 'it received clusters but no listeners' },
  { words: /^server is not live/, says: 'Envoy is still initialising' },
  { words: /^workers have not/, says: 'Envoy’s workers have not started' },
  { words: /^failed to get readiness stats/, says: 'Envoy’s admin port does not answer' },
  { words: /^istio DNS capture/, says: 'it has no DNS table from istiod' },
];

/** Proxies that started at least a minute ago and have not been ready since. */
export const neverReadyProxy = defineRule({
  id: 'never-ready-proxy',
  title: 'Proxy that does not become ready',
  area: 'data-plane',
  severity: 'error',
  why: 'Until its proxy is ready, a pod gets no traffic and its application has no network through the mesh.',
  fix: [
    {
      do: 'Read what the proxy waits for: configuration, a certificate, or a cluster that warms',
      run: 'kubectl logs {{pod}} -n {{namespace}} -c istio-proxy --tail=100',
    },
    {
      do: 'No configuration: check istiod and the way to it on port 15012',
      run: 'istioctl proxy-status -i {{istioNamespace}}',
    },
    {
      do: 'Refused configuration: find the object that Envoy’s message names',
      run: 'kubectl logs -n {{istioNamespace}} -l app=istiod --tail=-1 | grep "ACK ERROR"',
    },
    { do: 'Verify', run: 'kubectl get pods -n {{namespace}}' },
  ],
  references: [
    'https://istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd/',
    'https://istio.io/latest/docs/ops/common-problems/injection/',
  ],
  source: 'knowledge D029–D033 AGT-NO-XDS … AGT-ADMIN-UNREACHABLE',
  explains: ['missing-replicas', 'service-without-endpoints', 'unhealthy-upstream', 'application-before-proxy'],
  needs: ['proxyLog'],
  uses: ['logFiles', 'pods', 'proxies', 'capture', 'platform'],
  signatures: [
    {
      id: 'never-ready-proxy',
      log: 'proxy',
      contains: 'Envoy proxy is NOT ready: ',
      matching:
        /Envoy proxy is NOT ready: (?<why>config not received|config received from XDS server, but was rejected|config not fully received|server is not live, current state is: [A-Z_]+|workers have not yet started|failed to get readiness stats|istio DNS capture|server is terminated)/,
    },
  ],
  *check({ proxyLog, logFiles = [], pods = [], proxies = [], capture, platform }) {
    const podOf = new Map(pods.map((pod) => [`${pod.meta.namespace}/${pod.meta.name}`, pod]));
    const proxyOf = new Map(proxies.map((proxy) => [podName(proxy), proxy]));
    const hitsOf = new Map<string, LogHits[]>();
    for (const hit of proxyLog) {
      if (hit.signature !== 'never-ready-proxy') continue;
      addTo(hitsOf, hit.file, hit);
    }
    const groups = new Map<string, Unready[]>();
    const add = (one: Unready): void => {
      const key = `${one.pod.namespace}\0${one.says}`;
      addTo(groups, key, one);
    };
    const logged = new Set<string>();
    for (const file of logFiles) {
      if (file.log !== 'proxy') continue;
      const kube = podOf.get(podName(file.pod));
      const hits = hitsOf.get(file.at.file) ?? [];
      const one = unreadyByLog(file, hits, kube);
      if (hits.length > 0 || file.marks.length > 0) logged.add(podName(file.pod));
      if (one !== undefined) add({ ...one, kube, proxy: proxyOf.get(podName(file.pod)) });
    }
    for (const pod of pods) {
      const name = `${pod.meta.namespace}/${pod.meta.name}`;
      const proxy = proxyContainer(pod);
      const started = proxy?.now.startedAt;
      if (logged.has(name) || proxy === undefined || proxy.ready || proxy.now.state !== 'running') continue;
      if (pod.meta.deleted !== undefined || started === undefined || capture?.time === undefined) continue;
      if (Date.parse(capture.time) - Date.parse(started) < startMs) continue;
      const ref = { namespace: pod.meta.namespace, pod: pod.meta.name };
      add({
        pod: ref,
        hits: [],
        says: 'its container is not ready',
        since: started,
        last: capture.time,
        kube: pod,
        proxy: proxyOf.get(name),
      });
    }
    for (const all of groups.values()) {
      const [first] = all;
      if (first === undefined) continue;
      const { namespace } = first.pod;
      const workloads = [...new Set(all.map(nameOfWorkload))];
      const [workload = ''] = workloads;
      const revision = first.proxy?.revision;
      const scope: Scope = {
        ...(revision === undefined ? {} : { revision }),
        ...(namespace === '' ? {} : { namespace }),
        ...(workloads.length === 1 ? { workload } : {}),
      };
      const evidence = evidenceOf(
        logEvidence(
          all.flatMap(({ hits }) => hits.slice(-1)),
          'server',
          'The agent of the proxy says why it is not ready.',
          ['NOT ready'],
        ),
        all.slice(0, 2).flatMap(({ kube }): readonly Evidence[] =>
          kube === undefined
            ? []
            : [
                {
                  ...within(kube.at, '/status/conditions'),
                  stage: 'pod',
                  say: `Pod ${namespace}/${kube.meta.name}.`,
                },
              ],
        ),
      );
      if (evidence === undefined) continue;
      const since = all.map((one) => one.since).toSorted()[0] ?? first.since;
      yield {
        subject: workloads.length === 1 ? `${namespace}/${workload}` : some(all.map(({ pod }) => podName(pod))),
        scope,
        when: {
          first: since,
          last:
            all
              .map((one) => one.last)
              .toSorted()
              .at(-1) ?? first.last,
        },
        count: all.length,
        message: `the proxy of ${some(all.map(({ pod }) => podName(pod)))} is not ready since ${since}: ${first.says}${all.length > 1 ? ` (${counted(all.length, 'proxy', 'proxies')})` : ''}`,
        facts: { namespace, pod: first.pod.pod, workload, istioNamespace: platform?.istioNamespace ?? 'istio-system' },
        confidence: first.hits.length > 0 && first.kube !== undefined ? 'certain' : 'likely',
        evidence,
      };
    }
  },
});

interface Unready {
  readonly pod: ProxyRef;
  readonly hits: readonly LogHits[];
  readonly says: string;
  readonly since: string;
  readonly last: string;
  readonly kube: Pod | undefined;
  readonly proxy: MeshProxy | undefined;
}

const nameOfWorkload = ({ kube, proxy, pod }: Unready): string =>
  kube === undefined ? (proxy?.workload ?? pod.pod) : workloadOf(kube);

/** A proxy that complains for a minute and more after its last start, without having been ready. */
function unreadyByLog(
  file: LogFile,
  all: readonly LogHits[],
  kube: Pod | undefined,
): Pick<Unready, 'pod' | 'hits' | 'says' | 'since' | 'last'> | undefined {
  const container = kube === undefined ? undefined : proxyContainer(kube);
  if (container?.ready || kube?.meta.deleted !== undefined) return undefined;
  const started = file.marks.filter(({ what }) => what === 'container-start').at(-1)?.time ?? '';
  const ready = file.marks.filter(({ what }) => what === 'proxy-ready').at(-1)?.time ?? '';
  const hits = all
    .filter(({ last }) => last !== undefined && last > started)
    .toSorted((a, b) => (a.last ?? '').localeCompare(b.last ?? ''));
  const newest = hits.at(-1);
  if (newest?.last === undefined || newest.last < ready) return undefined;
  const why = newest.captures['why'] ?? '';
  // A log that goes on in silence is that of a proxy that got ready without a word.
  if (file.last !== undefined && Date.parse(file.last) - Date.parse(newest.last) > startMs) return undefined;
  // A proxy that drains or was told to stop is on its way out.
  if (/DRAINING|terminated/.test(why)) return undefined;
  const since = [started, ready].toSorted().at(-1) || (hits.flatMap(({ first }) => first ?? []).toSorted()[0] ?? '');
  if (!(Date.parse(newest.last) - Date.parse(since) >= startMs)) return undefined;
  return {
    pod: file.pod,
    hits: [newest],
    says: reasons.find(({ words }) => words.test(why))?.says ?? why,
    since,
    last: newest.last,
  };
}
