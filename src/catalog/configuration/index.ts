import type { LogRuleWithLines } from '../log-rules.ts';
import type { AnyRule } from '../rule.ts';
import { istiodConfigurationLog, proxyConfigurationLog } from './configuration-log.ts';
import { conflictingGateways } from './conflicting-gateways.ts';
import { gatewayHostMismatch } from './gateway-host-mismatch.ts';
import { gatewayWithoutWorkload } from './gateway-without-workload.ts';
import { listenerPortConflict } from './listener-port-conflict.ts';
import { missingGatewaySecret } from './missing-gateway-secret.ts';
import { missingRoute } from './missing-route.ts';
import { refusedGatewaySecret } from './refused-gateway-secret.ts';
import { refusedRoute } from './refused-route.ts';
import { rejectedConfiguration } from './rejected-configuration.ts';
import { reportedByIstioctl } from './reported-by-istioctl.ts';
import { sharedGatewayCertificate } from './shared-gateway-certificate.ts';
import { unexposedGatewayPort } from './unexposed-gateway-port.ts';
import { unroutedGatewayHost } from './unrouted-gateway-host.ts';

export const configurationRules: { readonly rules: readonly AnyRule[]; readonly logs: readonly LogRuleWithLines[] } = {
  rules: [
    rejectedConfiguration,
    missingGatewaySecret,
    refusedGatewaySecret,
    gatewayHostMismatch,
    refusedRoute,
    gatewayWithoutWorkload,
    conflictingGateways,
    unroutedGatewayHost,
    unexposedGatewayPort,
    sharedGatewayCertificate,
    listenerPortConflict,
    missingRoute,
    reportedByIstioctl,
  ],
  logs: [...istiodConfigurationLog, ...proxyConfigurationLog],
};
