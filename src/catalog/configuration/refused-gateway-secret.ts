import { within } from '../../input/location.ts';
import { nameOf } from '../../model/hosts.ts';
import type { LogHits } from '../../parse/facts.ts';
import { evidenceOf, logEvidence, podName, some } from '../evidence.ts';
import { spanOf } from '../log-rules.ts';
import { defineRule, type Evidence } from '../rule.ts';
import { type NeededSecret, neededSecrets, secretLookup, secretOfResource } from './gateway-secrets.ts';

/** What is known against one secret. */
interface Complaint {
  readonly namespace: string;
  readonly name: string;
  why: string;
  readonly hits: LogHits[];
  readonly places: Evidence[];
}

/**
 * A gateway's TLS secret exists and cannot be used: other keys than `tls.crt` and `tls.key`, an expired or unreadable
 * certificate, no permission to read it, or words of Envoy (IST0161). Without the mesh's configuration also one not found.
 */
export const refusedGatewaySecret = defineRule({
  id: 'refused-gateway-secret',
  title: 'Gateway secret that cannot be used',
  area: 'gateway',
  severity: 'error',
  why: 'Istiod or Envoy refuses the certificate of the secret, so the gateway’s HTTPS port goes on without it: handshakes fail, or an old certificate is served.',
  fix: [
    {
      do: 'See which keys secret {{secret}} has; Istio wants `tls.crt` and `tls.key`, for mutual TLS `ca.crt` too',
      run: 'kubectl describe secret {{secret}} -n {{namespace}}',
    },
    {
      do: 'Create it again from a certificate chain in PEM form and its own key',
      run: 'kubectl create secret tls {{secret}} -n {{namespace}} --cert=tls.crt --key=tls.key --dry-run=client -o yaml | kubectl apply -f -',
    },
    {
      do: 'Verify that the gateway holds it and until when it is valid',
      run: 'istioctl proxy-config secret {{pod}} -n {{podNamespace}}',
    },
    {
      do: 'See that istiod does not complain any more',
      run: 'kubectl logs -n {{istioNamespace}} -l app=istiod --tail=-1 --since=10m | grep {{secret}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/tasks/traffic-management/ingress/secure-ingress/#key-formats',
    'https://istio.io/latest/docs/reference/config/analysis/ist0161/',
  ],
  source: 'knowledge D182-D185, IS08-IS10; istio pilot/pkg/xds/sds.go',
  explains: [
    'rejected-configuration',
    'timed-out-xds-resource',
    'failed-tls-handshake',
    'failed-upstream-connection',
    'reset-upstream-connection',
    'never-ready-proxy',
    'missing-replicas',
  ],
  signatures: [
    {
      id: 'refused-gateway-secret/fetch',
      log: 'istiod',
      contains: 'certificate for kubernetes',
      matching: /failed to fetch (?:key and certificate|ca certificate) for (?<resource>\S+): (?<why>.{1,300})/,
    },
    {
      id: 'refused-gateway-secret/invalid',
      log: 'istiod',
      contains: 'invalid certificates: ',
      matching: /invalid certificates: (?<object>\S+) "(?<resource>[^"]+)": (?<why>.{1,300})/,
    },
    {
      id: 'refused-gateway-secret/access',
      log: 'istiod',
      contains: 'attempted to access unauthorized certificates',
      matching: /proxy (?<proxy>\S+) attempted to access unauthorized certificates (?<resource>\S+): (?<why>.{1,300})/,
    },
    {
      id: 'refused-gateway-secret/envoy',
      log: 'proxy',
      contains: 'tls.v3.Secret rejected: ',
      // Delta xDS logs each refusal a second time as `delta config for …`.
      matching: /(?:gRPC c|C)onfig for \S+tls\.v3\.Secret rejected: (?<why>[^\t\n]{1,300})/,
    },
  ],
  needs: ['platform'],
  uses: ['istiodLog', 'proxyLog', 'analysis', 'config', 'proxies', 'secrets', 'listings'],
  anyOf: ['istiodLog', 'proxyLog', 'analysis'],
  *check({ platform, istiodLog = [], proxyLog = [], analysis = [], config, proxies = [], secrets, listings = [] }) {
    const needed = neededSecrets(config ?? [], proxies);
    const find = secretLookup(secrets, listings);
    const complaints = new Map<string, Complaint>();
    const about = (namespace: string, name: string, why: string): Complaint => {
      const key = `${namespace}/${name}`;
      const known = complaints.get(key) ?? { namespace, name, why, hits: [], places: [] };
      complaints.set(key, known);
      return known;
    };

    for (const hit of istiodLog) {
      if (!hit.signature.startsWith('refused-gateway-secret/')) continue;
      const { resource = '', object, proxy = '', why = '' } = hit.captures;
      const absent = / not found|could not find/.test(why);
      // A name that no Gateway uses any more harms nobody; one that is not found is another rule's while it can be judged.
      if (absent && config !== undefined) continue;
      const secret = secretOfResource(object ?? resource);
      const said = /secret ([^\s/]+)\/\S+ /.exec(why)?.[1];
      const namespace =
        secret.namespace ??
        said ??
        ownersOf(needed, secret.name)[0]?.namespace ??
        proxy.slice(proxy.lastIndexOf('.') + 1);
      const name = plain(secret.name, needed);
      if (config !== undefined && ownersOf(needed, name).length === 0) continue;
      about(namespace, name, why).hits.push(hit);
    }
    for (const hit of proxyLog) {
      if (hit.signature !== 'refused-gateway-secret/envoy') continue;
      // Envoy does not name the secret; a sidecar's own certificate is no gateway's secret.
      const own = needed.filter(({ pods }) => pods.some((pod) => podName(pod) === podName(hit.pod)));
      const [secret] = own;
      if (secret === undefined) continue;
      const names = own.map(({ name }) => name).join(' or ');
      about(secret.namespace, names, hit.captures['why'] ?? '').hits.push(hit);
    }
    for (const { code, namespace, name, at } of analysis) {
      if (code !== 'IST0161') continue;
      for (const secret of needed.filter(({ uses }) =>
        uses.some(({ gateway }) => gateway.meta.namespace === namespace && gateway.meta.name === name),
      )) {
        if (find(secret.namespace, secret.name) === 'absent') continue;
        about(secret.namespace, secret.name, 'istioctl analyze calls its certificate invalid').places.push({
          ...at,
          stage: 'config',
          say: 'istioctl analyze found its certificate invalid or expired.',
        });
      }
    }

    for (const { namespace, name, why, hits, places } of complaints.values()) {
      const owners = ownersOf(needed, name).filter((owner) => owner.namespace === namespace || namespace === '');
      const uses = owners.flatMap((owner) => owner.uses);
      const pods = owners.flatMap((owner) => owner.pods);
      const listed = find(namespace, name);
      const evidence = evidenceOf(
        logEvidence(
          hits.filter(({ log }) => log === 'istiod'),
          'sync',
          'Istiod could not use the secret.',
          [name],
        ),
        logEvidence(
          hits.filter(({ log }) => log === 'proxy'),
          'listener',
          'The gateway’s proxy refused a secret.',
          [why],
        ),
        places.slice(0, 3),
        uses.slice(0, 2).map(({ gateway, pointer }) => ({
          ...within(gateway.at, pointer),
          stage: 'config' as const,
          say: `${nameOf(gateway)} asks for the secret.`,
        })),
        listed === undefined || listed === 'absent'
          ? undefined
          : {
              ...listed.at,
              stage: 'config',
              say: `The secret exists, of type ${listed.type} with ${listed.keys ?? '?'} keys.`,
            },
      );
      if (evidence === undefined) continue;
      const when = spanOf(hits);
      const [workload, ...others] = new Set(pods.map((pod) => pod.workload));
      const [pod] = pods;
      yield {
        subject: `Secret ${namespace}/${name}`,
        scope: {
          ...(namespace === '' ? {} : { namespace }),
          ...(workload === undefined || others.length > 0 ? {} : { workload }),
        },
        // Istiod speaks only when it pushes: what it could not use then is not usable now.
        ...(when === undefined || places.length > 0 || config !== undefined ? {} : { when }),
        count: Math.max(
          1,
          hits.reduce((sum, { count }) => sum + count, 0),
        ),
        message: `secret ${namespace === '' ? '' : `${namespace}/`}${name}${uses.length === 0 ? ' of a gateway' : `, which ${some(uses.map(({ gateway }) => nameOf(gateway)))} needs,`} cannot be used: ${why}`,
        facts: {
          secret: name.split(' or ')[0] ?? name,
          namespace,
          pod: pod?.pod ?? 'POD',
          podNamespace: pod?.namespace ?? namespace,
          istioNamespace: platform.istioNamespace,
        },
        confidence: hits.length > 0 && places.length > 0 ? 'certain' : 'likely',
        supports: [
          ...(hits.length > 0 ? [`In its own words: ${why}`] : []),
          ...(pods.length > 0 ? [`It is for ${some(pods.map(podName))}.`] : []),
        ],
        missing:
          config === undefined ? ['The Gateway that names it: the mesh’s configuration is not in the archive.'] : [],
        evidence,
      };
    }
  },
});

/** The Gateways' needs that a name, or several joined by `or`, means. */
const ownersOf = (needed: readonly NeededSecret[], name: string): readonly NeededSecret[] => {
  const names = name.split(' or ');
  return needed.filter((secret) => names.includes(secret.name));
};

/** For mutual TLS istiod also looks for `<name>-cacert`; the Gateway only names the first. */
const plain = (name: string, needed: readonly NeededSecret[]): string => {
  const stem = name.replace(/-cacert$/, '');
  return needed.some((secret) => secret.name === name) || !needed.some((secret) => secret.name === stem) ? name : stem;
};
