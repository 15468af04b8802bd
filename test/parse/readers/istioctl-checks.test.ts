import { describe, expect, it } from 'vitest';
import type { Artifact } from '../../../src/parse/artifact.ts';
import type { Reader } from '../../../src/parse/reader.ts';
import { authzCheck } from '../../../src/parse/readers/authz-check.ts';
import { checkInject } from '../../../src/parse/readers/check-inject.ts';
import { istioctlDescribe } from '../../../src/parse/readers/describe.ts';
import { proxyStatusDiff } from '../../../src/parse/readers/proxy-status-diff.ts';
import { verifyInstall } from '../../../src/parse/readers/verify-install.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const owned = { path: 'answer.txt', params: { namespace: 'shop', pod: 'cart-7d9' } };
const read = (reader: Reader, text: string): Artifact[] => runReader(reader, text, owned);
const messages = (artifacts: readonly Artifact[]): string[] =>
  factsOf(artifacts, 'analysis').map(
    ({ code, level, resource, message, at }) => `${at.line} ${code} ${level} (${resource}) ${message}`,
  );

describe('istioctl experimental check-inject', () => {
  const text = `WEBHOOK                        REVISION  INJECTED      REASON
istio-revision-tag-default     default   ✘             No matching namespace labels (istio.io/rev=default, istio-injection=enabled) or pod labels (istio.io/rev=default, sidecar.istio.io/inject=true)
istio-sidecar-injector-1-29    1-29      \u001b[32m✔\u001b[0m             Namespace label istio.io/rev=1-29 matches
`;

  it('reads what each webhook would do, and why', () => {
    const checks = factsOf(read(checkInject, text), 'injection-check');
    expect(checks.map(({ webhook, revision, injects, at }) => [at.line, webhook, revision, injects])).toEqual([
      [2, 'istio-revision-tag-default', 'default', false],
      [3, 'istio-sidecar-injector-1-29', '1-29', true],
    ]);
    expect(checks[1]).toMatchObject({
      pod: { namespace: 'shop', pod: 'cart-7d9' },
      reason: 'Namespace label istio.io/rev=1-29 matches',
    });
    const [loose] = factsOf(runReader(checkInject, text), 'injection-check');
    expect(loose?.pod).toBeUndefined();
  });

  it('reads a webhook without a revision, as captured from 1.29', () => {
    const captured = `WEBHOOK                                           REVISION  INJECTED      REASON
istio-revision-tag-stable                                   \u001b[31m✘\u001b[0m             No matching namespace labels (istio.io/rev=stable) or pod labels ()
istio-sidecar-injector-asm-1-29-aks-istio-system  asm-1-29  \u001b[32m✔\u001b[0m             Namespace label istio.io/rev=asm-1-29 matches
`;
    const checks = factsOf(read(checkInject, captured), 'injection-check');
    expect(checks.map(({ webhook, revision, injects }) => [webhook, revision, injects])).toEqual([
      ['istio-revision-tag-stable', '', false],
      ['istio-sidecar-injector-asm-1-29-aks-istio-system', 'asm-1-29', true],
    ]);
  });

  it('reads a table that lost its alignment', () => {
    const checks = factsOf(read(checkInject, text.replaceAll(/ {2,}/g, ' ')), 'injection-check');
    expect(checks.map(({ injects }) => injects)).toEqual([false, true]);
    expect(checks[1]?.reason).toBe('Namespace label istio.io/rev=1-29 matches');
  });

  it('keeps what it says below the table', () => {
    const artifacts = read(checkInject, `${text}ERROR: multiple webhooks will inject, which can lead to errors\n`);
    expect(messages(artifacts)).toEqual([
      '4 check-inject error () multiple webhooks will inject, which can lead to errors',
    ]);
    const refused = read(checkInject, 'Error: pods "cart-7d9" not found\n');
    expect(factsOf(refused, 'gap')).toMatchObject([{ reason: 'not-available', line: 1 }]);
  });

  it('survives damage', () => survivesDamage(checkInject, text, owned));
});

