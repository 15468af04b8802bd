import type { LogRuleWithLines } from '../log-rules.ts';
import type { AnyRule } from '../rule.ts';
import { missingReplicas } from './missing-replicas.ts';
import { unscopedConfiguration } from './unscoped-configuration.ts';

export const platformRules: { readonly rules: readonly AnyRule[]; readonly logs: readonly LogRuleWithLines[] } = {
  rules: [unscopedConfiguration, missingReplicas],
  logs: [],
};
