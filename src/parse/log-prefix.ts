/**
 * What others put before each line of a log: kubectl (`--prefix`, `--timestamps`), stern, the kubelet's files (CRI, docker's
 * json-file), terminal colours. A file is looked at once; one without such prefixes pays nothing.
 */

/** A prefix as it stands before a line; what follows it is the line. */
type Prefix = readonly [name: string, pattern: RegExp];

const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)`;
const levels = 'trace|debug|info|warn|warning|error|critical|fatal|none';
const entry = String.raw`(?:\[?\d{4}-\d\d-\d\d[T ]|\{"|[IWEF]\d{4} )`;

/** In the order in which they are taken off; they combine. */
const prefixes: readonly Prefix[] = [
  // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with the control character itself
  ['colour', /\x1b\[[0-9;]*m/g],
  ['docker', /^\{"log":"/],
  ['pod', /^\[pod\/([^/\]]+)\/[^\]]+\] /],
  ['cri', new RegExp(`^${time} (?:stdout|stderr) [FP] `)],
  // ztunnel before 1.22 prints its level after one blank: that is a time of its own, not a prefix.
  [
    'time',
    new RegExp(
      `^${time} (?!\\s|(?:TRACE|DEBUG|INFO|WARN|ERROR|trace|debug|info|warn|warning|error|critical|fatal)\\s)`,
    ),
  ],
  ['stern', new RegExp(`^[a-z0-9][a-z0-9.-]* [a-z0-9][a-z0-9-]* (?=${entry})`)],
  // No prefix, but as much done to each line: copied from a terminal or a chat, tabs become blanks.
  ['tabs', new RegExp(`^${time} {1,8}(?:${levels}) {1,8}(?=\\S)`)],
];

const lostTabs = new RegExp(`^(${time}) {1,8}(${levels}) {1,8}(?=\\S)`);
const envoyScope = /^(envoy [\w.-]{1,60}(?: \S{1,200}:\d{1,6})?) +/;
const wideScope = /^([A-Za-z][\w-]{0,30}(?: [a-z]{1,20})?) {2,8}(?=\S)/;
// Scopes of istio pkg/log; one blank behind them is no proof, so they must be known.
const knownScope =
  /^(ads|adsc|ambient|analysis|authn|authorization|ca|cache|citadelclient|cni|cni-agent|cni-plugin|controllers|delta|dns|endpoint|gateway|grpc|grpcgen|hbone|healthcheck|ingress status|install|iptables|klog|krt|kube|model|monitor|pkica|pkira|proxyconfig|repair|rootcertrotator|sds|secretcontroller|security|serverca|serviceentry|spiffe|status|stsclient|stsserver|telemetry|token|trustBundle|validation|validationController|validationServer|wasm|wle|xdsproxy) (?=\S)/;

/** An entry of istiod, the agent or Envoy with the tabs between its columns again. */
function restoreTabs(line: string): string {
  const begin = lostTabs.exec(line);
  if (begin === null) return line;
  const rest = line.slice(begin[0].length);
  const scoped = envoyScope.test(rest)
    ? rest.replace(envoyScope, '$1\t').replace(/ +(thread=\d+)$/, '\t$1')
    : rest.replace(wideScope.test(rest) ? wideScope : knownScope, '$1\t');
  return `${begin[1]}\t${begin[2]}\t${scoped}`;
}

const anyTime = new RegExp(`^${time}(?: |$)`);

/** Bytes at the start of a file that decide which prefixes its lines have. */
export const prefixBytes = 16 * 1024;

/** Prefixes most of the first lines have, undefined for none (the usual case). */
export function detectPrefixes(head: string): readonly Prefix[] | undefined {
  let lines = head
    .split('\n')
    .slice(0, 60)
    .filter((line) => line.trim() !== '' && !line.startsWith('====='));
  if (lines.length > 1 && head.length >= prefixBytes) lines.pop();
  const found: Prefix[] = [];
  for (const prefix of prefixes) {
    const [name, pattern] = prefix;
    const hits = lines.filter((line) => line.search(pattern) >= 0).length;
    // Colour marks single words; stern's form needs a valid entry behind it, which continuation lines are not.
    // An entry among many access lines shows that tabs are lost.
    const enough = name === 'colour' || name === 'tabs' ? 1 : name === 'stern' ? lines.length / 4 : lines.length / 2;
    if (hits === 0 || hits < enough) continue;
    found.push(prefix);
    lines = lines.map((line) => strip(line, [prefix]));
  }
  return found.length > 0 ? found : undefined;
}

function strip(line: string, wanted: readonly Prefix[]): string {
  let text = line;
  for (const [name, pattern] of wanted) {
    if (name === 'docker') text = dockerLine(text);
    else if (name === 'tabs') text = restoreTabs(text);
    // A line that continues an entry may begin with blanks of its own.
    else if (name === 'time') text = text.replace(anyTime, '');
    else text = text.replace(pattern, '');
  }
  return text;
}

/** docker's json-file: `{"log":"…\n","stream":"stdout","time":"…"}`; UTF-8 bytes in a latin1 string, as all lines here. */
function dockerLine(line: string): string {
  if (!line.startsWith('{"log":"')) return line;
  try {
    const { log } = JSON.parse(Buffer.from(line, 'latin1').toString()) as { readonly log?: unknown };
    return typeof log === 'string'
      ? Buffer.from(log.replace(/\r?\n$/, '').replaceAll('\n', ' ')).toString('latin1')
      : line;
  } catch {
    // A line cut at the end of the file is not JSON; it stays as it is.
    return line;
  }
}

/** The text without the prefixes its first lines show. */
export function stripPrefixes(text: string): string {
  const found = detectPrefixes(text.slice(0, prefixBytes));
  if (found === undefined) return text;
  return text
    .split('\n')
    .map((line) => strip(line, found))
    .join('\n');
}

/**
 * Takes prefixes off a stream of chunks, line for line, so that line numbers stay those of the file. `pod` names the pods that
 * kubectl's `--prefix` showed.
 */
export function prefixStripper(
  found: readonly Prefix[],
  lineBytes: number,
): {
  strip(chunk: Buffer): Buffer;
  end(): Buffer;
  readonly pods: ReadonlySet<string>;
} {
  const pods = new Set<string>();
  const limit = lineBytes + 1024;
  const named = found.some(([name]) => name === 'pod');
  let rest: Buffer[] = [];
  let restBytes = 0;
  const line = (text: string): string => {
    if (named && pods.size < 2) {
      const pod = /\[pod\/([^/\]]+)\//.exec(text.slice(0, 300))?.[1];
      if (pod !== undefined) pods.add(pod);
    }
    return strip(text, found);
  };
  return {
    pods,
    strip(chunk) {
      const last = chunk.lastIndexOf(10);
      const keep = (bytes: Buffer): void => {
        // The start of an endless line is enough: the splitter looks at no more of it.
        if (restBytes < limit) rest.push(Buffer.from(bytes.subarray(0, limit - restBytes)));
        restBytes += Math.min(bytes.length, limit - restBytes);
      };
      if (last < 0) {
        keep(chunk);
        return Buffer.alloc(0);
      }
      const first = chunk.indexOf(10);
      keep(chunk.subarray(0, first));
      const lines = [Buffer.concat(rest).toString('latin1')];
      rest = [];
      restBytes = 0;
      // Decoded line by line: strings over 128 KiB are slow to make.
      for (let at = first + 1; at <= last; ) {
        const end = chunk.indexOf(10, at);
        lines.push(chunk.toString('latin1', at, end));
        at = end + 1;
      }
      keep(chunk.subarray(last + 1));
      return Buffer.from(`${lines.map(line).join('\n')}\n`, 'latin1');
    },
    end: () => Buffer.from(line(Buffer.concat(rest).toString('latin1')), 'latin1'),
  };
}
