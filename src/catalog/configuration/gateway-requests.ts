import { addTo } from '../../model/groups.ts';
import { coversHost } from '../../model/hosts.ts';
import type { MeshProxy } from '../../model/mesh.ts';
import { summaryOf } from '../../model/traffic.ts';
import type { AccessGroup } from '../../parse/facts.ts';
import { accessEvidence, podName } from '../evidence.ts';
import type { Evidence } from '../rule.ts';

/** Requests that a gateway answered with 404 because it has no route, for certain hosts. */
export interface Unrouted {
  readonly count: number;
  readonly when?: { readonly first: string; readonly last: string };
  /** Hosts asked for. */
  readonly hosts: readonly string[];
  readonly evidence: readonly Evidence[];
}

/** Looks up what access logs of some gateways tell of requests for hosts, wildcards among them. */
export function unroutedRequests(
  access: readonly AccessGroup[] | undefined,
): (gateways: readonly MeshProxy[], hosts: readonly string[]) => Unrouted {
  const byHost = new Map<string, AccessGroup[]>();
  for (const group of access ?? []) {
    if (group.tcp || group.code !== 404 || !group.flags.includes('NR')) continue;
    addTo(byHost, hostOf(group), group);
  }
  const asked = (host: string): readonly AccessGroup[] =>
    host.startsWith('*')
      ? [...byHost].flatMap(([name, groups]) => (coversHost(host, name) ? groups : []))
      : (byHost.get(host.toLowerCase()) ?? []);
  return (gateways, hosts) => {
    const found = new Set(hosts.flatMap(asked));
    const names = new Set(found.size === 0 ? [] : gateways.map(podName));
    const groups = [...found].filter(({ proxy }) => names.has(podName(proxy)));
    const { count, first, last } = summaryOf(groups);
    return {
      count,
      ...(groups.length === 0 ? {} : { when: { first, last } }),
      hosts: [...new Set(groups.map(hostOf))],
      evidence: accessEvidence(groups, 'symptom', 'The gateway has no route for this host and answered itself.'),
    };
  };
}

const hostOf = ({ authority }: AccessGroup): string => authority.replace(/:\d+$/, '').toLowerCase();
