import { openLog } from '../log-reader.ts';
import type { Reader } from '../reader.ts';

/** The log of a ztunnel pod, with the connections it reports. */
export const ztunnelLog: Reader = {
  name: 'ztunnel-log',
  title: 'ztunnel log',
  open: (file, context, emit) => openLog('ztunnel', file, context, emit),
};
