import { within } from '../../input/location.ts';
import { gatewayBindings, gatewayProxies, gatewayServers, labelText, selectorOf } from '../../model/gateways.ts';
import { nameOf } from '../../model/hosts.ts';
import { matchesLabels } from '../../model/selectors.ts';
import type { Service } from '../../parse/facts.ts';
import { evidenceOf, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';

/** A Gateway listens on a port that no Service of its pods forwards to (IST0162, up to 1.19 IST0104). */
export const unexposedGatewayPort = defineRule({
  id: 'unexposed-gateway-port',
  title: 'Gateway port that its Service does not forward',
  area: 'gateway',
  severity: 'warning',
  why: 'Clients reach a gateway through its Service; a port that the Service does not have is open in the pods and closed to everybody outside.',
  fix: [
    {
      do: 'Use a port that the gateway’s Service has; the AKS add-on’s has 80 and 443',
      run: 'kubectl edit gateways.networking.istio.io {{name}} -n {{namespace}}',
    },
    {
      do: 'Or add port {{port}} to the Service',
      run: 'kubectl get service {{service}} -n {{serviceNamespace}} -o yaml',
    },
    { do: 'Verify that nothing is reported any more', run: 'istioctl analyze -n {{namespace}}' },
  ],
  references: [
    'https://istio.io/latest/docs/reference/config/analysis/ist0162/',
    'https://learn.microsoft.com/en-us/troubleshoot/azure/azure-kubernetes/extensions/istio-add-on-ingress-gateway',
  ],
  source: 'IST0162, IST0104; knowledge ING2b',
  explains: ['failed-upstream-connection'],
  needs: ['config', 'services'],
  uses: ['proxies'],
  *check({ config, services, proxies = [] }) {
    const selected = gatewayProxies(proxies.filter(({ type }) => type === 'gateway' || type === 'unknown'));
    const bound = new Set(gatewayBindings(config).map(({ gateway }) => gateway));
    const byNamespace = new Map<string, Service[]>();
    for (const service of services)
      byNamespace.set(service.meta.namespace, [...(byNamespace.get(service.meta.namespace) ?? []), service]);
    for (const server of gatewayServers(config)) {
      const { gateway, port, pointer, hosts } = server;
      const pods = selected(gateway).filter(({ kubePod }) => kubePod?.hostNetwork !== true);
      const behind = new Set(
        pods.flatMap(({ namespace, labels }) =>
          (byNamespace.get(namespace) ?? []).filter(
            ({ selector = {} }) => Object.keys(selector).length > 0 && matchesLabels(selector, labels),
          ),
        ),
      );
      const [service] = behind;
      // Without any Service the pods are reached in another way.
      if (service === undefined || port === 0) continue;
      const open = [...behind].flatMap((each) => each.ports.filter(({ protocol }) => protocol === 'TCP'));
      if (open.some((each) => each.port === port || Number(each.targetPort) === port)) continue;
      const evidence = evidenceOf(
        {
          ...within(gateway.at, `${pointer}/port/number`),
          stage: 'config',
          say: `${nameOf(gateway)} listens on port ${port}.`,
          mark: [String(port)],
        },
        {
          ...within(service.at, '/spec/ports'),
          stage: 'endpoint',
          say: `Service ${service.meta.name} forwards ${[...new Set(open.map((each) => each.port))].join(', ')} only.`,
        },
      );
      if (evidence === undefined) continue;
      yield {
        subject: nameOf(gateway),
        scope: { namespace: gateway.meta.namespace, port },
        message: `${nameOf(gateway)} serves ${some(hosts.map(({ host }) => host))} on port ${port}, which Service ${service.meta.namespace}/${service.meta.name} of its pods does not have`,
        facts: {
          name: gateway.meta.name,
          namespace: gateway.meta.namespace,
          port,
          service: service.meta.name,
          serviceNamespace: service.meta.namespace,
        },
        severity: bound.has(gateway) ? 'warning' : 'info',
        supports: [`All Services that select ${labelText(selectorOf(gateway))} were read.`],
        evidence,
      };
    }
  },
});
