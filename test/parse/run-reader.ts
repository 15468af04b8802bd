import { expect } from 'vitest';
import type { Artifact, ArtifactKind, ArtifactKinds } from '../../src/parse/artifact.ts';
import type { Reader, SourceFile } from '../../src/parse/reader.ts';

/** What a reader makes of a text, delivered in chunks of so many bytes. */
export function runReader(
  reader: Reader,
  text: string,
  file: Partial<SourceFile> = {},
  options: { readonly chunkBytes?: number; readonly complete?: boolean } = {},
): Artifact[] {
  const artifacts: Artifact[] = [];
  const source: SourceFile = { path: 'file', params: {}, size: -1, ...file };
  const parser = reader.open(source, { signatures: [], lineBytes: 64 * 1024 }, (artifact) => artifacts.push(artifact));
  const bytes = Buffer.from(text);
  const step = options.chunkBytes ?? Math.max(1, bytes.length);
  for (let at = 0; at < bytes.length; at += step) parser.push(Uint8Array.from(bytes.subarray(at, at + step)));
  parser.end(options.complete ?? true);
  return artifacts;
}

/** The facts of one kind. */
export function factsOf<Kind extends ArtifactKind>(artifacts: readonly Artifact[], kind: Kind): ArtifactKinds[Kind][] {
  return artifacts.flatMap((artifact) => (artifact.kind === kind ? [artifact.value as ArtifactKinds[Kind]] : []));
}

/** The text cut, doubled, with lines shuffled, with Windows line ends and with bytes that are no text. */
export function* damaged(text: string): Generator<string> {
  const cuts = Math.min(text.length, 60);
  for (let cut = 0; cut <= cuts; cut++) yield text.slice(0, Math.floor((text.length * cut) / Math.max(1, cuts)));
  yield text.slice(Math.floor(text.length / 3));
  yield text + text;
  yield text.replaceAll('\n', '\r\n');
  yield text.replaceAll('"', '');
  yield text.replaceAll(/[[{]/g, '');
  yield `${'\u0000\ufffd'.repeat(20)}${text}`;
  let seed = 7;
  for (let round = 0; round < 20; round++) {
    const lines = text.split('\n');
    for (let at = lines.length - 1; at > 0; at--) {
      seed = (seed * 48271) % 2147483647;
      const other = seed % (at + 1);
      [lines[at], lines[other]] = [lines[other] ?? '', lines[at] ?? ''];
    }
    yield lines.join('\n');
  }
}

/** A reader must answer any damaged text with artifacts that stay inside the file, in chunks of any size alike. */
export function survivesDamage(reader: Reader, text: string, file: Partial<SourceFile> = {}): void {
  for (const variant of damaged(text)) {
    for (const complete of [true, false]) {
      const artifacts = runReader(reader, variant, file, { complete });
      expect(runReader(reader, variant, file, { complete, chunkBytes: 7 })).toEqual(artifacts);
      expect(structuredClone(artifacts)).toEqual(artifacts);
      const lines = variant.split('\n').length;
      for (const { value } of artifacts) {
        const line = 'at' in value && 'line' in value.at ? value.at.line : undefined;
        if (line === undefined) continue;
        expect(line).toBeGreaterThan(0);
        expect(line).toBeLessThanOrEqual(lines);
      }
    }
  }
}
