import type { Json } from './json.ts';
import { applied, metadata } from './kube-pods.ts';
import type { GeneratedMesh, MeshService } from './mesh.ts';
import { systemNamespace } from './mesh.ts';
import { type Random, randomFor } from './random.ts';

/** The objects of `cluster/crs`: one DestinationRule and VirtualService per service with subsets, and the mesh's own. */
export function istioObjects(mesh: GeneratedMesh): Json[] {
  const random = randomFor(mesh.seed, 'crs');
  const { broken } = mesh;
  const split = mesh.visible.filter((service) => service.subsets.length > 0);
  const tuned = mesh.visible.filter((service, i) => service.subsets.length === 0 && i % 3 === 0);
  return [
    ...split.map((service) => destinationRule(service, random)),
    ...tuned.map((service) => destinationRule(service, random)),
    istioObject(random, 'networking.istio.io/v1', 'Gateway', `${broken.namespace}-gateway`, broken.namespace, {
      selector: { istio: 'istio-ingressgateway-external' },
      servers: [{ hosts: [mesh.publicHost], port: { name: 'http', number: 80, protocol: 'HTTP' } }],
    }),
    istioObject(random, 'security.istio.io/v1', 'PeerAuthentication', 'default', systemNamespace, {
      mtls: { mode: 'STRICT' },
    }),
    ...split.map((service) => virtualService(mesh, service, random)),
  ];
}

function istioObject(
  random: Random,
  apiVersion: string,
  kind: string,
  name: string,
  namespace: string,
  spec: Record<string, Json>,
): Json {
  const annotations = {
    'kubectl.kubernetes.io/last-applied-configuration': applied({
      apiVersion,
      kind,
      metadata: { annotations: {}, name, namespace },
      spec,
    }),
  };
  return { apiVersion, kind, metadata: metadata(random, name, namespace, { annotations, generation: 1 }), spec };
}

function destinationRule(service: MeshService, random: Random): Json {
  const spec: Record<string, Json> =
    service.subsets.length === 0
      ? {
          host: service.host,
          trafficPolicy: { connectionPool: { tcp: { maxConnections: 100 } }, tls: { mode: 'ISTIO_MUTUAL' } },
        }
      : {
          host: service.host,
          subsets: service.subsets.map(({ name, version }) => ({ labels: { version }, name })),
          trafficPolicy: { loadBalancer: { simple: 'LEAST_REQUEST' } },
        };
  return istioObject(random, 'networking.istio.io/v1', 'DestinationRule', service.name, service.namespace, spec);
}

function virtualService(mesh: GeneratedMesh, service: MeshService, random: Random): Json {
  const published = service === mesh.broken;
  return istioObject(random, 'networking.istio.io/v1', 'VirtualService', service.name, service.namespace, {
    ...(published ? { gateways: ['mesh', `${service.namespace}-gateway`] } : {}),
    hosts: published ? [service.name, mesh.publicHost] : [service.host],
    http: [
      {
        route: service.subsets.map(({ name, weight }) => ({
          destination: { host: service.host, port: { number: service.port }, subset: name },
          weight,
        })),
      },
    ],
  });
}
