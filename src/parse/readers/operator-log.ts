import { openLog } from '../log-reader.ts';
import type { Reader } from '../reader.ts';

/** `operator.log` of the in-cluster operator, up to Istio 1.23. */
export const operatorLog: Reader = {
  name: 'operator-log',
  title: 'istio-operator log',
  open: (file, context, emit) => openLog('operator', file, context, emit),
};
