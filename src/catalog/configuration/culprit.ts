import { list, ofKind, record, specOf, strings, text } from '../../model/hosts.ts';
import type { MeshProxy } from '../../model/mesh.ts';
import { matchesLabels } from '../../model/selectors.ts';
import type { KubeObject } from '../../parse/facts.ts';
import { reasonOf } from './refusal-reasons.ts';
import type { Refusal } from './refusals.ts';

/** The object behind refused configuration. */
export interface Culprit {
  readonly object: KubeObject;
  /** The place in it that Envoy complains of, or the patch. */
  readonly pointer: string;
  /** Literal part of Envoy's words that stands in the object; '' where only its selector and kind fit. */
  readonly mark: string;
  /** Other objects that would fit as well. */
  readonly rivals: readonly KubeObject[];
}

/** A candidate's marks: how much of Envoy's words it holds. */
interface Fit {
  readonly object: KubeObject;
  readonly pointer: string;
  readonly mark: string;
  readonly score: number;
}

/**
 * Finds the object behind refusals of one reason: it selects every proxy that refuses, patches what they refuse, existed before
 * the first refusal, and, best of all, holds what Envoy quotes. Of several that fit, the newest.
 */
export function culpritOf(
  refusals: readonly Refusal[],
  config: readonly KubeObject[],
  proxyOf: (refusal: Refusal) => MeshProxy | undefined,
  rootNamespace: string,
): Culprit | undefined {
  const [one] = refusals;
  if (one === undefined) return undefined;
  const reason = reasonOf(one.why);
  const first = refusals.flatMap((refusal) => refusal.first ?? []).toSorted()[0];
  const words = wordsOf(one.why);
  const fits: Fit[] = [];
  for (const object of [
    ...ofKind(config, 'EnvoyFilter'),
    ...(reason.id === 'wasm' ? ofKind(config, 'WasmPlugin') : []),
  ]) {
    if (isLater(object, first)) continue;
    if (!refusals.every((refusal) => selects(object, refusal, proxyOf(refusal), rootNamespace))) continue;
    const fit = fitOf(
      object,
      one,
      words,
      refusals.flatMap((refusal) => proxyOf(refusal)?.type ?? []),
    );
    if (fit !== undefined && (fit.mark !== '' || reason.byFilter)) fits.push(fit);
  }
  if (fits.length === 0 || fits.every(({ mark }) => mark === '')) {
    const named = objectNaming(config, one.why, first);
    if (named !== undefined) return named;
  }
  fits.sort((a, b) => b.score - a.score || newest(b.object).localeCompare(newest(a.object), 'en'));
  const [best, ...others] = fits;
  if (best === undefined) return undefined;
  return { ...best, rivals: others.filter(({ score }) => score >= best.score).map(({ object }) => object) };
}

const newest = ({ meta }: KubeObject): string => meta.changed?.time ?? meta.created ?? '';

/** Made after the first refusal, with a minute for clocks that differ. */
const isLater = ({ meta }: KubeObject, first: string | undefined): boolean =>
  first !== undefined && meta.created !== undefined && Date.parse(meta.created) > Date.parse(first) + 60_000;

function selects(object: KubeObject, refusal: Refusal, proxy: MeshProxy | undefined, rootNamespace: string): boolean {
  const { namespace } = object.meta;
  if (namespace !== rootNamespace && namespace !== refusal.proxy.namespace) return false;
  const spec = specOf(object);
  const labels = proxy === undefined || Object.keys(proxy.labels).length === 0 ? undefined : proxy.labels;
  const targets = [...list(spec['targetRefs']), ...(spec['targetRef'] === undefined ? [] : [spec['targetRef']])];
  const selector = record(record(spec['workloadSelector'])['labels']);
  const matching = record(record(spec['selector'])['matchLabels']);
  if (labels === undefined) return true;
  if (targets.length > 0)
    return targets.some((target) => record(target)['name'] === labels['gateway.networking.k8s.io/gateway-name']);
  return matchesLabels(selector, labels) && matchesLabels(matching, labels);
}

/** Which kind of resource a patch of this sort changes. */
const changes: Readonly<Record<string, readonly Refusal['type'][]>> = {
  LISTENER: ['listener'],
  FILTER_CHAIN: ['listener'],
  NETWORK_FILTER: ['listener', 'other'],
  HTTP_FILTER: ['listener', 'other'],
  LISTENER_FILTER: ['listener'],
  EXTENSION_CONFIG: ['other', 'listener'],
  ROUTE_CONFIGURATION: ['route', 'listener'],
  VIRTUAL_HOST: ['route', 'listener'],
  HTTP_ROUTE: ['route', 'listener'],
  CLUSTER: ['cluster'],
};

