import type { Artifact } from '../parse/artifact.ts';

/** What tells one cluster from another, of one archive. */
export interface Identity {
  /** UIDs of namespaces that every cluster has and nobody makes anew, by name. */
  readonly uids: ReadonlyMap<string, string>;
  /** `namespace/pod` of pods whose names end in a random part. */
  readonly pods: ReadonlySet<string>;
  readonly nodes: ReadonlySet<string>;
  readonly apiServers: ReadonlySet<string>;
  readonly contexts: ReadonlySet<string>;
  /** Fingerprints of mesh root certificates. */
  readonly roots: ReadonlySet<string>;
  readonly facts: number;
}

const lasting = new Set(['kube-system', 'kube-public', 'default']);
const randomName = /-[a-z0-9]{5}$/;

/** The identity that an archive's facts show. */
export function identityOf(artifacts: readonly Artifact[]): Identity {
  const uids = new Map<string, string>();
  const pods = new Set<string>();
  const nodes = new Set<string>();
  const apiServers = new Set<string>();
  const contexts = new Set<string>();
  const roots = new Set<string>();
  const pod = (namespace: string, name: string): void => {
    if (namespace !== '' && randomName.test(name)) pods.add(`${namespace}/${name}`);
  };
  for (const { kind, value } of artifacts) {
    switch (kind) {
      case 'namespace':
        if (lasting.has(value.meta.name) && value.meta.uid !== undefined) uids.set(value.meta.name, value.meta.uid);
        break;
      case 'pod':
        pod(value.meta.namespace, value.meta.name);
        if (value.node !== undefined) nodes.add(value.node);
        break;
      case 'proxy':
        pod(value.proxy.namespace, value.proxy.pod);
        break;
      case 'log-file':
        pod(value.pod.namespace, value.pod.pod);
        break;
      case 'sync':
        pod(value.proxy.namespace, value.proxy.pod);
        break;
      case 'node':
        nodes.add(value.meta.name);
        break;
      case 'collection':
        if (value.apiServer !== undefined) apiServers.add(value.apiServer);
        if (value.context !== undefined) contexts.add(value.context);
        break;
      case 'certificate':
        if (value.use === 'root' && value.fingerprint !== undefined) roots.add(value.fingerprint);
        break;
      default:
        break;
    }
  }
  return { uids, pods, nodes, apiServers, contexts, roots, facts: artifacts.length };
}

/** Archives that show one cluster, and how each archive outside differs. */
export interface Apart {
  /** Indexes of the archives that are analyzed together. */
  readonly together: readonly number[];
  /** Indexes of the others, with what tells them apart. */
  readonly others: readonly { readonly index: number; readonly because: string }[];
}

/**
 * Groups archives by the cluster they show and keeps the group with the most facts. The first sign that two archives both show
 * decides: the UID of `kube-system`, pods in common, nodes, the API server, the context, the root certificate. An archive
 * without any sign, such as a single log, belongs to the largest group.
 */
export function apart(identities: readonly Identity[]): Apart {
  const groups: number[][] = [];
  const unsure: number[] = [];
  for (const [index, identity] of identities.entries()) {
    const answers = groups.map((group) => compareAll(identity, group, identities));
    const same = answers.findIndex(({ answer }) => answer === 'same');
    if (same >= 0) groups[same]?.push(index);
    else if (isEmpty(identity) || answers.some(({ answer }) => answer === 'unknown')) unsure.push(index);
    else groups.push([index]);
  }
  const size = (group: readonly number[]): number =>
    group.reduce((sum, index) => sum + (identities[index]?.facts ?? 0), 0);
  const largest = groups.toSorted((one, other) => size(other) - size(one))[0] ?? [];
  const others = groups
    .filter((group) => group !== largest)
    .flat()
    .map((index) => {
      const identity = identities[index];
      const because = identity === undefined ? '' : compareAll(identity, largest, identities).because;
      return { index, because };
    });
  const left = new Set(others.map(({ index }) => index));
  return { together: [...identities.keys()].filter((index) => !left.has(index)), others };
}

interface Comparison {
  readonly answer: 'same' | 'different' | 'unknown';
  readonly because: string;
}

function compareAll(one: Identity, group: readonly number[], identities: readonly Identity[]): Comparison {
  let different: Comparison | undefined;
  for (const index of group) {
    const other = identities[index];
    if (other === undefined) continue;
    const comparison = compare(one, other);
    if (comparison.answer === 'same') return comparison;
    if (comparison.answer === 'different') different ??= comparison;
  }
  return different ?? { answer: 'unknown', because: '' };
}

function compare(one: Identity, other: Identity): Comparison {
  const same: Comparison = { answer: 'same', because: '' };
  const different = (because: string): Comparison => ({ answer: 'different', because });
  for (const [name, uid] of one.uids) {
    const known = other.uids.get(name);
    if (known !== undefined) return known === uid ? same : different(`namespace ${name} has another UID`);
  }
  if (shares(one.pods, other.pods)) return same;
  for (const [what, own, its] of [
    ['nodes', one.nodes, other.nodes],
    ['API server', one.apiServers, other.apiServers],
    ['context', one.contexts, other.contexts],
  ] as const) {
    if (own.size === 0 || its.size === 0) continue;
    return shares(own, its) ? same : different(`${what} ${some(own)} instead of ${some(its)}`);
  }
  // Clusters of one mesh have one root: only another one tells.
  if (one.roots.size > 0 && other.roots.size > 0 && !shares(one.roots, other.roots))
    return different('another mesh root certificate');
  return { answer: 'unknown', because: '' };
}

const shares = (one: ReadonlySet<string>, other: ReadonlySet<string>): boolean => {
  for (const item of one) if (other.has(item)) return true;
  return false;
};

const some = (items: ReadonlySet<string>): string => {
  const [first = '', second] = items;
  return items.size > 2 ? `${first}, ${second} and ${items.size - 2} more` : [...items].join(', ');
};

const isEmpty = ({ uids, pods, nodes, apiServers, contexts, roots }: Identity): boolean =>
  uids.size + pods.size + nodes.size + apiServers.size + contexts.size + roots.size === 0;
