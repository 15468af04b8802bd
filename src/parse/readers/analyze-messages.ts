import { CORE_SCHEMA, load } from 'js-yaml';
import type { Location } from '../../input/location.ts';
import type { Artifact } from '../artifact.ts';
import type { AnalysisMessage } from '../facts.ts';
import { parsed } from '../json-documents.ts';
import { mask } from '../mask.ts';
import { textReader } from '../reader.ts';
import { recordOf, textOf } from '../untyped.ts';

/**
 * What `istioctl analyze` printed: `Error [IST0101] (VirtualService shop/cart) message`. Up to 1.11 the resource is
 * written `(VirtualService cart.shop)`, up to 1.5 the level `Warn` and no blank before the parenthesis; a place in a file
 * (`cart.yaml:13`) and a cluster (`[cluster-west]`) may follow. A message may continue on further lines.
 */
export const analyzeMessages = textReader('analyze', 'istioctl analyze', function* (text, file) {
  const body = text.trimStart();
  const structured =
    body.startsWith('[') || body.startsWith('- ') || body.trimEnd() === 'null'
      ? fromStructured(body, file.path)
      : undefined;
  yield* structured ?? fromText(text, file.path);
  yield { kind: 'seen', value: { kinds: ['analysis'], at: { file: file.path } } };
});

const MESSAGE =
  /^(Info|Warn(?:ing)?|Error) \[(IST\d{4})\](?: \[cluster-[^\]]*\])? ?(?:\((\S+) ([^)\s]+)(?: [^)]*)?\))?:? ?(.*)$/;
const NOTE =
  /No validation issues found|^Analyzed |^See https?:\/\/|Analyzers found issues|^Analysis is suppressed|\bsuppressed\b|^Only analyzing|^Running with|^\$ /i;
const CSI = `${String.fromCharCode(27)}[`;
const MAX_MESSAGE = 4096;

function* fromText(text: string, file: string): Generator<Artifact> {
  let open: { readonly value: AnalysisMessage; readonly lines: string[] } | undefined;
  let strange: { readonly line: number; readonly text: string } | undefined;

  for (const [index, raw] of text.split('\n').entries()) {
    const content = raw.includes(CSI) ? withoutColour(raw) : raw;
    const match = MESSAGE.exec(content);
    if (match !== null) {
      if (open !== undefined) yield closed(open.value, open.lines);
      const [, level = '', code = '', kind = '', origin = '', message = ''] = match;
      open = { value: toMessage(code, level, kind, origin, { file, line: index + 1 }), lines: [message] };
    } else if (/^Error(?::|\()/.test(content) || NOTE.test(content)) {
      if (open !== undefined) yield closed(open.value, open.lines);
      open = undefined;
      if (!NOTE.test(content)) {
        const detail = `istioctl analyze did not finish: ${mask(content).slice(0, 300)}`;
        yield { kind: 'gap', value: { file, reason: 'not-available', detail, line: index + 1 } };
      }
    } else if (open !== undefined) {
      if (content.trim() !== '') open.lines.push(content.trim());
    } else if (content.trim() !== '' && !/^\d{4}-\d\d-\d\dT/.test(content)) {
      strange ??= { line: index + 1, text: content.trim() };
    }
  }
  if (open !== undefined) yield closed(open.value, open.lines);
  if (strange !== undefined) {
    const detail = `not a message of istioctl analyze: ${mask(strange.text).slice(0, 300)}`;
    yield { kind: 'gap', value: { file, reason: 'malformed', detail, line: strange.line } };
  }
}

/** `-o json` and `-o yaml`: a list of the same messages. Undefined when the text is no such list. */
function fromStructured(text: string, file: string): Artifact[] | undefined {
  const items = text.startsWith('[') ? parsed(text).value : fromYaml(text);
  if (items === null) return [];
  if (!Array.isArray(items)) return undefined;
  const messages: Artifact[] = [];
  for (const [index, item] of items.entries()) {
    const { code, level, origin, message } = recordOf(item);
    if (typeof code !== 'string' || !/^IST\d{4}$/.test(code)) continue;
    const [kind = '', name = ''] = (textOf(origin) ?? '').split(' ');
    const value = toMessage(code, String(level), kind, name, { file, pointer: `/${index}` });
    messages.push(closed(value, [textOf(message) ?? '']));
  }
  return messages;
}

function fromYaml(text: string): unknown {
  try {
    return load(text, { schema: CORE_SCHEMA });
  } catch {
    // js-yaml throws its own error for text that is no YAML; the caller then reads it as plain lines.
    return undefined;
  }
}

function toMessage(code: string, level: string, kind: string, origin: string, at: Location): AnalysisMessage {
  return {
    code,
    level: /^err/i.test(level) ? 'error' : /^warn/i.test(level) ? 'warning' : 'info',
    resource: kind === '' ? '' : `${kind} ${origin}`,
    kind,
    ...split(kind, origin),
    message: '',
    at,
  };
}

// Their names hold dots (`virtualservices.networking.istio.io`) and no namespace.
const CLUSTER_SCOPED =
  /^(?:CustomResourceDefinition|Namespace|Node|GatewayClass|MeshPolicy|.*WebhookConfiguration|Cluster.*)$/;

/** `shop/cart` (since 1.12) or `cart.shop` (before): a namespace has no dot, a name may. */
function split(kind: string, origin: string): { readonly namespace: string; readonly name: string } {
  const slash = origin.indexOf('/');
  if (slash >= 0) return { namespace: origin.slice(0, slash), name: origin.slice(slash + 1) };
  const dot = origin.lastIndexOf('.');
  if (dot < 0 || CLUSTER_SCOPED.test(kind)) return { namespace: '', name: origin };
  return { namespace: origin.slice(dot + 1), name: origin.slice(0, dot) };
}

const closed = (value: AnalysisMessage, lines: readonly string[]): Artifact => ({
  kind: 'analysis',
  value: { ...value, message: mask(lines.join('\n')).slice(0, MAX_MESSAGE) },
});

/** The line without the colours a terminal was given: `ESC[33mWarning ESC[0m`. */
function withoutColour(line: string): string {
  const [first = '', ...rest] = line.split(CSI);
  return first + rest.map((part) => part.replace(/^[\d;]*m/, '')).join('');
}
