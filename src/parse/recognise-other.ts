import { looksLikeLog } from './log-lines.ts';
import type { Reader } from './reader.ts';
import { failedCommand } from './readers/failed-command.ts';
import { knownFile } from './readers/known-file.ts';

/** The log of an application: no rule reads what it says. */
export const applicationLog = knownFile('application-log', 'log of an application, not read');

/** Answers that people attach and that hold nothing rules ask for. */
export const clientOutput = knownFile('curl', 'curl -v: a request as its client saw it');
const usage = knownFile('kubectl-top', 'kubectl top');
const clusterInfo = knownFile('cluster-info', 'kubectl cluster-info or config');
const certificateText = knownFile('certificate-text', 'openssl: a certificate or handshake as text');

const marks: readonly (readonly [RegExp, Reader])[] = [
  [
    /^\* +(?:Trying \S|Connected to \S|Host \S+ was resolved|Could not resolve host|Added \S+ to DNS cache)/m,
    clientOutput,
  ],
  [/^[<>] (?:HTTP\/[\d.]+ \d{3}|(?:GET|POST|PUT|HEAD|OPTIONS|PATCH|DELETE) \S+ HTTP\/)/m, clientOutput],
  [/^(?:HTTP\/[\d.]+ \d{3}\b.*\n(?:[\w-]+: .*\n){2})/, clientOutput],
  [/^curl: \(\d{1,2}\) /m, clientOutput],
  [/^(?:(?:NAMESPACE|POD) +)?NAME +CPU\(cores\) +/m, usage],
  [/^Kubernetes (?:control plane|master) is running at/m, clusterInfo],
  [/^CURRENT +NAME +CLUSTER +AUTHINFO/m, clusterInfo],
  [/^CONNECTED\(\d+\)$|^Certificate:\n {4}Data:/m, certificateText],
];

/** The reader for what is left when no format of the mesh was recognised, by the first bytes as text. */
export function recogniseOther(head: string): Reader | undefined {
  const known = marks.find(([mark]) => mark.test(head))?.[1];
  if (known !== undefined) return known;
  if (failedCommand.tells(head)) return failedCommand.reader;
  return looksLikeLog(head) === undefined && isLog(head) ? applicationLog : undefined;
}

const entry =
  /^(?:\[?\d{4}[-/]\d\d[-/]\d\d[T ,]\d\d:\d\d|\[?\d\d?[/-](?:\d\d|[A-Z][a-z]{2})[/-]\d{4}[ :]\d\d:\d\d|[A-Z][a-z]{2} +\d\d? \d\d:\d\d:\d\d|[IWEF]\d{4} \d\d:\d\d:\d\d|\[?(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL|CRITICAL)\b|time=|level=|ts=|\d{1,3}(?:\.\d{1,3}){3} - \S+ \[)/;
const jsonEntry = /^\{.{0,4000}"(?:level|severity|msg|message|time|timestamp|ts|@timestamp|logger)" ?:/;

/** Whether most lines begin as entries of a log do: a time, a level. */
function isLog(head: string): boolean {
  const lines = head
    .slice(0, 32 * 1024)
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(0, 200);
  // Traces of a stack follow entries; four lines of them to one are still a log.
  const entries = lines.filter((line) => entry.test(line) || jsonEntry.test(line)).length;
  return entries > 0 && entries * 5 >= lines.length;
}
