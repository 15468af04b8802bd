import { counted, evidenceOf, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';

/** What istioctl itself could not fetch: harmless for the mesh, but what is missing cannot be judged. */
export const failingCollection = defineRule({
  id: 'failing-collection',
  title: 'Steps of the collection failed',
  area: 'archive',
  severity: 'info',
  why: 'What the collector could not fetch is missing from the archive, so that silence about it is no sign of health.',
  fix: [
    {
      do: 'See whether the pods named are running; a pod that is starting or crashing cannot be asked',
      run: 'kubectl get pods -A -o wide',
    },
    {
      do: 'Check that you may read logs and open port-forwards in the namespaces',
      run: 'kubectl auth can-i create pods/portforward -n {{istioNamespace}}',
    },
    { do: 'Collect again when the pods run', run: 'istioctl bug-report --istio-namespace {{istioNamespace}}' },
  ],
  references: ['https://istio.io/latest/docs/reference/commands/istioctl/#istioctl-bug-report'],
  source: 'knowledge D244; bug-report.log',
  needs: ['collections'],
  uses: ['platform'],
  *check({ collections, platform }) {
    const failures = collections
      .flatMap((collection) => collection.failures)
      .filter(({ detail }) => !isTimeout(detail));
    const evidence = evidenceOf(
      failures.slice(0, 3).map(({ what, at }) => ({ ...at, stage: 'event' as const, say: `${what} failed.` })),
    );
    if (evidence === undefined) return;
    // The reader folds repetitions into one failure and says how often.
    const count = failures.reduce((sum, { detail }) => sum + Number(/ \((\d+) times\)$/.exec(detail)?.[1] ?? 1), 0);
    yield {
      subject: 'istioctl bug-report',
      scope: {},
      count,
      confidence: 'certain',
      message: `${counted(count, 'step')} of the collection failed: ${some(failures.map(({ what, detail }) => `${what}: ${detail.slice(0, 100)}`))}`,
      facts: { istioNamespace: platform?.istioNamespace ?? 'istio-system' },
      evidence,
    };
  },
});

/** The collector's own time limit: `partial-archive` tells of it. */
export const isTimeout = (detail: string): boolean => detail.startsWith('Timeout when running bug report command');
