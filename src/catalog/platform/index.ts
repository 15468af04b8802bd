import type { LogRuleWithLines } from '../log-rules.ts';
import type { AnyRule } from '../rule.ts';
import { cniNotReady } from './cni-not-ready.ts';
import { failingCollection } from './failing-collection.ts';
import { failingDns } from './failing-dns.ts';
import { meshPodEvicted } from './mesh-pod-evicted.ts';
import { missingAccessLog } from './missing-access-log.ts';
import { missingReplicas } from './missing-replicas.ts';
import { nodePressure } from './node-pressure.ts';
import { partialArchive } from './partial-archive.ts';
import { platformLogRules } from './platform-log.ts';
import { proxyVersionSkew } from './proxy-version-skew.ts';
import { unscopedConfiguration } from './unscoped-configuration.ts';
import { unsupportedVersion } from './unsupported-version.ts';

export const platformRules: { readonly rules: readonly AnyRule[]; readonly logs: readonly LogRuleWithLines[] } = {
  rules: [
    unscopedConfiguration,
    cniNotReady,
    failingDns,
    nodePressure,
    meshPodEvicted,
    missingReplicas,
    proxyVersionSkew,
    unsupportedVersion,
    missingAccessLog,
    partialArchive,
    failingCollection,
  ],
  logs: platformLogRules,
};
