import type { LogRuleWithLines } from '../log-rules.ts';
import type { AnyRule } from '../rule.ts';

export const trafficRules: { readonly rules: readonly AnyRule[]; readonly logs: readonly LogRuleWithLines[] } = {
  rules: [],
  logs: [],
};
