import type { ArtifactKind, ArtifactKinds } from '../parse/artifact.ts';
import type { ProxyRef } from '../parse/facts.ts';

type Collected = { [K in ArtifactKind]?: ArtifactKinds[K][] };

/**
 * Facts with the namespace of their pod where only its name was told (`kubectl logs POD` without `-n`, AKS Periscope): that of the only
 * pod of this name that anything else shows. Names of pods end in a random part, so that two of one name are rare;
 * where there are two, the namespace stays unknown.
 */
export function withPodNamespaces(collected: Readonly<Collected>): Readonly<Collected> {
  const homeless = new Set<string>();
  const namespaces = new Map<string, string | undefined>();
  const learn = (namespace: string, pod: string): void => {
    if (pod === '') return;
    if (namespace === '') homeless.add(pod);
    else namespaces.set(pod, namespaces.has(pod) && namespaces.get(pod) !== namespace ? undefined : namespace);
  };
  for (const { meta } of collected.pod ?? []) learn(meta.namespace, meta.name);
  for (const row of collected['pod-row'] ?? []) learn(row.namespace, row.name);
  for (const values of Object.values(collected)) {
    let last: ProxyRef | undefined;
    for (const value of values) {
      const ref = refOf(value);
      if (ref !== undefined && ref !== last) learn(ref.namespace, ref.pod);
      last = ref;
    }
  }
  if (![...homeless].some((pod) => namespaces.get(pod) !== undefined)) return collected;

  // Facts of one file share one reference, by which others tell them: so do the new ones.
  const moved = new Map<ProxyRef, ProxyRef>();
  const settled = (ref: ProxyRef): ProxyRef => {
    const namespace = ref.namespace === '' ? namespaces.get(ref.pod) : undefined;
    if (namespace === undefined) return ref;
    const known = moved.get(ref) ?? { namespace, pod: ref.pod };
    moved.set(ref, known);
    return known;
  };
  return Object.fromEntries(
    Object.entries(collected).map(([kind, values]) => [
      kind,
      (values as readonly object[]).map((value) => {
        const ref = refOf(value);
        const owner = ref === undefined ? undefined : settled(ref);
        if (ref === undefined || owner === undefined || owner === ref) return value;
        return 'proxy' in value ? { ...value, proxy: owner } : { ...value, pod: owner };
      }),
    ]),
  );
}

/** The pod that a fact is about: `proxy` of what an Envoy says, `pod` of logs. */
function refOf(value: object): ProxyRef | undefined {
  const ref: unknown = 'proxy' in value ? value.proxy : 'pod' in value ? value.pod : undefined;
  return typeof ref === 'object' && ref !== null && 'namespace' in ref && 'pod' in ref ? (ref as ProxyRef) : undefined;
}
