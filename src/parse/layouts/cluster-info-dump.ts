import type { Layout } from '../reader.ts';
import { clusterInfoDump } from '../readers/cluster-info-dump.ts';
import { listedObjects } from '../readers/listed-objects.ts';

/**
 * `kubectl cluster-info dump --output-directory`: lists in `<namespace>/<resource>.json`, logs of all containers of a pod in
 * `<namespace>/<pod>/logs.txt` (kubectl pkg/cmd/clusterinfo/clusterinfo_dump.go). Only these resources are dumped.
 */
export const clusterInfoLayout: Layout = [
  ['**/:namespace([a-z0-9][-a-z0-9]*)/:pod([a-z0-9][-.a-z0-9]*)/logs.txt', clusterInfoDump],
  [
    '**/:namespace([a-z0-9][-a-z0-9]*)/:resource(events|replication-controllers|services|daemonsets|deployments|replicasets|pods).json',
    listedObjects,
  ],
];
