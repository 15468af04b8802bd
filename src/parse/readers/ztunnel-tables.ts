import type { Location } from '../../input/location.ts';
import type { Artifact, ArtifactKind } from '../artifact.ts';
import { plainSerial } from '../certificate.ts';
import { isoTime } from '../envoy-json.ts';
import { proxyOf } from '../envoy-names.ts';
import type { ProxyRef } from '../facts.ts';
import { jsonReader } from '../json-text.ts';
import { textReader } from '../reader.ts';
import { type Cells, type Column, cellsOf, headerOf, plainLine } from '../text-table.ts';
import { parseYaml } from '../yaml.ts';
import { certificateFacts } from './ztunnel-config.ts';

type Table = 'workload' | 'service' | 'policy' | 'certificate' | 'connection';

/** Headers of `istioctl ztunnel-config` 1.22 to 1.31 and of `x ztunnel-config` 1.18 to 1.21 (istioctl/pkg/writer/ztunnel/configdump). */
const headers: readonly (readonly [Table, readonly string[]])[] = [
  ['workload', ['NAMESPACE', 'POD NAME', 'ADDRESS', 'NODE', 'WAYPOINT', 'PROTOCOL']],
  ['workload', ['NAMESPACE', 'POD NAME', 'IP', 'NODE', 'WAYPOINT', 'PROTOCOL']],
  ['workload', ['NAME', 'NAMESPACE', 'IP', 'NODE', 'WAYPOINT', 'PROTOCOL']],
  ['workload', ['NAME', 'NAMESPACE', 'IP', 'NODE', 'PROTOCOL']],
  ['service', ['NAMESPACE', 'SERVICE NAME', 'SERVICE VIP', 'WAYPOINT', '?ENDPOINTS']],
  ['policy', ['NAMESPACE', 'POLICY NAME', 'ACTION', 'SCOPE']],
  ['certificate', ['CERTIFICATE NAME', 'TYPE', 'STATUS', 'VALID CERT', 'SERIAL NUMBER', 'NOT AFTER', 'NOT BEFORE']],
  ['connection', ['WORKLOAD', 'DIRECTION', 'LOCAL', 'REMOTE', 'REMOTE TARGET', '?PROTOCOL']],
];

/** The table a line is the header of, if it is one of `istioctl ztunnel-config`. */
export function ztunnelTable(line: string): { readonly table: Table; readonly columns: readonly Column[] } | undefined {
  for (const [table, titles] of headers) {
    const columns = headerOf(line, titles);
    if (columns !== undefined) return { table, columns };
  }
  return undefined;
}

/**
 * `istioctl ztunnel-config` as tables: the certificates a ztunnel holds and those it could not get. Its workloads, services and
 * policies are istiod's view of the cluster, its connections those of a moment: they are known and not kept.
 */
export const ztunnelTables = textReader('ztunnel-tables', 'istioctl ztunnel-config', function* (text, file) {
  const owner = proxyOf(file);
  const seen = new Set<ArtifactKind>();
  const strange: number[] = [];
  let current: ReturnType<typeof ztunnelTable>;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = plainLine(raw);
    if (line.trim() === '' || /^-{3,} \w[\w ]* -{3,}$/.test(line)) continue;
    const header = ztunnelTable(line);
    if (header !== undefined) {
      current = header;
      if (header.table === 'certificate') for (const kind of certificateKinds) seen.add(kind);
      continue;
    }
    if (current === undefined) continue;
    const cells = cellsOf(line, current.columns, plausible[current.table]);
    if (cells === undefined) strange.push(index + 1);
    else if (current.table === 'certificate') yield* certificateOf(cells, owner, { file: file.path, line: index + 1 });
  }
  if (seen.size > 0) yield { kind: 'seen', value: { kinds: [...seen], at: { file: file.path } } };
  const [line] = strange;
  if (line !== undefined) {
    const detail = `${strange.length} lines of the table are not understood`;
    yield { kind: 'gap', value: { file: file.path, reason: 'malformed', detail, line } };
  }
});

/** `istioctl ztunnel-config certificate -o json`: the list `certificates` of the dump, by itself. */
export const ztunnelCertificates = jsonReader(
  'ztunnel-certificates',
  'istioctl ztunnel-config certificate -o json',
  (value, file) => (Array.isArray(value) ? certificatesOf(value, file) : undefined),
);

function* certificatesOf(
  entries: readonly unknown[],
  file: Parameters<typeof certificateFacts>[2],
): Generator<Artifact> {
  for (const [index, entry] of entries.entries()) yield* certificateFacts(entry, `/${index}`, file);
  yield { kind: 'seen', value: { kinds: [...certificateKinds], at: { file: file.path } } };
}

/** `istioctl ztunnel-config certificate -o yaml`. */
export const ztunnelCertificatesYaml = textReader(
  'ztunnel-certificates-yaml',
  'istioctl ztunnel-config certificate -o yaml',
  function* (text, file) {
    let value: unknown;
    try {
      value = parseYaml(text);
    } catch {
      // Told below: whatever it is, it is no list.
    }
    if (Array.isArray(value)) yield* certificatesOf(value, file);
    else yield { kind: 'gap', value: { file: file.path, reason: 'malformed', detail: 'this is no list in YAML' } };
  },
);

const certificateKinds = ['proxy-secret', 'certificate', 'rejection'] as const;

const word = /^\S*$/;
const plausible: Readonly<Record<Table, (cells: Cells) => boolean>> = {
  workload: (cells) => /^(?:HBONE|TCP|)$/.test(cells.get('PROTOCOL') ?? '') && word.test(cells.get('NAMESPACE') ?? ''),
  service: (cells) =>
    /^(?:\d+\/\d+|)$/.test(cells.get('ENDPOINTS') ?? '') && word.test(cells.get('SERVICE NAME') ?? ''),
  policy: (cells) => /^(?:Allow|Deny|)$/i.test(cells.get('ACTION') ?? '') && word.test(cells.get('POLICY NAME') ?? ''),
  certificate: (cells) =>
    /^(?:Leaf|Root|NA|Intermediate)$/.test(cells.get('TYPE') ?? '') &&
    /^(?:Available|Initializing|Unavailable.*)$/.test(cells.get('STATUS') ?? ''),
  connection: (cells) => /^(?:Inbound|Outbound)$/.test(cells.get('DIRECTION') ?? ''),
};

function* certificateOf(cells: Cells, proxy: ProxyRef, at: Location): Generator<Artifact> {
  const name = cells.get('CERTIFICATE NAME') ?? '';
  const type = cells.get('TYPE') ?? '';
  const status = cells.get('STATUS') ?? '';
  if (type !== 'Root') {
    const state = status === 'Available' ? 'active' : 'warming';
    yield { kind: 'proxy-secret', value: { proxy, name, state, kind: 'certificate', at } };
  }
  if (status.startsWith('Unavailable')) {
    const details = 'istioctl prints Unavailable without a reason: ztunnel’s log has it';
    yield { kind: 'rejection', value: { proxy, type: 'secret', name, details, at } };
  }
  const from = isoTime(cells.get('NOT BEFORE'));
  const until = isoTime(cells.get('NOT AFTER'));
  if (from === undefined || until === undefined) return;
  const leaf = type === 'Leaf';
  yield {
    kind: 'certificate',
    value: {
      proxy,
      use: leaf ? 'workload' : type === 'Root' ? 'root' : 'other',
      name,
      serial: plainSerial(cells.get('SERIAL NUMBER') ?? ''),
      sans: leaf ? [name] : [],
      from,
      until,
      at,
    },
  };
}
