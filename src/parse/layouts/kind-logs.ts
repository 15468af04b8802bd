import type { Layout } from '../reader.ts';
import { byContentOr } from '../readers/by-content.ts';
import { containerLog } from '../readers/container-log.ts';
import { knownFile } from '../readers/known-file.ts';

const nodeFile = knownFile('node-file', "log or inspection of a node's own services");
const other = byContentOr('kind-file', 'file of kind export logs');

/**
 * `kind export logs`, and `/var/log` of a node: each container's log with CRI prefixes, twice: as the kubelet rotates it in
 * `pods/<namespace>_<pod>_<uid>/<container>/<n>.log` and, the current one, in `containers/<pod>_<namespace>_<container>-<id>.log`
 * (kind pkg/cluster/internal/logs).
 */
export const kindLogsLayout: Layout = [
  ['**/pods/:namespace([^/_]+)_:pod([^/_]+)_:uid([^/_]+)/:container/:run(\\d+).log', containerLog],
  ['**/pods/:namespace([^/_]+)_:pod([^/_]+)_:uid([^/_]+)/:container/:run(\\d+\\.log\\.[^/]+)', containerLog],
  ['**/containers/:pod([^/_]+)_:namespace([^/_]+)_:container([^/_]+)-:id([0-9a-f]{64}).log', containerLog],
  [
    '**/:node/:file(alternatives\\.log|containerd\\.log|docker\\.log|crio\\.log|images\\.log|inspect\\.json|journal\\.log|kubelet\\.log|serial\\.log|kubernetes-version\\.txt)',
    nodeFile,
  ],
  [':file(docker-info\\.txt|podman-info\\.txt|kind-version\\.txt)', nodeFile],
  ['**/:file(docker-info\\.txt|podman-info\\.txt|kind-version\\.txt)', nodeFile],
  ['**/kind-logs/:file', other],
];
