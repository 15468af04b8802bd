import type { Workload } from '../facts.ts';
import { kubectlMessage } from '../list-items.ts';
import { mask } from '../mask.ts';
import type { Reader } from '../reader.ts';
import { textLines } from '../text-lines.ts';

const waiting =
  /^Waiting for (deployment|daemon set) "([^"]+)" rollout to finish: (\d+) of (\d+) updated (?:replicas|pods) are available/;
const exceeded = /^error: deployment "([^"]+)" exceeded its progress deadline/;
const rolledOut =
  /^(deployment|daemon set|statefulset) "?([^" ]+)"? (?:successfully rolled out|rolling update complete)/;

/** Whether the first bytes of a file are the output of `kubectl rollout status`. */
export const isRolloutStatus = (head: string): boolean =>
  /^(?:Waiting for (?:deployment|daemon set|partitioned roll ?out|statefulset|\d+ pods)\b|error: deployment "[^"]+" exceeded its progress deadline|(?:deployment|daemon set) "[^"]+" successfully rolled out|partitioned roll out complete|statefulset rolling update complete)/m.test(
    head,
  );

/**
 * `kubectl rollout status` (kubernetes pkg/polymorphichelpers/rollout_status.go): the last word on each deployment. One that is
 * rolled out tells nothing of its size.
 */
export const kubeRollout: Reader = {
  name: 'kube-rollout',
  title: 'kubectl rollout status',
  open(file, { lineBytes }, emit) {
    const last = new Map<string, Workload>();

    function take(text: string, line: number): void {
      const [, type, name = '', ready = '', desired = ''] = waiting.exec(text) ?? [];
      const done = rolledOut.exec(text)?.[2];
      const late = exceeded.exec(text)?.[1];
      if (type !== undefined) {
        last.set(name, {
          meta: { name, namespace: file.params['namespace'] ?? '', labels: {}, annotations: {}, owners: [] },
          at: { file: file.path, line },
          kind: type === 'deployment' ? 'Deployment' : 'DaemonSet',
          replicas: {
            desired: Number(desired),
            current: Number(desired),
            ready: Number(ready),
            available: Number(ready),
          },
          selector: {},
          template: { labels: {}, annotations: {}, images: [], hostNetwork: false },
          conditions: [],
        });
      } else if (done !== undefined) last.delete(done);
      else if (late !== undefined) {
        const known = last.get(late);
        const condition = { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' };
        if (known !== undefined) last.set(late, { ...known, conditions: [condition] });
      } else if (kubectlMessage.test(text) && /^(?:Error|error|Unable)/.test(text)) {
        const detail = mask(text).slice(0, 300);
        emit({ kind: 'gap', value: { file: file.path, reason: 'not-available', detail, line } });
      }
    }

    return textLines(lineBytes, take, (complete) => {
      for (const value of last.values()) emit({ kind: 'workload', value });
      if (!complete)
        emit({ kind: 'gap', value: { file: file.path, reason: 'truncated', detail: 'the file is cut short' } });
    });
  },
};
