import {
  collectedAt,
  discoveryAddress,
  type GeneratedMesh,
  istioVersion,
  type MeshProxy,
  type MeshService,
} from './mesh.ts';
import { between, hex, microseconds, pick, type Random, suffix, uuid } from './random.ts';

const span = 2 * 3600_000 - 60_000;
const started = collectedAt - span - 30_000;
const build = '7019d6d3608e4995e9a36d2977cfec3a341431cd';

/** `discovery.log`: start-up, then pushes and connections until the size is reached. Times rise evenly over two hours. */
export function* istiodLog(mesh: GeneratedMesh, random: Random): Generator<string> {
  const bytes = mesh.size.istiodLogBytes;
  let written = 0;
  for (const line of istiodStart) {
    const text = `${microseconds(started + Math.floor(written / 40), random)}\tinfo\t${line}\n`;
    written += text.length;
    yield text;
  }
  let block = '';
  let push = 1;
  while (written < bytes) {
    const at = started + 2000 + (written / bytes) * span;
    const text = istiodEntry(mesh, random, at, push);
    if (text.includes('XDS: Pushing')) push += 1;
    written += text.length;
    block += text;
    if (block.length > 65_536) {
      yield block;
      block = '';
    }
  }
  yield block;
}

const istiodStart = [
  'FLAG: --clusterID="Kubernetes"',
  'FLAG: --domain="cluster.local"',
  'FLAG: --grpcAddr=":15010"',
  'FLAG: --httpsAddr=":15017"',
  'FLAG: --log_as_json="false"',
  'FLAG: --log_output_level="default:info"',
  'FLAG: --namespace="istio-system"',
  'initializing Istiod admin server',
  'starting HTTP service at [::]:8080',
  'initializing mesh configuration ./etc/istio/config/mesh',
  'mesh configuration: accessLogFile: /dev/stdout\nconnectTimeout: 10s\nenableAutoMtls: true\nrootNamespace: istio-system\ntrustDomain: cluster.local\n',
  `version: ${istioVersion}-${build}-Clean`,
  'pkica\tLoad signing key and cert from existing secret istio-system/istio-ca-secret',
  'kube\tInitializing Kubernetes service registry "Kubernetes"',
  'kube\tkube controller for Kubernetes synced after 42.212269ms',
  'ads\tAll caches have been synced up in 372.740187ms, marking server ready',
  'starting secure gRPC discovery service at [::]:15012',
];

function istiodEntry(mesh: GeneratedMesh, random: Random, at: number, push: number): string {
  const proxy = pick(random, mesh.proxies);
  const service = pick(random, mesh.services);
  const node = `${proxy.name}.${proxy.namespace}`;
  const info = `${microseconds(at, random)}\tinfo\t`;
  const count = mesh.visible.length;
  const size = `${(random() * 900 + 20).toFixed(1)}kB`;
  const dice = random();
  if (dice < 0.14)
    return `${info}delta\tCDS: PUSH for node:${node} resources:${count} removed:0 size:${size} cached:${count}/${count}\n`;
  if (dice < 0.28)
    return `${info}delta\tEDS: PUSH for node:${node} resources:${count} removed:0 size:${size} empty:1 cached:${count}/${count}\n`;
  if (dice < 0.4)
    return `${info}delta\tEDS: PUSH INC for node:${node} resources:${between(random, 1, 9)} removed:0 size:${size} empty:0 cached:1/1\n`;
  if (dice < 0.5)
    return `${info}delta\tLDS: PUSH for node:${node} resources:${between(random, 4, 40)} removed:0 size:${size}\n`;
  if (dice < 0.6)
    return `${info}delta\tRDS: PUSH for node:${node} resources:${between(random, 1, 4)} removed:0 size:${size} cached:0/0\n`;
  if (dice < 0.66)
    return `${info}delta\tEDS: PUSH request for node:${node} resources:${count} removed:0 size:${size} empty:1 cached:${count}/${count} filtered:0\n`;
  if (dice < 0.7) return `${info}delta\tADS: new delta connection for node:${node}-${between(random, 1, 900)}\n`;
  if (dice < 0.74)
    return `${info}delta\tADS: "${proxy.ip}:${between(random, 32768, 60999)}" ${node}-${between(random, 1, 900)} terminated\n`;
  if (dice < 0.8) {
    return (
      `${info}ads\tPush debounce stable[${push}] ${between(random, 1, 30)} for config ServiceEntry/${service.namespace}/${service.host}: ` +
      `100.${between(random, 100000, 999999)}ms since last change, 100.${between(random, 100000, 999999)}ms since last push, full=true\n`
    );
  }
  if (dice < 0.86) {
    const version = `${new Date(at).toISOString().slice(0, 19)}Z/${push}`;
    return `${info}ads\tXDS: Pushing Services:${mesh.services.length} ConnectedEndpoints:${mesh.pods.length} Version:${version}\n`;
  }
  if (dice < 0.9) {
    return `${info}ads\tXDS: Incremental Pushing ConnectedEndpoints:${mesh.pods.length} Version:${new Date(at).toISOString().slice(0, 19)}Z/${push}\n`;
  }
  if (dice < 0.94) return `${info}model\tFull push, new service ${service.namespace}/${service.host}\n`;
  if (dice < 0.965) {
    return `${info}model\tIncremental push, service ${service.host} at shard Kubernetes/Kubernetes has no endpoints\n`;
  }
  if (dice < 0.985) {
    const pod = `${service.namespace}/${service.name}-${hex(random, 9)}-***** (actual name not yet known)`;
    return `${info}Process sidecar injection request\tpath=/inject pod=${pod}\n`;
  }
  if (dice < 0.998) {
    return `${info}klog\tWaited for ${(random() + 1).toFixed(6)}s due to client-side throttling, not priority and fairness, request: GET:https://10.0.0.1:443/apis/networking.istio.io/v1\n`;
  }
  return `${microseconds(at, random)}\twarn\tCould not find either istio-init or istio-validation container\n`;
}

