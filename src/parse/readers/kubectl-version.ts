import type { Artifact } from '../artifact.ts';
import { mask } from '../mask.ts';
import { textReader } from '../reader.ts';

/**
 * `kubectl version` in every form: `Client Version: version.Info{… GitVersion:"v1.26.3" …}` (up to 1.27), the short
 * `Server Version: v1.33.1` (since 1.28), and `-o yaml` or `-o json`.
 */
export const kubectlVersion = textReader('kubectl-version', 'kubectl version', function* (text, file) {
  const seen = new Set<string>();
  let side: 'kubectl' | 'kubernetes' | undefined;
  let refused: { readonly line: number; readonly text: string } | undefined;

  const found = function* (component: 'kubectl' | 'kubernetes', version: string, line: number): Generator<Artifact> {
    if (seen.has(component)) return;
    seen.add(component);
    yield { kind: 'version', value: { component, version, at: { file: file.path, line } } };
  };

  for (const [index, content] of text.split('\n').entries()) {
    const line = index + 1;
    // Kustomize and the warning about skew name versions too.
    if (/Kustomize Version|kustomizeVersion|^WARNING/i.test(content)) {
      side = undefined;
      continue;
    }
    if (/Client Version|clientVersion/.test(content)) side = 'kubectl';
    if (/Server Version|serverVersion/.test(content)) side = 'kubernetes';
    if (refused === undefined && /^\s*(?:error\b|Unable to connect|The connection to the server)/i.test(content)) {
      refused = { line, text: content.trim() };
    }
    if (side === undefined) continue;
    // One line may hold both in compact JSON: the server's part comes second.
    const [first, second] = content.split('"serverVersion"');
    const version = versionIn(first ?? '');
    if (version !== undefined) yield* found(second === undefined ? side : 'kubectl', version, line);
    const server = second === undefined ? undefined : versionIn(second);
    if (server !== undefined) yield* found('kubernetes', server, line);
  }

  if (!seen.has('kubernetes')) {
    const detail =
      refused === undefined
        ? 'the version of the API server is not in it'
        : `the version of the API server is not in it: ${mask(refused.text).slice(0, 300)}`;
    const line = refused === undefined ? {} : { line: refused.line };
    yield { kind: 'gap', value: { file: file.path, reason: 'not-available', detail, ...line } };
  }
});

const versionIn = (text: string): string | undefined =>
  /gitVersion"?:\s*"?(v[\w.+-]+)/i.exec(text)?.[1] ?? /Version:\s*(v\d[\w.+-]*)/.exec(text)?.[1];