describe('istioctl experimental authz check', () => {
  const text = `ACTION   AuthorizationPolicy         RULES
DENY     deny-reviews.shop           1
ALLOW    _anonymous_match_nothing_   1
ALLOW    allow-web.istio-system      2
`;

  it('reads the policies a proxy enforces', () => {
    const policies = factsOf(read(authzCheck, text), 'applied-policy');
    expect(policies.map(({ action, namespace, name, rules }) => [action, namespace, name, rules])).toEqual([
      ['DENY', 'shop', 'deny-reviews', 1],
      ['ALLOW', '', '_anonymous_match_nothing_', 1],
      ['ALLOW', 'istio-system', 'allow-web', 2],
    ]);
    expect(policies[0]?.proxy).toEqual({ namespace: 'shop', pod: 'cart-7d9' });
  });

  it('takes a header alone for a proxy without policies', () => {
    const artifacts = read(authzCheck, 'ACTION   AuthorizationPolicy   RULES\n');
    expect(factsOf(artifacts, 'seen').map(({ kinds }) => kinds)).toEqual([['applied-policy']]);
  });

  it('survives damage', () => survivesDamage(authzCheck, text, owned));
});

describe('istioctl verify-install', () => {
  const text = `1 Istio control planes detected, checking --revision "default" only
✔ ClusterRole: istiod-istio-system.istio-system checked successfully
\u001b[31m✘\u001b[0m Deployment: istiod.istio-system: Istio installation failed, incomplete or does not match "in cluster operator installed-state": deployment "istiod" exceeded its progress deadline
✘ CustomResourceDefinition: sidecars.networking.istio.io.istio-system: the server could not find the requested resource
Checked 14 custom resource definitions
Checked 0 Istio Deployments
! No Istio installation found
Error: no Istio installation found
`;

  it('reads what is not as installed', () => {
    expect(messages(read(verifyInstall, text))).toEqual([
      '3 verify-install error (Deployment istio-system/istiod) Istio installation failed, incomplete or does not match "in cluster operator installed-state": deployment "istiod" exceeded its progress deadline',
      '4 verify-install error (CustomResourceDefinition sidecars.networking.istio.io.istio-system) the server could not find the requested resource',
      '7 verify-install error () No Istio installation found',
    ]);
  });

  it('finds nothing wrong with an installation that is fine', () => {
    const fine =
      '✔ Deployment: istiod.istio-system checked successfully\n✔ Istio is installed and verified successfully\n';
    const precheck = '✔ No issues found when checking the cluster. Istio is safe to install or upgrade!\n';
    for (const one of [fine, precheck]) {
      const artifacts = read(verifyInstall, one);
      expect(messages(artifacts)).toEqual([]);
      expect(factsOf(artifacts, 'seen').map(({ kinds }) => kinds)).toEqual([['analysis']]);
    }
  });

  it('reads the sections of an old precheck', () => {
    const old = `Checking the cluster to make sure it is ready for Istio installation...

#1. Kubernetes-api
-----------------------
Can initialize the Kubernetes client.
Failed to query the Kubernetes API Server: connection refused

Error: 1 error occurred
`;
    expect(messages(read(verifyInstall, old))).toEqual([
      '6 precheck error () Failed to query the Kubernetes API Server: connection refused',
      '8 precheck error () 1 error occurred',
    ]);
  });

  it('survives damage', () => survivesDamage(verifyInstall, text));
});

