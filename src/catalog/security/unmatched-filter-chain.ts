import { peerName } from '../../model/peers.ts';
import { accessEvidence, counted, evidenceOf } from '../evidence.ts';
import { defineRule, type Scope } from '../rule.ts';
import { type RefusedConnections, refusedConnections } from './refused-connections.ts';

/**
 * A listener closes a connection that fits none of its filter chains: plaintext where only mutual TLS is taken, an unknown SNI,
 * a port that no chain names. Nothing was forwarded; the caller sees a reset.
 */
export const unmatchedFilterChain = defineRule({
  id: 'unmatched-filter-chain',
  title: 'Inbound connections that no filter chain takes',
  area: 'security',
  severity: 'error',
  why: 'The server’s proxy closes a connection at once when it fits none of its filter chains, most often plaintext where only mutual TLS is accepted; the caller sees a reset connection.',
  fix: [
    {
      do: 'See what the listener of {{server}} takes',
      run: 'istioctl proxy-config listeners {{pod}} --port 15006',
    },
    {
      do: 'See which policies hold for the server',
      run: 'istioctl x describe pod {{pod}}',
    },
    {
      do: 'See whether the caller at {{ip}} has a proxy',
      run: 'kubectl get pods -A -o wide --field-selector status.podIP={{ip}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/network-issues/',
    'https://istio.io/latest/docs/reference/config/security/peer_authentication/',
  ],
  source: 'knowledge D152; Envoy details filter_chain_not_found',
  symptom: true,
  needs: ['access'],
  uses: ['pods', 'proxies', 'services', 'config', 'meshConfigs', 'platform'],
  *check({ access, pods, proxies, services, config, meshConfigs, platform }) {
    for (const refused of refusedConnections({
      access,
      ...(pods && { pods }),
      ...(proxies && { proxies }),
      ...(services && { services }),
      ...(config && { config }),
      ...(meshConfigs && { meshConfigs }),
      ...(platform && { platform }),
    })) {
      const { server, client, ip, ports, groups, count, first, last, ended, pods: seenBy } = refused;
      const name = `${server.namespace}/${server.workload}`;
      const evidence = evidenceOf(
        accessEvidence(groups, 'server', 'The server’s proxy closed the connection: no filter chain fits.'),
      );
      if (evidence === undefined) continue;
      const [pod] = seenBy;
      const addresses = new Set(groups.map(({ peer }) => peer)).size;
      const caller =
        client !== undefined
          ? `${peerName(client)} (${ip})`
          : addresses > 1
            ? counted(addresses, 'address', 'addresses')
            : ip || 'an unknown address';
      const snis = [...new Set(groups.map(({ sni }) => sni).filter((sni) => sni !== ''))];
      yield {
        subject: name,
        scope: scopeOfRefused(refused),
        when: { first, last },
        count,
        ended,
        // Whoever finds a gateway's address tries its ports; and a connection or two is what a probe or a scanner makes.
        ...(server.gateway || count < 3 ? { severity: 'warning' as const } : {}),
        message: `${counted(count, 'connection')} to ${name}${ports.length > 0 ? ` port ${ports.join(', ')}` : ''} from ${caller}${snis.length > 0 ? ` with SNI ${snis.slice(0, 3).join(', ')}` : ''} matched no filter chain`,
        facts: {
          server: name,
          pod: pod === undefined ? 'POD' : `${pod.pod}.${pod.namespace}`,
          ip: ip === '' ? 'IP' : ip,
          port: ports[0] ?? 0,
        },
        evidence,
      };
    }
  },
});

/**
 * Where the caller cannot speak mutual TLS, it is the caller's trouble, and causes such as a missing sidecar are found in its
 * namespace; otherwise what stands at the server counts.
 */
export function scopeOfRefused({ server, client, host, mode, plaintext }: RefusedConnections): Scope {
  const named = host === undefined ? {} : { host };
  const wanted = mode === undefined || mode.mode === 'STRICT';
  return plaintext !== undefined && wanted && client !== undefined && !client.node
    ? { namespace: client.namespace, workload: client.workload, ...named }
    : { namespace: server.namespace, workload: server.workload, ...named };
}
