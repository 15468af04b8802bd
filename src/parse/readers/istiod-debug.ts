import type { Location } from '../../input/location.ts';
import type { Artifact, ArtifactKind } from '../artifact.ts';
import type { PushStatus } from '../facts.ts';
import { jsonDocuments } from '../json-documents.ts';
import { type JsonPath, parseJson, pointerOf, scanJson } from '../json-elements.ts';
import { artifactKindOf, artifactOf } from '../kube-facts.ts';
import { mask } from '../mask.ts';
import { maskValues } from '../mask-values.ts';
import type { Parser, Reader, SourceFile } from '../reader.ts';
import { isCollector, proxyRef, syncOf } from '../sync-status.ts';
import { present, recordOf, textOf, type UntypedRecord } from '../untyped.ts';

type Emit = (artifact: Artifact) => void;

/** What an endpoint's objects become, in which list they lie, and which facet knows them. */
interface Endpoint {
  readonly list: JsonPath;
  /** Set where an empty list is knowledge: that of `configz` says nothing of the objects it leaves out. */
  readonly kind?: ArtifactKind;
  readonly read: (value: unknown, istiod: string, at: Location) => Artifact | undefined;
}

const endpoints: Readonly<Record<string, Endpoint>> = {
  syncz: {
    list: [],
    kind: 'sync',
    read(value, istiod, at) {
      const status = syncOf(value, istiod, at);
      return status && { kind: 'sync', value: status };
    },
  },
  adsz: {
    list: ['clients'],
    kind: 'connection',
    read: connectionOf,
  },
  configz: { list: [], read: configOf },
};

const MAX_DOCUMENT = 256 * 2 ** 20;
const HEAD = 2048;

/**
 * Istiod's debug endpoints, one JSON body per file: `syncz` (is every proxy in sync), `adsz` (who is connected),
 * `push_status` (what the last push complained of), `mesh` (MeshConfig as istiod uses it), `configz` (the mesh's
 * configuration, should `crs` be missing). The others are known and hold nothing that is not told elsewhere. Loose files are told apart by what is in them.
 */
export const istiodDebug: Reader = {
  name: 'istiod-debug',
  title: 'Debug endpoint of istiod',
  open(file, _context, emit) {
    const endpoint = file.params['endpoint'] ?? '';
    const istiod = file.params['pod'] ?? '';
    const items = endpoints[endpoint];
    if (items !== undefined) return itemParser(file, istiod, endpoint, items, emit);
    const whole = endpoint === 'push_status' || endpoint === 'mesh' || endpoint === '';
    return documentParser(file, istiod, endpoint, whole, emit);
  },
};

