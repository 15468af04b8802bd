import type { ArtifactKind } from '../artifact.ts';
import type { Gap, KubeEvent } from '../facts.ts';
import { askedBy, listedIn } from '../kube-asked.ts';
import { type Column, columnsOf } from '../kube-columns.ts';
import { longestText } from '../kube-meta.ts';
import { eventRow } from '../kube-table-events.ts';
import { podRow, resourceRow, type TableKind, tableKindOf } from '../kube-table-kinds.ts';
import { rowFacts } from '../kube-table-rows.ts';
import { kubectlMessage } from '../list-items.ts';
import { mask } from '../mask.ts';
import type { Reader } from '../reader.ts';
import { textLines } from '../text-lines.ts';
import { present } from '../untyped.ts';

/** Kinds of objects of whose rows facts are made, so that a whole table tells which objects exist. A row of pods is no Pod. */
const factOf: Readonly<Record<string, ArtifactKind>> = {
  Event: 'event',
  Secret: 'secret',
  Namespace: 'namespace',
  Node: 'node',
  Pod: 'pod-row',
  Deployment: 'workload',
  ReplicaSet: 'workload',
  StatefulSet: 'workload',
  DaemonSet: 'workload',
  Service: 'service',
  Endpoints: 'endpoints',
};
/** Tables of these are facts as soon as they were printed, with rows or without. */
const alwaysSeen: readonly TableKind[] = ['Event', 'Secret', 'Namespace', 'Node', 'Pod'];

/** A command that somebody pasted with its output. */
const prompt = /^(?:\S[^|]{0,200}?[$#>%]\s?|)\s*(?:sudo )?(?:kubectl|k|oc|istioctl)\s+\S/;

/**
 * Tables of `kubectl get`, one after the other: pods, workloads, services, endpoints, secrets, events, namespaces with labels,
 * nodes. Other tables are passed over. Ages count back from the moment of printing, which only the file's own time can tell.
 */
export const kubeTables: Reader = {
  name: 'kube-tables',
  title: 'kubectl get, as a table',
  open(file, { lineBytes }, emit) {
    const namespace = file.params['namespace'] ?? '';
    let table: TableKind | undefined;
    let columns: readonly Column[] = [];
    let pending: KubeEvent | undefined;
    let rows = 0;
    let refused = false;
    const unread: number[] = [];
    const seen = new Set<TableKind>();

    function flush(): void {
      if (pending !== undefined) emit({ kind: 'event', value: { ...pending, message: messageOf(pending.message) } });
      pending = undefined;
    }

    function begin(kind: TableKind | undefined, header: string): void {
      flush();
      table = kind;
      columns = columnsOf(header);
      if (kind !== undefined) seen.add(kind);
    }

    function take(raw: string, line: number): void {
      const text = raw.trimEnd();
      if (text === '') return;
      const begun = tableKindOf(text);
      if (begun !== undefined) begin(begun, text);
      else if (prompt.test(text)) begin(undefined, '');
      else if (kubectlMessage.test(text)) {
        if (!/^(?:Error|error|Unable)/.test(text)) return;
        refused = true;
        gap('not-available', mask(text).slice(0, 300), line);
      } else if (table === 'Event') takeEvent(text, line);
      else if (table !== undefined) takeRow(table, text, line);
      // `kubectl get pods | grep` leaves no header.
      else if (podRow.test(text)) takeRow('Pod', text, line);
      else if (!resourceRow.test(text)) unread.push(line);
    }

    function takeRow(kind: TableKind, text: string, line: number): void {
      const facts = rowFacts(kind, text, {
        columns: table === undefined ? [] : columns,
        namespace,
        at: { file: file.path, line },
      });
      if (facts === undefined) unread.push(line);
      else {
        rows++;
        for (const fact of facts) emit(fact);
      }
    }

    function takeEvent(text: string, line: number): void {
      const event = eventRow(text, columns, file, namespace, line);
      if (event !== undefined) {
        flush();
        pending = event;
      } else if (pending === undefined) unread.push(line);
      else if (pending.message.length < 2 * longestText) {
        // A message of several lines: the columns behind it stand on its last one.
        pending = { ...pending, message: `${pending.message}\n${text.trim().split(/ {3,}/)[0] ?? ''}` };
      }
    }

    const gap = (reason: Gap['reason'], detail: string, line?: number): void =>
      emit({ kind: 'gap', value: { file: file.path, reason, detail, ...present({ line }) } });

    return textLines(lineBytes, take, (complete) => {
      flush();
      if (!complete) gap('truncated', 'the table is cut short');
      if (unread.length > 0) gap('malformed', `${unread.length} rows do not fit their header`, unread[0]);
      const at = { file: file.path };
      const kinds = new Set(alwaysSeen.flatMap((kind) => (seen.has(kind) ? (factOf[kind] ?? []) : [])));
      const whole = complete && unread.length === 0 && !refused;
      // A table that somebody attached may have been cut down to anything, unless its command is known.
      const asked = whole ? askedBy(file.params['command']) : undefined;
      for (const kind of asked?.kinds ?? []) {
        const fact = factOf[kind];
        if (asked === undefined || fact === undefined || (kind === 'Namespace' && !seen.has(kind))) continue;
        kinds.add(fact);
        if (kind !== 'Pod') emit({ kind: 'listing', value: { kind, namespace: listedIn(asked, kind), at } });
      }
      if (kinds.size > 0) emit({ kind: 'seen', value: { kinds: [...kinds], at } });
      const isListing = /(?:^|\/)cluster\/secrets$/.test(file.path) && columns[0]?.name === 'NAMESPACE';
      if (isListing && whole && rows > 0) emit({ kind: 'listing', value: { kind: 'Secret', namespace: '*', at } });
    });
  },
};

const messageOf = (text: string): string => mask(text).slice(0, longestText);
