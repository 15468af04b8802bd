import type { LogRuleWithLines } from '../log-rules.ts';
import type { AnyRule } from '../rule.ts';
import { abandonedRequests } from './abandoned-requests.ts';
import { applicationErrors } from './application-errors.ts';
import { blockedEgress } from './blocked-egress.ts';
import { circuitBreakerOverflow } from './circuit-breaker-overflow.ts';
import { conflictingVirtualServices } from './conflicting-virtual-services.ts';
import { ejectedEndpoints } from './ejected-endpoints.ts';
import { exhaustedRetries } from './exhausted-retries.ts';
import { failedUpstreamConnection } from './failed-upstream-connection.ts';
import { injectedFault } from './injected-fault.ts';
import { misnamedServicePort } from './misnamed-service-port.ts';
import { missingCluster } from './missing-cluster.ts';
import { proxyAnsweredErrors } from './proxy-answered-errors.ts';
import { resetUpstreamConnection } from './reset-upstream-connection.ts';
import { serverFirstProtocol } from './server-first-protocol.ts';
import { serviceWithoutEndpoints } from './service-without-endpoints.ts';
import { subsetWithoutPods } from './subset-without-pods.ts';
import { undefinedDestinationHost } from './undefined-destination-host.ts';
import { undefinedSubset } from './undefined-subset.ts';
import { unhealthyUpstream } from './unhealthy-upstream.ts';
import { unresolvedServiceEntry } from './unresolved-service-entry.ts';
import { upstreamTimeout } from './upstream-timeout.ts';
import { wrongTargetPort } from './wrong-target-port.ts';

export const trafficRules: { readonly rules: readonly AnyRule[]; readonly logs: readonly LogRuleWithLines[] } = {
  rules: [
    undefinedSubset,
    undefinedDestinationHost,
    subsetWithoutPods,
    serviceWithoutEndpoints,
    unresolvedServiceEntry,
    wrongTargetPort,
    ejectedEndpoints,
    circuitBreakerOverflow,
    upstreamTimeout,
    blockedEgress,
    injectedFault,
    conflictingVirtualServices,
    misnamedServicePort,
    serverFirstProtocol,
    missingCluster,
    unhealthyUpstream,
    failedUpstreamConnection,
    resetUpstreamConnection,
    proxyAnsweredErrors,
    exhaustedRetries,
    abandonedRequests,
    applicationErrors,
  ],
  logs: [],
};
