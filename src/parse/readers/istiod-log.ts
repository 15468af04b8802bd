import { openLog } from '../log-reader.ts';
import type { Reader } from '../reader.ts';

/** `discovery.log` of an istiod pod: what signatures find, and when the log begins and ends. */
export const istiodLog: Reader = {
  name: 'istiod-log',
  title: 'istiod log',
  open: (file, context, emit) => openLog('istiod', file, context, emit),
};
