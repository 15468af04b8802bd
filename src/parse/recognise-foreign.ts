import type { Reader } from './reader.ts';
import { azure, isAzure } from './readers/azure.ts';
import { clusterInfoDump, isClusterInfoDump } from './readers/cluster-info-dump.ts';
import { isMeshConfig, meshConfigFile } from './readers/mesh-config.ts';
import { isPeriscopeLog, periscopeLog } from './readers/periscope-log.ts';

/**
 * The reader of a file that neither bug-report nor kubectl writes, by its first bytes as text: dumps of other collectors, what Azure
 * says, bare mesh configuration. Undefined for anything else.
 */
export function recogniseForeign(head: string): Reader | undefined {
  const text = head.replace(/^\uFEFF/, '');
  if (isClusterInfoDump(text)) return clusterInfoDump;
  if (isPeriscopeLog(text)) return periscopeLog;
  if (isAzure(text)) return azure;
  if (isMeshConfig(text)) return meshConfigFile;
  return undefined;
}
