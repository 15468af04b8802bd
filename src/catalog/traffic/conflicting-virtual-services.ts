import { within } from '../../input/location.ts';
import { list, nameOf, ofKind, record, resolveHost, specOf, strings } from '../../model/hosts.ts';
import { byText } from '../../model/order.ts';
import { hostScope } from '../../model/services.ts';
import type { KubeObject, RouteConfig } from '../../parse/facts.ts';
import { podName, some } from '../evidence.ts';
import { defineRule, isNonEmpty } from '../rule.ts';

/**
 * Two VirtualServices for one host. For sidecars only one of them takes effect (IST0109); at a gateway they are merged, and one
 * that matches everything hides the routes of those created after it.
 */
export const conflictingVirtualServices = defineRule({
  id: 'conflicting-virtual-services',
  title: 'Several VirtualServices for one host',
  area: 'traffic',
  severity: 'warning',
  why: 'For sidecars Istio uses one VirtualService per host, the oldest, and ignores the others. At a gateway they are merged in order of creation, so routes after one that matches everything are never reached.',
  fix: [
    { do: 'Compare the VirtualServices that name {{host}}', run: 'kubectl get virtualservices -A' },
    {
      do: 'Merge them into one, or give each its own hosts, `exportTo` or gateway',
      run: 'kubectl edit virtualservice {{name}} -n {{namespace}}',
    },
    { do: 'Verify which one a proxy uses', run: 'istioctl x describe pod {{pod}}' },
  ],
  references: [
    'https://istio.io/latest/docs/reference/config/analysis/ist0109/',
    'https://istio.io/latest/docs/ops/best-practices/traffic-management/#split-virtual-services',
  ],
  source: 'IST0109; knowledge C-OPS-06',
  explains: ['missing-cluster', 'missing-route'],
  needs: ['config'],
  uses: ['routes'],
  *check({ config, routes = [] }) {
    const groups = new Map<string, Claim[]>();
    for (const route of ofKind(config, 'VirtualService')) {
      for (const claim of claimsOf(route)) {
        const key = `${claim.gateway}|${claim.host}`;
        const known = groups.get(key);
        if (known === undefined) groups.set(key, [claim]);
        else if (!known.some((other) => other.route === route)) known.push(claim);
      }
    }
    const seen = new Set<string>();
    for (const [key, claims] of groups) {
      const mesh = key.startsWith('mesh|');
      const inConflict = mesh ? seenTogether(claims) : shadowed(claims);
      const sorted = [...inConflict].sort(
        (a, b) =>
          byText(a.route.meta.created ?? '', b.route.meta.created ?? '') || byText(nameOf(a.route), nameOf(b.route)),
      );
      const [oldest, ...others] = sorted;
      const [second] = others;
      if (oldest === undefined || second === undefined) continue;
      const { host, gateway } = oldest;
      const names = sorted.map(({ route }) => `${route.meta.namespace}/${route.meta.name}`);
      // One pair of objects with many hosts is one problem.
      const pair = `${mesh}|${names.join(' ')}`;
      if (seen.has(pair)) continue;
      seen.add(pair);
      const evidence = sorted.slice(0, 3).map(({ route, index }) => ({
        ...within(route.at, `/spec/hosts/${index}`),
        stage: 'config' as const,
        say: `${nameOf(route)} names the host${route.meta.created === undefined ? '' : `, created ${route.meta.created}`}.`,
      }));
      if (!isNonEmpty(evidence)) continue;
      const used = mesh ? usedBy(routes, host, sorted) : undefined;
      const winner = used?.claim.route ?? oldest.route;
      yield {
        subject: host,
        scope: hostScope(host),
        message: mesh
          ? `VirtualServices ${some(names)} ${names.length === 2 ? 'both' : 'all'} define ${host} for sidecars: only ${winner.meta.namespace}/${winner.meta.name} takes effect`
          : `VirtualServices ${some(names)} ${names.length === 2 ? 'both' : 'all'} define ${host} at gateway ${gateway} and match every request: only ${winner.meta.namespace}/${winner.meta.name} is reached`,
        facts: {
          host,
          name: second.route.meta.name,
          namespace: second.route.meta.namespace,
          ...(used === undefined ? {} : { pod: `${used.config.proxy.pod}.${used.config.proxy.namespace}` }),
        },
        // That they conflict is certain, that it is why something fails is not.
        confidence: used === undefined ? 'possible' : 'likely',
        supports:
          used === undefined ? [] : [`The routes of ${podName(used.config.proxy)} come from ${nameOf(winner)} alone.`],
        evidence,
      };
    }
  },
});

/** A host that a VirtualService defines at one gateway, `mesh` for sidecars. */
interface Claim {
  readonly route: KubeObject;
  readonly host: string;
  readonly index: number;
  readonly gateway: string;
}

function claimsOf(route: KubeObject): readonly Claim[] {
  const spec = specOf(route);
  const { namespace } = route.meta;
  const named = strings(spec['gateways']);
  const gateways = named.length === 0 ? ['mesh'] : named;
  return strings(spec['hosts']).flatMap((name, index) =>
    gateways.map((gateway) => ({
      route,
      host: resolveHost(name, namespace),
      index,
      gateway: gateway === 'mesh' || gateway.includes('/') ? gateway : `${namespace}/${gateway}`,
    })),
  );
}

/** Those of them that one namespace sees together: exported to all, or within the same namespace. */
function seenTogether(claims: readonly Claim[]): readonly Claim[] {
  const everywhere = claims.filter(({ route }) => {
    const exportTo = strings(specOf(route)['exportTo']);
    return exportTo.length === 0 || exportTo.includes('*');
  });
  if (everywhere.length > 0 && claims.length > 1) return claims;
  const byNamespace = new Map<string, Claim[]>();
  for (const claim of claims) {
    for (const target of strings(specOf(claim.route)['exportTo'])) {
      const namespace = target === '.' ? claim.route.meta.namespace : target;
      byNamespace.set(namespace, [...(byNamespace.get(namespace) ?? []), claim]);
    }
  }
  return [...byNamespace.values()].find((together) => together.length > 1) ?? [];
}

/** Those of them whose first route matches every request. */
const shadowed = (claims: readonly Claim[]): readonly Claim[] =>
  claims.filter(({ route }) => {
    const first = list(specOf(route)['http'])[0];
    return first !== undefined && list(record(first)['match']).length === 0;
  });

/** A proxy's route table for the host that names one of the VirtualServices alone. */
function usedBy(
  routes: readonly RouteConfig[],
  host: string,
  claims: readonly Claim[],
): { readonly config: RouteConfig; readonly claim: Claim } | undefined {
  for (const config of routes) {
    for (const { domains, configs } of config.virtualHosts) {
      if (!domains.includes(host)) continue;
      const named = claims.filter(({ route: { meta } }) =>
        configs.some((path) => path.endsWith(`/namespaces/${meta.namespace}/virtual-service/${meta.name}`)),
      );
      const [claim, ...more] = named;
      if (claim !== undefined && more.length === 0) return { config, claim };
    }
  }
  return undefined;
}
