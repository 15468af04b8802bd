import { within } from '../../input/location.ts';
import { faultScope, type GatewayServer, gatewayConflicts, gatewayProxies } from '../../model/gateways.ts';
import { nameOf } from '../../model/hosts.ts';
import { evidenceOf, logEvidence, some } from '../evidence.ts';
import { defineRule, type Evidence } from '../rule.ts';
import { unroutedRequests } from './gateway-requests.ts';

/**
 * Two Gateways of one gateway workload want a port with protocols that do not mix, or both end TLS for one host: the younger
 * loses, and istiod drops its server (IST0145).
 */
export const conflictingGateways = defineRule({
  id: 'conflicting-gateways',
  title: 'Gateways that want the same port and host',
  area: 'gateway',
  severity: 'warning',
  why: 'Only the older of two conflicting servers is kept; the hosts and routes of the other are dropped without a word to its owner.',
  fix: [
    {
      do: 'Compare {{winner}} and {{loser}}, and put the host into one of them',
      run: 'kubectl get gateways.networking.istio.io -A -o yaml',
    },
    {
      do: 'Take the server out of {{loser}}, and bind its VirtualServices to {{winner}}',
      run: 'kubectl edit gateways.networking.istio.io {{name}} -n {{namespace}}',
    },
    { do: 'Verify that nothing is reported any more', run: 'istioctl analyze --all-namespaces' },
  ],
  references: [
    'https://istio.io/latest/docs/reference/config/analysis/ist0145/',
    'https://istio.io/latest/docs/reference/config/networking/gateway/#Server',
  ],
  source: 'IST0145; knowledge D186, D080; istio pilot/pkg/model/gateway.go',
  explains: ['missing-route', 'rejected-configuration', 'dropped-gateway-server'],
  signatures: [
    {
      id: 'conflicting-gateways/istiod',
      log: 'istiod',
      contains: 'skipping server on gateway ',
      matching: /skipping server on gateway (?<gateway>[^\s,]+),? (?:duplicate host names|port)/,
    },
  ],
  needs: ['config'],
  uses: ['proxies', 'access', 'analysis', 'istiodLog'],
  *check({ config, proxies, access, analysis = [], istiodLog = [] }) {
    const selected = gatewayProxies(proxies ?? []);
    const requests = unroutedRequests(access);
    for (const conflict of gatewayConflicts(config, proxies)) {
      const { winner, loser, hosts, because } = conflict;
      const { name, namespace } = loser.gateway.meta;
      const failed = requests(selected(loser.gateway), hosts);
      const reported = analysis.find(
        (message) => message.code === 'IST0145' && message.namespace === namespace && message.name === name,
      );
      const logged = istiodLog.filter(
        ({ signature, captures }) =>
          signature === 'conflicting-gateways/istiod' && captures['gateway'] === `${namespace}/${name}`,
      );
      const evidence = evidenceOf(
        failed.evidence,
        placeOf(loser, 'This server is dropped.'),
        placeOf(winner, 'The older one keeps the port.'),
        logEvidence(logged, 'sync', 'Istiod dropped the server.'),
        reported && { ...reported.at, stage: 'config', say: 'istioctl analyze found it as well.' },
      );
      if (evidence === undefined) continue;
      yield {
        subject: nameOf(loser.gateway),
        scope: faultScope(conflict),
        ...(failed.when === undefined ? {} : { when: failed.when }),
        ...(failed.count === 0 ? {} : { count: failed.count }),
        message:
          because === 'protocol'
            ? `${nameOf(loser.gateway)} wants ${loser.protocol} on port ${loser.port}, where ${nameOf(winner.gateway)} already speaks ${winner.protocol}`
            : `${nameOf(loser.gateway)} and ${nameOf(winner.gateway)} both end TLS for ${some(hosts)} on port ${loser.port}; the former, being younger, is dropped`,
        facts: {
          winner: nameOf(winner.gateway),
          loser: nameOf(loser.gateway),
          name,
          namespace,
          port: loser.port,
          host: hosts[0] ?? '',
        },
        confidence: [failed.count > 0, reported !== undefined, logged.length > 0].some(Boolean) ? 'certain' : 'likely',
        supports: [
          ...(logged.length > 0 ? ['Istiod logged that it skips the server.'] : []),
          ...(reported === undefined ? [] : ['istioctl analyze reports IST0145 for it.']),
          ...(failed.count > 0
            ? [`The gateway answered ${failed.count} requests for ${some(failed.hosts)} with 404 NR.`]
            : []),
        ],
        evidence,
      };
    }
  },
});

const placeOf = ({ gateway, pointer, protocol, port, hosts }: GatewayServer, say: string): Evidence => ({
  ...within(gateway.at, pointer),
  stage: 'config',
  say: `${nameOf(gateway)}: ${protocol} on port ${port} for ${some(hosts.map(({ host }) => host))}. ${say}`,
});
