import { type Location, within } from '../input/location.ts';
import type { KubeObject, MeshConfig } from '../parse/facts.ts';
import { coversHost, hostOfService, list, ofKind, record, specOf, strings, text } from './hosts.ts';
import { matchesLabels } from './selectors.ts';

/** Where `outboundTrafficPolicy` is set to REGISTRY_ONLY. */
export interface RegistryOnly {
  /** `Sidecar shop/default`, `mesh configuration istio`. */
  readonly name: string;
  readonly at: Location;
  readonly sidecar?: KubeObject;
}

/**
 * The Sidecar that holds for a workload: one that selects it, else the namespace's own, else that of the root namespace (istio
 * pilot/pkg/model/sidecar.go).
 */
function sidecarFor(
  config: readonly KubeObject[],
  workload: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
  rootNamespace: string,
): KubeObject | undefined {
  const sidecars = ofKind(config, 'Sidecar');
  const labelsOf = (sidecar: KubeObject) => record(record(specOf(sidecar)['workloadSelector'])['labels']);
  const wide = (sidecar: KubeObject) => Object.keys(labelsOf(sidecar)).length === 0;
  const own = sidecars.filter(({ meta }) => meta.namespace === workload.namespace);
  return (
    own.find((sidecar) => !wide(sidecar) && matchesLabels(labelsOf(sidecar), workload.labels)) ??
    own.find(wide) ??
    sidecars.find((sidecar) => sidecar.meta.namespace === rootNamespace && wide(sidecar))
  );
}

/** Whether a workload may only reach what the mesh knows, and what says so. A Sidecar's own setting wins. */
export function registryOnly(
  config: readonly KubeObject[],
  meshConfigs: readonly MeshConfig[],
  workload: {
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly revision?: string;
  },
  rootNamespace: string,
): RegistryOnly | undefined {
  const sidecar = sidecarFor(config, workload, rootNamespace);
  const own = sidecar && specOf(sidecar)['outboundTrafficPolicy'];
  if (sidecar !== undefined && own !== undefined) {
    if ((text(record(own)['mode']) ?? 'REGISTRY_ONLY') !== 'REGISTRY_ONLY') return undefined;
    const { namespace, name } = sidecar.meta;
    return {
      name: `Sidecar ${namespace}/${name}`,
      at: within(sidecar.at, '/spec/outboundTrafficPolicy'),
      sidecar,
    };
  }
  // The file that a person edits says more than what istiod made of it, unless it belongs to another revision. A workload may
  // name its revision by a tag, so another name alone refutes nothing.
  const rank = ({ from, revision }: MeshConfig): number => {
    if (from === 'istiod') return 1;
    return workload.revision === undefined || (revision ?? workload.revision) === workload.revision ? 0 : 2;
  };
  const [mesh] = meshConfigs.filter(isRegistryOnly).sort((a, b) => rank(a) - rank(b));
  if (mesh === undefined) return undefined;
  return mesh.from === 'istiod'
    ? { name: `the mesh configuration of ${mesh.name}`, at: within(mesh.at, '/outboundTrafficPolicy') }
    : { name: `the mesh configuration (ConfigMap ${mesh.name})`, at: within(mesh.at, '/data/mesh') };
}

/** istiod's JSON leaves out the zero value of the enumeration, which is REGISTRY_ONLY. */
function isRegistryOnly({ from, config }: MeshConfig): boolean {
  const policy = config['outboundTrafficPolicy'];
  if (policy === undefined || policy === null) return false;
  const mode = text(record(policy)['mode']);
  return mode === 'REGISTRY_ONLY' || (mode === undefined && from === 'istiod');
}

/** ServiceEntries that name a host, with the ports they open and whether a namespace may see them. */
export function serviceEntriesFor(
  config: readonly KubeObject[],
  host: string,
  namespace: string,
): readonly { readonly entry: KubeObject; readonly ports: readonly number[]; readonly visible: boolean }[] {
  return ofKind(config, 'ServiceEntry').flatMap((entry) => {
    const spec = specOf(entry);
    const covered =
      strings(spec['hosts']).some((name) => coversHost(name, host)) ||
      strings(spec['addresses']).includes(host) ||
      list(spec['endpoints']).some((endpoint) => record(endpoint)['address'] === host);
    if (!covered) return [];
    const exportTo = strings(spec['exportTo']);
    const ports = list(spec['ports']).flatMap((port) => {
      const { number } = record(port);
      return typeof number === 'number' ? [number] : [];
    });
    const visible =
      exportTo.length === 0 ||
      exportTo.includes('*') ||
      exportTo.includes(namespace) ||
      (exportTo.includes('.') && entry.meta.namespace === namespace);
    return [{ entry, ports, visible }];
  });
}

/** Whether a Sidecar's egress hosts let a workload see a service host. */
export function importsHost(
  sidecar: KubeObject,
  service: { readonly meta: { readonly name: string; readonly namespace: string } },
): boolean {
  const egress = list(specOf(sidecar)['egress']);
  if (egress.length === 0) return true;
  return egress
    .flatMap((listener) => strings(record(listener)['hosts']))
    .some((entry) => {
      const [scope = '*', host = '*'] = entry.split('/', 2);
      const inScope =
        scope === '*' ||
        scope === service.meta.namespace ||
        (scope === '.' && sidecar.meta.namespace === service.meta.namespace);
      return inScope && coversHost(host, hostOfService(service));
    });
}
