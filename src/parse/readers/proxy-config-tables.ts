import type { Location } from '../../input/location.ts';
import type { Artifact, ArtifactKind } from '../artifact.ts';
import { plainSerial } from '../certificate.ts';
import { isoTime, optional } from '../envoy-json.ts';
import { proxyOf, splitClusterName } from '../envoy-names.ts';
import type { Certificate, EnvoyEndpoint, ListenerConfig, ProxyRef, RouteConfig } from '../facts.ts';
import { mask } from '../mask.ts';
import { textReader } from '../reader.ts';
import { proxyRef } from '../sync-status.ts';
import { type Cells, type Column, cellsOf, headerOf, plainLine } from '../text-table.ts';

type Table = 'cluster' | 'listener' | 'listener-type' | 'route' | 'route-count' | 'secret' | 'endpoint' | 'ecds';

/**
 * Headers of `istioctl proxy-config` 1.5 to 1.31 (istioctl/pkg/writer/envoy/configdump and clusters). `proxy-config all` puts a
 * column NAME before them.
 */
const headers: readonly (readonly [Table, readonly string[]])[] = [
  ['cluster', ['?NAME', 'SERVICE FQDN', 'PORT', 'SUBSET', 'DIRECTION', 'TYPE', '?DESTINATION RULE']],
  ['listener', ['?NAME', 'ADDRESSES', 'PORT', 'MATCH', 'DESTINATION']],
  ['listener', ['?NAME', 'ADDRESS', 'PORT', 'MATCH', 'DESTINATION']],
  ['listener', ['LISTENER', 'CHAIN', 'MATCH', 'DESTINATION']],
  ['listener-type', ['?NAME', 'ADDRESSES', 'PORT', 'TYPE']],
  ['listener-type', ['?NAME', 'ADDRESS', 'PORT', 'TYPE']],
  ['route', ['NAME', '?VHOST NAME', 'DOMAINS', 'MATCH', 'VIRTUAL SERVICE']],
  ['route-count', ['NAME', 'VIRTUAL HOSTS']],
  [
    'secret',
    [
      '?NAME',
      'RESOURCE NAME',
      'TYPE',
      'STATUS',
      'VALID CERT',
      'SERIAL NUMBER',
      'NOT AFTER',
      'NOT BEFORE',
      '?TRUST DOMAIN',
    ],
  ],
  ['endpoint', ['?NAME', 'ENDPOINT', 'STATUS', '?OUTLIER CHECK', '?LOCALITY', 'CLUSTER']],
  ['endpoint', ['NAME', 'STATUS', 'LOCALITY', 'CLUSTER']],
  ['ecds', ['ECDS NAME', 'TYPE']],
];

/** The table a line is the header of, if it is one of `istioctl proxy-config`. */
export function proxyConfigTable(
  line: string,
): { readonly table: Table; readonly columns: readonly Column[] } | undefined {
  if (!/^ ?[A-Z][A-Z]+ +[A-Z]|^ ?[A-Z][A-Z ]*\t/.test(line)) return undefined;
  for (const [table, titles] of headers) {
    const columns = headerOf(line, titles);
    if (columns !== undefined) return { table, columns };
  }
  return undefined;
}

/** A file of `istioctl proxy-config bootstrap`, or the beginning of `proxy-config all`. */
export const isVersionSummary = (head: string): boolean =>
  /^Istio Version: .*\n+(?:Istio Proxy Version: .*\n+)?Envoy Version: /m.test(head);

/** `istioctl proxy-config log`: `cart-7d9.shop:` and a list of loggers. */
export const isLoggerList = (head: string): boolean => /^active loggers:$/m.test(head);

const kinds: Readonly<Partial<Record<Table, readonly ArtifactKind[]>>> = {
  cluster: ['cluster-config'],
  listener: ['listener'],
  'listener-type': ['listener'],
  route: ['route'],
  'route-count': ['route'],
  secret: ['proxy-secret', 'certificate'],
  endpoint: ['cluster'],
};

