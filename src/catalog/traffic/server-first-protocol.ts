import { within } from '../../input/location.ts';
import { hostOfService } from '../../model/hosts.ts';
import { targetsOf } from '../../model/peers.ts';
import { isHttp, protocolOf, serverFirst } from '../../model/protocols.ts';
import { hasProxy, isGateway, podsOfService } from '../../model/selectors.ts';
import { hostScope, podsByNamespace } from '../../model/services.ts';
import type { Pod } from '../../parse/facts.ts';
import { evidenceOf } from '../evidence.ts';
import { defineRule } from '../rule.ts';

/**
 * A protocol in which the server speaks first, on a port that is declared HTTP or not at all. The proxy waits for the client's
 * first bytes to detect the protocol, the client waits for the server's: connections stall.
 */
export const serverFirstProtocol = defineRule({
  id: 'server-first-protocol',
  title: 'Server-first protocol on a port not declared as TCP',
  area: 'traffic',
  severity: 'warning',
  why: 'On ports without a declared protocol, or with mutual TLS in PERMISSIVE mode, a proxy reads the first bytes of the client to tell what is spoken. With MySQL, SMTP and the like the client waits for the server to speak, so connections stall; on a port declared HTTP they fail.',
  fix: [
    {
      do: 'Declare port {{port}} of Service {{service}} as TCP: name it `tcp-…` (or `mysql-…`), or set `appProtocol: tcp`',
      run: 'kubectl edit service {{name}} -n {{namespace}}',
    },
    {
      do: 'Set mutual TLS for the workload to STRICT or DISABLE, so that the server side need not detect it either',
      run: 'kubectl get peerauthentications -A',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/deployment/application-requirements/#server-first-protocols',
    'https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/',
  ],
  source: 'knowledge C-OPS-01, F28',
  explains: ['misnamed-service-port', 'reset-upstream-connection', 'upstream-timeout'],
  needs: ['services', 'pods'],
  *check({ services, pods }) {
    const podsIn = podsByNamespace(pods);
    for (const service of services) {
      const behind = podsOfService(service, podsIn.get(service.meta.namespace) ?? []);
      const pod = behind.find((one) => hasProxy(one) && !isGateway(one));
      if (pod === undefined) continue;
      const targets = targetsOf(service, pod);
      for (const [index, port] of service.ports.entries()) {
        const { protocol } = protocolOf(port);
        if (protocol !== 'auto' && !isHttp(protocol)) continue;
        const target = targets[index]?.target;
        const speaks = serverFirst(port.port, target, imagesOf(pod, target));
        if (speaks === undefined) continue;
        const evidence = evidenceOf(
          {
            ...within(service.at, `/spec/ports/${index}`),
            stage: 'config',
            say: protocol === 'auto' ? 'The port declares no protocol.' : `The port is declared ${protocol}.`,
          },
          {
            ...within(pod.at, '/spec/containers'),
            stage: 'pod',
            say: `The pod most likely speaks ${speaks.name} (by its ${speaks.by}).`,
          },
        );
        if (evidence === undefined) continue;
        const name = `${service.meta.namespace}/${service.meta.name}`;
        yield {
          subject: `Service ${name}`,
          scope: { ...hostScope(hostOfService(service)), port: port.port },
          message: `port ${port.port} of Service ${name} leads to ${speaks.name}, whose server speaks first, but ${protocol === 'auto' ? 'declares no protocol' : `is declared ${protocol}`}`,
          facts: { service: name, name: service.meta.name, namespace: service.meta.namespace, port: port.port },
          confidence: protocol === 'auto' ? 'possible' : 'likely',
          supports: [`${speaks.name} is known by the ${speaks.by}.`],
          missing: ['Connections that stalled: the access log does not show those that never began.'],
          evidence,
        };
      }
    }
  },
});

/** Images of the containers that can be behind a port: the one that declares it, else all of the application. */
function imagesOf(pod: Pod, target: number | undefined): readonly string[] {
  const own = pod.containers.filter(({ name, init }) => !init && name !== 'istio-proxy');
  const declaring = own.filter(({ ports }) => ports.some(({ port }) => port === target));
  // Several containers and none declares the port: whose it is nobody knows.
  return (declaring.length > 0 ? declaring : own.length === 1 ? own : []).map(({ image }) => image);
}
