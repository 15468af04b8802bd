import type { Reader } from './reader.ts';
import { clusterInfoDump, isClusterInfoDump } from './readers/cluster-info-dump.ts';
import { isPeriscopeLog, periscopeLog } from './readers/periscope-log.ts';

/** The reader of a file that another collector than bug-report wrote, by its first bytes as text. Undefined for anything else. */
export function recogniseForeign(head: string): Reader | undefined {
  const text = head.replace(/^\uFEFF/, '');
  if (isClusterInfoDump(text)) return clusterInfoDump;
  if (isPeriscopeLog(text)) return periscopeLog;
  return undefined;
}
