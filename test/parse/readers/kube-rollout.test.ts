import { describe, expect, it } from 'vitest';
import { kubeRollout } from '../../../src/parse/readers/kube-rollout.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const late = `Waiting for deployment "cart" rollout to finish: 1 out of 2 new replicas have been updated...
Waiting for deployment "cart" rollout to finish: 0 of 2 updated replicas are available...
Waiting for deployment "cart" rollout to finish: 1 of 2 updated replicas are available...
error: deployment "cart" exceeded its progress deadline
`;

describe('kubectl rollout status', () => {
  it('tells how many replicas came up in the end', () => {
    const artifacts = runReader(kubeRollout, late, { params: { namespace: 'shop' } });
    expect(factsOf(artifacts, 'workload')).toMatchObject([
      {
        kind: 'Deployment',
        meta: { namespace: 'shop', name: 'cart' },
        replicas: { desired: 2, ready: 1, available: 1 },
        conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }],
        at: { line: 3 },
      },
    ]);
  });

  it('tells nothing of a deployment that is complete, whose size it does not print', () => {
    const text = `Waiting for deployment "cart" rollout to finish: 0 of 1 updated replicas are available...
deployment "cart" successfully rolled out
Waiting for daemon set "istio-cni-node" rollout to finish: 2 of 3 updated pods are available...
`;
    expect(factsOf(runReader(kubeRollout, text), 'workload')).toMatchObject([
      { kind: 'DaemonSet', meta: { name: 'istio-cni-node' }, replicas: { desired: 3, ready: 2 } },
    ]);
  });

  it('survives damage', () => {
    survivesDamage(kubeRollout, late);
  });
});
