import { addTo } from '../../model/groups.ts';
import { revisionOfService } from '../../model/injection.ts';
import type { Mesh } from '../../model/mesh.ts';
import type { LogHits, ProxyRef } from '../../parse/facts.ts';
import { counted, evidenceOf, logEvidence, podName, some } from '../evidence.ts';
import { defineRule, type Evidence, type Scope } from '../rule.ts';
import { closedBy, closingPolicies, type Way } from './network-policies.ts';

/** A proxy that logged failures to reach istiod. */
interface Outage {
  readonly pod: ProxyRef;
  readonly hits: readonly LogHits[];
  /** When it was cut off, as far as its lines tell. */
  readonly since: string;
  readonly last: string;
  readonly why: string;
  readonly address: string;
  /** It connected again, or stopped complaining, before its log ends. */
  readonly over: boolean;
}

const id = 'unreachable-control-plane';
const whys =
  'connection refused|i\\/o timeout|deadline exceeded|no such host|server misbehaving|connection reset|no route to host|network is unreachable|handshake failed|no healthy upstream';
const quietMs = 120_000;

/**
 * Proxies whose configuration stream to istiod cannot be opened. Envoy reports an outage only when it lasts, with its length in
 * seconds; a stream that istiod ends every half hour, or a restart of istiod, leaves no such trace.
 */
export const unreachableControlPlane = defineRule({
  id,
  title: 'Proxies that cannot reach istiod',
  area: 'control-plane',
  severity: 'error',
  why: 'A proxy without istiod keeps the configuration it has: endpoints grow stale, changes do not arrive, and its certificate expires within a day. A new proxy never becomes ready.',
  fix: [
    {
      do: 'Check that istiod {{address}} runs and has endpoints',
      run: 'kubectl get pods,endpointslices -n {{istioNamespace}} -l app=istiod -o wide',
    },
    {
      do: 'Connect from an affected pod: refused means nobody listens, a timeout means packets are dropped',
      run: 'kubectl exec {{pod}} -n {{namespace}} -c istio-proxy -- pilot-agent request GET server_info',
    },
    { do: 'Open TCP 15012 to istiod in NetworkPolicies and firewalls', run: 'kubectl get networkpolicies -A' },
    {
      do: 'If the name does not exist any more, its revision was removed: relabel the namespace and restart the pods',
      run: 'kubectl get namespace {{namespace}} --show-labels && kubectl get services -n {{istioNamespace}}',
    },
    { do: 'Verify that the proxies are connected', run: 'istioctl proxy-status -i {{istioNamespace}}' },
  ],
  references: [
    'https://istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd/',
    'https://istio.io/latest/docs/ops/deployment/application-requirements/#ports-used-by-istio',
  ],
  source: 'knowledge D084 XDS-CLOSED-14, D088 XDS-CONNECT; Envoy grpc_stream.h',
  explains: ['never-ready-proxy', 'stale-proxy', 'absent-proxy', 'failing-certificate-signing'],
  needs: ['proxyLog'],
  uses: ['proxies', 'platform', 'logFiles', 'revisions', 'otherObjects'],
  signatures: [
    {
      id,
      log: 'proxy',
      contains: 'gRPC config stream',
      matching: new RegExp(
        `AggregatedResources gRPC config stream (?:to \\S+ )?closed(?: since \\d+s ago)?: (?:14|4), (?:[^\\n]*?(?<why>${whys}))?`,
      ),
    },
    {
      id: `${id}/agent`,
      log: 'proxy',
      contains: 'failed to connect to upstream',
      matching: new RegExp(`failed to connect to upstream (?<address>[^\\s:]+:?\\d*): (?:[^\\n]*?(?<why>${whys}))?`),
    },
    {
      id: `${id}/connected`,
      log: 'proxy',
      contains: 'upstream XDS server: ',
      matching: /connected to (?:delta )?upstream XDS server: (?<address>\S+)/,
    },
  ],
  *check({ proxyLog, proxies = [], platform, logFiles = [], revisions = [], otherObjects = [] }) {
    const ends = new Map(logFiles.map((file) => [file.at.file, file.last]));
    const revisionOf = new Map(proxies.map((proxy) => [podName(proxy), proxy.revision]));
    const groups = new Map<string, Outage[]>();
    for (const outage of outagesOf(proxyLog, ends)) {
      const service = /^([^.:]+)/.exec(outage.address)?.[1] ?? '';
      const revision =
        revisionOf.get(podName(outage.pod)) ?? (service.startsWith('istiod') ? revisionOfService(service) : 'default');
      addTo(groups, revision, outage);
    }
    for (const [revision, all] of groups) {
      const lost = all.filter(({ over }) => !over);
      const outages = lost.length > 0 ? lost : all;
      const since = outages.map((outage) => outage.since).toSorted()[0] ?? '';
      const last =
        outages
          .map((outage) => outage.last)
          .toSorted()
          .at(-1) ?? '';
      const length = Date.parse(last) - Date.parse(since);
      // istiod was rolled: every proxy is without it for a moment.
      if (lost.length === 0 && !(length >= quietMs)) continue;
      const [first] = outages;
      const hits = outages.flatMap((outage) => outage.hits);
      const closed = wayClosed(outages, revision, { proxies, revisions, otherObjects });
      const evidence = evidenceOf(
        logEvidence(
          outages.flatMap((outage) => outage.hits.slice(-1)),
          'sync',
          'The proxy cannot open its stream to istiod.',
          whysOf(outages),
        ),
        closed?.evidence,
      );
      if (first === undefined || evidence === undefined) continue;
      const namespaces = [...new Set(outages.map(({ pod }) => pod.namespace))];
      const [namespace = ''] = namespaces;
      const scope: Scope = {
        revision,
        ...(namespaces.length === 1 && namespace !== '' ? { namespace } : {}),
        ...(outages.length === 1 && first.pod.pod !== '' ? { pod: first.pod.pod } : {}),
      };
      const address = outages.find((outage) => outage.address !== '')?.address ?? 'istiod';
      const others = proxies.filter((proxy) => (proxy.revision ?? 'default') === revision).length - outages.length;
      const seconds = Number.isFinite(length) ? Math.round(length / 1000) : 0;
      yield {
        subject: some(outages.map(({ pod }) => podName(pod))),
        scope,
        ...(since === '' || last === '' ? {} : { when: { first: since, last } }),
        count: hits.reduce((sum, hit) => sum + hit.count, 0),
        ended: lost.length === 0,
        message: `${counted(outages.length, 'proxy', 'proxies')} of revision ${revision} ${lost.length > 0 ? (outages.length === 1 ? 'has' : 'have') : 'had'} no connection to ${address} ${seconds > 0 ? `for ${counted(seconds, 'second')}` : `since ${since}`}${whysOf(outages).length > 0 ? ` (${whysOf(outages).join(', ')})` : ''}${closed === undefined ? '' : `, which NetworkPolicy ${closed.policy} closes`}: ${some(outages.map(({ pod }) => podName(pod)))}`,
        ...(closed === undefined ? {} : { confidence: 'certain' as const }),
        facts: {
          address,
          revision,
          namespace,
          pod: first.pod.pod,
          istioNamespace:
            revisions.find(({ name }) => name === revision)?.namespace ?? platform?.istioNamespace ?? 'istio-system',
        },
        severity: lost.length > 0 && seconds >= 60 ? 'error' : 'warning',
        supports:
          others <= 0 && outages.length > 1 ? ['All proxies of the revision are affected: look at istiod first.'] : [],
        evidence,
      };
    }
  },
});

