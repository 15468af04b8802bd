import { metadataOf } from './envoy-node.ts';
import { istioObjects } from './istio-objects.ts';
import type { Json } from './json.ts';
import {
  clustersOf,
  collectedAt,
  type GeneratedMesh,
  istioVersion,
  type MeshPod,
  type MeshProxy,
  type MeshService,
  revision,
  systemNamespace,
  trustDomain,
} from './mesh.ts';
import { between, type Random, seconds, uuid } from './random.ts';

/** Proxies connected to the `index`-th istiod: they spread evenly. */
function connected(mesh: GeneratedMesh, index: number): MeshProxy[] {
  return mesh.proxies.filter((_, i) => i % mesh.istiods.length === index);
}

type Content = (mesh: GeneratedMesh, index: number, random: Random) => Json;

/** Bodies of istiod's debug endpoints, by file name, in the order of the archive. */
export const debugEndpoints: readonly (readonly [name: string, content: Content])[] = [
  ['adsz', adsz],
  ['ambientz', () => ({ workloads: null, services: null, policies: null })],
  [
    'authorizationz',
    () => ({ authorization_policies: { namespace_to_policies: {}, root_namespace: systemNamespace } }),
  ],
  ['cachez', cachez],
  ['clusterz', () => [{ id: 'Kubernetes', secretName: '', syncStatus: 'synced' }]],
  ['configz', (mesh) => istioObjects(mesh)],
  ['endpointShardz', endpointShards],
  ['endpointz', endpointShards],
  ['inject', inject],
  ['instancesz', instancesz],
  ['krtz', krtz],
  ['mcsz', () => null],
  ['mesh', meshz],
  ['networkz', () => null],
  ['push_status', pushStatus],
  ['registryz', (mesh) => mesh.services.map(registered)],
  ['resourcesz', resourcesz],
  ['syncz', syncz],
  ['telemetryz', () => ({ telemetries: { namespace_to_telemetries: {}, root_namespace: systemNamespace } })],
];

function syncz(mesh: GeneratedMesh, index: number, random: Random): Json {
  const statuses = connected(mesh, index).map((proxy): Json => {
    const short: Record<string, Json> = {};
    const resources: Record<string, Json> = {};
    for (const [name, type] of [
      ['cluster', 'cluster.v3.Cluster'],
      ['listener', 'listener.v3.Listener'],
      ['route', 'route.v3.RouteConfiguration'],
      ['endpoint', 'endpoint.v3.ClusterLoadAssignment'],
    ] as const) {
      const at = collectedAt - between(random, 60_000, 3_600_000);
      const nonce = `${seconds(at)}/${uuid(random)}`;
      short[`${name}_sent`] = nonce;
      short[`${name}_acked`] = nonce;
      resources[`type.googleapis.com/envoy.config.${type}`] = {
        sent: nonce,
        acked: nonce,
        sentTime: new Date(at).toISOString(),
      };
    }
    return {
      cluster_id: 'Kubernetes',
      proxy: `${proxy.name}.${proxy.namespace}`,
      proxy_type: proxy.kind,
      istio_version: istioVersion,
      ...short,
      resources,
    };
  });
  return statuses;
}

function adsz(mesh: GeneratedMesh, index: number): Json {
  const clients = connected(mesh, index).map((proxy, i): Json => {
    const { LABELS: labels, ...metadata } = metadataOf(proxy);
    return {
      connectionId: `${proxy.name}.${proxy.namespace}-${i + 1}`,
      connectedAt: new Date(collectedAt - 7_100_000).toISOString(),
      address: `${proxy.ip}:51674`,
      labels: labels ?? {},
      metadata: { ...metadata, LABELS: labels ?? {} },
      locality: { region: 'westeurope', zone: 'westeurope-1' },
      proxyType: proxy.kind,
      watches: {},
    };
  });
  return { totalClients: clients.length, clients };
}

function cachez(mesh: GeneratedMesh): Json {
  return { 'type.googleapis.com/envoy.config.cluster.v3.Cluster': clustersOf(mesh).map((cluster) => cluster.name) };
}

function endpointOf(pod: MeshPod, service: MeshService): Json {
  return {
    Labels: {
      app: pod.service,
      'kubernetes.io/hostname': pod.node,
      'pod-template-hash': pod.templateHash,
      'security.istio.io/tlsMode': 'istio',
      'service.istio.io/canonical-name': pod.service,
      'topology.istio.io/cluster': 'Kubernetes',
      version: pod.version,
    },
    Addresses: [pod.ip],
    ServicePortName: service.portName,
    LegacyClusterPortKey: 0,
    ServiceAccount: `spiffe://${trustDomain}/ns/${pod.namespace}/sa/${pod.service}`,
    Network: '',
    Locality: { Label: 'westeurope/westeurope-1/', ClusterID: 'Kubernetes' },
    EndpointPort: service.targetPort,
    LbWeight: 0,
    TLSMode: 'istio',
    Namespace: pod.namespace,
    WorkloadName: pod.workload,
    HostName: '',
    SubDomain: '',
    HealthStatus: 1,
    SendUnhealthyEndpoints: false,
    NodeName: pod.node,
  };
}

