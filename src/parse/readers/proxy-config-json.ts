import type { Artifact, ArtifactKind } from '../artifact.ts';
import { readCertificates } from '../certificate.ts';
import { addressText, field, isoTime, list, nodeFacts, object, optional, snakeCase, text } from '../envoy-json.ts';
import { proxyOf, proxyOfPath, splitClusterName, splitNodeId } from '../envoy-names.ts';
import { clusterFacts, listenerFacts, secretFacts, virtualHostFacts } from '../envoy-resources.ts';
import type { Certificate, EnvoyEndpoint, ProxyRef, ProxySecret } from '../facts.ts';
import { type JsonPath, type JsonVisitor, parseJson, pointerOf, scanJson } from '../json-elements.ts';
import type { Parser, Reader, SourceFile } from '../reader.ts';
import { textReader } from '../reader.ts';
import { parseYaml } from '../yaml.ts';
import { envoyClusters } from './envoy-clusters.ts';
import { envoyConfig } from './envoy-config.ts';

type Emit = (artifact: Artifact) => void;

/**
 * `istioctl proxy-config cluster|listener|route|eds -o json`: a list of bare resources in camelCase, without what Envoy's dump
 * says of their state; `secret`, `bootstrap` and `ecds`: one section of the dump. Names as in Envoy's API.
 */
export const proxyConfigJson: Reader = {
  name: 'proxy-config-json',
  title: 'istioctl proxy-config -o json',
  open: (file, _context, emit) => readJson(file, emit),
};

/**
 * The same as YAML, `proxy-config all` and `endpoint` as well. YAML is read whole, then as the JSON it was made of: its
 * pointers are the same.
 */
