import { proxyOf } from '../envoy-names.ts';
import type { SyncStatus } from '../facts.ts';
import { mask } from '../mask.ts';
import { textReader } from '../reader.ts';
import type { SyncState } from '../sync-status.ts';
import { plainLine } from '../text-table.ts';

type Compared = 'cds' | 'lds' | 'rds';
const types: Readonly<Record<string, Compared>> = { Clusters: 'cds', Listeners: 'lds', Routes: 'rds' };

/** True for the beginning of `istioctl proxy-status POD`. */
export const looksLikeComparison = (head: string): boolean =>
  /^(?:Clusters|Listeners|Routes) (?:Match|Don't Match)\b/m.test(head) ||
  /^--- (?:Pilot|Istiod) (?:Clusters|Listeners|Routes)$/m.test(head) ||
  /^Sync diff is not available for ztunnel pod /m.test(head);

/** Differences kept for each type. */
const most = 20;

/**
 * `istioctl proxy-status POD`: whether istiod's and Envoy's clusters, listeners and routes are the same, with a unified diff
 * where they are not. Up to 1.9 the diff stands there without a word. The output does not say which pod it is about.
 */
export const proxyStatusDiff = textReader('proxy-status-diff', 'istioctl proxy-status POD', function* (text, file) {
  const states: Partial<Record<Compared, SyncState>> = {};
  const differences: Partial<Record<Compared, string[]>> = {};
  let routesLoaded: string | undefined;
  let first = 0;
  let inside: Compared | undefined;

  for (const [index, raw] of text.split('\n').entries()) {
    const line = plainLine(raw);
    const verdict = /^(Clusters|Listeners|Routes) (Match|Don't Match)(?: \(RDS last loaded at ([^)]+)\))?/.exec(line);
    if (verdict !== null) {
      const type = types[verdict[1] ?? ''] ?? 'cds';
      states[type] = verdict[2] === 'Match' ? 'synced' : 'stale';
      routesLoaded ??= verdict[3];
      first ||= index + 1;
      inside = undefined;
      continue;
    }
    const heading = /^--- (?:Pilot|Istiod) (Clusters|Listeners|Routes)$/.exec(line);
    if (heading !== null) {
      inside = types[heading[1] ?? ''];
      if (inside !== undefined) states[inside] = 'stale';
      first ||= index + 1;
      continue;
    }
    const unavailable = /^(?:Sync diff is not available.*|Error: .*)$/.exec(line)?.[0];
    if (unavailable !== undefined && inside === undefined) {
      const detail = `istioctl could not tell: ${mask(unavailable).slice(0, 400)}`;
      yield { kind: 'gap', value: { file: file.path, reason: 'not-available', detail, line: index + 1 } };
      continue;
    }
    if (inside === undefined) continue;
    // Resources are named on lines of their own; the `+++ Envoy Clusters` heading is none.
    const changed = /^([-+]) *"(?:name|clusterName|routeConfigName)": *"([^"]{1,300})"/.exec(line);
    if (changed === null) continue;
    differences[inside] ??= [];
    const list = differences[inside];
    const entry = `${changed[1]} ${mask(changed[2] ?? '')}`;
    if (list !== undefined && list.length < most && !list.includes(entry)) list.push(entry);
  }

  if (first === 0) return;
  const value: SyncStatus = {
    proxy: proxyOf(file),
    types: states,
    compared: { differences, ...(routesLoaded === undefined ? {} : { routesLoaded }) },
    at: { file: file.path, line: first },
  };
  yield { kind: 'sync', value };
});
