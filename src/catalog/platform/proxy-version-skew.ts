import type { MeshProxy, Revision } from '../../model/mesh.ts';
import { counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule, type Severity } from '../rule.ts';
import { minorOf, minorsAhead } from './minor-version.ts';

/**
 * Proxies whose version their istiod does not match. Istio supports a control plane that is one minor ahead of its proxies, as
 * in an upgrade that goes on, and never a proxy ahead of its control plane; older patches of one minor work but lack fixes.
 */
export const proxyVersionSkew = defineRule({
  id: 'proxy-version-skew',
  title: 'Proxies of another version than their control plane',
  area: 'data-plane',
  severity: 'warning',
  why: 'A sidecar keeps the version it was injected with until its pod is replaced. istiod may send configuration that a proxy of another minor does not understand or refuses.',
  fix: [
    { do: 'List proxies with their versions', run: 'istioctl proxy-status --istioNamespace {{istioNamespace}}' },
    {
      do: 'Replace the pods so that they are injected anew with {{istiodVersion}}, namespace by namespace',
      run: 'kubectl rollout restart deployment -n {{namespace}}',
    },
    { do: 'Verify that one version is left', run: 'istioctl version --istioNamespace {{istioNamespace}}' },
  ],
  references: [
    'https://istio.io/latest/docs/releases/supported-releases/#control-planedata-plane-skew',
    'https://istio.io/latest/docs/setup/upgrade/canary/#data-plane',
    'https://learn.microsoft.com/en-us/azure/aks/istio-upgrade',
  ],
  source: 'knowledge E.3, A.5.9',
  needs: ['proxies', 'revisions'],
  *check({ proxies, revisions }) {
    const running = revisions.filter(({ versions }) => versions.length > 0);
    const byName = new Map(running.map((revision) => [revision.name, revision]));
    const only = running.length === 1 ? running[0] : undefined;
    const groups = new Map<
      string,
      { readonly revision: Revision; readonly version: string; readonly proxies: MeshProxy[] }
    >();
    for (const proxy of proxies) {
      // A pod's label may be a tag; with one control plane there is no choice, unless its webhooks tell all its tags.
      const revision =
        byName.get(proxy.revision ?? '') ??
        running.find(({ tags }) => tags.includes(proxy.revision ?? '')) ??
        (only !== undefined && (proxy.revision === undefined || only.webhooks.length === 0) ? only : undefined);
      if (revision === undefined || proxy.istioVersion === undefined) continue;
      const key = `${revision.name}\0${proxy.istioVersion}`;
      const known = groups.get(key);
      if (known === undefined) groups.set(key, { revision, version: proxy.istioVersion, proxies: [proxy] });
      else known.proxies.push(proxy);
    }
    for (const { revision, version, proxies: same } of groups.values()) {
      const newest = revision.versions.toSorted(byVersion).at(-1);
      if (newest === undefined) continue;
      const skew = skewOf(version, newest);
      const [first] = same;
      if (skew === undefined || first === undefined) continue;
      const istiod = revision.pods[0];
      const evidence = evidenceOf(
        same.slice(0, 3).map(({ at, ...proxy }) => ({
          ...at,
          stage: 'pod' as const,
          say: `${podName(proxy)} runs ${version}.`,
        })),
        istiod && { ...istiod.at, stage: 'sync', say: `istiod of revision ${revision.name} runs ${newest}.` },
      );
      if (evidence === undefined) continue;
      const namespaces = [...new Set(same.map(({ namespace }) => namespace))];
      yield {
        subject: `revision ${revision.name}`,
        scope: { revision: revision.name, ...(namespaces.length === 1 ? { namespace: first.namespace } : {}) },
        count: same.length,
        severity: skew.severity,
        confidence: 'certain',
        message: `${counted(same.length, 'proxy', 'proxies')} of revision ${revision.name} (${some(same.map(podName))}) ${same.length === 1 ? 'runs' : 'run'} ${version}, ${skew.words} ${newest} of istiod`,
        facts: {
          namespace: first.namespace,
          istioNamespace: revision.namespace,
          revision: revision.name,
          istiodVersion: newest,
        },
        evidence,
      };
    }
  },
});

function skewOf(proxy: string, istiod: string): { readonly severity: Severity; readonly words: string } | undefined {
  const ahead = minorsAhead(proxy, istiod);
  if (ahead === undefined) return undefined;
  if (ahead > 0) return { severity: 'warning', words: `${counted(ahead, 'minor')} ahead of` };
  if (ahead < -1) return { severity: 'warning', words: `${counted(-ahead, 'minor')} behind` };
  if (ahead === -1) return { severity: 'info', words: 'one minor behind' };
  const patch = (minorOf(proxy)?.patch ?? 0) - (minorOf(istiod)?.patch ?? 0);
  return patch < 0 ? { severity: 'info', words: `${counted(-patch, 'patch', 'patches')} behind` } : undefined;
}

const byVersion = (a: string, b: string): number => {
  const one = minorOf(a);
  const other = minorOf(b);
  if (one === undefined || other === undefined) return 0;
  return one.major - other.major || one.minor - other.minor || one.patch - other.patch;
};