/** `istio-proxy.log`: pilot-agent's start, then access lines with a few component lines between. */
export function* proxyLog(mesh: GeneratedMesh, proxy: MeshProxy, random: Random): Generator<string> {
  const bytes = mesh.size.proxyLogBytes;
  const callees = Array.from({ length: 12 }, () => pick(random, mesh.visible));
  const callsBroken = proxy.kind === 'router' || random() < 0.1 || proxy.namespace === mesh.broken.namespace;
  let written = 0;
  let block = '';
  for (const line of proxyStart(proxy)) block += `${microseconds(started, random)}\tinfo\t${line}\n`;
  written += block.length;
  while (written < bytes) {
    const at = started + 3000 + (written / bytes) * span;
    const dice = random();
    let line: string;
    if (dice < 0.02) line = componentLine(random, at);
    else if (dice < 0.08 && callsBroken) line = brokenLine(mesh, proxy, random, at);
    else if (dice < 0.5 && proxy.service !== undefined) line = inboundLine(mesh, proxy, proxy.service, random, at);
    else line = outboundLine(proxy, proxy.kind === 'router' ? mesh.broken : pick(random, callees), mesh, random, at);
    written += line.length;
    block += line;
    if (block.length > 65_536) {
      yield block;
      block = '';
    }
  }
  yield block;
}

function proxyStart(proxy: MeshProxy): string[] {
  return [
    'FLAG: --concurrency="0"',
    `FLAG: --domain="${proxy.namespace}.svc.cluster.local"`,
    'FLAG: --proxyLogLevel="warning"',
    `Version ${istioVersion}-${build}-Clean`,
    `Proxy role\tips=[${proxy.ip}] type=${proxy.kind} id=${proxy.name}.${proxy.namespace} domain=${proxy.namespace}.svc.cluster.local`,
    `Apply proxy config from env {"discoveryAddress":"${discoveryAddress}"}\n`,
    `Effective config: binaryPath: /usr/local/bin/envoy\nconcurrency: 2\nconfigPath: ./etc/istio/proxy\ndiscoveryAddress: ${discoveryAddress}\n`,
    `CA Endpoint ${discoveryAddress}, provider Citadel`,
    `xdsproxy\tInitializing with upstream address "${discoveryAddress}" and cluster "Kubernetes"`,
    'Starting proxy agent',
    'sds\tStarting SDS grpc server',
    'cache\tgenerated new workload certificate\tresourceName=default latency=16.912315ms ttl=23h59m59.366399861s',
    `xdsproxy\tconnected to delta upstream XDS server: ${discoveryAddress}\tid=1`,
    'Readiness succeeded in 967.041411ms',
    'Envoy proxy is ready',
  ];
}

function componentLine(random: Random, at: number): string {
  const info = `${microseconds(at, random)}\tinfo\t`;
  const dice = random();
  if (dice < 0.4) return `${info}ads\tADS: new connection for node:${between(random, 1, 99)}\n`;
  if (dice < 0.7)
    return `${info}cache\treturned workload certificate from cache\tttl=${between(random, 10, 23)}h${between(random, 0, 59)}m59.259594562s\n`;
  if (dice < 0.95)
    return `${info}xdsproxy\tconnected to delta upstream XDS server: ${discoveryAddress}\tid=${between(random, 2, 60)}\n`;
  // What a control plane does every half hour by its own keep-alive limit.
  return `${microseconds(at, random)}\tinfo\txdsproxy\tdisconnected from XDS server: ${discoveryAddress}\tid=${between(random, 2, 60)}\n`;
}

