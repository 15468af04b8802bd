import { aksRules } from './aks/index.ts';
import { configurationRules } from './configuration/index.ts';
import { controlPlaneRules } from './control-plane/index.ts';
import type { LogRuleWithLines } from './log-rules.ts';
import { platformRules } from './platform/index.ts';
import type { AnyRule } from './rule.ts';
import { securityRules } from './security/index.ts';
import { trafficRules } from './traffic/index.ts';

/** Problems that are a line in a log, with the lines that test them. */
export const builtInLogRules: readonly LogRuleWithLines[] = [
  ...controlPlaneRules.logs,
  ...securityRules.logs,
  ...trafficRules.logs,
  ...configurationRules.logs,
  ...platformRules.logs,
  ...aksRules.logs,
];

/** Every problem meshtriage knows, in the order of the index. */
export const builtInRules: readonly AnyRule[] = [
  ...controlPlaneRules.rules,
  ...securityRules.rules,
  ...trafficRules.rules,
  ...configurationRules.rules,
  ...platformRules.rules,
  ...aksRules.rules,
  ...builtInLogRules.map(({ rule }) => rule),
];
