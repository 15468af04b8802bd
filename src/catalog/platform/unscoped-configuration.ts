import { list, ofKind, record, specOf, strings } from '../../model/hosts.ts';
import type { MeshProxy } from '../../model/mesh.ts';
import { matchesLabels } from '../../model/selectors.ts';
import { namespaceOfHost } from '../../model/services.ts';
import type { AccessGroup, EnvoyCluster, KubeObject, MeshConfig, Metric, ProxyRef } from '../../parse/facts.ts';
import { counted, evidenceOf, podName } from '../evidence.ts';
import { defineRule, type Evidence } from '../rule.ts';

/** More outbound clusters than this are felt: in memory, in the time of a push (knowledge M1c). */
const manyClusters = 300;
/** The same where no access log tells what is called. */
const manyClustersUnseen = 500;
const largeDump = 5_000_000;

/**
 * Every proxy holds every service of the mesh, because no Sidecar, `exportTo` or `discoverySelectors` limits what it is told.
 * The median of the proxies that nothing limits counts, and what they call by their own access logs: a proxy that calls most
 * of what it holds is not unscoped.
 */
export const unscopedConfiguration = defineRule({
  id: 'unscoped-configuration',
  title: 'Every proxy receives the configuration of the whole mesh',
  area: 'platform',
  severity: 'warning',
  why: 'Without a Sidecar resource, `exportTo` or `discoverySelectors` istiod tells every proxy about every service of every namespace. Memory of the proxies, CPU of istiod and the time of a push grow with services times proxies.',
  fix: [
    {
      do: 'Before narrowing anything, list what the workloads of one namespace call: the upstream clusters in their access logs',
      run: 'istioctl proxy-config clusters {{client}} --direction outbound',
    },
    {
      do: 'Limit namespace {{namespace}} to its own services, the control plane and the namespaces it calls',
      run: 'kubectl apply -n {{namespace}} -f - <<EOF\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata:\n  name: default\nspec:\n  egress:\n  - hosts:\n    - "./*"\n    - "{{istioNamespace}}/*"\nEOF',
    },
    {
      do: 'When that works, apply the same Sidecar in the root namespace {{rootNamespace}} as the default of the mesh, with a Sidecar of its own for each namespace that calls others',
      run: 'kubectl get sidecars.networking.istio.io -A',
    },
    {
      do: 'Keep namespaces that no mesh workload calls away from istiod with `discoverySelectors` in the mesh configuration',
      run: 'kubectl get configmaps -n {{istioNamespace}}',
    },
    {
      do: 'Verify that fewer clusters are left',
      run: 'istioctl proxy-config clusters {{client}} --direction outbound',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/configuration/mesh/configuration-scoping/',
    'https://istio.io/latest/docs/reference/config/networking/sidecar/',
    'https://learn.microsoft.com/en-us/troubleshoot/azure/azure-kubernetes/extensions/istio-add-on-general-troubleshooting',
  ],
  source: 'knowledge M1c, F10',
  explains: ['proxy-out-of-memory'],
  needs: ['config', 'clusters'],
  uses: ['configSizes', 'access', 'logFiles', 'meshConfigs', 'metrics', 'proxies', 'platform', 'listings'],
  *check({
    config,
    clusters,
    configSizes = [],
    access = [],
    logFiles = [],
    meshConfigs = [],
    metrics = [],
    proxies = [],
    platform,
    listings,
  }) {
    if (meshConfigs.some(isLimited)) return;
    const istioNamespace = platform?.istioNamespace ?? 'istio-system';
    const root = meshConfigs.flatMap((known) => strings([known.config['rootNamespace']]))[0] ?? istioNamespace;
    const limits = ofKind(config, 'Sidecar').filter(narrows);
    const calls = callsOf(access);
    const logged = new Set(logFiles.filter(({ accessLines }) => accessLines > 0).map(({ pod }) => podName(pod)));
    const sizes = new Map(configSizes.map((size) => [podName(size.proxy), size]));
    const known = new Map(proxies.map((proxy) => [podName(proxy), proxy]));
    const held = [...holdings(clusters)]
      .map(([name, holding]) => ({
        ...holding,
        name,
        called: calls.get(name) ?? new Set<string>(),
        size: sizes.get(name),
      }))
      .filter(({ name, proxy }) => {
        const of = known.get(name);
        return of?.type !== 'gateway' && of?.type !== 'ztunnel' && !isCovered(proxy, of, limits, root);
      });
    const withLogs = held.filter(({ name }) => logged.has(name));
    const outbound = median(held.map((one) => one.outbound));
    const bytes = median(held.flatMap(({ size }) => (size === undefined ? [] : [size.bytes])));
    // Few clusters in a large dump: that is an EnvoyFilter or one huge VirtualService, which no Sidecar makes smaller.
    const large = bytes > largeDump && outbound > manyClusters / 3;
    if (outbound <= (withLogs.length > 0 ? manyClusters : manyClustersUnseen) && !large) return;
    // Proxies that call a third of what they hold need it: the mesh is large, not unscoped.
    if (withLogs.length > 0 && median(withLogs.map(({ called, places }) => called.size / places.size)) > 1 / 3) return;

    const reached = namespacesOf(held.map(({ places }) => places.keys()));
    const calling = namespacesOf(withLogs.map(({ called }) => called.keys()));
    const calledHosts = new Set(withLogs.flatMap(({ called }) => [...called]));
    const allHosts = new Set(held.flatMap(({ places }) => [...places.keys()]));
    const listed = listings === undefined || listings.some(({ kind }) => kind === 'Sidecar');
    const services = metrics.find(({ name, istiod }) => name === 'pilot_services' && istiod !== undefined);
    // The busiest caller shows best what is needed. One of the first proxies of the archive will do: what is quoted from late
    // in an archive costs reading it again up to there.
    const shown = held
      .slice(0, 8)
      .toSorted((a, b) => b.called.size - a.called.size)
      .slice(0, 3);
    const evidence = evidenceOf(
      shown.map(({ proxy, size, places, at, outbound: own, called, name }): Evidence => {
        const [unused] = [...places].filter(([host]) => !called.has(host) && namespaceOfHost(host) !== proxy.namespace);
        const calls = logged.has(name) ? ` and called ${counted(called.size, 'service')}` : '';
        return {
          ...(unused?.[1] ?? at),
          stage: 'cluster',
          say: `${name} holds ${counted(own, 'outbound cluster')}${size === undefined ? '' : ` in a configuration of ${megabytes(size.bytes)}`}${calls}${unused === undefined ? '' : `; ${unused[0]} is one it did not call`}.`,
        };
      }),
      services && { ...services.at, stage: 'sync', say: `istiod knows ${services.value} services.` },
    );
    const [first] = shown;
    if (evidence === undefined || first === undefined) return;
    const size = bytes === 0 ? '' : ` (configuration dump ${megabytes(bytes)})`;
    const target =
      limits.length === 0
        ? 'no Sidecar, exportTo or discoverySelectors limits it'
        : `no Sidecar covers ${counted(held.length, 'proxy', 'proxies')}`;
    yield {
      subject:
        limits.length === 0
          ? 'mesh configuration'
          : `namespaces ${[...new Set(held.map(({ proxy }) => proxy.namespace))].join(', ')}`,
      scope: {},
      count: held.length,
      message: `the median of ${counted(held.length, 'sidecar')} holds ${outbound} outbound clusters${size} of services in ${counted(reached.size, 'namespace')}: ${target}`,
      facts: {
        client: `${first.proxy.pod}.${first.proxy.namespace}`,
        namespace: first.proxy.namespace,
        istioNamespace,
        rootNamespace: root,
      },
      confidence: withLogs.length > 0 && listed ? 'certain' : 'likely',
      supports: [
        `The median proxy holds ${outbound} outbound clusters${size}.`,
        ...(limits.length === 0 && listed
          ? ['The archive lists the Sidecar resources of the cluster: there is none that limits egress.']
          : []),
        ...(withLogs.length > 0
          ? [
              `Proxies are told of ${counted(allHosts.size, 'service')} in ${counted(reached.size, 'namespace')}; their access logs name ${calledHosts.size} in ${counted(calling.size, 'namespace')}.`,
            ]
          : []),
        ...pushesOf(metrics),
      ],
      missing: [
        ...(withLogs.length > 0 ? [] : ['Access logs of the proxies would tell which services they call.']),
        ...(listed
          ? []
          : [
              'The Sidecar resources of the cluster (kubectl get sidecars.networking.istio.io -A -o yaml) were not read.',
            ]),
      ],
      evidence,
    };
  },
});

/** What one proxy was told of, by its `/clusters`. */
interface Holding {
  readonly proxy: ProxyRef;
  /** Where each host's first cluster stands. */
  readonly places: Map<string, EnvoyCluster['at']>;
  outbound: number;
  readonly at: EnvoyCluster['at'];
}

function holdings(clusters: readonly EnvoyCluster[]): ReadonlyMap<string, Holding> {
  const byProxy = new Map<string, Holding>();
  for (const { direction, proxy, host, at } of clusters) {
    if (direction !== 'outbound') continue;
    const name = podName(proxy);
    let holding = byProxy.get(name);
    if (holding === undefined) {
      holding = { proxy, places: new Map(), outbound: 0, at };
      byProxy.set(name, holding);
    }
    if (!holding.places.has(host)) holding.places.set(host, at);
    holding.outbound++;
  }
  return byProxy;
}

/** Hosts each proxy called, by its access log. */
function callsOf(access: readonly AccessGroup[]): ReadonlyMap<string, Set<string>> {
  const calls = new Map<string, Set<string>>();
  for (const { proxy, cluster } of access) {
    const [direction, , , host] = cluster.split('|');
    if (direction !== 'outbound' || !host) continue;
    const name = podName(proxy);
    const known = calls.get(name);
    if (known === undefined) calls.set(name, new Set([host]));
    else known.add(host);
  }
  return calls;
}

const namespacesOf = (hosts: readonly Iterable<string>[]): ReadonlySet<string> => {
  const names = new Set<string>();
  for (const of of hosts) for (const host of of) names.add(namespaceOfHost(host));
  names.delete('');
  return names;
};

/** Mesh-wide limits: `discoverySelectors`, or services that are not exported to all namespaces unless they say so. */
const isLimited = ({ config }: MeshConfig): boolean =>
  list(config['discoverySelectors']).length > 0 ||
  (list(config['defaultServiceExportTo']).length > 0 && !strings(config['defaultServiceExportTo']).includes('*'));

/** A Sidecar whose egress names something narrower than every namespace. */
const narrows = (sidecar: KubeObject): boolean => {
  const egress = list(specOf(sidecar)['egress']).map(record);
  return egress.length > 0 && !egress.some(({ hosts }) => strings(hosts).includes('*/*'));
};

/** Whether a Sidecar of the proxy's namespace that selects it, or one of the root namespace, applies (without one no limit). */
const isCovered = (
  proxy: ProxyRef,
  known: MeshProxy | undefined,
  limits: readonly KubeObject[],
  root: string,
): boolean =>
  limits.some((sidecar) => {
    const { namespace } = sidecar.meta;
    const selector = record(record(specOf(sidecar)['workloadSelector'])['labels']);
    if (namespace === proxy.namespace) return matchesLabels(selector, known?.labels ?? {});
    return namespace === root && Object.keys(selector).length === 0;
  });

/** What istiod itself counts: sizes of pushes and the time until proxies have them. */
function pushesOf(metrics: readonly Metric[]): readonly string[] {
  const sum = (name: string, type?: string): number =>
    metrics
      .filter(
        (metric) =>
          metric.istiod !== undefined &&
          metric.name === name &&
          (type === undefined || (metric.labels['type'] ?? '').endsWith(type)),
      )
      .reduce((total, { value }) => total + value, 0);
  const services = Math.max(0, ...metrics.filter(({ name }) => name === 'pilot_services').map(({ value }) => value));
  const types = ['Cluster', 'RouteConfiguration', 'Listener'].flatMap((type) => {
    const pushes = sum('pilot_xds_config_size_bytes_count', `.${type}`);
    return pushes === 0 ? [] : [sum('pilot_xds_config_size_bytes_sum', `.${type}`) / pushes];
  });
  return services === 0
    ? []
    : [
        `istiod counts ${services} services${types.length === 0 ? '' : `, and a push of clusters, listeners and routes to one proxy is ${Math.round(types.reduce((all, one) => all + one, 0) / 1000)} kB on average`}.`,
      ];
}

const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;

/** The middle value; 0 of none. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