/** The NetworkPolicy that drops the packets of all these proxies: at istiod, or where they leave their own namespace. */
function wayClosed(
  outages: readonly Outage[],
  revision: string,
  { proxies, revisions, otherObjects }: Pick<Mesh, 'proxies' | 'revisions' | 'otherObjects'>,
): { readonly policy: string; readonly evidence: readonly Evidence[] } | undefined {
  // Dropped packets are a timeout; a refusal was answered.
  if (!outages.every(({ why }) => /timeout|deadline/.test(why))) return undefined;
  const known = revisions.find(({ name }) => name === revision);
  const [istiod] = known?.pods ?? [];
  const labelsOf = new Map(proxies.map((proxy) => [podName(proxy), proxy.labels]));
  const ways: Way[] = [
    ...(known === undefined
      ? []
      : [{ namespace: known.namespace, labels: istiod?.meta.labels, direction: 'Ingress', port: 15012 } as const]),
    ...[...new Map(outages.map(({ pod }) => [pod.namespace, pod])).values()].map(
      (pod): Way => ({
        namespace: pod.namespace,
        labels: labelsOf.get(podName(pod)),
        direction: 'Egress',
        port: 15012,
      }),
    ),
  ];
  for (const way of ways) {
    if (way.direction === 'Egress' && outages.some(({ pod }) => pod.namespace !== way.namespace)) continue;
    const policies = closingPolicies(otherObjects, way);
    const [policy] = policies;
    if (policy !== undefined)
      return { policy: `${policy.meta.namespace}/${policy.meta.name}`, evidence: closedBy(policies, way) };
  }
  return undefined;
}

const whysOf = (outages: readonly Outage[]): readonly string[] =>
  [...new Set(outages.map(({ why }) => why))].filter((why) => why !== '').slice(0, 3);

function outagesOf(proxyLog: readonly LogHits[], ends: ReadonlyMap<string, string | undefined>): readonly Outage[] {
  const byFile = new Map<string, LogHits[]>();
  for (const hit of proxyLog) {
    if (!hit.signature.startsWith(id)) continue;
    addTo(byFile, hit.file, hit);
  }
  return [...byFile].flatMap(([file, all]): readonly Outage[] => {
    const connections = all.filter(({ signature }) => signature.endsWith('/connected'));
    const connected =
      connections
        .flatMap(({ last }) => last ?? [])
        .toSorted()
        .at(-1) ?? '';
    const failures = all.filter(({ signature }) => !signature.endsWith('/connected'));
    const newest = failures.toSorted((a, b) => (a.last ?? '').localeCompare(b.last ?? '')).at(-1);
    if (newest === undefined) return [];
    const last = newest.last ?? '';
    const after = failures.filter((hit) => (hit.last ?? '') >= connected);
    // `closed since 114s ago`: the outage is longer than its lines.
    const seconds = Number(/closed since (\d+)s ago/.exec(newest.samples.at(-1)?.text ?? '')?.[1] ?? 0);
    const start = seconds > 0 && last !== '' ? new Date(Date.parse(last) - seconds * 1000).toISOString() : undefined;
    const end = ends.get(file);
    const quiet = end !== undefined && last !== '' && Date.parse(end) - Date.parse(last) >= quietMs;
    return [
      {
        pod: newest.pod,
        hits: after.length > 0 ? after : failures,
        since: start ?? (after.length > 0 ? after : failures).flatMap(({ first }) => first ?? []).toSorted()[0] ?? '',
        last,
        why: newest.captures['why'] ?? '',
        address: [...failures, ...connections].find(({ captures }) => captures['address'])?.captures['address'] ?? '',
        over: connected > last || quiet,
      },
    ];
  });
}
