import { textReader } from '../reader.ts';
import { recordOf, textOf } from '../untyped.ts';

/** `cluster-info/cluster_version.json` of troubleshoot.sh: `{ "info": { "gitVersion": … }, "string": "v1.29.4" }`. */
export const supportBundleVersion = textReader(
  'support-bundle-version',
  'version of Kubernetes, from troubleshoot.sh',
  function* (text, file) {
    try {
      const fields = recordOf(JSON.parse(text));
      const version = textOf(recordOf(fields['info'])['gitVersion']) ?? textOf(fields['string']);
      if (version === undefined) return;
      yield {
        kind: 'version',
        value: { component: 'kubernetes', version, at: { file: file.path, pointer: '/info/gitVersion' } },
      };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      yield { kind: 'gap', value: { file: file.path, reason: 'malformed', detail: `not valid JSON: ${reason}` } };
    }
  },
);