/** Large lists: each object is read and let go. */
function itemParser(file: SourceFile, istiod: string, name: string, endpoint: Endpoint, emit: Emit): Parser {
  const head = headOf();
  const scanner = scanJson({
    choose(path) {
      if (path.length > endpoint.list.length) return 'take';
      return path.every((part, depth) => part === endpoint.list[depth]) ? 'enter' : 'skip';
    },
    value(path, bytes) {
      const value = parseJson(bytes);
      if (value === undefined) return false;
      const artifact = endpoint.read(value, istiod, { file: file.path, pointer: pointerOf(path) });
      if (artifact !== undefined) emit(artifact);
      return true;
    },
  });
  return {
    push(chunk) {
      head.push(chunk);
      scanner.push(chunk);
    },
    end(complete) {
      const { problem } = scanner.end();
      const body = head.text().trim();
      if (!/^(?:[[{]|null$)/.test(body)) {
        notAnswered(file, istiod, name, body, emit);
        return;
      }
      if (problem !== undefined && problem.reason !== 'empty') gap(file, problem.reason, problem.detail, emit);
      else if (!complete) gap(file, 'truncated', 'the file is cut short', emit);
      looked(endpoint, file.path, emit);
    },
  };
}

/** Small documents and loose files as a whole; of endpoints nobody reads only the beginning. */
function documentParser(file: SourceFile, istiod: string, name: string, whole: boolean, emit: Emit): Parser {
  const head = headOf();
  const chunks: Uint8Array[] = [];
  let size = 0;
  return {
    push(chunk) {
      head.push(chunk);
      size += chunk.length;
      if (whole && size <= MAX_DOCUMENT) chunks.push(chunk);
    },
    end(complete) {
      const body = head.text().trim();
      if (!/^[[{]/.test(body)) {
        // `null` is an empty list; the template of `inject` was plain text up to 1.8.
        if (body !== 'null' && (whole || !isAnswer(body))) notAnswered(file, istiod, name, body, emit);
        return;
      }
      if (!complete) gap(file, 'truncated', 'the file is cut short', emit);
      if (!whole) return;
      if (size > MAX_DOCUMENT) {
        gap(file, 'too-large', 'larger than 256 MiB', emit);
        return;
      }
      const text = new TextDecoder().decode(Buffer.concat(chunks));
      const documents = [...jsonDocuments(text)];
      for (const { value, line } of documents) {
        if (value === undefined) {
          if (complete) gap(file, 'malformed', 'the JSON does not parse', emit, line);
          continue;
        }
        // A pointer counts within one document; several one after another are only told by line.
        const place = (pointer: string): Location =>
          documents.length === 1 ? { file: file.path, pointer } : { file: file.path, line };
        understand(value, name, istiod, place, emit);
      }
    },
  };
}

/** One document of `push_status`, `mesh` or, in a loose file, of whichever endpoint its shape tells. */
function understand(
  value: unknown,
  name: string,
  istiod: string,
  place: (pointer: string) => Location,
  emit: Emit,
): void {
  const fields = recordOf(value);
  if (name === 'push_status') {
    pushStatus(value, istiod, place, emit);
  } else if (name === 'mesh') {
    emit(meshConfig(fields, istiod, place('')));
  } else if (Array.isArray(value)) {
    list(value, 'syncz', istiod, '', place, emit);
  } else if (Array.isArray(fields['clients'])) {
    list(fields['clients'], 'adsz', istiod, '/clients', place, emit);
  } else if (Object.keys(fields).some((key) => /^(?:pilot|endpoint)_[a-z_]+$/.test(key))) {
    pushStatus(value, istiod, place, emit);
  } else if (fields['proxyListenPort'] !== undefined || fields['defaultConfig'] !== undefined) {
    emit(meshConfig(fields, istiod, place('')));
  } else {
    // `istioctl x internal-debug --all` prints one object with an answer for each istiod.
    for (const [pod, answer] of Object.entries(fields)) {
      const clients = recordOf(answer)['clients'];
      if (Array.isArray(answer)) list(answer, 'syncz', pod, `/${pod}`, place, emit);
      else if (Array.isArray(clients)) list(clients, 'adsz', pod, `/${pod}/clients`, place, emit);
    }
  }
}

function list(
  values: readonly unknown[],
  name: 'syncz' | 'adsz',
  istiod: string,
  prefix: string,
  place: (pointer: string) => Location,
  emit: Emit,
): void {
  const endpoint = endpoints[name];
  if (endpoint === undefined) return;
  for (const [index, value] of values.entries()) {
    const artifact = endpoint.read(value, istiod, place(`${prefix}/${index}`));
    if (artifact !== undefined) emit(artifact);
  }
  looked(endpoint, place('').file, emit);
}

function looked({ kind }: Endpoint, file: string, emit: Emit): void {
  if (kind !== undefined) emit({ kind: 'seen', value: { kinds: [kind], at: { file } } });
}

function connectionOf(value: unknown, istiod: string, at: Location): Artifact | undefined {
  const fields = recordOf(value);
  const proxy = proxyRef((textOf(fields['connectionId']) ?? '').replace(/-\d+$/, ''));
  const metadata = recordOf(fields['metadata']);
  // istioctl's own connection, which asks for `event`s and runs in no pod.
  if (proxy === undefined || isCollector(metadata['ISTIO_VERSION']) || metadata['GENERATOR'] === 'event') {
    return undefined;
  }
  const since = present({ connectedAt: textOf(fields['connectedAt']) });
  return { kind: 'connection', value: { proxy, istiod, ...since, at } };
}

/**
 * An object of `configz`, which has the shape of Kubernetes. Left out are those istiod derived itself from Ingress and
 * Gateway API, and GatewayClass, which it shows in a namespace it does not have.
 */
function configOf(value: unknown, _istiod: string, at: Location): Artifact | undefined {
  const object = recordOf(value);
  const kind = textOf(object['kind']) ?? '';
  const metadata = recordOf(object['metadata']);
  const derived =
    /-istio-autogenerated-/.test(textOf(metadata['name']) ?? '') ||
    Object.keys(recordOf(metadata['annotations'])).some((name) => name.startsWith('internal.istio.io/'));
  if (derived || kind === 'GatewayClass') return undefined;
  return artifactKindOf(textOf(object['apiVersion']) ?? '', kind) === 'object' ? artifactOf(object, at) : undefined;
}

/** `proxyMetadata` and the headers of providers are whatever an operator put there: masked. */
const meshConfig = (fields: UntypedRecord, name: string, at: Location): Artifact => ({
  kind: 'mesh-config',
  value: { from: 'istiod', name, config: recordOf(maskValues(fields)), at },
});

/** `{ metric: { key: { proxy, message } } }` of the last full push. */
function pushStatus(value: unknown, istiod: string, place: (pointer: string) => Location, emit: Emit): void {
  for (const [metric, found] of Object.entries(recordOf(value))) {
    const entries = Object.entries(recordOf(found)).map(([key, details]): PushStatus['entries'][number] => {
      const { proxy, message } = recordOf(details);
      const words = textOf(message);
      return {
        key,
        ...present({ proxy: textOf(proxy), message: words === undefined ? undefined : mask(words).slice(0, 1000) }),
      };
    });
    if (entries.length === 0) continue;
    emit({ kind: 'push-status', value: { istiod, metric, entries, at: place(`/${metric}`) } });
  }
  emit({ kind: 'seen', value: { kinds: ['push-status'], at: { file: place('').file } } });
}

const isAnswer = (body: string): boolean => !/^(?:404 page not found|40[13]\b|Dry run)|^[^\n]{0,80}$/.test(body);

/** Says why there is no JSON. istiod answers 404 to all of them at once, so only `syncz` speaks for its pod. */
function notAnswered(file: SourceFile, istiod: string, name: string, body: string, emit: Emit): void {
  const pod = istiod === '' ? 'istiod' : istiod;
  if (/^404|page not found/.test(body)) {
    if (name !== 'syncz' && name !== '') return;
    const detail = `${pod} answered 404 to its debug endpoints: they are off (\`ENABLE_DEBUG_ON_HTTP=false\`) or unknown to this version, so sync states, connections and push problems are missing`;
    gap(file, 'not-available', detail, emit);
  } else if (body === '') {
    gap(file, 'not-available', `${pod} answered nothing`, emit);
  } else if (/^40[13]\b|forbidden|unauthori[sz]ed|permission|authentication/i.test(body)) {
    gap(file, 'not-available', `${pod} refused the request: ${mask(body).slice(0, 200)}`, emit);
  } else if (/^Dry run/.test(body)) {
    gap(file, 'not-available', 'the report was a dry run', emit);
  } else {
    gap(file, 'malformed', `no JSON: ${mask(body.split('\n')[0] ?? '').slice(0, 200)}`, emit);
  }
}

type Reason = 'truncated' | 'malformed' | 'too-large' | 'not-available';

function gap(file: SourceFile, reason: Reason, detail: string, emit: Emit, line?: number): void {
  emit({ kind: 'gap', value: { file: file.path, reason, detail, ...(line === undefined ? {} : { line }) } });
}

/** The first bytes of a file, enough to tell JSON from an error text. */
function headOf(): { push(chunk: Uint8Array): void; text(): string } {
  const parts: Uint8Array[] = [];
  let size = 0;
  return {
    push(chunk) {
      if (size >= HEAD) return;
      parts.push(chunk.subarray(0, HEAD - size));
      size += Math.min(chunk.length, HEAD - size);
    },
    text: () => new TextDecoder().decode(Buffer.concat(parts)),
  };
}
