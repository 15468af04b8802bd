import type { LogRuleWithLines } from '../log-rules.ts';
import type { AnyRule } from '../rule.ts';
import { missingCluster } from './missing-cluster.ts';
import { subsetWithoutPods } from './subset-without-pods.ts';
import { undefinedSubset } from './undefined-subset.ts';
import { unhealthyUpstream } from './unhealthy-upstream.ts';

export const trafficRules: { readonly rules: readonly AnyRule[]; readonly logs: readonly LogRuleWithLines[] } = {
  rules: [undefinedSubset, subsetWithoutPods, missingCluster, unhealthyUpstream],
  logs: [],
};
