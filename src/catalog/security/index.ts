import type { LogRuleWithLines } from '../log-rules.ts';
import type { AnyRule } from '../rule.ts';
import { plaintextClient } from './plaintext-client.ts';
import { unmatchedFilterChain } from './unmatched-filter-chain.ts';

export const securityRules: { readonly rules: readonly AnyRule[]; readonly logs: readonly LogRuleWithLines[] } = {
  rules: [plaintextClient, unmatchedFilterChain],
  logs: [],
};
