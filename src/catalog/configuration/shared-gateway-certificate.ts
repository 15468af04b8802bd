import { within } from '../../input/location.ts';
import { type GatewayServer, gatewayProxies, gatewayServers, labelText, selectorOf } from '../../model/gateways.ts';
import { coversHost, nameOf } from '../../model/hosts.ts';
import type { MeshProxy } from '../../model/mesh.ts';
import { summaryOf } from '../../model/traffic.ts';
import type { AccessGroup } from '../../parse/facts.ts';
import { accessEvidence, counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';

/**
 * Two Gateways with one certificate: a browser that has an HTTP/2 connection for the first host sends requests for the second
 * over it, and the routes there do not know that host (IST0138).
 */
export const sharedGatewayCertificate = defineRule({
  id: 'shared-gateway-certificate',
  title: 'Gateways that share a certificate',
  area: 'gateway',
  severity: 'info',
  why: 'Clients reuse an HTTP/2 connection for every host its certificate covers; the gateway looks only into the Gateway of the host that opened it and answers 404 for the others.',
  fix: [
    {
      do: 'Serve all hosts of the certificate in one Gateway server, and bind the VirtualServices to it',
      run: 'kubectl get gateways.networking.istio.io -A -o yaml',
    },
    { do: 'Or give each Gateway a certificate of its own', run: 'kubectl get secrets -n {{secretNamespace}}' },
    { do: 'Verify that nothing is reported any more', run: 'istioctl analyze --all-namespaces' },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/network-issues/#404-errors-occur-when-multiple-gateways-configured-with-same-tls-certificate',
    'https://istio.io/latest/docs/reference/config/analysis/ist0138/',
  ],
  source: 'IST0138; knowledge F17, C-NET-12',
  explains: ['missing-route'],
  needs: ['config'],
  uses: ['proxies', 'access'],
  *check({ config, proxies = [], access = [] }) {
    const selected = gatewayProxies(proxies);
    const groups = new Map<string, GatewayServer[]>();
    for (const server of gatewayServers(config)) {
      const [credential] = server.credentials;
      if (credential === undefined) continue;
      const key = `${labelText(selectorOf(server.gateway))}\0${server.port}\0${credential.name}`;
      groups.set(key, [...(groups.get(key) ?? []), server]);
    }
    for (const servers of groups.values()) {
      const gateways = [...new Set(servers.map(({ gateway }) => gateway))];
      const [one] = servers;
      if (one === undefined || gateways.length < 2) continue;
      const pods = selected(one.gateway);
      const failed = coalesced(access, pods, servers);
      const { count, first, last } = summaryOf(failed);
      const hosts = [...new Set(failed.map(({ authority }) => authority.replace(/:\d+$/, '').toLowerCase()))];
      const [host, ...more] = hosts;
      const [workload, ...others] = new Set(pods.map((pod) => pod.workload));
      const namespace = pods[0]?.namespace ?? one.gateway.meta.namespace;
      const secret = one.credentials[0]?.name ?? '';
      const evidence = evidenceOf(
        accessEvidence(failed, 'symptom', 'The request came over a connection that was opened for another host.'),
        servers.slice(0, 3).map(({ gateway, credentials: [credential] }) => ({
          ...within(gateway.at, credential?.pointer ?? '/spec'),
          stage: 'config' as const,
          say: `${nameOf(gateway)} uses the certificate.`,
          mark: [secret],
        })),
      );
      if (evidence === undefined) continue;
      yield {
        subject: some(gateways.map(nameOf)),
        scope: {
          namespace,
          ...(workload === undefined || others.length > 0 ? {} : { workload }),
          ...(host === undefined || more.length > 0 ? {} : { host }),
        },
        ...(failed.length === 0 ? {} : { when: { first, last }, count }),
        message: `${some(gateways.map(nameOf))} share certificate ${secret} on port ${one.port}${count > 0 ? `: ${counted(count, 'request')} for ${some(hosts)} came over connections of another host and found no route` : ''}`,
        facts: { secret, secretNamespace: namespace, port: one.port },
        severity: count > 0 ? 'warning' : 'info',
        confidence: count > 0 ? 'certain' : 'possible',
        supports: count > 0 ? ['SNI and requested host of these requests differ.'] : [],
        evidence,
      };
    }
  },
});

/** Requests without a route whose host differs from the SNI of their connection, both hosts being of these servers. */
function coalesced(
  access: readonly AccessGroup[],
  pods: readonly MeshProxy[],
  servers: readonly GatewayServer[],
): readonly AccessGroup[] {
  const names = new Set(pods.map(podName));
  const serves = (host: string): boolean =>
    servers.some((server) => server.hosts.some((entry) => coversHost(entry.host, host)));
  return access.filter(({ tcp, code, flags, sni, authority, proxy }) => {
    const host = authority.replace(/:\d+$/, '').toLowerCase();
    return (
      !tcp &&
      code === 404 &&
      flags.includes('NR') &&
      sni !== '' &&
      sni !== host &&
      names.has(podName(proxy)) &&
      serves(sni) &&
      serves(host)
    );
  });
}
