import { within } from '../../input/location.ts';
import { isReady } from '../../model/selectors.ts';
import type { ClusterConfig, LogHits, Pod } from '../../parse/facts.ts';
import { counted, evidenceOf, logEvidence, podName, some } from '../evidence.ts';
import { spanOf } from '../log-rules.ts';
import { defineRule, type Severity } from '../rule.ts';
import { isYoungPod } from './young-pod.ts';

/** Different names that cannot be looked up: one alone is a name that does not exist, or a resolver behind it that is broken. */
const manyHosts = 3;

/** `dial tcp: lookup istiod.istio-system.svc on 10.0.0.10:53: server misbehaving`; `no such host` is an answer. */
const lookup =
  /lookup (?<host>[\w.-]{1,253})(?: on [\w.:[\]]{1,60})?: [^\t]{0,160}(?:server misbehaving|i\/o timeout|connection refused)/;
const answers = ['server misbehaving', 'i/o timeout', 'read: connection refused'] as const;
const logs = ['proxy', 'istiod'] as const;

/**
 * The cluster's DNS does not answer: CoreDNS pods are not ready or are killed, and lookups of several names fail in the logs of
 * proxies and istiod. A single name that fails is a problem of that name, however often it is asked.
 */
export const failingDns = defineRule({
  id: 'failing-dns',
  title: 'DNS of the cluster does not answer',
  area: 'platform',
  severity: 'error',
  why: 'Proxies find istiod, and istiod finds JWKS servers, by name; applications and clusters of type DNS resolve through CoreDNS too. Without it connections fail all over the cluster.',
  fix: [
    { do: 'See the state of CoreDNS', run: 'kubectl get pods -n kube-system -l k8s-app=kube-dns -o wide' },
    { do: 'Read its log', run: 'kubectl logs -n kube-system -l k8s-app=kube-dns --tail=100 --prefix' },
    {
      do: 'Restart or scale it when it is overloaded or was out of memory',
      run: 'kubectl rollout restart deployment/coredns -n kube-system',
    },
    {
      do: 'Ask it less: raise `dnsRefreshRate` in the mesh configuration, use `resolution: NONE` or Sidecars for ServiceEntries with DNS resolution',
      run: 'kubectl get serviceentries.networking.istio.io -A',
    },
    {
      do: 'Verify that a name resolves',
      run: 'kubectl run dns-test --rm -it --restart=Never --image=busybox:1.36 -- nslookup {{host}}',
    },
  ],
  references: [
    'https://kubernetes.io/docs/tasks/administer-cluster/dns-debugging-resolution/',
    'https://istio.io/latest/docs/ops/configuration/traffic-management/dns/',
    'https://learn.microsoft.com/en-us/troubleshoot/azure/azure-kubernetes/extensions/istio-add-on-general-troubleshooting',
  ],
  source: 'knowledge M3, D235-D238, F19',
  explains: ['unreachable-control-plane', 'unreachable-jwks', 'never-ready-proxy', 'failing-certificate-signing'],
  needs: ['pods'],
  uses: ['proxyLog', 'istiodLog', 'clusterConfigs', 'capture'],
  signatures: logs.flatMap((log) =>
    answers.map((contains, index) => ({ id: `failing-dns/${log}${index}`, log, contains, matching: lookup })),
  ),
  *check({ pods, proxyLog = [], istiodLog = [], clusterConfigs = [], capture }) {
    const servers = pods.filter((pod) => isCoreDns(pod) && pod.meta.deleted === undefined && pod.phase !== 'Failed');
    const unready = servers.filter((pod) => !isReady(pod) && !isYoungPod(pod, capture?.time));
    const killed = servers.filter(({ containers }) =>
      containers.some(({ last }) => last?.reason === 'OOMKilled' && isRecent(last.finishedAt, capture?.time)),
    );
    const hits = [...proxyLog, ...istiodLog].filter(({ signature }) => signature.startsWith('failing-dns/'));
    const hosts = [...new Set(hits.flatMap(({ captures }) => captures['host'] ?? []))];
    const failing = isWidespread(hits);
    if (unready.length === 0 && killed.length === 0 && !failing) return;

    const down = servers.length > 0 && unready.length === servers.length;
    const shown = failing || unready.length > 0 ? hits : [];
    const when = spanOf(shown);
    const asking = [...new Set(shown.map(({ pod }) => podName(pod)))];
    const count = shown.reduce((sum, hit) => sum + hit.count, 0);
    const evidence = evidenceOf(
      [...new Set([...unready, ...killed])].slice(0, 2).map((pod) => ({
        ...within(pod.at, '/status/containerStatuses/0/state'),
        stage: 'pod' as const,
        say: `CoreDNS pod ${pod.meta.name}: ${stateOf(pod)}.`,
      })),
      logEvidence(byFile(shown), 'symptom', 'A name could not be looked up.'),
    );
    if (evidence === undefined) return;
    // CoreDNS that answers again, or one of several that does not, harms little by itself.
    const severity: Severity = down || failing ? 'error' : 'warning';
    const names = dnsNames(clusterConfigs);
    yield {
      subject: 'CoreDNS',
      scope: {},
      ...(when === undefined
        ? {}
        : { when: unready.length > 0 ? { ...when, last: capture?.time ?? when.last } : when }),
      count: Math.max(1, count),
      severity,
      confidence: (unready.length > 0 || killed.length > 0) && failing ? 'certain' : 'likely',
      message: [
        unready.length > 0
          ? `${unready.length} of ${counted(servers.length, 'CoreDNS pod')} ${unready.length === 1 ? 'is' : 'are'} not ready (${some(unready.map(stateOf))})`
          : killed.length > 0
            ? `${counted(killed.length, 'CoreDNS pod')} ran out of memory`
            : 'DNS does not answer',
        ...(shown.length > 0 ? [`${counted(count, 'lookup')} of ${some(hosts)} failed in ${some(asking)}`] : []),
      ].join('; '),
      facts: { host: hosts[0] ?? 'kubernetes.default' },
      supports:
        names.count > 50
          ? [
              `Proxies resolve ${names.count} names themselves, on ${names.proxies} proxies: that asks DNS up to ${names.count * names.proxies} times per refresh.`,
            ]
          : [],
      contradicts:
        failing && servers.length > 0 && unready.length === 0 && killed.length === 0
          ? ['All CoreDNS pods were ready when the archive was made.']
          : [],
      missing: ['The log of CoreDNS is not part of an archive: it would tell which names it could not resolve.'],
      evidence,
    };
  },
});

