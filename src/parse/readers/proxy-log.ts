import { openLog } from '../log-reader.ts';
import type { Reader } from '../reader.ts';

/**
 * `istio-proxy.log`: pilot-agent, Envoy and access lines in one stream, told apart line by line. bug-report stores ztunnel's log
 * under the same name; its content decides.
 */
export const proxyLog: Reader = {
  name: 'proxy-log',
  title: 'istio-proxy log',
  open: (file, context, emit) => openLog('proxy', file, context, emit),
};
