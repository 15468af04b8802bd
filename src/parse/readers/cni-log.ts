import { openLog } from '../log-reader.ts';
import type { Reader } from '../reader.ts';

/** `cni.log` of an istio-cni pod. Lines of the plugin keep their original time, so times may step back. */
export const cniLog: Reader = {
  name: 'cni-log',
  title: 'istio-cni log',
  open: (file, context, emit) => openLog('cni', file, context, emit),
};