interface Listener {
  readonly at: Location;
  readonly address: string;
  readonly port: number;
  readonly name: string;
  readonly chains: ListenerConfig['chains'][number][];
}

interface Host {
  readonly name: string;
  readonly domains: readonly string[];
  readonly configs: Set<string>;
  routes: number;
  directResponse?: number;
}

interface Group<T> {
  readonly at: Location;
  readonly members: T[];
}

/**
 * What `istioctl proxy-config` prints without `-o`: tables of clusters, listeners, routes, secrets and endpoints, one after the
 * other for `all`, the versions of `bootstrap`, the loggers of `log`. A table is a summary: it does not tell TLS settings,
 * limits or counters, and a filter may have left rows out.
 */
export const proxyConfigTables = textReader('proxy-config', 'istioctl proxy-config', function* (text, file) {
  const at = (line: number): Location => ({ file: file.path, line });
  let proxy: ProxyRef = proxyOf(file);
  const versions: { line?: number; istio?: string; envoy?: string } = {};
  const listeners = new Map<string, Listener>();
  const routes = new Map<string, Group<Host>>();
  const clusters = new Map<string, Group<EnvoyEndpoint>>();
  const rows: { readonly table: Table; readonly cells: Cells; readonly at: Location }[] = [];
  const seen = new Set<ArtifactKind>();
  const strange: number[] = [];
  let current: ReturnType<typeof proxyConfigTable>;
  let route = '';
  let loggers = 0;

  for (const [index, raw] of text.split('\n').entries()) {
    const line = plainLine(raw);
    const place = at(index + 1);
    if (line.trim() === '' || /^-{3,} \w[\w ]* -{3,}$/.test(line) || line.startsWith('NOTE: ')) continue;
    const header = proxyConfigTable(line);
    if (header !== undefined) {
      current = header;
      route = '';
      for (const kind of kinds[header.table] ?? []) seen.add(kind);
      continue;
    }
    const version = /^(Istio|Istio Proxy|Envoy) Version: +(\S+)/.exec(line);
    if (version !== null) {
      versions.line ??= place.line ?? 1;
      if (version[1] === 'Istio') versions.istio = version[2] ?? '';
      if (version[1] === 'Envoy') versions.envoy = version[2] ?? '';
      continue;
    }
    if (/^active loggers:$/.test(line) || (loggers > 0 && /^ {2}\w[\w-]*: \w+$/.test(line))) {
      loggers += 1;
      continue;
    }
    const owner = /^([a-z0-9][a-z0-9.-]*\.[a-z0-9-]+):$/.exec(line)?.[1];
    if (owner !== undefined && current === undefined) {
      proxy = proxyRef(owner) ?? proxy;
      yield { kind: 'proxy', value: { proxy, labels: {}, at: place } };
      continue;
    }
    if (current === undefined) continue;
    const cells = cellsOf(line, current.columns, plausible[current.table]);
    if (cells === undefined) strange.push(index + 1);
    else rows.push({ table: current.table, cells, at: place });
  }

  if (versions.istio !== undefined || versions.envoy !== undefined) {
    const told = { ...optional('istioVersion', versions.istio), ...optional('envoyVersion', versions.envoy) };
    yield { kind: 'proxy', value: { proxy, labels: {}, ...told, at: at(versions.line ?? 1) } };
  }
  for (const { table, cells, at: place } of rows) {
    switch (table) {
      case 'cluster':
        yield clusterOf(cells, proxy, place);
        break;
      case 'secret':
        yield* secretOf(cells, proxy, place);
        break;
      case 'listener':
      case 'listener-type':
        addListener(listeners, table, cells, place);
        break;
      case 'endpoint': {
        const name = cells.get('CLUSTER') ?? '';
        const group = clusters.get(name) ?? { at: place, members: [] };
        clusters.set(name, group);
        group.members.push(endpointOf(cells, place));
        break;
      }
      case 'route': {
        // Repeated names are left out.
        route = unprefixed(cells.get('NAME') ?? '', 'route') || route;
        const group = routes.get(route) ?? { at: place, members: [] };
        routes.set(route, group);
        addHost(group.members, cells);
        break;
      }
      case 'route-count':
        yield {
          kind: 'route',
          value: { proxy, name: cells.get('NAME') ?? '', virtualHosts: [], at: place },
        };
        break;
      case 'ecds':
        break;
    }
  }
  for (const { chains, ...listener } of listeners.values()) {
    yield { kind: 'listener', value: { proxy, ...listener, warming: false, chains } };
  }
  for (const [name, { at: place, members }] of routes) {
    yield { kind: 'route', value: { proxy, name, virtualHosts: members.map(virtualHost), at: place } };
  }
  for (const [name, { at: place, members }] of clusters) {
    yield {
      kind: 'cluster',
      value: {
        proxy,
        ...splitClusterName(name),
        endpoints: members,
        limits: {},
        addedViaApi: false,
        summary: true,
        at: place,
      },
    };
  }

  if (seen.size > 0) yield { kind: 'seen', value: { kinds: [...seen], at: { file: file.path } } };
  const [line] = strange;
  if (line !== undefined) {
    const quote = mask(text.split('\n')[line - 1] ?? '')
      .trim()
      .slice(0, 200);
    const detail = `${strange.length} lines of the table are not understood, the first: ${quote}`;
    yield { kind: 'gap', value: { file: file.path, reason: 'malformed', detail, line } };
  }
});