/** Whether several names failed, more than once on average, within ten minutes: names that fail now and then over days do not. */
function isWidespread(hits: readonly LogHits[]): boolean {
  const spans = new Map<string, { readonly hosts: Set<string>; count: number }>();
  for (const { captures, perMinute } of hits) {
    for (const [minute, count] of Object.entries(perMinute)) {
      const span = minute.slice(0, -1);
      const known = spans.get(span) ?? { hosts: new Set<string>(), count: 0 };
      known.hosts.add(captures['host'] ?? '');
      known.count += count;
      spans.set(span, known);
    }
  }
  return [...spans.values()].some(({ hosts, count }) => hosts.size >= manyHosts && count >= 2 * manyHosts);
}

/** Within the day before the archive was made. */
const isRecent = (time: string | undefined, now: string | undefined): boolean =>
  time !== undefined && (now === undefined || Date.parse(now) - Date.parse(time) < 86_400_000);

const isCoreDns = ({ meta }: Pod): boolean =>
  meta.namespace === 'kube-system' &&
  (meta.labels['k8s-app'] === 'kube-dns' || /^coredns-(?!autoscaler)/.test(meta.name));

const stateOf = (pod: Pod): string => {
  const container = pod.containers.find(({ ready }) => !ready) ?? pod.containers[0];
  const reason = container?.now.reason ?? container?.last?.reason ?? pod.phase;
  return `${reason}${(container?.restarts ?? 0) > 0 ? `, ${counted(container?.restarts ?? 0, 'restart')}` : ''}`;
};

/** The hits of different files first. */
const byFile = (hits: readonly LogHits[]): readonly LogHits[] => {
  const seen = new Map<string, LogHits>();
  for (const hit of hits) if (!seen.has(hit.file)) seen.set(hit.file, hit);
  return [...seen.values()];
};

/** Names that proxies resolve by themselves. */
function dnsNames(clusters: readonly ClusterConfig[]): { readonly count: number; readonly proxies: number } {
  const hosts = new Set<string>();
  const proxies = new Set<string>();
  for (const { type, direction, host, proxy } of clusters) {
    if (direction !== 'outbound' || !/_DNS$/.test(type)) continue;
    hosts.add(host);
    proxies.add(podName(proxy));
  }
  return { count: hosts.size, proxies: proxies.size };
}
