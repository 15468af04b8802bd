import { within } from '../../input/location.ts';
import { importsHost, type RegistryOnly, registryOnly, serviceEntriesFor } from '../../model/egress.ts';
import { hostOfAuthority, hostOfService, nameOf } from '../../model/hosts.ts';
import type { Mesh } from '../../model/mesh.ts';
import { peerName, peersByIp, portOfAddress, rootNamespaceOf, serverLookup } from '../../model/peers.ts';
import { servicesByHost } from '../../model/services.ts';
import { hasEnded, ipOf, summaryOf } from '../../model/traffic.ts';
import type { AccessGroup, Service } from '../../parse/facts.ts';
import { accessEvidence, counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';

/**
 * With REGISTRY_ONLY a proxy lets nothing out that the mesh does not know: HTTP is answered with 502 by the route `block_all`,
 * TCP goes to `BlackHoleCluster` and is closed. The access log names what was asked for.
 */
export const blockedEgress = defineRule({
  id: 'blocked-egress',
  title: 'Calls to destinations the mesh does not know are blocked',
  area: 'traffic',
  severity: 'error',
  why: 'With `outboundTrafficPolicy` REGISTRY_ONLY a sidecar only lets through what a Service or ServiceEntry declares. Everything else ends in 502 (HTTP, route `block_all`) or in a closed connection (TCP, `BlackHoleCluster`).',
  fix: [
    {
      do: 'Declare {{host}} port {{port}} in a ServiceEntry that namespace {{namespace}} can see',
      run: `kubectl apply -f - <<EOF
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: {{name}}
  namespace: {{namespace}}
spec:
  hosts: [{{host}}]
  location: MESH_EXTERNAL
  resolution: DNS
  ports:
  - {number: {{port}}, name: {{protocol}}-{{port}}, protocol: {{upper}}}
EOF`,
    },
    {
      do: 'Or, if the block is not wanted, set `outboundTrafficPolicy.mode` to ALLOW_ANY in {{policy}}',
    },
    {
      do: 'Verify that the proxy has a cluster for it',
      run: 'istioctl proxy-config clusters {{client}} --fqdn {{host}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/tasks/traffic-management/egress/egress-control/',
    'https://learn.microsoft.com/en-us/azure/aks/istio-meshconfig',
  ],
  source: 'knowledge D164, F18',
  needs: ['access'],
  uses: ['config', 'meshConfigs', 'services', 'pods', 'proxies', 'platform'],
  *check({ access, config = [], meshConfigs = [], services = [], pods, proxies, platform }) {
    const root = rootNamespaceOf(meshConfigs, platform);
    const workloadOf = serverLookup(pods, proxies);
    const peers = peersByIp(pods, proxies);
    const byHost = servicesByHost(services);
    const byAddress = new Map(services.flatMap((service) => service.clusterIPs.map((ip) => [ip, service] as const)));

    const gathered = new Map<string, { reason: Reason; policy: RegistryOnly | undefined; blocked: Blocked[] }>();
    for (const group of access) {
      if (!isBlocked(group)) continue;
      const workload = workloadOf(group.proxy);
      const policy = registryOnly(config, meshConfigs, workload, root);
      // Without a route name only the policy tells a block from another direct answer.
      if (policy === undefined && group.cluster !== 'BlackHoleCluster' && group.route !== 'block_all') continue;
      const blocked = requested(group);
      const reason = reasonFor(blocked, workload.namespace, policy);
      const key = `${workload.namespace}|${policy?.name ?? ''}|${reason.kind}`;
      const known = gathered.get(key);
      if (known === undefined) gathered.set(key, { reason, policy, blocked: [blocked] });
      else known.blocked.push(blocked);
    }

    for (const { reason, policy, blocked } of gathered.values()) {
      const groups = blocked.map(({ group }) => group);
      const { count, first, last, proxies: seenBy } = summaryOf(groups);
      const namespace = seenBy[0]?.namespace ?? '';
      const targets = [...new Set(blocked.map(({ name }) => name))];
      const hosts = [...new Set(blocked.map(({ host }) => host))];
      const evidence = evidenceOf(
        accessEvidence(
          groups.filter(({ tcp }) => !tcp),
          'symptom',
          'The proxy itself answered 502: no route leads there.',
        ).slice(0, 2),
        accessEvidence(
          groups.filter(({ tcp }) => tcp),
          'symptom',
          'The proxy closed the connection: its destination is unknown.',
        ).slice(0, 2),
        policy && {
          ...policy.at,
          stage: 'policy',
          say: 'It lets through only what the mesh knows.',
          mark: ['REGISTRY_ONLY'],
        },
        reason.entry && { ...within(reason.entry.at, '/spec'), stage: 'config', say: reason.say },
      );
      if (evidence === undefined) continue;
      const workloads = [...new Set(seenBy.map((proxy) => `${proxy.namespace}/${workloadOf(proxy).workload}`))];
      const best = blocked.find(({ named }) => named) ?? blocked[0];
      yield {
        subject: some(targets),
        scope: { namespace, ...(hosts.length === 1 && hosts[0] !== undefined ? { host: hosts[0] } : {}) },
        when: { first, last },
        count,
        ended: hasEnded(groups, access, services),
        // Cloud libraries probe the metadata address wherever they run.
        ...(hosts.every((host) => host === '169.254.169.254') ? { severity: 'warning' as const } : {}),
        message: `${policy === undefined ? 'sidecars block' : `${policy.name} has outboundTrafficPolicy REGISTRY_ONLY and blocks`} ${counted(count, 'call')} of ${some(workloads)} to ${some(targets, 5)}: ${reason.say}`,
        facts: {
          host: best?.host ?? '',
          port: best?.port ?? 443,
          protocol: best?.group.tcp ? 'tls' : 'http',
          upper: best?.group.tcp ? 'TLS' : 'HTTP',
          name: (best?.host ?? '').replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, ''),
          namespace,
          policy: policy?.name ?? 'the mesh configuration',
          client: seenBy[0] === undefined ? 'POD' : `${seenBy[0].pod}.${seenBy[0].namespace}`,
        },
        confidence: policy === undefined ? 'likely' : 'certain',
        supports: [
          `The log of ${some(seenBy.map(podName))} shows what the sidecar does with a destination it must not let through.`,
          ...(policy === undefined ? [] : ['The policy was read, too.']),
          ...blocked.flatMap(({ name, host, address }) => {
            const peer = host === address ? peers.get(address) : undefined;
            return peer === undefined
              ? []
              : [`${name} is the address of ${peerName(peer)}, called without a name that the mesh could know.`];
          }),
        ],
        missing:
          policy === undefined ? ['The place of `outboundTrafficPolicy`: the mesh configuration or a Sidecar.'] : [],
        evidence,
      };
    }

    /** Why the mesh does not know a destination. */
    function reasonFor({ host, port, address }: Blocked, namespace: string, policy: RegistryOnly | undefined): Reason {
      const service = byHost.get(hostOfAuthority(host, namespace, services)) ?? byAddress.get(address);
      if (service !== undefined) return reasonOfService(service, port, policy);
      const entries = serviceEntriesFor(config, host, namespace);
      const [one] = entries;
      if (one === undefined) return { kind: 'none', say: 'no ServiceEntry covers them' };
      if (!entries.some(({ visible }) => visible))
        return {
          kind: 'hidden',
          entry: one.entry,
          say: `${nameOf(one.entry)} names it but is not exported to namespace ${namespace}`,
        };
      if (port !== undefined && !entries.some(({ ports }) => ports.includes(port)))
        return { kind: 'port', entry: one.entry, say: `${nameOf(one.entry)} names it, but not port ${port}` };
      return {
        kind: 'entry',
        entry: one.entry,
        say: `${nameOf(one.entry)} names it, so it may be newer than the calls, of another protocol, or hidden by a Sidecar`,
      };
    }
  },
});

type Services = NonNullable<Mesh['services']>[number];

/** A call that was not let out, and what it was meant for. */
interface Blocked {
  readonly group: AccessGroup;
  /** `api.example.com:443`, or the address where the caller named no host. */
  readonly name: string;
  readonly host: string;
  readonly named: boolean;
  readonly port: number | undefined;
  readonly address: string;
}

interface Reason {
  readonly kind: string;
  readonly say: string;
  readonly entry?: { readonly at: AccessGroupPlace };
}
type AccessGroupPlace = Services['at'];

const isBlocked = ({ cluster, route, code, details, direction }: AccessGroup): boolean =>
  cluster === 'BlackHoleCluster' ||
  (code === 502 && details === 'direct_response' && (route === 'block_all' || route === '') && direction !== 'inbound');

function requested(group: AccessGroup): Blocked {
  const address = ipOf(group.local);
  const asked = group.authority === '' ? group.sni : group.authority;
  const port = portOfAddress(asked) ?? portOfAddress(group.local);
  const host = asked === '' ? address : ipOf(asked).toLowerCase();
  return { group, name: `${host}${port === undefined ? '' : `:${port}`}`, host, named: asked !== '', port, address };
}

function reasonOfService(service: Service, port: number | undefined, policy: RegistryOnly | undefined): Reason {
  const host = hostOfService(service);
  const sidecar = policy?.sidecar;
  if (sidecar !== undefined && !importsHost(sidecar, service))
    return {
      kind: `sidecar ${host}`,
      entry: sidecar,
      say: `the egress hosts of ${nameOf(sidecar)} leave out Service ${host}`,
    };
  if (port !== undefined && !service.ports.some((one) => one.port === port))
    return { kind: `port ${host}`, entry: service, say: `Service ${host} has no port ${port}` };
  return {
    kind: `service ${host}`,
    entry: service,
    say: `Service ${host} exists, but the sidecar does not have it: a Sidecar or exportTo hides it`,
  };
}
