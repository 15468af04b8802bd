import type { LogRuleWithLines } from '../log-rules.ts';
import type { AnyRule } from '../rule.ts';
import { absentProxy } from './absent-proxy.ts';
import { agentLogRules } from './agent-log.ts';
import { applicationBeforeProxy } from './application-before-proxy.ts';
import { brokenSidecarPod } from './broken-sidecar-pod.ts';
import { conflictingInjectionLabels } from './conflicting-injection-labels.ts';
import { failingInjectionWebhook } from './failing-injection-webhook.ts';
import { injectionWebhookTimeout } from './injection-webhook-timeout.ts';
import { injectionWebhookWithoutEndpoints } from './injection-webhook-without-endpoints.ts';
import { invalidPluginCa } from './invalid-plugin-ca.ts';
import { istiodCrashLoop } from './istiod-crash-loop.ts';
import { istiodImagePullFailure } from './istiod-image-pull-failure.ts';
import { istiodLogRules } from './istiod-log.ts';
import { istiodNotAvailable } from './istiod-not-available.ts';
import { istiodOutOfMemory } from './istiod-out-of-memory.ts';
import { istiodRestarts } from './istiod-restarts.ts';
import { istiodUnschedulable } from './istiod-unschedulable.ts';
import { istiodVolumeMountFailure } from './istiod-volume-mount-failure.ts';
import { neverReadyProxy } from './never-ready-proxy.ts';
import { proxyOutOfMemory } from './proxy-out-of-memory.ts';
import { staleProxy } from './stale-proxy.ts';
import { uninjectedPod } from './uninjected-pod.ts';
import { unknownRevision } from './unknown-revision.ts';
import { unreachableControlPlane } from './unreachable-control-plane.ts';
import { untrustedInjectionWebhook } from './untrusted-injection-webhook.ts';

export const controlPlaneRules: { readonly rules: readonly AnyRule[]; readonly logs: readonly LogRuleWithLines[] } = {
  rules: [
    invalidPluginCa,
    istiodNotAvailable,
    istiodCrashLoop,
    istiodImagePullFailure,
    istiodUnschedulable,
    istiodVolumeMountFailure,
    istiodOutOfMemory,
    istiodRestarts,
    unreachableControlPlane,
    neverReadyProxy,
    staleProxy,
    absentProxy,
    proxyOutOfMemory,
    untrustedInjectionWebhook,
    injectionWebhookTimeout,
    injectionWebhookWithoutEndpoints,
    failingInjectionWebhook,
    unknownRevision,
    conflictingInjectionLabels,
    uninjectedPod,
    brokenSidecarPod,
    applicationBeforeProxy,
  ],
  logs: [...istiodLogRules, ...agentLogRules],
};
