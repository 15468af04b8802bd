import { within } from '../../input/location.ts';
import { nameOf } from '../../model/hosts.ts';
import type { LogHits } from '../../parse/facts.ts';
import { counted, evidenceOf, logEvidence, podName, some } from '../evidence.ts';
import { defineRule, type Evidence } from '../rule.ts';
import { type NeededSecret, neededSecrets, secretLookup, secretOfResource } from './gateway-secrets.ts';

/**
 * A Gateway's `credentialName` names a secret that is not in the namespace of the gateway's pods: the certificate never reaches
 * Envoy, and every TLS handshake on the port fails (IST0101).
 */
export const missingGatewaySecret = defineRule({
  id: 'missing-gateway-secret',
  title: 'Gateway whose TLS secret does not exist',
  area: 'gateway',
  severity: 'error',
  why: 'The gateway gets its certificate from a secret in the namespace of its own pods; without it the HTTPS port resets every connection, and no access log tells.',
  fix: [
    {
      do: 'Create secret {{secret}} in namespace {{namespace}}, where the gateway’s pods run',
      run: 'kubectl create secret tls {{secret}} -n {{namespace}} --cert=tls.crt --key=tls.key',
    },
    {
      do: 'Where it comes from a key vault, see that a running pod mounts its SecretProviderClass: the secret exists only as long',
      run: 'kubectl get secretproviderclasses,pods -n {{namespace}}',
    },
    {
      do: 'Or correct the name in {{gateway}}',
      run: 'kubectl edit {{gatewayKind}} {{gatewayName}} -n {{gatewayNamespace}}',
    },
    {
      do: 'Verify that the gateway has the certificate',
      run: 'istioctl proxy-config secret {{pod}} -n {{namespace}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/network-issues/',
    'https://istio.io/latest/docs/tasks/traffic-management/ingress/secure-ingress/#troubleshooting',
    'https://learn.microsoft.com/en-us/azure/aks/istio-secure-gateway',
  ],
  source: 'IST0101; knowledge F15, D181, ING5b',
  explains: [
    'refused-gateway-secret',
    'timed-out-xds-resource',
    'failed-tls-handshake',
    'failed-upstream-connection',
    'reset-upstream-connection',
    'never-ready-proxy',
    'missing-replicas',
  ],
  signatures: [
    {
      id: 'missing-gateway-secret/istiod',
      log: 'istiod',
      contains: 'certificate for kubernetes',
      matching: /failed to fetch (?:key and certificate|ca certificate) for (?<resource>\S+): .{0,200}not found/,
    },
  ],
  needs: ['config'],
  uses: ['proxies', 'secrets', 'listings', 'istiodLog', 'warming', 'proxySecrets', 'analysis'],
  *check({
    config,
    proxies = [],
    secrets,
    listings = [],
    istiodLog = [],
    warming = [],
    proxySecrets = [],
    analysis = [],
  }) {
    const find = secretLookup(secrets, listings);
    const hits = new Map<string, LogHits[]>();
    for (const hit of istiodLog) {
      if (hit.signature !== 'missing-gateway-secret/istiod') continue;
      const { name } = secretOfResource(hit.captures['resource'] ?? '');
      hits.set(name, [...(hits.get(name) ?? []), hit]);
    }
    for (const needed of neededSecrets(config, proxies)) {
      const { namespace, name, uses, pods } = needed;
      const found = find(namespace, name);
      const [use] = uses;
      if (use === undefined || (found !== undefined && found !== 'absent')) continue;
      const here = new Set(pods.map(podName));
      const logged = (hits.get(name) ?? []).filter(({ samples }) =>
        samples.some(
          ({ text }) => !text.includes(`/${name} not found`) || text.includes(`${namespace}/${name} not found`),
        ),
      );
      const waits = warming.filter(
        (each) => each.type === 'secret' && secretOfResource(each.name).name === name && here.has(podName(each.proxy)),
      );
      const reported = analysis.find(
        ({ code, message }) =>
          code === 'IST0101' && message.includes('credentialName') && message.includes(`"${name}"`),
      );
      if (found === undefined && logged.length === 0 && waits.length === 0 && reported === undefined) continue;
      const held = proxySecrets.filter(
        (each) => each.state === 'active' && secretOfResource(each.name).name === name && here.has(podName(each.proxy)),
      );
      const evidence = evidenceOf(
        uses.slice(0, 3).map(({ gateway, pointer }) => ({
          ...within(gateway.at, pointer),
          stage: 'config' as const,
          say: `${nameOf(gateway)} asks for the secret.`,
          mark: [name],
        })),
        logEvidence(logged, 'sync', 'Istiod could not find it for the gateway.', [name]),
        waitingPlaces(waits),
        reported && { ...reported.at, stage: 'config', say: 'istioctl analyze found it as well.', mark: [name] },
      );
      if (evidence === undefined) continue;
      const gateways = [...new Set(uses.map(({ gateway }) => nameOf(gateway)))];
      const hosts = [...new Set(uses.flatMap((each) => each.hosts))];
      const ports = [...new Set(uses.map(({ port }) => port))];
      yield {
        subject: gateways[0] ?? '',
        scope: scopeOf(needed),
        message: `secret ${namespace}/${name} does not exist, and ${some(gateways)} needs it for ${some(hosts)} on port ${ports.join(', ')}`,
        facts: {
          secret: name,
          namespace,
          gateway: nameOf(use.gateway),
          gatewayKind: use.gateway.apiVersion.startsWith('networking.istio.io/')
            ? 'gateways.networking.istio.io'
            : 'gateways.gateway.networking.k8s.io',
          gatewayName: use.gateway.meta.name,
          gatewayNamespace: use.gateway.meta.namespace,
          pod: pods[0]?.pod ?? 'POD',
          port: use.port,
        },
        confidence:
          [found === 'absent', logged.length > 0, waits.length > 0, reported !== undefined].filter(Boolean).length > 1
            ? 'certain'
            : 'likely',
        supports: [
          ...(found === 'absent' ? [`The list of secrets has none of this name in ${namespace}.`] : []),
          ...(logged.length > 0 ? ['Istiod logged that it was not found.'] : []),
          ...(waits.length > 0 ? [`It is still awaited in ${counted(waits.length, 'proxy', 'proxies')}.`] : []),
          ...(reported === undefined ? [] : ['istioctl analyze reports IST0101 for it.']),
          ...elsewhere(name, namespace, secrets ?? []),
        ],
        missing:
          found === undefined
            ? [
                `The list of secrets is not in the archive: \`kubectl get secrets -n ${namespace}\` would tell for certain.`,
              ]
            : [],
        // Envoy keeps what it once had: until it restarts the port works.
        ...(held.length > 0 && waits.length === 0 ? { severity: 'warning' as const } : {}),
        contradicts: held.length > 0 ? ['A gateway pod still holds the certificate from before.'] : [],
        evidence,
      };
    }
  },
});

const waitingPlaces = (waits: readonly { readonly at: Evidence }[]): readonly Evidence[] =>
  waits.slice(0, 3).map(({ at }) => ({ ...at, stage: 'listener', say: 'The gateway’s proxy still waits for it.' }));

function scopeOf({ namespace, pods }: NeededSecret): { readonly namespace: string; readonly workload?: string } {
  const [workload, ...more] = new Set(pods.map((pod) => pod.workload));
  return workload === undefined || more.length > 0 ? { namespace } : { namespace, workload };
}

/** A secret of the same name in another namespace is the usual mistake. */
function elsewhere(
  name: string,
  namespace: string,
  secrets: readonly { readonly namespace: string; readonly name: string }[],
): readonly string[] {
  const others = secrets.filter((secret) => secret.name === name && secret.namespace !== namespace);
  return others.length === 0 ? [] : [`A secret of this name exists in ${some(others.map((each) => each.namespace))}.`];
}