const directions = /^(?:inbound|outbound|inbound-vip|-|)$/;
const statuses = /^(?:HEALTHY|UNHEALTHY|DRAINING|TIMEOUT|DEGRADED|UNKNOWN)$/;

const plausible: Readonly<Record<Table, (cells: Cells) => boolean>> = {
  cluster: (cells) => directions.test(cells.get('DIRECTION') ?? '') && /^(?:\d+|-)$/.test(cells.get('PORT') ?? ''),
  listener: (cells) => /^\d*$/.test(cells.get('PORT') ?? '') && (cells.get('DESTINATION') ?? '') !== '',
  'listener-type': (cells) => /^\d*$/.test(cells.get('PORT') ?? '') && !/\s/.test(cells.get('ADDRESS') ?? ''),
  route: (cells) => (cells.get('MATCH') ?? '') !== '' && !/\s/.test(cells.get('NAME') ?? ''),
  'route-count': (cells) => /^\d+$/.test(cells.get('VIRTUAL HOSTS') ?? ''),
  secret: (cells) =>
    /^(?:true|false|)$/.test(cells.get('VALID CERT') ?? '') && (cells.get('RESOURCE NAME') ?? '') !== '',
  endpoint: (cells) => statuses.test(cells.get('STATUS') ?? '') && /^\S+$/.test(cells.get('CLUSTER') ?? ''),
  ecds: () => true,
};

/** The name without what `proxy-config all` puts before it: `cluster/xds-grpc`. */
const unprefixed = (name: string, prefix: string): string =>
  name.startsWith(`${prefix}/`) ? name.slice(prefix.length + 1) : name;

/** `reviews.shop` as the metadata of Envoy's resource has it; a namespace has no dot. */
function configOf(short: string, kind: string): string | undefined {
  const ref = /\s/.test(short) ? undefined : proxyRef(short);
  return ref === undefined
    ? undefined
    : `/apis/networking.istio.io/v1alpha3/namespaces/${ref.namespace}/${kind}/${ref.pod}`;
}

function clusterOf(cells: Cells, proxy: ProxyRef, at: Location): Artifact {
  const direction = cells.get('DIRECTION') ?? '';
  const host = unprefixed(cells.get('SERVICE FQDN') ?? '', 'cluster');
  const subset = cells.get('SUBSET') ?? '';
  const structured = direction === 'inbound' || direction === 'outbound' || direction === 'inbound-vip';
  const name = structured ? `${direction}|${cells.get('PORT')}|${subset === '-' ? '' : subset}|${host}` : host;
  return {
    kind: 'cluster-config',
    value: {
      proxy,
      ...splitClusterName(name),
      type: cells.get('TYPE') ?? '',
      tls: 'unknown',
      limits: {},
      ...optional('config', configOf(cells.get('DESTINATION RULE') ?? '', 'destination-rule')),
      warming: false,
      at,
    },
  };
}

