import type { Revision } from '../../model/mesh.ts';
import { evidenceOf } from '../evidence.ts';
import { defineRule, type Occurrence } from '../rule.ts';
import { minorName, minorsAhead } from './minor-version.ts';
import { aksRevisions, istioReleases, versionsData } from './versions-data.ts';

/**
 * A control plane past its end of support, or on a Kubernetes it does not support, judged at the time of the archive with dated
 * data. The AKS add-on has a calendar of its own; an end of support that was only expected when the data was taken is an info.
 */
export const unsupportedVersion = defineRule({
  id: 'unsupported-version',
  title: 'Version of Istio out of support',
  area: 'platform',
  severity: 'warning',
  why: 'A release past its end of support gets no fixes, not even for published vulnerabilities, and combinations with other Kubernetes versions are not tested.',
  fix: [
    { do: 'See which versions run and who uses them', run: 'istioctl version --istioNamespace {{istioNamespace}}' },
    {
      do: 'Plan the upgrade of revision {{revision}} ({{version}}) to a supported one, at most one minor at a time for each step of the data plane',
    },
    {
      do: 'Check what would break before it starts',
      run: 'istioctl experimental precheck --istioNamespace {{istioNamespace}}',
    },
    {
      do: 'Verify that control plane and proxies run the new version',
      run: 'istioctl proxy-status --istioNamespace {{istioNamespace}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/releases/supported-releases/',
    'https://learn.microsoft.com/en-us/azure/aks/istio-support-policy',
    'https://istio.io/latest/docs/setup/upgrade/canary/',
  ],
  source: 'knowledge E.1, E.2, A.5.6',
  needs: ['capture', 'revisions'],
  uses: ['platform', 'versions'],
  *check({ capture, revisions, platform, versions = [] }) {
    const { time } = capture;
    if (time === undefined) return;
    const kubernetes = platform?.kubernetesVersion;
    const kubernetesAt = versions.find(({ component }) => component === 'kubernetes')?.at;
    for (const revision of revisions) {
      for (const version of revision.versions) {
        const minor = minorName(version);
        if (minor === undefined) continue;
        const calendar = calendarOf(revision, minor, platform?.aksAddon ?? false);
        if (calendar === undefined) continue;
        const at = revision.pods[0]?.at ?? revision.deployments[0]?.at ?? revision.at;
        const name = `Istio ${version} of revision ${revision.name}`;
        const common = {
          subject: `revision ${revision.name}`,
          scope: { revision: revision.name },
          facts: { revision: revision.name, version, istioNamespace: revision.namespace },
        };
        const data = `data of ${calendar.asOf}`;
        if (calendar.endOfLife !== undefined && `${calendar.endOfLife}T23:59:59Z` < time) {
          const days = Math.floor((Date.parse(time) - Date.parse(`${calendar.endOfLife}T23:59:59Z`)) / 86_400_000);
          const evidence = evidenceOf({ ...at, stage: 'config', say: `istiod runs ${version}.` });
          if (evidence === undefined) continue;
          yield {
            ...common,
            severity: calendar.expected ? 'info' : 'warning',
            confidence: calendar.expected ? 'possible' : 'certain',
            message: calendar.expected
              ? `${name} was expected to leave support in ${calendar.endOfLife.slice(0, 7)}, before the archive was made (${data})`
              : `${name} left support on ${calendar.endOfLife}, ${days} days before the archive was made (${data})`,
            missing: calendar.expected ? [`${calendar.source} names the final date.`] : [],
            evidence,
          } satisfies Occurrence;
        }
        const range = kubernetes === undefined ? undefined : kubernetesRange(kubernetes, calendar);
        if (kubernetes === undefined || range === undefined) continue;
        const evidence = evidenceOf(
          kubernetesAt && { ...kubernetesAt, stage: 'config', say: `The cluster runs Kubernetes ${kubernetes}.` },
          { ...at, stage: 'config', say: `istiod runs ${version}.` },
        );
        if (evidence === undefined) continue;
        yield {
          ...common,
          severity: range === 'tested' ? 'info' : 'warning',
          confidence: 'certain',
          message: `${name} supports Kubernetes ${calendar.kubernetes.from} to ${calendar.kubernetes.to}, the cluster runs ${kubernetes} (${data})`,
          evidence,
        } satisfies Occurrence;
      }
    }
  },
});

interface Calendar {
  readonly endOfLife?: string;
  readonly expected: boolean;
  readonly kubernetes: { readonly from: string; readonly to: string };
  readonly testedFrom?: string;
  readonly asOf: string;
  readonly source: string;
}

/** What is known of a release; undefined for those newer than the data. */
function calendarOf(revision: Revision, minor: string, addon: boolean): Calendar | undefined {
  const own = addon ? aksRevisions.find((known) => known.revision === revision.name) : undefined;
  if (own !== undefined) {
    const { endOfLife, expected = false, kubernetes } = own;
    return { endOfLife, expected, kubernetes, ...versionsData.aks };
  }
  if (addon && revision.name.startsWith('asm-')) return undefined;
  const release = istioReleases.find((known) => known.minor === minor);
  const [oldest] = istioReleases;
  if (release !== undefined) return { ...release, expected: false, ...versionsData.istio };
  if (oldest === undefined || (minorsAhead(minor, oldest.minor) ?? 0) >= 0) return undefined;
  return { ...oldest, expected: false, ...versionsData.istio };
}

/** Undefined where supported. Ranges of old data end early: a newer Kubernetes than any known says nothing. */
function kubernetesRange(
  version: string,
  { kubernetes: { from, to }, testedFrom }: Calendar,
): 'tested' | 'outside' | undefined {
  const below = minorsAhead(version, from);
  const above = minorsAhead(version, to);
  if (below === undefined || above === undefined || (below >= 0 && above <= 0)) return undefined;
  if (below < 0 && testedFrom !== undefined && (minorsAhead(version, testedFrom) ?? -1) >= 0) return 'tested';
  return 'outside';
}
