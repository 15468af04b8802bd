import { refusal } from '../admin-answer.ts';
import type { Artifact, ArtifactKind } from '../artifact.ts';
import { type CertificateText, readCertificates } from '../certificate.ts';
import { isoTime, nodeFacts, optional, snakeCase, text } from '../envoy-json.ts';
import { proxyOf, proxyOfPath, splitNodeId } from '../envoy-names.ts';
import {
  type ClusterFacts,
  clusterFacts,
  endpointCount,
  listenerFacts,
  secretFacts,
  virtualHostFacts,
} from '../envoy-resources.ts';
import type { Certificate, Gap, ProxyRef, ProxySecret, Rejection, RouteConfig, Warming } from '../facts.ts';
import { type JsonPath, type JsonVisitor, parseJson, pointerOf, scanJson } from '../json-elements.ts';
import { mask } from '../mask.ts';
import { pieceCache } from '../piece-cache.ts';
import type { Parser, Reader, SourceFile } from '../reader.ts';
import { looksLikeZtunnel, ztunnelConfig } from './ztunnel-config.ts';

type Section = 'bootstrap' | 'clusters' | 'endpoints' | 'listeners' | 'routes' | 'secrets' | 'filters';

/** The lists of each section (envoy/admin/v3/config_dump.proto), and what a list says of the resources in it. */
const lists: Readonly<Record<string, { readonly section: Section; readonly state: 'static' | 'active' | 'warming' }>> =
  {
    static_clusters: { section: 'clusters', state: 'static' },
    dynamic_active_clusters: { section: 'clusters', state: 'active' },
    dynamic_warming_clusters: { section: 'clusters', state: 'warming' },
    static_endpoint_configs: { section: 'endpoints', state: 'static' },
    dynamic_endpoint_configs: { section: 'endpoints', state: 'active' },
    static_listeners: { section: 'listeners', state: 'static' },
    dynamic_listeners: { section: 'listeners', state: 'active' },
    static_route_configs: { section: 'routes', state: 'static' },
    dynamic_route_configs: { section: 'routes', state: 'active' },
    static_secrets: { section: 'secrets', state: 'static' },
    dynamic_active_secrets: { section: 'secrets', state: 'active' },
    dynamic_warming_secrets: { section: 'secrets', state: 'warming' },
    ecds_filters: { section: 'filters', state: 'active' },
  };

const rejectionType: Readonly<Record<Section, Rejection['type']>> = {
  bootstrap: 'other',
  clusters: 'cluster',
  endpoints: 'endpoint',
  listeners: 'listener',
  routes: 'route',
  secrets: 'secret',
  filters: 'other',
};

/** Members of a list's element that are taken whole; others are entered or passed over by name. */
const taken: Readonly<Record<Section, readonly string[]>> = {
  bootstrap: [],
  clusters: ['cluster', 'last_updated'],
  endpoints: ['endpoint_config'],
  listeners: ['name', 'listener'],
  routes: [],
  secrets: ['name', 'secret', 'last_updated'],
  filters: ['name'],
};

const errorStates = ['error_state', 'update_failure_state'];

const kindsOf: Readonly<Record<Section, readonly ArtifactKind[]>> = {
  bootstrap: ['proxy'],
  clusters: ['cluster-config'],
  endpoints: [],
  listeners: ['listener', 'rejection'],
  routes: ['route'],
  secrets: ['proxy-secret', 'certificate'],
  filters: [],
};
const allKinds: readonly ArtifactKind[] = [...Object.values(kindsOf).flat(), 'warming', 'config-size'];
const warmingSections: readonly Section[] = ['clusters', 'listeners', 'secrets'];

// Proxies of one mesh hold the same clusters, virtual hosts and endpoints, byte by byte.
const clusterPieces = pieceCache<ClusterFacts | 'nameless'>(10_000, 32 * 2 ** 20);
const hostPieces = pieceCache<RouteConfig['virtualHosts'][number]>(20_000, 16 * 2 ** 20);
const endpointPieces = pieceCache<number>(10_000, 16 * 2 ** 20);
const certificates = pieceCache<{ readonly certificates: readonly CertificateText[]; readonly unreadable: number }>(
  2000,
  16 * 2 ** 20,
);

/** What was read of the list element that is being walked. */
interface Element {
  name?: string;
  cluster?: ClusterFacts;
  updated?: string;
  /** Per state of a listener: its JSON, parsed. */
  listeners: { state: string; listener: unknown; updated?: string }[];
  hosts: RouteConfig['virtualHosts'][number][];
  secret?: unknown;
  error?: { details?: string; time?: string; failed?: string; key: string };
}

