import type { ObjectMeta } from './facts.ts';
import type { Section } from './kube-describe-fields.ts';
import { setOwn, type UntypedRecord } from './untyped.ts';

/**
 * Kinds that kubectl describes field by field, with the fields that are lists of objects: the text does not tell those from one
 * object. Items stand without a mark between them; their fields are sorted (kubectl pkg/describe, printUnstructuredContent).
 */
const listFields: Readonly<Record<string, ReadonlySet<string>>> = {
  MutatingWebhookConfiguration: new Set(['webhooks', 'rules', 'matchExpressions', 'matchConditions']),
  ValidatingWebhookConfiguration: new Set(['webhooks', 'rules', 'matchExpressions', 'matchConditions']),
  VirtualService: new Set(['http', 'tls', 'tcp', 'match', 'route', 'mirrors', 'allowOrigins']),
  DestinationRule: new Set(['subsets', 'portLevelSettings']),
  Gateway: new Set(['servers']),
  ServiceEntry: new Set(['ports', 'endpoints']),
  PeerAuthentication: new Set(),
};

/**
 * A described webhook configuration or Istio object in the form of its YAML; undefined for kinds whose lists the text does not
 * let tell apart, as the rules of an AuthorizationPolicy.
 */
export function describedObject(sections: readonly Section[], meta: ObjectMeta): UntypedRecord | undefined {
  const field = (name: string): string => sections.find((section) => section.name === name)?.value ?? '';
  const kind = field('Kind');
  const apiVersion = field('API Version');
  const lists = listFields[kind];
  // The Gateway of the Gateway API has other lists.
  if (lists === undefined || apiVersion === '' || apiVersion.startsWith('gateway.networking.k8s.io')) return undefined;
  const object: Record<string, unknown> = { apiVersion, kind };
  const metadata: Record<string, unknown> = {
    name: meta.name,
    namespace: meta.namespace,
    labels: meta.labels,
    annotations: meta.annotations,
  };
  for (const { name, body } of sections) {
    const place = fieldOf(name);
    if (place === 'metadata') {
      const { creationTimestamp, generation, resourceVersion } = mapOf(linesOf(body), lists);
      Object.assign(metadata, { creationTimestamp, generation, resourceVersion: String(resourceVersion ?? '') });
    } else if ((place === 'spec' || place === 'webhooks') && body.length > 0) {
      object[place] = valueOfLines(place, linesOf(body), lists);
    }
  }
  return { ...object, metadata };
}

interface Line {
  readonly indent: number;
  readonly text: string;
}

const linesOf = (body: readonly string[]): Line[] =>
  body.map((text) => ({ indent: text.search(/\S/), text: text.trim() }));

const keyed = /^([\w./ -]+):(?:\s{2,}(.*))?$/;

function valueOfLines(field: string, lines: readonly Line[], lists: ReadonlySet<string>): unknown {
  const [first] = lines;
  if (first === undefined) return {};
  if (!keyed.test(first.text)) return lines.map(({ text }) => scalarOf(text));
  if (!lists.has(field)) return mapOf(lines, lists);
  const items: Line[][] = [];
  let last = '';
  for (const line of lines) {
    if (line.indent <= first.indent) {
      const name = fieldOf(keyed.exec(line.text)?.[1] ?? '');
      // Fields of an item are sorted: one that is not behind the last begins the next item.
      if (items.length === 0 || name <= last) items.push([]);
      last = name;
    }
    items.at(-1)?.push(line);
  }
  return items.map((item) => mapOf(item, lists));
}

function mapOf(lines: readonly Line[], lists: ReadonlySet<string>): Record<string, unknown> {
  const map: Record<string, unknown> = {};
  const indent = lines[0]?.indent ?? 0;
  for (let at = 0; at < lines.length; ) {
    const match = keyed.exec(lines[at]?.text ?? '');
    let end = at + 1;
    while (end < lines.length && (lines[end]?.indent ?? 0) > indent) end++;
    if (match !== null) {
      const field = fieldOf(match[1] ?? '');
      const value = match[2];
      setOwn(
        map,
        field,
        value === undefined || value === '' ? valueOfLines(field, lines.slice(at + 1, end), lists) : scalarOf(value),
      );
    }
    at = end;
  }
  return map;
}

/** `Ca Bundle` is `caBundle`, `API Version` is `apiVersion`, `Istio - Injection` the label `istio-injection`. */
function fieldOf(label: string): string {
  if (/^[a-z]/.test(label)) return label;
  if (label.includes(' - ')) return label.replaceAll(' - ', '-').toLowerCase();
  return label
    .split(' ')
    .map((word, index) => {
      if (index > 0) return /^[A-Z]+$/.test(word) ? `${word[0] ?? ''}${word.slice(1).toLowerCase()}` : word;
      return /^[A-Z]+$/.test(word) ? word.toLowerCase() : `${word.charAt(0).toLowerCase()}${word.slice(1)}`;
    })
    .join('');
}

function scalarOf(text: string): unknown {
  if (text === '<nil>') return undefined;
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}
