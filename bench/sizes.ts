/** How large an archive the generator makes. Counts and bytes are targets; the last line of a log may pass them. */
export interface Size {
  readonly name: string;
  /** Kubernetes services in the mesh's registry. */
  readonly services: number;
  /** Services whose clusters every proxy gets; the rest are exported to their own namespace only. */
  readonly visible: number;
  /** Objects in `cluster/k8s-resources`, filled up with events. */
  readonly objects: number;
  readonly istiods: number;
  readonly istiodLogBytes: number;
  /** Proxies captured, two of them gateways. */
  readonly proxies: number;
  readonly proxyLogBytes: number;
  /** Clusters appended to the first proxy's dump so that one dump is far larger than the others. */
  readonly extraClusters: number;
}

const megabyte = 1e6;

/** The sizes measured, smallest first. `tiny` is for tests: every kind of file, little in each. */
export const sizes: Readonly<Record<string, Size>> = {
  tiny: {
    name: 'tiny',
    services: 12,
    visible: 12,
    objects: 120,
    istiods: 1,
    istiodLogBytes: 20_000,
    proxies: 4,
    proxyLogBytes: 12_000,
    extraClusters: 0,
  },
  S: {
    name: 'S',
    services: 200,
    visible: 200,
    objects: 1500,
    istiods: 1,
    istiodLogBytes: 3 * megabyte,
    proxies: 10,
    proxyLogBytes: 0.5 * megabyte,
    extraClusters: 0,
  },
  M: {
    name: 'M',
    services: 800,
    visible: 800,
    objects: 9000,
    istiods: 2,
    istiodLogBytes: 30 * megabyte,
    proxies: 80,
    proxyLogBytes: 2.05 * megabyte,
    extraClusters: 0,
  },
  L: {
    name: 'L',
    services: 1500,
    visible: 1200,
    objects: 36_000,
    istiods: 3,
    istiodLogBytes: 150 * megabyte,
    proxies: 200,
    proxyLogBytes: 4 * megabyte,
    extraClusters: 0,
  },
  XL: {
    name: 'XL',
    services: 3000,
    visible: 2000,
    objects: 130_000,
    istiods: 2,
    istiodLogBytes: 2000 * megabyte,
    proxies: 300,
    proxyLogBytes: 8 * megabyte,
    extraClusters: 180_000,
  },
};