/** Envoy `/config_dump?include_eds`, and `istioctl proxy-config all -o json`, which prints the same. */
export const envoyConfig: Reader = {
  name: 'envoy-config',
  title: 'Envoy /config_dump',
  open: (file, _context, emit) => readDump(file, emit),
};

/** A `config_dump` of Envoy or of ztunnel; the first key tells which. */
export const configDump: Reader = {
  name: 'config-dump',
  title: 'config dump of Envoy or ztunnel',
  open(file, context, emit) {
    const head: Uint8Array[] = [];
    let size = 0;
    let parser: Parser | undefined;
    const decide = (): Parser => {
      const start = new TextDecoder().decode(Buffer.concat(head));
      parser = (looksLikeZtunnel(start) ? ztunnelConfig : envoyConfig).open(file, context, emit);
      for (const chunk of head.splice(0)) parser.push(chunk);
      return parser;
    };
    return {
      push(chunk) {
        if (parser !== undefined) {
          parser.push(chunk);
          return;
        }
        head.push(chunk);
        size += chunk.length;
        if (size >= 4096) decide();
      },
      end(complete) {
        (parser ?? decide()).end(complete);
      },
    };
  },
};

function readDump(file: SourceFile, emit: (artifact: Artifact) => void): Parser {
  const owner = proxyOfPath(file);
  let proxy: ProxyRef = proxyOf(file);
  const node: Record<string, unknown> = {};
  let nodePointer = '';
  let trustDomain: string | undefined;

  let bytes = 0;
  let clusters = 0;
  let outboundClusters = 0;
  let listeners = 0;
  let routes = 0;
  let endpoints = 0;

  const found = new Set<Section>();
  const closed = new Set<Section>();
  let rejections: Rejection[] = [];
  let element = emptyElement();
  let unreadableCertificate: string | undefined;

  const at = (pointer: string): { readonly file: string; readonly pointer: string } => ({ file: file.path, pointer });

  const emitWarming = (type: Warming['type'], name: string, pointer: string, time: string | undefined): void => {
    emit({ kind: 'warming', value: { proxy, type, name, ...optional('time', time), at: at(pointer) } });
  };

  const emitCertificates = (name: string, kind: ProxySecret['kind'], pem: string, pointer: string): void => {
    if (!pem.includes('BEGIN CERTIFICATE')) return;
    const read = certificates.get(Buffer.from(pem, 'latin1'), () => readCertificates(pem));
    if (read === undefined) return;
    if (read.unreadable > 0) unreadableCertificate ??= name;
    for (const [index, certificate] of read.certificates.entries()) {
      const use = useOf(name, kind, index);
      if (use === 'workload') trustDomain = /^spiffe:\/\/([^/]+)\//.exec(certificate.sans[0] ?? '')?.[1] ?? trustDomain;
      emit({ kind: 'certificate', value: { proxy, use, name, ...certificate, at: at(pointer) } });
    }
  };

  const finishElement = (section: Section, state: 'static' | 'active' | 'warming', path: JsonPath): void => {
    const pointer = pointerOf(path);
    const { cluster, name, updated, error, secret } = element;
    if (section === 'clusters' && cluster !== undefined) {
      clusters += 1;
      if (cluster.direction === 'outbound') outboundClusters += 1;
      emit({ kind: 'cluster-config', value: { ...cluster, proxy, warming: state === 'warming', at: at(pointer) } });
      if (state === 'warming') emitWarming('cluster', cluster.name, `${pointer}/cluster/name`, updated);
    } else if (section === 'listeners') {
      if (element.listeners.length > 0) listeners += 1;
      for (const each of element.listeners) {
        const warming = each.state === 'warming_state';
        const facts = listenerFacts(each.listener, name);
        emit({ kind: 'listener', value: { ...facts, proxy, warming, at: at(pointer) } });
        if (warming) emitWarming('listener', facts.name, `${pointer}/warming_state`, each.updated);
      }
    } else if (section === 'routes') {
      routes += 1;
      emit({ kind: 'route', value: { proxy, name: name ?? '', virtualHosts: element.hosts, at: at(pointer) } });
    } else if (section === 'secrets' && name !== undefined) {
      const { kind, pem } = secretFacts(secret, name);
      emit({
        kind: 'proxy-secret',
        value: { proxy, name, state, kind, ...optional('updated', updated), at: at(pointer) },
      });
      emitCertificates(name, kind, pem, pointer);
      if (state === 'warming') emitWarming('secret', name, `${pointer}/name`, updated);
    }
    if (error !== undefined) {
      rejections.push({
        proxy,
        type: rejectionType[section],
        name: name ?? cluster?.name ?? error.failed ?? '',
        details: mask(error.details ?? '').slice(0, longestDetails),
        ...optional('time', error.time),
        at: at(`${pointer}/${error.key}${error.details === undefined ? '' : '/details'}`),
      });
    }
    element = emptyElement();
  };

  // One refusal leaves two entries: a named one, and one that holds nothing but the error.
  const flushRejections = (): void => {
    const said = new Set<string>();
    const timed = rejections.filter(({ time }) => time !== undefined);
    for (const rejection of [...timed, ...rejections.filter(({ time }) => time === undefined)]) {
      const { name, details } = rejection;
      if (said.has(`${name}\n${details}`) || (name === '' && said.has(details))) continue;
      said.add(`${name}\n${details}`).add(details);
      emit({ kind: 'rejection', value: rejection });
    }
    rejections = [];
  };

  const visitor: JsonVisitor = {
    choose(path) {
      const depth = path.length;
      const key = snake(path[depth - 1]);
      if (depth <= 2) return depth === 1 && key !== 'configs' ? 'skip' : 'enter';
      const top = snake(path[2]);
      if (top === 'bootstrap') {
        if (depth === 3) {
          found.add('bootstrap');
          return 'enter';
        }
        if (depth === 4) return key === 'node' ? 'enter' : 'skip';
        // 60 KB of every bootstrap are names of extensions.
        return key === 'extensions' ? 'skip' : 'take';
      }
      const section = lists[top]?.section;
      if (section === undefined) return 'skip';
      if (depth === 3) {
        found.add(section);
        return 'enter';
      }
      if (depth === 4) return 'enter';
      const member = snake(path[4]);
      if (errorStates.includes(member)) return chooseOfError(depth, key);
      if (depth === 5) {
        if (taken[section].includes(member)) return 'take';
        if (section === 'listeners' && (member === 'active_state' || member === 'warming_state')) return 'enter';
        return section === 'routes' && member === 'route_config' ? 'enter' : 'skip';
      }
      if (section === 'listeners') return key === 'listener' || key === 'last_updated' ? 'take' : 'skip';
      // Routes: the name and the virtual hosts one by one.
      if (depth === 6) return key === 'name' ? 'take' : key === 'virtual_hosts' ? 'enter' : 'skip';
      return 'take';
    },

    value(path, piece) {
      const depth = path.length;
      const key = snake(path[depth - 1]);
      const top = snake(path[2]);
      if (top === 'bootstrap') {
        const value = parseJson(piece);
        node[key] = value;
        return value !== undefined;
      }
      const member = snake(path[4]);
      if (depth === 5 && member === 'cluster') {
        const cluster = clusterPieces.get(piece, readCluster);
        if (cluster !== undefined && cluster !== 'nameless') element.cluster = cluster;
        return cluster !== undefined;
      }
      if (depth === 5 && member === 'endpoint_config') {
        const count = endpointPieces.get(piece, readEndpoints);
        endpoints += count ?? 0;
        return count !== undefined;
      }
      if (depth === 7 && member === 'route_config') {
        const host = hostPieces.get(piece, readHost);
        if (host !== undefined) element.hosts.push(host);
        return host !== undefined;
      }
      const value = parseJson(piece);
      if (value === undefined) return false;
      takeMember(member, key, depth, value);
      return true;
    },

    close(path) {
      if (path.length === 4 && path[2] === 'bootstrap') finishNode(path);
      else if (path.length === 4) {
        const list = lists[snake(path[2])];
        if (list !== undefined) finishElement(list.section, list.state, path);
      } else if (path.length === 3) flushRejections();
      else if (path.length === 2) for (const section of found) closed.add(section);
    },
  };

  const takeMember = (member: string, key: string, depth: number, value: unknown): void => {
    if (errorStates.includes(member)) {
      element.error ??= { key: member };
      if (key === 'details') element.error.details = String(value);
      else if (key === 'last_update_attempt') Object.assign(element.error, optional('time', isoTime(value)));
      else if (key === 'name') Object.assign(element.error, optional('failed', text(value)));
    } else if (key === 'name') {
      Object.assign(element, optional('name', text(value)));
    } else if (key === 'listener') {
      const state = depth === 5 ? 'static' : member;
      const entry = element.listeners.find((each) => each.state === state);
      if (entry === undefined) element.listeners.push({ state, listener: value });
      else entry.listener = value;
    } else if (key === 'last_updated' && depth === 6) {
      const entry = element.listeners.find((each) => each.state === member);
      if (entry !== undefined) Object.assign(entry, optional('updated', isoTime(value)));
    } else if (key === 'last_updated') {
      Object.assign(element, optional('updated', isoTime(value)));
    } else if (key === 'secret') {
      element.secret = value;
    }
  };

  const finishNode = (path: JsonPath): void => {
    nodePointer = pointerOf(path);
    const identity = splitNodeId(text(node['id']) ?? '');
    if (owner === undefined && identity !== undefined) proxy = { namespace: identity.namespace, pod: identity.pod };
  };

  const scanner = scanJson(visitor);
  let head = '';
  return {
    push(chunk) {
      bytes += chunk.length;
      if (head.length < 300) head += Buffer.from(chunk.subarray(0, 300)).toString('latin1');
      scanner.push(chunk);
    },

    end(complete) {
      const { whole, problem } = scanner.end();
      flushRejections();
      if (nodePointer !== '') {
        const info = { ...nodeFacts(node), ...optional('trustDomain', trustDomain) };
        emit({ kind: 'proxy', value: { proxy, ...info, at: at(`${nodePointer}/id`) } });
      }
      const understood = whole && found.size > 0;
      if (understood) {
        const counts = { clusters, outboundClusters, listeners, routes, endpoints };
        emit({ kind: 'config-size', value: { proxy, bytes, ...counts, at: { file: file.path } } });
      }
      const kinds = understood ? allKinds : kindsOfSections(closed);
      if (kinds.length > 0) emit({ kind: 'seen', value: { kinds, at: { file: file.path } } });

      const gap = gapOf();
      if (gap !== undefined) emit({ kind: 'gap', value: gap });

      function gapOf(): Gap | undefined {
        const nothing = found.size === 0 ? refusal(head, file) : undefined;
        if (nothing !== undefined) return nothing;
        const place = problem === undefined || problem.pointer === '' ? '' : `, in ${problem.pointer}`;
        const detail = problem === undefined ? 'the file is cut short' : `${problem.detail}${place}`;
        if (!complete || problem?.reason === 'truncated') return { file: file.path, reason: 'truncated', detail };
        if (problem?.reason === 'too-large') return { file: file.path, reason: 'too-large', detail };
        if (problem !== undefined) return { file: file.path, reason: 'malformed', detail };
        if (unreadableCertificate !== undefined) {
          const secret = `the secret ${unreadableCertificate} holds a certificate that cannot be read`;
          return { file: file.path, reason: 'malformed', detail: secret };
        }
        if (found.size > 0) return undefined;
        const unknown = 'none of the sections of an Envoy config dump is in this file';
        return { file: file.path, reason: 'unrecognised', detail: unknown };
      }
    },
  };
}

