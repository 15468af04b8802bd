import type { Layout } from '../reader.ts';
import { byContentOr } from '../readers/by-content.ts';
import { containerLog } from '../readers/container-log.ts';
import { knownFile } from '../readers/known-file.ts';
import { listedObjects, resourceNames } from '../readers/listed-objects.ts';
import { supportBundleVersion } from '../readers/support-bundle-version.ts';

const bundleFile = knownFile('support-bundle-file', 'file of the collector itself');
const other = byContentOr('support-bundle-object', 'file of troubleshoot.sh that nobody asks for');

/**
 * A support bundle of troubleshoot.sh: lists by resource and namespace in `cluster-resources/`, logs with the path of their
 * container (replicatedhq/troubleshoot pkg/collect). Older ones hold the bare items of a list.
 */
export const supportBundleLayout: Layout = [
  ['**/cluster-resources/pods/logs/:namespace/:pod/:container-:run(previous).log', containerLog],
  ['**/cluster-resources/pods/logs/:namespace/:pod/:container.log', containerLog],
  ['**/cluster-resources/pods/logs/:namespace/:pod/:container-logs-errors.log', bundleFile],
  ['**/cluster-resources/:resource-errors.json', bundleFile],
  ['**/cluster-resources/:resource/:name-errors.json', bundleFile],
  ['**/cluster-resources/:folder(auth-cani-list|image-pull-secrets)/:file', bundleFile],
  ['**/cluster-resources/image-pull-secrets/:namespace/:file', bundleFile],
  ['**/cluster-resources/:file(groups|resources|openapi|storage-classes|pvs).json', bundleFile],
  [`**/cluster-resources/:resource(${resourceNames}).json`, listedObjects],
  [`**/cluster-resources/:resource(${resourceNames})/:namespace.json`, listedObjects],
  ['**/cluster-resources/custom-resources/:name/:file', other],
  ['**/cluster-resources/custom-resources/:file', other],
  ['**/cluster-resources/:resource/:file', other],
  ['**/cluster-resources/:file', other],
  ['**/cluster-info/cluster_version.json', supportBundleVersion],
  ['**/execution-data/:file', bundleFile],
  ['**/:bundle(support-bundle-[^/]*)/:file(version.yaml|analysis.json)', other],
];
