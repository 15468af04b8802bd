import type { Layout } from '../reader.ts';
import { byContentOr } from '../readers/by-content.ts';
import { periscopeLog } from '../readers/periscope-log.ts';

const other = byContentOr('periscope-file', 'file of AKS Periscope about the node');

/**
 * AKS Periscope, which `az aks kollect` deploys: a folder or zip per node with `<collector>/<key>` (Azure/aks-periscope
 * pkg/collector, pkg/exporter). Objects are text of `kubectl describe`.
 */
export const periscopeLayout: Layout = [
  ['**/podscontainerlogs/:key', periscopeLog],
  ['**/kubeobjects/:namespace([^/_]+)_:resource([^/_]+)_:name', other],
  [
    '**/:collector(iptables|kubeletcmd|networkoutbound|systemperf|nodelogs|systemlogs|dns|pdb|osm|smi|helm|windowslogs|containerlogs|inspektorgadget-[a-z-]+)/:key',
    other,
  ],
];