describe('istioctl experimental describe', () => {
  const text = `Pod: cart-7d9
   Pod Revision: asm-1-29
   Pod Ports: 8080 (cart), 15090 (istio-proxy)
WARNING: User ID (UID) 1337 is reserved for the sidecar proxy.
--------------------
Service: cart
   Port: http 80/HTTP targets pod port 8080
DestinationRule: reviews for "reviews.shop.svc.cluster.local"
  WARNING POD DOES NOT MATCH ANY SUBSETS.  (Non matching subsets v2)
   No Traffic Policy
--------------------
Effective PeerAuthentication:
   Workload mTLS mode: PERMISSIVE

Exposed on Ingress Gateway http://192.0.2.7
VirtualService: cart-web.payments
   WARNING: No destinations match pod subsets (checked 1 HTTP routes)
      Warning: Route to subset v3 but NO DESTINATION RULE defining subsets!
`;

  it('reads the revision of the pod and every warning with the object it stands below', () => {
    const artifacts = read(istioctlDescribe, text);
    expect(factsOf(artifacts, 'proxy')).toMatchObject([
      { proxy: { namespace: 'shop', pod: 'cart-7d9' }, revision: 'asm-1-29' },
    ]);
    expect(messages(artifacts)).toEqual([
      '4 describe warning (Pod shop/cart-7d9) User ID (UID) 1337 is reserved for the sidecar proxy.',
      '9 describe warning (DestinationRule shop/reviews) POD DOES NOT MATCH ANY SUBSETS.  (Non matching subsets v2)',
      '17 describe warning (VirtualService payments/cart-web) No destinations match pod subsets (checked 1 HTTP routes)',
      '18 describe warning (VirtualService payments/cart-web) Route to subset v3 but NO DESTINATION RULE defining subsets!',
    ]);
  });

  it('reads a service without pods and a pod outside the mesh', () => {
    expect(messages(read(istioctlDescribe, 'Service "reviews" has no pods.\n'))).toEqual([
      '1 describe warning () Service "reviews" has no pods.',
    ]);
    const outside =
      'Pod: cart-7d9.shop\n   Pod does not expose ports\nWARNING: cart-7d9.shop is not part of mesh; no Istio sidecar\n';
    expect(messages(runReader(istioctlDescribe, outside))).toEqual([
      '3 describe warning (Pod shop/cart-7d9) cart-7d9.shop is not part of mesh; no Istio sidecar',
    ]);
  });

  it('survives damage', () => survivesDamage(istioctlDescribe, text, owned));
});

describe('istioctl proxy-status POD', () => {
  const text = `Clusters Match
Listeners Don't Match
--- Istiod Listeners
+++ Envoy Listeners
@@ -1,10 +1,11 @@
 {
    "dynamicListeners": [
       {
-         "name": "10.0.33.8_443",
+         "name": "10.0.33.9_443",
       }
     ]
 }
Routes Match (RDS last loaded at Mon, 23 Nov 2026 12:41:21 CST)
`;

  it('reads what differs and when routes were last loaded', () => {
    expect(factsOf(read(proxyStatusDiff, text), 'sync')).toEqual([
      {
        proxy: { namespace: 'shop', pod: 'cart-7d9' },
        types: { cds: 'synced', lds: 'stale', rds: 'synced' },
        compared: {
          differences: { lds: ['- 10.0.33.8_443', '+ 10.0.33.9_443'] },
          routesLoaded: 'Mon, 23 Nov 2026 12:41:21 CST',
        },
        at: { file: 'answer.txt', line: 1 },
      },
    ]);
  });

  it('reads the diff that old versions print without a word', () => {
    const old = text.replace("Listeners Don't Match\n--- Istiod", '--- Pilot');
    expect(factsOf(read(proxyStatusDiff, old), 'sync')[0]?.types).toEqual({
      cds: 'synced',
      lds: 'stale',
      rds: 'synced',
    });
  });

  it('knows the pod by the name of a file named like the command, else not', () => {
    const path = 'kubectl/istioctl_proxy-status_cart-7d9_-n_shop_-i_istio-system.txt';
    expect(factsOf(runReader(proxyStatusDiff, text, { path }), 'sync')[0]?.proxy).toEqual({
      namespace: 'shop',
      pod: 'cart-7d9',
    });
    expect(factsOf(runReader(proxyStatusDiff, text, { path: 'diff.txt' }), 'sync')[0]?.proxy.namespace).toBe('');
  });

  it('says why there is no comparison', () => {
    const artifacts = read(proxyStatusDiff, 'Sync diff is not available for ztunnel pod ztunnel-x2x4k\n');
    expect(factsOf(artifacts, 'gap')).toMatchObject([{ reason: 'not-available', line: 1 }]);
    expect(factsOf(artifacts, 'sync')).toEqual([]);
  });

  it('survives damage', () => survivesDamage(proxyStatusDiff, text, owned));
});
