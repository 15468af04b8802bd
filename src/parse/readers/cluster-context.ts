import { mask } from '../mask.ts';
import { textReader } from '../reader.ts';

/** `cluster/cluster-context`: the name of the context and, since istioctl 1.12, the address of the API server. */
export const clusterContext = textReader('cluster-context', 'Context of the collector', function* (text, file) {
  const lines = text.split('\n').map((line) => line.trim());
  const url = lines.findIndex((line) => /^https?:\/\/\S+$/.test(line));
  const name = lines.findIndex((line, index) => line !== '' && index !== url);
  const context = lines[name];
  if (context !== undefined && /^error\b/i.test(context)) {
    const detail = `the collector had no context: ${mask(context).slice(0, 300)}`;
    yield { kind: 'gap', value: { file: file.path, reason: 'not-available', detail, line: name + 1 } };
    return;
  }
  const apiServer = lines[url];
  if (context === undefined && apiServer === undefined) return;
  yield {
    kind: 'collection',
    value: {
      ...(context === undefined ? {} : { context: mask(context).slice(0, 300) }),
      ...(apiServer === undefined ? {} : { apiServer: mask(apiServer).slice(0, 300) }),
      failures: [],
      expected: [],
      at: { file: file.path, line: Math.max(name, 0) + 1 },
    },
  };
});
