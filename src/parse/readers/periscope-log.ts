import type { Artifact } from '../artifact.ts';
import { mask } from '../mask.ts';
import { textReader } from '../reader.ts';
import { withLines } from '../shift-lines.ts';
import { recordOf, textOf } from '../untyped.ts';
import { containerLog } from './container-log.ts';

/**
 * A container's last 100 lines as AKS Periscope stores them: one JSON object with the log as a string (`name`, `containerName`,
 * `containerLog`; Azure/aks-periscope pkg/collector/pods_containerlogs_collector.go). Its namespace is not told.
 */
export const periscopeLog = textReader(
  'periscope-log',
  'log of a container, from AKS Periscope',
  function* (text, file, context) {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      yield { kind: 'gap', value: { file: file.path, reason: 'malformed', detail: `not valid JSON: ${mask(reason)}` } };
      return;
    }
    const fields = recordOf(parsed);
    const log = textOf(fields['containerLog'] ?? fields['ContainerLog']);
    if (log === undefined) return;
    const pod = textOf(fields['name'] ?? fields['Name']) ?? '';
    const container = textOf(fields['containerName'] ?? fields['ContainerName']) ?? '';
    // All of it is one line of the file.
    const line = text.slice(0, Math.max(0, text.search(/"[Cc]ontainerLog"/))).split('\n').length;
    const artifacts: Artifact[] = [];
    const params = { namespace: '', ...file.params, pod, container };
    const parser = containerLog.open({ ...file, params }, context, (artifact) =>
      artifacts.push(withLines(artifact, () => line)),
    );
    parser.push(Buffer.from(log));
    parser.end(true);
    yield* artifacts;
  },
);

/** Whether the first bytes of a file are such a log. */
export const isPeriscopeLog = (head: string): boolean =>
  /^\s*\{\s*"[Nn]ame": ?"/.test(head) && /"[Cc]ontainerLog": ?"/.test(head);
