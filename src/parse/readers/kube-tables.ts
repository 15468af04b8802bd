import type { ArtifactKind } from '../artifact.ts';
import type { Gap, KubeEvent } from '../facts.ts';
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

/** Of which facts a table says that somebody looked, even where it has no row. */
const seenKinds: Readonly<Partial<Record<TableKind, ArtifactKind>>> = {
  Event: 'event',
  Secret: 'secret',
  Namespace: 'namespace',
  Node: 'node',
  Pod: 'pod-row',
};

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
        if (/^(?:Error|error|Unable)/.test(text)) gap('not-available', mask(text).slice(0, 300), line);
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
      const kinds = [...seen].flatMap((kind) => seenKinds[kind] ?? []);
      if (kinds.length > 0) emit({ kind: 'seen', value: { kinds, at: { file: file.path } } });
      // A table that somebody attached may have been asked for, or cut down to, anything.
      const isListing = /(?:^|\/)cluster\/secrets$/.test(file.path) && columns[0]?.name === 'NAMESPACE';
      if (isListing && complete && rows > 0 && unread.length === 0) {
        emit({ kind: 'listing', value: { kind: 'Secret', namespace: '*', at: { file: file.path } } });
      }
    });
  },
};

const messageOf = (text: string): string => mask(text).slice(0, longestText);
