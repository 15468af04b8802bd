import type { Layout } from '../reader.ts';
import { byContentOr } from '../readers/by-content.ts';
import { containerLog } from '../readers/container-log.ts';
import { configDump } from '../readers/envoy-config.ts';
import { envoyStats } from '../readers/envoy-stats.ts';
import { istiodDebug } from '../readers/istiod-debug.ts';
import { jsonAfterMessages } from '../readers/json-after-messages.ts';
import { knownFile } from '../readers/known-file.ts';
import { listedObjects, resourceNames } from '../readers/listed-objects.ts';
import { withParams } from '../readers/with-params.ts';

const syncz = withParams('istiod-syncz', jsonAfterMessages(istiodDebug), { endpoint: 'syncz' });
const dump = withParams('must-gather-config-dump', jsonAfterMessages(configDump), {});
const istiodDump = knownFile('istiod-config-dump', "what istiod would send a proxy; Envoy's own dump is read");
const gathererFile = knownFile('must-gather-file', 'file of the gatherer itself');
const object = byContentOr('must-gather-object', 'object of a kind nobody asks for');

/**
 * OpenShift must-gather (`oc adm inspect`) with the additions of OpenShift Service Mesh (openshift-service-mesh/istio-must-gather,
 * gather_istio.sh). It lies below a folder named after the gatherer's image. Both streams of a command are in one file.
 */
export const mustGatherLayout: Layout = [
  ['**/namespaces/:namespace/debug-syncz.json', syncz],
  ['**/namespaces/:namespace/:revision/debug-syncz.json', syncz],
  ['**/namespaces/:namespace/pods/:pod/config_dump_proxy.json', dump],
  ['**/namespaces/:namespace/pods/:pod/config_dump_istiod.json', istiodDump],
  ['**/namespaces/:namespace/pods/:pod/proxy_stats', envoyStats],
  // oc up to 4.x repeats the container's name; `.insecure` is the kubelet asked without a certificate.
  [
    '**/namespaces/:namespace/pods/:pod/:container/:same/logs/:run(current|previous):insecure((?:\\.insecure)?).log',
    containerLog,
  ],
  ['**/namespaces/:namespace/pods/:pod/:container/:same/logs/rotated/:run', containerLog],
  ['**/namespaces/:namespace/pods/:pod/:container/:same/logs/:run', containerLog],
  [`**/namespaces/:namespace/:group/:resource(${resourceNames}).yaml`, listedObjects],
  ['**/namespaces/:namespace/:group/:resource.yaml', object],
  ['**/namespaces/:namespace/:group/:resource/:name.yaml', object],
  ['**/namespaces/:namespace/:name.yaml', object],
  ['**/cluster-scoped-resources/:group/:resource.yaml', object],
  ['**/cluster-scoped-resources/:group/:resource/:name.yaml', object],
  ['**/namespaces/:namespace/pods/:pod/:container/:same/healthz/:file', gathererFile],
  ['event-filter.html', gathererFile],
  [`:gather(must-gather[^/]*)/:file(event-filter\\.html|timestamp|must-gather\\.logs?)`, gathererFile],
  ['**/:gather(must-gather[^/]*)/:file(event-filter\\.html|timestamp|must-gather\\.logs?)', gathererFile],
  ['**/:image([^/]*must-gather[^/]*)/:file(event-filter\\.html|timestamp|version|gather\\.logs?)', gathererFile],
  [':file(timestamp|must-gather\\.logs?)', gathererFile],
];