/** How well an object fits what was refused; undefined when it cannot have caused it. */
function fitOf(
  object: KubeObject,
  refusal: Refusal,
  words: readonly string[],
  proxyTypes: readonly MeshProxy['type'][],
): Fit | undefined {
  if (object.kind === 'WasmPlugin') return { object, pointer: '/spec/url', mark: '', score: 2 };
  let best: Fit | undefined;
  for (const [index, item] of list(specOf(object)['configPatches']).entries()) {
    const patch = record(item);
    const context = text(record(patch['match'])['context']) ?? 'ANY';
    if (!(changes[text(patch['applyTo']) ?? ''] ?? []).includes(refusal.type)) continue;
    if (!fitsContext(context, refusal, proxyTypes)) continue;
    const pointer = `/spec/configPatches/${index}/patch`;
    const value = record(patch['patch'])['value'];
    const found = holds(value, `${pointer}/value`, words);
    const lua =
      reasonOf(refusal.why).id === 'lua' &&
      JSON.stringify(value ?? '')
        .toLowerCase()
        .includes('lua');
    const fit: Fit = {
      object,
      pointer: found?.pointer ?? pointer,
      mark: found?.word ?? '',
      score: (found === undefined ? 0 : 10 + found.word.length / 100) + (lua ? 3 : 0),
    };
    if (best === undefined || fit.score > best.score) best = fit;
  }
  return best;
}

function fitsContext(context: string, { type, resource }: Refusal, proxyTypes: readonly MeshProxy['type'][]): boolean {
  const gateways = proxyTypes.includes('gateway');
  const sidecars = proxyTypes.includes('sidecar');
  if (context === 'GATEWAY') return gateways || !sidecars;
  if (context !== 'SIDECAR_INBOUND' && context !== 'SIDECAR_OUTBOUND') return true;
  if (gateways && !sidecars) return false;
  if (type !== 'listener' || resource === '') return true;
  return (resource === 'virtualInbound') === (context === 'SIDECAR_INBOUND');
}

/** Words of Envoy that could come from somebody's configuration, longest first. */
function wordsOf(why: string): readonly string[] {
  const words = new Set<string>();
  // Lua quotes the first line of the script, cut: [string "function envoy_on_request(handle)..."]:3:
  for (const [, script = ''] of why.matchAll(/\[string "([^"]{4,})"\]/g)) words.add(script.replace(/\.\.\.$/, ''));
  for (const [, quote = ''] of why.matchAll(/['"]([^'"\s]{4,120})['"]/g)) words.add(quote);
  for (const [, domain = ''] of why.matchAll(/Duplicate entry of domain ([^\s,]+)/g))
    words.add(domain.replace(/[.,]$/, ''));
  for (const [token] of why.matchAll(/[A-Za-z][\w]*(?:[._/-][\w]+)+/g)) if (token.length >= 8) words.add(token);
  for (const common of commonWords) words.delete(common);
  return [...words].filter((word) => word.length >= 4).sort((a, b) => b.length - a.length);
}

/** Envoy's own words, in every refusal of a sort and in many EnvoyFilters. */
const commonWords: readonly string[] = [
  'adding/updating',
  'type.googleapis.com',
  'envoy.filters.network.http_connection_manager',
  'envoy.filters.http.router',
  'envoy.filters.network.tcp_proxy',
];

/** The first text inside a value, key or leaf, that holds one of the words. */
function holds(
  value: unknown,
  pointer: string,
  words: readonly string[],
  depth = 0,
): { readonly pointer: string; readonly word: string } | undefined {
  if (typeof value === 'string') {
    const word = words.find((candidate) => value.includes(candidate));
    return word === undefined ? undefined : { pointer, word };
  }
  if (typeof value !== 'object' || value === null || depth > 40) return undefined;
  let best: { readonly pointer: string; readonly word: string } | undefined;
  for (const [key, child] of Object.entries(value)) {
    const place = `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const named = words.includes(key) ? { pointer: place, word: key } : undefined;
    for (const found of [named, holds(child, place, words, depth + 1)])
      if (found !== undefined && (best === undefined || found.word.length > best.word.length)) best = found;
  }
  return best;
}

/** A VirtualService, ServiceEntry or policy that holds the domain or expression Envoy quotes. */
function objectNaming(config: readonly KubeObject[], why: string, first: string | undefined): Culprit | undefined {
  const quoted =
    /Duplicate entry of domain ([^\s,]+)/.exec(why)?.[1]?.replace(/\.$/, '') ??
    /Invalid regex '([^']+)'/.exec(why)?.[1] ??
    /regex '([^']+)' RE2/.exec(why)?.[1] ??
    /\("?server_names"?\)? ?:? ?'?(\*?[\w.*-]+)'?/.exec(why)?.[1];
  if (quoted === undefined || quoted.length < 4) return undefined;
  const word = quoted.toLowerCase();
  const kinds = ['VirtualService', 'ServiceEntry', 'AuthorizationPolicy', 'Gateway', 'HTTPRoute'];
  const found: Culprit[] = [];
  for (const object of config) {
    if (!kinds.includes(object.kind) || isLater(object, first)) continue;
    const hosts = strings(specOf(object)['hosts']);
    const index = hosts.findIndex((host) => host.toLowerCase() === word);
    const inside =
      index >= 0
        ? { pointer: `/spec/hosts/${index}`, word: hosts[index] ?? quoted }
        : holds(specOf(object), '/spec', [quoted]);
    if (inside !== undefined) found.push({ object, pointer: inside.pointer, mark: inside.word, rivals: [] });
  }
  found.sort((a, b) => newest(b.object).localeCompare(newest(a.object), 'en'));
  const [best, ...others] = found;
  return best === undefined ? undefined : { ...best, rivals: others.map(({ object }) => object) };
}
