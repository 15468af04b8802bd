import type { AzureError, ManagedCluster } from '../../parse/facts.ts';
import { type AnyRule, defineRule, type Occurrence } from '../rule.ts';
import { type Refusal, refusals } from './refusals-data.ts';

/** A rule for each message of AKS: what was refused, and what of a cluster's own profile would be refused again. */
export const refusedOperations: readonly AnyRule[] = refusals.map(ruleOf);

function ruleOf({ refused, in: shown, source, ...entry }: Refusal): AnyRule {
  const common = { ...entry, area: 'aks', severity: 'error', source: `knowledge A.4 ${source}` } as const;
  if (shown === undefined) {
    return defineRule({
      ...common,
      needs: ['azureErrors'],
      *check({ azureErrors }) {
        yield* fromErrors(entry.id, azureErrors, refused);
      },
    });
  }
  return defineRule({
    ...common,
    needs: [],
    uses: ['azureErrors', 'managedClusters'],
    anyOf: ['azureErrors', 'managedClusters'],
    *check({ azureErrors = [], managedClusters = [] }) {
      yield* fromErrors(entry.id, azureErrors, refused);
      for (const cluster of managedClusters) yield* fromCluster(cluster, shown);
    },
  });
}

function* fromErrors(
  id: string,
  errors: readonly AzureError[],
  refused: (values: readonly string[]) => string,
): Generator<Occurrence> {
  for (const error of errors) {
    if (error.id !== id) continue;
    const { at, time, count, message } = error;
    yield {
      subject: 'the Istio add-on',
      scope: {},
      count,
      confidence: 'certain',
      message: `AKS refused the operation: ${refused(error.values)}`,
      ...(time === undefined ? {} : { when: { first: time, last: time } }),
      evidence: [{ ...at, quote: [message], stage: 'config', say: 'AKS says so.' }],
      supports: ['The words are those of AKS itself.'],
    };
  }
}

function* fromCluster(
  cluster: ManagedCluster,
  shown: (cluster: ManagedCluster) => readonly string[],
): Generator<Occurrence> {
  for (const condition of shown(cluster)) {
    const name = cluster.name === '' ? 'the cluster' : `cluster ${cluster.name}`;
    yield {
      subject: name,
      scope: {},
      confidence: 'likely',
      message: `${name} ${condition}`,
      evidence: [{ ...cluster.at, stage: 'config', say: 'The cluster as Azure has it.' }],
    };
  }
}
