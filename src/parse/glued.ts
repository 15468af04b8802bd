/**
 * Outputs put one behind the other with nothing between that names them. What begins each of them stands in column 0 of its first
 * line; where another format begins, another output does.
 */
import type { Reader } from './reader.ts';
import { clusterInfoDump } from './readers/cluster-info-dump.ts';
import { recogniseByContent } from './recognise.ts';

/** Where an output begins. */
export interface Cut {
  /** Lines before it. */
  readonly line: number;
  /** Bytes before it. */
  readonly from: number;
}

const openers: readonly RegExp[] = [
  /^(?:NAMESPACE|NAME|LAST SEEN|CLUSTER|SERVICE FQDN|ADDRESS(?:ES)?|ENDPOINT|RESOURCE NAME|WEBHOOK|TAG|ACTION)(?: {2,}| ?\t)[A-Z]{2,}/,
  /^Name: {2,}\S/,
  /^apiVersion: \S/,
  /^[{[]\s*$/,
  /^[^\s:].{0,400}?::(?:default_priority|observability_name|added_via_api)::/,
  /^(?:Info|Warn(?:ing)?|Error) \[IST\d{4}\]/,
  /^(?:client version: |Client Version: )/,
  /^(?:\[pod\/\S+\] )?\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d/,
  /^\* +(?:Trying|Connected to|Host) \S/,
];

/** Bytes of an output that tell its format. */
const telling = 16 * 1024;
/** Places that are looked at closer; further ones are left to the reader before them. */
const mostTries = 300;
const newline = 10;
const weak = /^(?:application-log|failed-command|empty-output)$/;
const isLog = ({ name }: Reader): boolean => name.endsWith('-log');

/** The outputs in these bytes: one cut at the beginning, and one where each further format begins. */
export function cutsOf(bytes: Buffer): readonly Cut[] {
  const cuts: Cut[] = [{ line: 0, from: 0 }];
  let current: Reader | undefined;
  let last = -1;
  let tries = 0;
  let line = 0;
  for (let from = 0; from < bytes.length && tries < mostTries; line++) {
    const stop = bytes.indexOf(newline, from);
    const end = stop < 0 ? bytes.length : stop;
    const first = bytes[from] ?? 0;
    if (end - from > 3 || first === 0x7b || first === 0x5b) {
      const text = bytes.toString('latin1', from, Math.min(end, from + 600)).trimEnd();
      const kind = first === 32 || first === 9 ? -1 : openers.findIndex((opener) => opener.test(text));
      if (kind >= 0 && kind !== last) {
        tries++;
        const reader = recogniseByContent(paragraph(bytes, from));
        if (reader !== undefined && !weak.test(reader.name)) {
          last = kind;
          const same = current === undefined || reader.name === current.name || (isLog(reader) && isLog(current));
          if (!same) cuts.push({ line, from });
          current = reader;
          // What the logs in a dump print begins no output of its own.
          if (reader === clusterInfoDump) return cuts;
        }
      }
    }
    from = end + 1;
  }
  return cuts;
}

/** What stands from a place on, up to the next empty line. */
function paragraph(bytes: Buffer, from: number): Buffer {
  const piece = bytes.subarray(from, from + telling);
  const blank = /\n\r?\n/.exec(piece.toString('latin1'))?.index;
  return blank === undefined ? piece : piece.subarray(0, blank + 1);
}
