import { within } from '../../input/location.ts';
import { addTo } from '../../model/groups.ts';
import { nameOf } from '../../model/hosts.ts';
import { peerName } from '../../model/peers.ts';
import { proxyContainer } from '../../model/selectors.ts';
import { summaryOf } from '../../model/traffic.ts';
import { accessEvidence, counted, evidenceOf, some } from '../evidence.ts';
import { defineRule, type Evidence, type Scope } from '../rule.ts';
import { type Plaintext, type RefusedConnections, refusedConnections } from './refused-connections.ts';
import { scopeOfRefused } from './unmatched-filter-chain.ts';

/**
 * A caller that cannot speak mutual TLS meets a server that takes nothing else (PeerAuthentication STRICT). Told by the server's
 * access log, the caller's address and the policies together; a caller with a sidecar must be seen to go past it.
 */
export const plaintextClient = defineRule({
  id: 'plaintext-client',
  title: 'Plaintext client against a server that requires mutual TLS',
  area: 'security',
  severity: 'error',
  why: 'PeerAuthentication STRICT lets a server’s proxy accept mutual TLS only. A client without a sidecar, or one that goes past its sidecar, sends plaintext, and every connection is reset.',
  fix: [
    {
      do: 'To let {{client}} in at once, accept both for {{server}} while the client is moved into the mesh',
      run: `kubectl apply -f - <<'EOF'
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: {{serverWorkload}}-permissive
  namespace: {{serverNamespace}}
spec:
  selector:
    matchLabels:
      {{labelKey}}: {{labelValue}}
  mtls:
    mode: PERMISSIVE
EOF`,
    },
    {
      do: 'Give the client a sidecar: label its namespace with the revision and restart it',
      run: 'kubectl label namespace {{clientNamespace}} istio.io/rev={{revision}} --overwrite && kubectl rollout restart deployment/{{clientWorkload}} -n {{clientNamespace}}',
    },
    {
      do: 'If the client has a sidecar, let it call the service by name, take away exclusions of its traffic, and let its Sidecar (`egress.hosts`) and `exportTo` show it the service',
      run: 'kubectl get pods -n {{clientNamespace}} -o yaml | grep traffic.sidecar.istio.io',
    },
    {
      do: 'Verify that nothing is refused any more, then go back to STRICT',
      run: 'kubectl logs {{serverPod}} -n {{serverNamespace}} -c istio-proxy --since=5m | grep filter_chain_not_found',
    },
  ],
  references: [
    'https://istio.io/latest/docs/tasks/security/authentication/mtls-migration/',
    'https://istio.io/latest/docs/reference/config/security/peer_authentication/',
  ],
  source: 'knowledge F03, C-SEC-09, D152',
  explains: ['unmatched-filter-chain'],
  needs: ['access'],
  uses: ['pods', 'proxies', 'services', 'config', 'meshConfigs', 'platform'],
  *check({ access, pods, proxies, services, config, meshConfigs, platform }) {
    const plaintext = refusedConnections({
      access,
      ...(pods && { pods }),
      ...(proxies && { proxies }),
      ...(services && { services }),
      ...(config && { config }),
      ...(meshConfigs && { meshConfigs }),
      ...(platform && { platform }),
    }).filter(isPlaintext);
    for (const [refused, ...others] of byClientAndPolicy(plaintext)) {
      if (refused === undefined) continue;
      const all = [refused, ...others];
      const { server, client, ip, mode, plaintext, groups } = refused;
      const who = client === undefined ? ip : peerName(client);
      const targets = [...new Set(all.map(targetOf))];
      const count = all.reduce((sum, one) => sum + one.count, 0);
      const policy = mode?.policy;
      const { first, last } = summaryOf(all.flatMap((one) => one.groups));
      const evidence = evidenceOf(
        accessEvidence(
          all.flatMap((one) => one.groups),
          'server',
          'The server’s proxy closed the connection: it takes mutual TLS only.',
        ),
        clientEvidence(refused),
        policy &&
          mode?.at && {
            ...mode.at,
            stage: 'policy',
            say: `${nameOf(policy)} requires mutual TLS.`,
            mark: ['STRICT'],
          },
      );
      if (evidence === undefined) continue;
      const label = ['app.kubernetes.io/name', 'app', 'k8s-app'].find((key) => server.labels[key] !== undefined);
      yield {
        subject: who,
        scope: scopeOf(all),
        when: { first, last },
        count,
        ended: all.every(({ ended }) => ended),
        ...(count < 3 ? { severity: 'warning' as const } : {}),
        message: `${who} ${saysOf(plaintext)} and sends plaintext to ${some(targets)}, ${targets.length > 1 ? 'whose proxies accept' : 'whose proxy accepts'} mutual TLS only (${policy === undefined ? 'no policy was read' : `${nameOf(policy)} is STRICT`}): ${counted(count, 'connection')} refused`,
        facts: {
          client: who,
          clientNamespace: client === undefined || client.node ? 'CLIENT_NAMESPACE' : client.namespace,
          clientWorkload: client === undefined || client.node ? 'CLIENT' : client.workload,
          server: `${server.namespace}/${server.workload}`,
          serverNamespace: server.namespace,
          serverWorkload: server.workload,
          serverPod: groups[0]?.proxy.pod ?? 'POD',
          labelKey: label ?? 'app',
          labelValue: label === undefined ? server.workload : (server.labels[label] ?? server.workload),
          revision: server.revision ?? 'default',
        },
        confidence:
          mode !== undefined && ['no-proxy', 'pod-address', 'hidden-service'].includes(plaintext.kind)
            ? 'certain'
            : 'likely',
        supports: [
          ...(mode === undefined ? [] : ['The effective PeerAuthentication of the server is STRICT.']),
          ...(plaintext.kind === 'no-proxy' ? [`The pod at ${ip} has no istio-proxy container.`] : []),
          ...(plaintext.kind === 'pod-address' || plaintext.kind === 'hidden-service'
            ? ['The client’s own log shows the calls in PassthroughCluster.']
            : []),
        ],
        missing:
          mode === undefined
            ? ['PeerAuthentications, which tell what the server accepts: kubectl get peerauthentications -A -o yaml']
            : [],
        evidence,
      };
    }
  },
});