/** Words of the columns STATUS (istiod's health, or Envoy's checks) and OUTLIER CHECK as `/clusters` has them. */
const flagOf: Readonly<Record<string, string>> = {
  UNHEALTHY: 'failed_eds_health',
  DEGRADED: 'degraded_eds_health',
  DRAINING: 'eds_status_draining',
  TIMEOUT: 'active_hc_timeout',
};

function endpointOf(cells: Cells, at: Location): EnvoyEndpoint {
  const flag = flagOf[cells.get('STATUS') ?? ''];
  const flags = [
    ...(cells.get('OUTLIER CHECK') === 'FAILED' ? ['failed_outlier_check'] : []),
    ...(flag === undefined ? [] : [flag]),
  ];
  const locality = cells.get('LOCALITY') ?? '';
  return {
    address: unprefixed(cells.get('ENDPOINT') ?? cells.get('NAME') ?? '', 'endpoint').replace(/^unix:\/\//, ''),
    healthy: flags.length === 0,
    flags,
    cxActive: 0,
    cxTotal: 0,
    cxConnectFail: 0,
    rqTotal: 0,
    rqError: 0,
    rqSuccess: 0,
    rqTimeout: 0,
    ...optional('locality', locality === '' ? undefined : locality),
    at,
  };
}

function addListener(listeners: Map<string, Listener>, table: Table, cells: Cells, at: Location): void {
  const address = cells.get('ADDRESSES') ?? cells.get('ADDRESS') ?? '';
  const port = Number(cells.get('PORT') ?? 0);
  const own = unprefixed(cells.get('NAME') ?? cells.get('LISTENER') ?? '', 'listener');
  const key = `${own} ${address} ${port}`;
  let listener = listeners.get(key);
  if (listener === undefined) {
    // The ports istiod gives its catch-all listeners, whose names the table leaves out.
    const name = own !== '' ? own : port === 15001 ? 'virtualOutbound' : port === 15006 ? 'virtualInbound' : '';
    listener = { at, address, port, name: name === '' ? `${address}_${port}` : name, chains: [] };
    listeners.set(key, listener);
  }
  listener.chains.push(table === 'listener-type' ? typeChain(cells.get('TYPE') ?? '') : matchChain(cells));
}

const http = 'envoy.filters.network.http_connection_manager';
const tcp = 'envoy.filters.network.tcp_proxy';
const plainChain = { serverNames: [], applicationProtocols: [], tls: 'unknown', secrets: [] } as const;

const typeChain = (type: string): ListenerConfig['chains'][number] => ({
  ...plainChain,
  filters: [...(type.includes('HTTP') ? [http] : []), ...(type.includes('TCP') ? [tcp] : [])],
});

/** Groups of protocols that the table abbreviates (istioctl/pkg/writer/envoy/configdump/listener.go). */
const groups: Readonly<Record<string, readonly string[]>> = {
  HTTP: ['http/1.1', 'h2c'],
  'HTTP TLS': ['istio-http/1.0', 'istio-http/1.1', 'istio-h2'],
  'TCP TLS': ['istio-peer-exchange', 'istio'],
  'Istio HTTP Plain': ['istio', 'istio-http/1.0', 'istio-http/1.1', 'istio-h2'],
};

/** `SNI: a,b; App: http/1.1` and `Route: 80` or `Cluster: outbound|80||…`. */
function matchChain(cells: Cells): ListenerConfig['chains'][number] {
  const chain: {
    -readonly [K in keyof ListenerConfig['chains'][number]]: ListenerConfig['chains'][number][K];
  } = { ...plainChain, filters: [] };
  const name = cells.get('CHAIN');
  if (name !== undefined && name !== '') chain.name = name;
  for (const part of (cells.get('MATCH') ?? '').split('; ')) {
    const [, key, value = ''] = /^(Trans|SNI|App|Addr): (.+)$/.exec(part.trim()) ?? [];
    if (key === 'Trans') chain.transport = value;
    else if (key === 'SNI') chain.serverNames = value.split(/,\s*/);
    else if (key === 'App') chain.applicationProtocols = groups[value] ?? value.split(/,\s*/);
    else if (key === 'Addr') {
      const port = /:(\d{1,5})$/.exec(value)?.[1];
      if (port !== undefined) chain.destinationPort = Number(port);
    }
  }
  const destination = cells.get('DESTINATION') ?? '';
  const [, kind, target = ''] = /^(Route|Inline Route|Cluster): (.+)$/.exec(destination) ?? [];
  if (kind === 'Route') chain.routeConfig = target;
  if (kind === 'Cluster') chain.cluster = target;
  if (kind === undefined && /^\w+Cluster$/.test(destination)) chain.cluster = destination;
  chain.filters = kind?.endsWith('Route') ? [http] : chain.cluster === undefined ? [] : [tcp];
  return chain;
}

function addHost(hosts: Host[], cells: Cells): void {
  const domains = (cells.get('DOMAINS') ?? '')
    .replace(/ \+ \d+ more\.{3}$/, '')
    .split(/,\s*/)
    .filter((domain) => domain !== '');
  const name = cells.get('VHOST NAME') ?? domains[0] ?? '';
  // Rows of one virtual host stand together.
  let host = hosts.at(-1);
  if (host === undefined || host.name !== name || host.domains.join() !== domains.join()) {
    host = { name, domains, configs: new Set(), routes: 0 };
    hosts.push(host);
  }
  const service = cells.get('VIRTUAL SERVICE') ?? '';
  // A virtual host without routes is printed as if it had one that answers 404.
  if (service === '404') {
    host.directResponse = 404;
    return;
  }
  host.routes += 1;
  const config = configOf(service, 'virtual-service');
  if (config !== undefined) host.configs.add(config);
}

const virtualHost = ({ configs, ...host }: Host): RouteConfig['virtualHosts'][number] => ({
  ...host,
  clusters: [],
  configs: [...configs],
});

function* secretOf(cells: Cells, proxy: ProxyRef, at: Location): Generator<Artifact> {
  const name = unprefixed(cells.get('RESOURCE NAME') ?? '', 'secret');
  const type = cells.get('TYPE') ?? '';
  const authority = type === 'CA' || (type === '' && (name === 'ROOTCA' || name.endsWith('-cacert')));
  const warming = cells.get('STATUS') === 'WARMING';
  const state = warming ? 'warming' : 'active';
  const kind = authority ? 'ca' : type === 'Cert Chain' || type === '' ? 'certificate' : 'other';
  yield { kind: 'proxy-secret', value: { proxy, name, state, kind, at } };
  if (warming) yield { kind: 'warming', value: { proxy, type: 'secret', name, at } };
  const until = isoTime(cells.get('NOT AFTER'));
  const from = isoTime(cells.get('NOT BEFORE'));
  if (until === undefined || from === undefined) return;
  const certificate: Certificate = {
    proxy,
    use: name === 'ROOTCA' ? 'root' : authority ? 'other' : useOf(name),
    name,
    serial: hexadecimal(cells.get('SERIAL NUMBER') ?? ''),
    sans: [],
    from,
    until,
    at,
  };
  yield { kind: 'certificate', value: certificate };
}

const useOf = (name: string): Certificate['use'] =>
  name === 'default' ? 'workload' : name.startsWith('kubernetes://') ? 'gateway' : 'other';

/** Old versions print the number in decimal: 128 bits are at most 32 hexadecimal digits. */
const hexadecimal = (serial: string): string =>
  plainSerial(/^\d{33,50}$/.test(serial) ? BigInt(serial).toString(16) : serial);
