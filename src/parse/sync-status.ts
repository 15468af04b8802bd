import type { Location } from '../input/location.ts';
import type { ProxyRef, SyncStatus } from './facts.ts';
import { mask } from './mask.ts';
import { present, recordOf, recordsOf, textOf, type UntypedRecord } from './untyped.ts';

/** An xDS type whose state istiod tells. */
export type SyncType = keyof SyncStatus['types'];
export type SyncState = NonNullable<SyncStatus['types'][SyncType]>;

/** Each type with the word of `syncz` fields up to 1.22 (`cluster_sent`) and the end of its type URL. */
const TYPES = [
  ['cds', 'cluster', '.Cluster'],
  ['lds', 'listener', '.Listener'],
  ['eds', 'endpoint', '.ClusterLoadAssignment'],
  ['rds', 'route', '.RouteConfiguration'],
  ['ecds', 'extensionconfig', '.TypedExtensionConfig'],
] as const;

/**
 * A proxy as istiod names it: `cart-7d9.shop`, in connections with a counter: `cart-7d9.shop-12`. A pod's name may hold
 * dots, a namespace may not. Undefined when there is no namespace in it.
 */
export function proxyRef(id: string): ProxyRef | undefined {
  const dot = id.lastIndexOf('.');
  return dot <= 0 || dot === id.length - 1 ? undefined : { namespace: id.slice(dot + 1), pod: id.slice(0, dot) };
}

/**
 * istioctl connects to istiod as a proxy to ask for `syncz`. Having no pod and no version it appears there as
 * `test-1.default` of version 65536.65536.65536 (istiod's “newest”): nobody's proxy.
 */
export const isCollector = (version: unknown): boolean =>
  typeof version === 'string' && version.startsWith('65536.65536.');

/**
 * One entry of `debug/syncz` as `istioctl proxy-status` judges it: nonces equal is synced, sent and not acknowledged is
 * stale, never sent is not-sent. Since 1.23 `resources` lists what a proxy subscribed to, with the last NACK: what is
 * not in it is ignored. Undefined for what is no proxy.
 */
export function syncOf(entry: unknown, istiod: string, at: Location): SyncStatus | undefined {
  const fields = recordOf(entry);
  const id = string(fields, 'proxy') ?? string(fields, 'proxy_id') ?? '';
  const version = string(fields, 'istio_version') ?? string(fields, 'proxy_version');
  const proxy = proxyRef(id);
  if (proxy === undefined || isCollector(version)) return undefined;

  const resources = fields['resources'] === undefined ? undefined : Object.entries(recordOf(fields['resources']));
  const types: Partial<Record<SyncType, SyncState>> = {};
  const errors: Partial<Record<SyncType, string>> = {};
  const sent: Partial<Record<SyncType, string>> = {};
  for (const [type, word, url] of TYPES) {
    const nonces = { sent: string(fields, `${word}_sent`), acked: string(fields, `${word}_acked`) };
    if (resources === undefined) {
      // Before 1.14 istiod did not tell of ECDS; it leaves empty fields out, so that looks like not sent.
      if (type === 'ecds' && nonces.sent === undefined) continue;
      types[type] = stateOf(nonces.sent, nonces.acked);
      continue;
    }
    const found = resources.find(([name]) => name.endsWith(url));
    if (found === undefined) {
      types[type] = nonces.sent === undefined ? 'ignored' : stateOf(nonces.sent, nonces.acked);
      continue;
    }
    const resource = recordOf(found[1]);
    const error = string(resource, 'last_error');
    types[type] = error === undefined ? stateOf(string(resource, 'sent'), string(resource, 'acked')) : 'error';
    if (error !== undefined) errors[type] = mask(error).slice(0, 2000);
    const time = string(resource, 'sent_time');
    if (time !== undefined && !time.startsWith('0001-')) sent[type] = time;
  }
  return status(proxy, istiod, version, string(fields, 'proxy_type'), { types, errors, sent }, at);
}

/** One proxy of `istioctl proxy-status -o json` (1.30 and later): a ClientConfig of Envoy's status service. */
export function syncOfClientConfig(entry: unknown, istiod: string, at: Location): SyncStatus | undefined {
  const node = recordOf(recordOf(entry)['node']);
  const version = textOf(recordOf(node['metadata'])['ISTIO_VERSION']);
  const proxy = proxyRef(textOf(node['id']) ?? '');
  if (proxy === undefined || isCollector(version)) return undefined;

  const types: Partial<Record<SyncType, SyncState>> = {};
  const errors: Partial<Record<SyncType, string>> = {};
  const sent: Partial<Record<SyncType, string>> = {};
  for (const config of recordsOf(recordOf(entry)['genericXdsConfigs'])) {
    const type = TYPES.find(([, , url]) => textOf(config['typeUrl'])?.endsWith(url))?.[0];
    if (type === undefined) continue;
    types[type] = states[textOf(config['configStatus']) ?? ''] ?? 'ignored';
    const details = textOf(recordOf(config['errorState'])['details']);
    const updated = textOf(config['lastUpdated']);
    if (details !== undefined) errors[type] = mask(details).slice(0, 2000);
    if (updated !== undefined) sent[type] = updated;
  }
  for (const [type] of TYPES) types[type] ??= 'ignored';
  return status(proxy, istiod, version, undefined, { types, errors, sent }, at);
}

const states: Readonly<Record<string, SyncState>> = {
  SYNCED: 'synced',
  STALE: 'stale',
  NOT_SENT: 'not-sent',
  ERROR: 'error',
};

const stateOf = (sent: string | undefined, acked: string | undefined): SyncState =>
  sent === undefined ? 'not-sent' : sent === acked ? 'synced' : 'stale';

function status(
  proxy: ProxyRef,
  istiod: string,
  version: string | undefined,
  proxyType: string | undefined,
  { types, errors, sent }: Required<Pick<SyncStatus, 'types' | 'errors' | 'sent'>>,
  at: Location,
): SyncStatus {
  return {
    proxy,
    ...present({ istiod: istiod === '' ? undefined : istiod, version, proxyType }),
    types,
    ...(Object.keys(errors).length === 0 ? {} : { errors }),
    ...(Object.keys(sent).length === 0 ? {} : { sent }),
    at,
  };
}

/** A non-empty string field, whether its key is written `last_error` or `lastError`. */
function string(fields: UntypedRecord, name: string): string | undefined {
  return textOf(fields[name] ?? fields[name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())]);
}