const methods = ['GET', 'GET', 'GET', 'GET', 'POST', 'PUT', 'DELETE'];
const paths = [
  '/',
  '/api/v1/items',
  '/api/v1/items/42',
  '/status',
  '/search?q=lamp',
  '/v2/quotes',
  '/health',
  '/orders/new',
];
const agents = ['Go-http-client/1.1', 'okhttp/4.12.0', 'curl/8.5.0', 'python-requests/2.31.0', 'Java/17.0.10'];

function opening(at: number, random: Random): string {
  return `[${new Date(at).toISOString()}] "${pick(random, methods)} ${pick(random, paths)} HTTP/1.1"`;
}

function inboundLine(mesh: GeneratedMesh, proxy: MeshProxy, service: MeshService, random: Random, at: number): string {
  const client = pick(random, mesh.pods);
  const time = between(random, 0, 40);
  const port = service.targetPort;
  return (
    `${opening(at, random)} ${random() < 0.995 ? 200 : 404} - via_upstream - "-" ${between(random, 0, 900)} ${between(random, 100, 9000)} ` +
    `${time} ${time} "-" "${pick(random, agents)}" "${uuid(random)}" "${service.name}" "${proxy.ip}:${port}" inbound|${port}|| ` +
    `127.0.0.6:${between(random, 32768, 60999)} ${proxy.ip}:${port} ${client.ip}:${between(random, 32768, 60999)} ` +
    `outbound_.${service.port}_._.${service.host} default\n`
  );
}

// Noise of a healthy mesh: rare, of many kinds, spread over all callees.
const failures = [
  '503 UF,URX upstream_reset_before_response_started{connection_failure,delayed_connect_error:_111} -',
  '503 UC upstream_reset_before_response_started{connection_termination} -',
  '504 UT response_timeout -',
  '0 DC downstream_remote_disconnect -',
  '503 UO overflow -',
];

function outboundLine(proxy: MeshProxy, service: MeshService, mesh: GeneratedMesh, random: Random, at: number): string {
  const subset = service.subsets.find((candidate) => candidate.name === 'v1');
  const pod = service.pods.find((candidate) => subset === undefined || candidate.version === 'v1');
  const cluster = `outbound|${service.port}|${subset?.name ?? ''}|${service.host}`;
  const near = `${proxy.ip}:${between(random, 32768, 60999)}`;
  const far = `${pod?.ip ?? '-'}:${service.targetPort}`;
  if (service.protocol === 'tcp') {
    return (
      `[${new Date(at).toISOString()}] "- - -" 0 - - - "-" ${between(random, 5, 900)} ${between(random, 100, 9000)} ${between(random, 1, 90)} - ` +
      `"-" "-" "-" "-" "${far}" ${cluster} ${near} ${service.ip}:${service.port} ${proxy.ip}:${between(random, 32768, 60999)} - -\n`
    );
  }
  const time = between(random, 1, 60);
  const dice = random();
  const answer = dice < 0.994 ? '200 - via_upstream -' : dice < 0.998 ? '404 - via_upstream -' : pick(random, failures);
  const answered = answer.includes('via_upstream');
  const router = proxy.kind === 'router';
  return (
    `${opening(at, random)} ${answer} "-" ${between(random, 0, 900)} ${answered ? between(random, 100, 9000) : 0} ` +
    `${time} ${answered ? time - 1 : '-'} "${router ? '203.0.113.7' : '-'}" "${pick(random, agents)}" "${uuid(random)}" ` +
    `"${router ? mesh.publicHost : service.name}" "${far}" ${cluster} ${near} ` +
    `${router ? `${proxy.ip}:80` : `${service.ip}:${service.port}`} ${proxy.ip}:${between(random, 32768, 60999)} - ` +
    `${subset === undefined ? 'default' : '-'}\n`
  );
}

/** The injected fault as a client sees it: the subset's cluster has no hosts. */
function brokenLine(mesh: GeneratedMesh, proxy: MeshProxy, random: Random, at: number): string {
  const { broken } = mesh;
  const router = proxy.kind === 'router';
  return (
    `${opening(at, random)} 503 UH no_healthy_upstream - "-" 0 19 0 - "${router ? '203.0.113.7' : '-'}" "${pick(random, agents)}" ` +
    `"${uuid(random)}" "${router ? mesh.publicHost : broken.name}" "-" outbound|${broken.port}|v2|${broken.host} - ` +
    `${router ? `${proxy.ip}:80` : `${broken.ip}:${broken.port}`} ${proxy.ip}:${between(random, 32768, 60999)} - -\n`
  );
}

/** A name Kubernetes would generate; events and pods share it. */
export function eventName(random: Random, object: string): string {
  return `${object}.17cb${suffix(random, 2)}${hex(random, 10)}`;
}
