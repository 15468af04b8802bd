import { within } from '../../input/location.ts';
import { list, nameOf, ofKind, record, specOf, strings, text } from '../../model/hosts.ts';
import { hostScope, outboundByHost } from '../../model/services.ts';
import { failuresByDestination } from '../../model/traffic.ts';
import type { EnvoyCluster } from '../../parse/facts.ts';
import { accessEvidence, counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { clientOf } from './requests.ts';

/**
 * A ServiceEntry with `resolution: DNS` whose name does not resolve: Envoy looks it up itself, and its cluster stays without an
 * endpoint. Clusters without endpoints and requests that ended in UH show it.
 */
export const unresolvedServiceEntry = defineRule({
  id: 'unresolved-service-entry',
  title: 'ServiceEntry whose name does not resolve',
  area: 'traffic',
  severity: 'warning',
  why: 'With `resolution: DNS` every sidecar looks up the name itself. Where DNS knows no address the cluster has no endpoint, and requests end in 503 with flag `UH`.',
  fix: [
    {
      do: 'See whether the name resolves in the cluster',
      run: 'kubectl run dns-test --rm -it --restart=Never --image=busybox:1.36 -- nslookup {{name}}',
    },
    {
      do: 'Correct the name in {{entry}}, or give it `endpoints` with addresses and `resolution: STATIC`',
      run: 'kubectl edit serviceentries.networking.istio.io {{entryName}} -n {{namespace}}',
    },
    {
      do: 'If the name is right, look at CoreDNS and the servers it forwards to',
      run: 'kubectl logs -n kube-system -l k8s-app=kube-dns --tail=100 --prefix',
    },
    {
      do: 'Verify that the proxy has an address for it',
      run: 'istioctl proxy-config endpoints {{client}} --cluster {{cluster}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/reference/config/networking/service-entry/#ServiceEntry-Resolution',
    'https://istio.io/latest/docs/ops/configuration/traffic-management/dns/',
  ],
  source: 'Envoy strict DNS clusters; response flag UH',
  explains: ['unhealthy-upstream', 'exhausted-retries'],
  needs: ['config'],
  uses: ['access', 'clusters', 'services'],
  anyOf: ['access', 'clusters'],
  *check({ config, access = [], clusters = [], services = [] }) {
    const resolved = ofKind(config, 'ServiceEntry').filter((entry) =>
      (text(specOf(entry)['resolution']) ?? '').startsWith('DNS'),
    );
    if (resolved.length === 0) return;
    const inProxies = outboundByHost(clusters);
    const unhealthy = new Map(
      failuresByDestination(
        access,
        services,
        ({ flags, cluster }) => flags.includes('UH') && cluster !== 'BlackHoleCluster',
        (group) => ({ host: hostOf(group.cluster), port: undefined, subset: '' }),
      ).map((failures) => [failures.host, failures]),
    );
    for (const entry of resolved) {
      const names = list(specOf(entry)['endpoints']).flatMap((endpoint) => text(record(endpoint)['address']) ?? []);
      for (const [index, host] of strings(specOf(entry)['hosts']).entries()) {
        const known: readonly EnvoyCluster[] = inProxies.get(host) ?? [];
        const failures = unhealthy.get(host);
        if (host.startsWith('*') || known.some(({ endpoints }) => endpoints.length > 0)) continue;
        if (known.length === 0 && failures === undefined) continue;
        const [cluster] = known;
        const client = failures?.proxies[0] ?? cluster?.proxy;
        const evidence = evidenceOf(
          accessEvidence(failures?.groups ?? [], 'symptom', 'The proxy had no address for the host.'),
          cluster && {
            ...cluster.at,
            stage: 'cluster',
            say: `The cluster has no endpoint in ${some(known.map(({ proxy }) => podName(proxy)))}.`,
          },
          {
            ...within(entry.at, `/spec/hosts/${index}`),
            stage: 'config',
            say: `${nameOf(entry)} leaves the name to DNS.`,
            mark: [host],
          },
        );
        if (evidence === undefined) continue;
        yield {
          subject: nameOf(entry),
          scope: hostScope(host),
          ...(failures?.ended ? { ended: true } : {}),
          message: `${nameOf(entry)} leaves ${some(names.length > 0 ? names : [host])} to DNS, which gives no address${names.length > 0 ? ` for ${host}` : ''}${failures === undefined ? '' : `: ${counted(failures.count, failures.groups.every(({ tcp }) => tcp) ? 'connection' : 'request')} had nowhere to go`}`,
          facts: {
            host,
            name: names[0] ?? host,
            entry: nameOf(entry),
            entryName: entry.meta.name,
            namespace: entry.meta.namespace,
            client: clientOf(client),
            cluster: failures?.groups[0]?.cluster ?? cluster?.name ?? '',
          },
          confidence: known.length > 0 && failures !== undefined ? 'certain' : 'likely',
          supports: [
            ...(known.length > 0
              ? [`No proxy has an endpoint for ${host}; ${counted(known.length, 'cluster')} of it were read.`]
              : []),
            ...(failures === undefined ? [] : ['Requests to it ended in UH: the proxy had no endpoint for it.']),
          ],
          missing: known.length > 0 ? [] : ['`/clusters` of a calling proxy, which lists the addresses it has.'],
          evidence,
        };
      }
    }
  },
});

/** The host of `outbound|443||api.example.com`. */
const hostOf = (cluster: string): string => cluster.split('|')[3] ?? '';