/** Envoy's words on a refused resource can quote all of it. */
const longestDetails = 4000;

const emptyElement = (): Element => ({ listeners: [], hosts: [] });

/** The name of a member in snake_case; '' for an index. */
const snake = (part: string | number | undefined): string =>
  typeof part !== 'string' ? '' : /[A-Z]/.test(part) ? snakeCase(part) : part;

function chooseOfError(depth: number, key: string): 'enter' | 'take' | 'skip' {
  if (depth === 5) return 'enter';
  if (depth === 6 && key === 'failed_configuration') return 'enter';
  // Of the refused configuration only its name: the rest may be a whole listener.
  if (depth === 6) return key === 'details' || key === 'last_update_attempt' ? 'take' : 'skip';
  return key === 'name' ? 'take' : 'skip';
}

function kindsOfSections(closed: ReadonlySet<Section>): ArtifactKind[] {
  const kinds = [...closed].flatMap((section) => kindsOf[section]);
  if (warmingSections.every((section) => closed.has(section))) kinds.push('warming');
  return kinds;
}

function useOf(name: string, kind: ProxySecret['kind'], index: number): Certificate['use'] {
  if (name === 'ROOTCA') return 'root';
  if (name === 'default') return kind === 'certificate' && index === 0 ? 'workload' : 'other';
  return name.startsWith('kubernetes://') ? 'gateway' : 'other';
}

function readCluster(bytes: Buffer): ClusterFacts | 'nameless' | undefined {
  const cluster = parseJson(bytes);
  return cluster === undefined ? undefined : (clusterFacts(cluster) ?? 'nameless');
}

function readEndpoints(bytes: Buffer): number | undefined {
  const assignment = parseJson(bytes);
  return assignment === undefined ? undefined : endpointCount(assignment);
}

function readHost(bytes: Buffer): RouteConfig['virtualHosts'][number] | undefined {
  const host = parseJson(bytes);
  return host === undefined ? undefined : virtualHostFacts(host);
}
