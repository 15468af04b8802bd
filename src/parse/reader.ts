import type { Artifact } from './artifact.ts';

/** Text to look for in a kind of log while it streams past. */
export interface LogSignature {
  /** The rule's id, with a suffix after `/` where a rule has several. */
  readonly id: string;
  readonly log: LogKind;
  /** A literal that every matching entry contains, at least 6 bytes: the prefilter finds it in bytes, case-sensitive. */
  readonly contains: string;
  /**
   * Confirms the entry and captures values; named groups become the hit's `captures` and split the hits into groups.
   * Matched against the first 64 KiB of the entry's first line joined with its continuation lines. Must be linear: no nested
   * quantifiers, no look-around, no back-references.
   */
  readonly matching?: RegExp;
}

/** Which log a line came from. `proxy` is pilot-agent and Envoy of a sidecar or gateway without its access lines. */
export type LogKind = 'istiod' | 'proxy' | 'ztunnel' | 'cni' | 'operator';

/** The file a reader reads. */
export interface SourceFile {
  readonly path: string;
  /** Values of the layout's `:name` segments, e.g. `{ namespace: 'shop', pod: 'cart-7d9' }`. Empty for loose files. */
  readonly params: Readonly<Record<string, string>>;
  /** Declared unpacked size, -1 when unknown. */
  readonly size: number;
  /** Modification time from the container, ISO 8601 UTC. */
  readonly modified?: string;
}

/** What every reader may need besides the bytes. Plain data: it crosses to worker threads. */
export interface ReadContext {
  readonly signatures: readonly LogSignature[];
  readonly lineBytes: number;
}

/** Receives the bytes of one file, chunk by chunk, synchronously. */
export interface Parser {
  /** The chunk may be kept (it is not reused), but keeping it costs memory. */
  push(chunk: Uint8Array): void;
  /** Called once after the last chunk. `complete` is false when the file was cut short. */
  end(complete: boolean): void;
}

/**
 * Turns one kind of file into artifacts. It knows that file's format, and nothing of the mesh. It never throws for bad
 * input: it emits a gap and keeps what it understood. (`read` still turns an exception into a gap, as our bug.)
 */
export interface Reader {
  /** Stable name shown in the list of files read, e.g. `envoy-clusters`. */
  readonly name: string;
  /** One line for people: what this file is, e.g. `Envoy /clusters`. */
  readonly title: string;
  open(file: SourceFile, context: ReadContext, emit: (artifact: Artifact) => void): Parser;
}

/** Which reader reads which path, e.g. `proxies/:namespace/:pod/clusters`. First match wins. */
export type Layout = readonly (readonly [pattern: string, reader: Reader])[];

/** A reader of small files: the whole text at once (UTF-8, BOM and CR before LF removed), artifacts out. */
export function textReader(
  name: string,
  title: string,
  read: (text: string, file: SourceFile, context: ReadContext) => Iterable<Artifact>,
): Reader {
  return {
    name,
    title,
    open(file, context, emit) {
      const chunks: Uint8Array[] = [];
      return {
        push: (chunk) => void chunks.push(chunk),
        end(complete) {
          const text = new TextDecoder().decode(Buffer.concat(chunks)).replaceAll('\r\n', '\n');
          if (!complete) {
            emit({ kind: 'gap', value: { file: file.path, reason: 'truncated', detail: 'the file is cut short' } });
          }
          for (const artifact of read(text, file, context)) emit(artifact);
        },
      };
    },
  };
}