function endpointShards(mesh: GeneratedMesh): Json {
  return Object.fromEntries(
    mesh.services.map((service): [string, Json] => [
      service.host,
      {
        [service.namespace]: {
          Shards: { 'Kubernetes/Kubernetes': service.pods.map((pod) => endpointOf(pod, service)) },
          ServiceAccounts: { [`spiffe://${trustDomain}/ns/${service.namespace}/sa/${service.name}`]: {} },
        },
      },
    ]),
  );
}

function registered(service: MeshService): Json {
  return {
    Attributes: {
      ServiceRegistry: 'Kubernetes',
      Name: service.name,
      Namespace: service.namespace,
      Labels: { app: service.name },
      ExportTo: service.exported ? null : { '.': {} },
      LabelSelectors: { app: service.name },
      Type: 'ClusterIP',
      ExternalName: '',
    },
    ports: [{ name: service.portName, port: service.port, protocol: service.protocol.toUpperCase() }],
    creationTime: seconds(collectedAt - 7_200_000),
    hostname: service.host,
    clusterVIPs: { Addresses: { Kubernetes: [service.ip] } },
    defaultAddress: service.ip,
    Resolution: 0,
    MeshExternal: false,
    ResourceVersion: '9416',
  };
}

function instancesz(mesh: GeneratedMesh, index: number): Json {
  return Object.fromEntries(
    connected(mesh, index).map((proxy): [string, Json] => [
      `${proxy.name}.${proxy.namespace}`,
      proxy.service === undefined ? [] : [{ Service: registered(proxy.service), Port: proxy.service.port }],
    ]),
  );
}

function krtz(mesh: GeneratedMesh): Json {
  const outputs = Object.fromEntries(
    mesh.pods.map((pod): [string, Json] => [
      `${pod.namespace}/${pod.name}`,
      { metadata: { name: pod.name, namespace: pod.namespace, uid: pod.uid }, ip: pod.ip, node: pod.node },
    ]),
  );
  return [{ name: 'ambient/informer/Pods', state: { outputs, synced: true }, uid: 2 }];
}

function inject(): Json {
  const step =
    '      {{- if not (eq (annotation .ObjectMeta `status.sidecar.istio.io/port` .Values.global.proxy.statusPort) `0`) }}\n';
  return { sidecar: `metadata:\n  labels:\n${step.repeat(700)}`, gateway: `metadata:\n  labels:\n${step.repeat(60)}` };
}

function meshz(): Json {
  return {
    proxyListenPort: 15001,
    proxyInboundListenPort: 15006,
    connectTimeout: '10s',
    accessLogFile: '/dev/stdout',
    defaultConfig: { discoveryAddress: `istiod-${revision}.${systemNamespace}.svc:15012`, statusPort: 15020 },
    outboundTrafficPolicy: { mode: 'ALLOW_ANY' },
    enableAutoMtls: true,
    trustDomain,
    rootNamespace: systemNamespace,
  };
}

function pushStatus(mesh: GeneratedMesh): Json {
  return { pilot_eds_no_instances: { [`outbound|${mesh.broken.port}|v2|${mesh.broken.host}`]: {} } };
}

function resourcesz(): Json {
  const kinds: readonly (readonly [group: string, kind: string])[] = [
    ['security.istio.io', 'AuthorizationPolicy'],
    ['networking.istio.io', 'DestinationRule'],
    ['networking.istio.io', 'Gateway'],
    ['security.istio.io', 'PeerAuthentication'],
    ['networking.istio.io', 'VirtualService'],
  ];
  return kinds.map(([group, kind]) => ({ group, version: 'v1', kind }));
}

/** `metrics` of one istiod. */
export function istiodMetrics(mesh: GeneratedMesh, index: number, random: Random): string {
  let text = '';
  const gauge = (name: string, value: number, labels = ''): void => {
    text += `# HELP ${name} As istiod describes it.\n# TYPE ${name} gauge\n${name}${labels} ${value}\n`;
  };
  gauge('citadel_server_csr_count', mesh.proxies.length);
  gauge('citadel_server_root_cert_expiry_seconds', 3.15e8);
  gauge('endpoint_no_pod', 0);
  gauge('pilot_services', mesh.services.length);
  gauge('pilot_virt_services', mesh.visible.filter((service) => service.subsets.length > 0).length);
  gauge('pilot_xds', connected(mesh, index).length, `{version="${istioVersion}"}`);
  gauge('pilot_k8s_reg_events', between(random, 1000, 9000), '{event="update",type="Pods"}');
  text += '# TYPE pilot_xds_push_time histogram\n';
  for (const type of ['cds', 'eds', 'lds', 'rds']) {
    const count = between(random, 1000, 9000);
    for (const le of ['0.01', '0.1', '1', '3', '5', '10', '20', '30', '+Inf']) {
      text += `pilot_xds_push_time_bucket{type="${type}",le="${le}"} ${count}\n`;
    }
    text += `pilot_xds_push_time_sum{type="${type}"} ${(count * 0.0041).toFixed(6)}\npilot_xds_push_time_count{type="${type}"} ${count}\n`;
    text += `pilot_xds_pushes{type="${type}"} ${count}\n`;
  }
  return text;
}
