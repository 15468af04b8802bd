import { refusal } from './admin-answer.ts';
import type { Artifact } from './artifact.ts';
import { scanJson } from './json-elements.ts';
import { type Reader, type SourceFile, textReader } from './reader.ts';

/**
 * A reader of a small JSON answer: the whole value at once. What is no JSON becomes one gap, `not-available` where the
 * file holds an error in the answer's place.
 */
export function jsonReader(
  name: string,
  title: string,
  read: (value: unknown, file: SourceFile) => Iterable<Artifact> | undefined,
): Reader {
  return {
    name,
    title,
    open(file, context, emit) {
      let cut = false;
      const { open } = textReader(name, title, function* (text): Generator<Artifact> {
        const refused = refusal(text, file);
        const value = refused === undefined ? parsed(text.replace(/^\uFEFF/, '')) : undefined;
        const artifacts = value === undefined ? undefined : read(value, file);
        if (artifacts !== undefined) yield* artifacts;
        // A file that is known to be cut has its gap already.
        if (artifacts !== undefined || cut) return;
        if (refused !== undefined) yield { kind: 'gap', value: refused };
        else if (value !== undefined) yield gap('unrecognised', `this is not what ${title} answers`);
        else if (breaksOff(text)) yield gap('truncated', 'the JSON breaks off');
        else yield gap('malformed', 'this is not JSON');
      });
      const gap = (reason: 'unrecognised' | 'truncated' | 'malformed', detail: string): Artifact => ({
        kind: 'gap',
        value: { file: file.path, reason, detail },
      });
      const parser = open(file, context, emit);
      let size = 0;
      return {
        push(chunk) {
          size += chunk.length;
          if (size <= mostBytes) parser.push(chunk);
        },
        end(complete) {
          if (size > mostBytes) {
            const detail = `${size} bytes are no answer of this kind; the file was not read`;
            emit({ kind: 'gap', value: { file: file.path, reason: 'too-large', detail } });
            return;
          }
          cut = !complete;
          parser.end(complete);
        },
      };
    },
  };
}

/** Answers read whole are some 100 KB. */
const mostBytes = 64 * 2 ** 20;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the reader says so in a gap.
    return undefined;
  }
}

/** True when brackets of a JSON text stay open at its end. */
function breaksOff(text: string): boolean {
  const scanner = scanJson({ choose: () => 'skip', value: () => true });
  scanner.push(Buffer.from(text));
  return scanner.end().problem?.reason === 'truncated';
}
