import type { Layout } from '../reader.ts';
import { containerLog } from '../readers/container-log.ts';

const namespace = ':namespace([a-z0-9][-a-z0-9]*)';
const pod = ':pod([a-z0-9][-a-z0-9]*-[a-z0-9]+)';
const container = ':container(istio-proxy|discovery|install-cni|istio-init|istio-validation)';

/**
 * Folders that people make by namespace: `shop/cart-7d9f8-x2x4k/istio-proxy.log`, `shop/cart-7d9f8-x2x4k-istio-proxy.log`. Only
 * containers of a mesh: any other name in such a place may be anything.
 */
export const namespaceFoldersLayout: Layout = [
  [`**/${namespace}/${pod}/${container}:run((?:[-_.]previous)?).:ext(log|txt)`, containerLog],
  [`**/${namespace}/${pod}/${container}/:run(\\w+).:ext(log|txt)`, containerLog],
  [`**/${namespace}/${pod}:separator([-_.])${container}:run((?:[-_.]previous)?).:ext(log|txt)`, containerLog],
];