export const proxyConfigYaml: Reader = textReader(
  'proxy-config-yaml',
  'istioctl proxy-config -o yaml',
  function* (content, file, context) {
    let value: unknown;
    try {
      value = parseYaml(content.replace(/^(?:[^\n]{0,200}[$#>%] ?)?istioctl [^\n]*\n/, ''));
    } catch (error) {
      const detail = `this is not YAML: ${error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error)}`;
      yield { kind: 'gap', value: { file: file.path, reason: 'malformed', detail: detail.slice(0, 300) } };
      return;
    }
    const artifacts: Artifact[] = [];
    const hosts = Array.isArray(value) && object(value[0])['hostStatuses'] !== undefined;
    const reader = object(value)['configs'] !== undefined ? envoyConfig : hosts ? envoyClusters : proxyConfigJson;
    const parser = reader.open(file, context, (artifact) => artifacts.push(artifact));
    parser.push(Buffer.from(JSON.stringify(value ?? null)));
    parser.end(true);
    for (const artifact of artifacts) {
      // The size of the text we made says nothing of the proxy's.
      if (artifact.kind !== 'config-size') yield artifact;
    }
  },
);

const secretLists: Readonly<Record<string, ProxySecret['state']>> = {
  static_secrets: 'static',
  dynamic_active_secrets: 'active',
  dynamic_warming_secrets: 'warming',
};

/** Which facet a resource belongs to, by fields that only its type has. */
const shapes: readonly (readonly [RegExp, 'cluster' | 'listener' | 'route' | 'endpoints'])[] = [
  [/^(?:virtual_hosts|validate_clusters|internal_only_headers|max_direct_response_body_size_bytes)$/, 'route'],
  [
    /^(?:filter_chains|default_filter_chain|listener_filters|traffic_direction|use_original_dst|bind_to_port)$/,
    'listener',
  ],
  [/^(?:cluster_name|endpoints)$/, 'endpoints'],
  [
    /^(?:connect_timeout|eds_cluster_config|lb_policy|load_assignment|circuit_breakers|transport_socket_matches|typed_extension_protocol_options|type|cluster_type|alt_stat_name)$/,
    'cluster',
  ],
];

const facetOf = { cluster: 'cluster-config', listener: 'listener', route: 'route', endpoints: 'cluster' } as const;

function readJson(file: SourceFile, emit: Emit): Parser {
  let proxy: ProxyRef | undefined;
  const owner = (): ProxyRef => {
    proxy ??= proxyOf(file);
    return proxy;
  };
  const seen = new Set<ArtifactKind>();
  const node: Record<string, unknown> = {};
  let understood = false;
  let unknown: string | undefined;
  let unreadable: string | undefined;

  const at = (path: JsonPath) => ({ file: file.path, pointer: pointerOf(path) });

  const resource = (value: unknown, path: JsonPath): void => {
    const keys = Object.keys(object(value)).map(snakeCase);
    const shape = shapes.find(([pattern]) => keys.some((key) => pattern.test(key)))?.[1];
    if (shape === undefined) {
      // A route configuration may hold nothing but its name.
      unknown ??= pointerOf(path);
      return;
    }
    understood = true;
    seen.add(facetOf[shape]);
    const place = { proxy: owner(), at: at(path) };
    if (shape === 'cluster') {
      const facts = clusterFacts(value);
      if (facts !== undefined) emit({ kind: 'cluster-config', value: { ...facts, ...place, warming: false } });
    } else if (shape === 'listener') {
      emit({ kind: 'listener', value: { ...listenerFacts(value), ...place, warming: false } });
    } else if (shape === 'route') {
      const virtualHosts = list(field(value, 'virtual_hosts')).map(virtualHostFacts);
      emit({ kind: 'route', value: { ...place, name: text(field(value, 'name')) ?? '', virtualHosts } });
    } else {
      emit({
        kind: 'cluster',
        value: {
          ...splitClusterName(text(field(value, 'cluster_name')) ?? ''),
          ...place,
          endpoints: endpointsOf(value, path, file),
          limits: {},
          addedViaApi: true,
        },
      });
    }
  };

  const secret = (value: unknown, state: ProxySecret['state'], path: JsonPath): void => {
    const name = text(field(value, 'name')) ?? text(field(field(value, 'secret'), 'name'));
    if (name === undefined) return;
    const { kind, pem } = secretFacts(field(value, 'secret'), name);
    const updated = optional('updated', isoTime(field(value, 'last_updated')));
    const place = { proxy: owner(), at: at(path) };
    emit({ kind: 'proxy-secret', value: { ...place, name, state, kind, ...updated } });
    if (state === 'warming') emit({ kind: 'warming', value: { ...place, type: 'secret', name } });
    const read = readCertificates(pem);
    if (read.unreadable > 0) unreadable ??= name;
    for (const [index, certificate] of read.certificates.entries()) {
      emit({ kind: 'certificate', value: { ...certificate, ...place, name, use: useOf(name, kind, index) } });
    }
  };

  const visitor: JsonVisitor = {
    choose(path) {
      const [first, second] = path;
      if (path.length === 0) return 'enter';
      if (typeof first === 'number') return 'take';
      const key = snakeCase(first ?? '');
      if (secretLists[key] !== undefined) {
        understood = true;
        for (const kind of ['proxy-secret', 'certificate'] as const) seen.add(kind);
        return path.length === 1 ? 'enter' : 'take';
      }
      if (key === 'ecds_filters') understood = true;
      if (key !== 'bootstrap') return 'skip';
      if (path.length === 1) return 'enter';
      if (second !== 'node') return 'skip';
      understood = true;
      return path.length === 2 ? 'enter' : path[2] === 'extensions' ? 'skip' : 'take';
    },
    value(path, bytes) {
      const value = parseJson(bytes);
      if (value === undefined) return false;
      const [first] = path;
      if (typeof first === 'number') resource(value, path);
      else if (first === 'bootstrap') node[snakeCase(String(path[2]))] = value;
      else secret(value, secretLists[snakeCase(first ?? '')] ?? 'active', path);
      return true;
    },
    close(path) {
      if (path.length !== 2 || path[0] !== 'bootstrap' || path[1] !== 'node') return;
      const identity = splitNodeId(text(node['id']) ?? '');
      if (proxyOfPath(file) === undefined && identity !== undefined) {
        proxy = { namespace: identity.namespace, pod: identity.pod };
      }
      seen.add('proxy');
      emit({ kind: 'proxy', value: { ...nodeFacts(node), proxy: owner(), at: at([...path, 'id']) } });
    },
  };

  const scanner = scanJson(visitor);
  return {
    push: (chunk) => scanner.push(chunk),
    end(complete) {
      const { whole, problem } = scanner.end();
      if (whole && seen.size > 0) emit({ kind: 'seen', value: { kinds: [...seen], at: { file: file.path } } });
      const gap = (reason: 'truncated' | 'malformed' | 'too-large' | 'unrecognised', detail: string): void =>
        emit({ kind: 'gap', value: { file: file.path, reason, detail } });
      if (problem !== undefined || !complete) {
        const reason = !complete || problem?.reason === 'truncated' ? 'truncated' : 'malformed';
        const place =
          problem === undefined ? 'the file is cut short' : `${problem.detail}, in ${problem.pointer || '/'}`;
        gap(problem?.reason === 'too-large' ? 'too-large' : reason, place);
      } else if (unreadable !== undefined) {
        gap('malformed', `the secret ${unreadable} holds a certificate that cannot be read`);
      } else if (!understood) {
        gap(
          'unrecognised',
          `nothing that proxy-config prints is in this file${unknown === undefined ? '' : `: see ${unknown}`}`,
        );
      }
    },
  };
}

function useOf(name: string, kind: ProxySecret['kind'], index: number): Certificate['use'] {
  if (name === 'ROOTCA') return 'root';
  if (name === 'default') return kind === 'certificate' && index === 0 ? 'workload' : 'other';
  return name.startsWith('kubernetes://') ? 'gateway' : 'other';
}

/** Envoy's words for the health of an endpoint as `/clusters` has them (envoy/config/core/v3/health_check.proto). */
const healthFlags: Readonly<Record<string, string>> = {
  UNHEALTHY: 'failed_eds_health',
  TIMEOUT: 'active_hc_timeout',
  DEGRADED: 'degraded_eds_health',
  DRAINING: 'eds_status_draining',
};

/** The endpoints of an `envoy.config.endpoint.v3.ClusterLoadAssignment`: health as istiod sends it, no counters. */
function endpointsOf(assignment: unknown, path: JsonPath, file: SourceFile): EnvoyEndpoint[] {
  const endpoints: EnvoyEndpoint[] = [];
  for (const [group, locality] of list(field(assignment, 'endpoints')).entries()) {
    const { region, zone } = object(field(locality, 'locality'));
    const place = [region, zone].filter((part) => typeof part === 'string' && part !== '').join('/');
    const members = object(locality)['lbEndpoints'] === undefined ? 'lb_endpoints' : 'lbEndpoints';
    for (const [index, member] of list(field(locality, 'lb_endpoints')).entries()) {
      const flag = healthFlags[text(field(member, 'health_status')) ?? ''];
      endpoints.push({
        address: addressText(field(field(member, 'endpoint'), 'address')),
        healthy: flag === undefined,
        flags: flag === undefined ? [] : [flag],
        cxActive: 0,
        cxTotal: 0,
        cxConnectFail: 0,
        rqTotal: 0,
        rqError: 0,
        rqSuccess: 0,
        rqTimeout: 0,
        ...optional('locality', place === '' ? undefined : place),
        at: { file: file.path, pointer: pointerOf([...path, 'endpoints', group, members, index]) },
      });
    }
  }
  return endpoints;
}