type PlaintextConnections = RefusedConnections & { readonly plaintext: Plaintext };

/** Sidecars that require mutual TLS by configuration, or by what they do where none was read. A gateway asks for SNI instead. */
const isPlaintext = (refused: RefusedConnections): refused is PlaintextConnections =>
  refused.plaintext !== undefined &&
  !refused.server.gateway &&
  refused.rule === undefined &&
  (refused.mode === undefined || refused.mode.mode === 'STRICT');

/** What one change mends: a client to bring into the mesh, or a policy that is too strict for it. */
function byClientAndPolicy(refused: readonly PlaintextConnections[]): Iterable<readonly PlaintextConnections[]> {
  const groups = new Map<string, PlaintextConnections[]>();
  for (const one of refused) {
    const { client, ip, mode, plaintext, server } = one;
    const who = client === undefined ? ip : peerName(client);
    const policy = mode?.policy === undefined ? server.namespace : nameOf(mode.policy);
    const key = `${who}\n${plaintext.kind}\n${policy}`;
    addTo(groups, key, one);
  }
  return groups.values();
}

/** The keys in which the scopes of all refused connections agree. */
function scopeOf(refused: readonly PlaintextConnections[]): Scope {
  const scopes = refused.map(scopeOfRefused);
  const agreed = (key: 'namespace' | 'workload' | 'host') =>
    scopes.every((scope) => scope[key] === scopes[0]?.[key]) ? scopes[0]?.[key] : undefined;
  const namespace = agreed('namespace');
  const workload = agreed('workload');
  const host = agreed('host');
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(workload === undefined ? {} : { workload }),
    ...(host === undefined ? {} : { host }),
  };
}

const targetOf = ({ host, server, ports }: RefusedConnections): string =>
  host ?? `${server.namespace}/${server.workload}${ports.length > 0 ? ` port ${ports.join(', ')}` : ''}`;

function saysOf(plaintext: Plaintext): string {
  switch (plaintext.kind) {
    case 'no-proxy':
      return 'has no sidecar';
    case 'node':
      return 'is outside the mesh (host network)';
    case 'outside':
      return 'is no pod of this mesh';
    case 'excluded':
      return `goes past its sidecar (${plaintext.annotation})`;
    case 'pod-address':
      return 'calls the pod by its address instead of the service';
    case 'hidden-service':
      return `has a sidecar that does not know ${plaintext.host} (a Sidecar or exportTo hides it)`;
  }
}

/** The caller's pod: what makes it send plaintext. */
function clientEvidence({ client, plaintext, ip }: RefusedConnections): Evidence | undefined {
  const pod = client?.pod;
  if (pod === undefined || plaintext === undefined) return undefined;
  if (plaintext.kind === 'excluded')
    return {
      ...within(pod.at, `/metadata/annotations/${plaintext.annotation.replaceAll('/', '~1')}`),
      stage: 'client',
      say: 'The client’s pod takes this traffic past its sidecar.',
    };
  if (proxyContainer(pod) !== undefined) return undefined;
  const names = pod.containers.filter(({ init }) => !init).map(({ name }) => name);
  return {
    ...within(pod.at, '/spec/containers'),
    stage: 'client',
    say: `The pod at ${ip} runs ${names.join(', ')} only: no istio-proxy.`,
  };
}
