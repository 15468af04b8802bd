import { splitNodeId } from './envoy-names.ts';
import type { ProxyInfo } from './facts.ts';
import { listOf as list, recordOf as object, type UntypedRecord } from './untyped.ts';

/** An object of an Envoy answer. Its keys are snake_case; istioctl writes the same in camelCase. */
export type EnvoyObject = UntypedRecord;

export { list, object };

/** The value as a text that is not empty. */
export const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

/** The value as a finite number; Envoy writes 64-bit integers as strings. */
export function number(value: unknown): number | undefined {
  const parsed = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof parsed === 'number' && Number.isFinite(parsed) ? parsed : undefined;
}

const camelCased = new Map<string, string>();

/** A field by its snake_case name, in whichever case the object has it. */
export function field(of: unknown, name: string): unknown {
  const from = object(of);
  const value = from[name];
  if (value !== undefined || !name.includes('_')) return value;
  return from[camelCase(name)];
}

/** `tls_certificate` as `tlsCertificate`. */
function camelCase(name: string): string {
  let camel = camelCased.get(name);
  if (camel === undefined) {
    camel = name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    camelCased.set(name, camel);
  }
  return camel;
}

/** `tlsCertificate` as `tls_certificate`. */
export const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A field inside fields, e.g. `metadata.filter_metadata.istio.config`. */
export function inside(of: unknown, ...names: readonly string[]): unknown {
  let value = of;
  for (const name of names) value = field(value, name);
  return value;
}

/** The message in an `Any`; a TypedStruct's value in its place (udpa and xds wrap messages of unknown type). */
export function message(any: unknown): EnvoyObject {
  const from = object(any);
  return field(from, 'type_url') !== undefined && typeof from['value'] === 'object' ? object(from['value']) : from;
}

/** Milliseconds of a protobuf duration such as `10s` or `0.250s`. */
export function milliseconds(duration: unknown): number | undefined {
  if (typeof duration !== 'string' || !duration.endsWith('s')) return undefined;
  const seconds = number(duration.slice(0, -1));
  return seconds === undefined ? undefined : Math.round(seconds * 1000);
}

/** A time as ISO 8601 UTC with milliseconds; undefined for what is none and for the epoch, which Envoy writes for never. */
export function isoTime(time: unknown): string | undefined {
  if (typeof time !== 'string') return undefined;
  const at = Date.parse(time);
  return Number.isNaN(at) || at === 0 ? undefined : new Date(at).toISOString();
}

/** `10.0.0.7:8080`, `[fd00::1]:8080`, a path or `envoy://listener/id` of an Envoy address. '' for none. */
export function addressText(address: unknown): string {
  const socket = field(address, 'socket_address');
  if (socket !== undefined) {
    const ip = text(field(socket, 'address')) ?? '';
    return `${ip.includes(':') ? `[${ip}]` : ip}:${number(field(socket, 'port_value')) ?? 0}`;
  }
  const pipe = text(inside(address, 'pipe', 'path'));
  if (pipe !== undefined) return pipe;
  const internal = field(address, 'envoy_internal_address');
  if (internal === undefined) return '';
  return `envoy://${text(field(internal, 'server_listener_name')) ?? ''}/${text(field(internal, 'endpoint_id')) ?? ''}`;
}

/** What a `node` of server_info or of a bootstrap says of its proxy. */
export type NodeFacts = Omit<ProxyInfo, 'proxy' | 'at'>;

/** Reads a node: id, Istio's metadata, labels. Keys of the metadata are Istio's own and the same everywhere. */
export function nodeFacts(node: unknown): NodeFacts {
  const id = text(field(node, 'id'));
  const identity = id === undefined ? undefined : splitNodeId(id);
  const metadata = object(field(node, 'metadata'));
  const labels = stringValues(metadata['LABELS']);
  const annotations = object(metadata['ANNOTATIONS']);
  const proxyConfig = object(metadata['PROXY_CONFIG']);
  return {
    labels,
    ...optional('nodeId', id),
    ...optional('type', identity?.type),
    ...optional('ip', identity?.ip ?? text(metadata['INSTANCE_IPS'])?.split(',', 1)[0]),
    ...optional('istioVersion', text(metadata['ISTIO_VERSION'])),
    ...optional('envoyVersion', buildVersion(node)),
    ...optional('revision', revisionOf(labels, annotations)),
    ...optional('clusterId', text(metadata['CLUSTER_ID'])),
    ...optional('meshId', text(metadata['MESH_ID'])),
    ...optional('serviceAccount', text(metadata['SERVICE_ACCOUNT'])),
    ...optional('workload', text(metadata['WORKLOAD_NAME'])),
    ...optional('node', text(metadata['NODE_NAME'])),
    ...optional('interceptionMode', text(metadata['INTERCEPTION_MODE'])),
    ...optional('concurrency', number(proxyConfig['concurrency'])),
  };
}

/** An object with the key only where there is a value, for facts whose fields are absent rather than undefined. */
export function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: V });
}

function stringValues(value: unknown): Readonly<Record<string, string>> {
  const strings: Record<string, string> = {};
  for (const [key, entry] of Object.entries(object(value))) {
    if (typeof entry === 'string') strings[key] = entry;
  }
  return strings;
}

function buildVersion(node: unknown): string | undefined {
  const version = inside(node, 'user_agent_build_version', 'version');
  const major = number(field(version, 'major_number'));
  if (major === undefined) return undefined;
  return `${major}.${number(field(version, 'minor_number')) ?? 0}.${number(field(version, 'patch')) ?? 0}`;
}

/** The revision a proxy was injected by: its label, or what the injector left in annotations. */
function revisionOf(labels: Readonly<Record<string, string>>, annotations: EnvoyObject): string | undefined {
  const named = labels['istio.io/rev'] ?? text(annotations['istio.io/rev']);
  if (named !== undefined) return named;
  const status = text(annotations['sidecar.istio.io/status']);
  return status === undefined ? undefined : /"revision":"([^"]+)"/.exec(status)?.[1];
}
