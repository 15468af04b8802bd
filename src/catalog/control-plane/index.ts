import type { LogRuleWithLines } from '../log-rules.ts';
import type { AnyRule } from '../rule.ts';
import { applicationBeforeProxy } from './application-before-proxy.ts';
import { failingInjectionWebhook } from './failing-injection-webhook.ts';
import { injectionWebhookTimeout } from './injection-webhook-timeout.ts';
import { injectionWebhookWithoutEndpoints } from './injection-webhook-without-endpoints.ts';
import { invalidPluginCa } from './invalid-plugin-ca.ts';
import { istiodCrashLoop } from './istiod-crash-loop.ts';
import { istiodImagePullFailure } from './istiod-image-pull-failure.ts';
import { istiodNotAvailable } from './istiod-not-available.ts';
import { istiodOutOfMemory } from './istiod-out-of-memory.ts';
import { istiodRestarts } from './istiod-restarts.ts';
import { istiodUnschedulable } from './istiod-unschedulable.ts';
import { istiodVolumeMountFailure } from './istiod-volume-mount-failure.ts';
import { unknownRevision } from './unknown-revision.ts';
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
    untrustedInjectionWebhook,
    injectionWebhookTimeout,
    injectionWebhookWithoutEndpoints,
    failingInjectionWebhook,
    unknownRevision,
    applicationBeforeProxy,
  ],
  logs: [],
};
