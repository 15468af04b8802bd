/** A longer name is no file of any collection; scanning it would only cost time. */
const maxPath = 4096;

/**
 * The name of an entry as it is shown and matched: `/` as separator, without drive, leading `/`, `.` and empty segments, control
 * and direction characters made visible (`<U+001B>`). Undefined when nothing is left, when it leads out of the archive
 * (`..`), or when it is longer than 4,096 characters.
 */
export function normalisePath(raw: string): string | undefined {
  if (raw.length > maxPath) return undefined;
  const segments = raw
    .replaceAll('\\', '/')
    .replace(/^[A-Za-z]:\//, '')
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.');
  if (segments.length === 0 || segments.includes('..')) return undefined;
  return visible(segments.join('/'));
}

/** Text with control, direction and zero-width characters written as `<U+001B>`, so that a name cannot fake what is shown. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029\ud800-\udfff]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
    return `<U+${code.padStart(4, '0')}>`;
  });
}

/** Files an operating system adds when a folder is packed again; they are no part of the collection. */
export function isDebris(path: string): boolean {
  const segments = path.split('/');
  const last = segments.at(-1) ?? '';
  return segments.includes('__MACOSX') || last.startsWith('._') || debris.has(last);
}

const debris: ReadonlySet<string> = new Set(['.DS_Store', 'Thumbs.db', 'desktop.ini']);

/**
 * The path inside the innermost archive: `cluster/pods` of `case/bug-report.tar.gz!/cluster/pods`. Layouts are matched
 * against this.
 */
export function innermostPath(path: string): string {
  const border = path.lastIndexOf('!/');
  return border < 0 ? path : path.slice(border + 2);
}

// `?` cannot be in a file name on Windows. Tools replace it by `_`, `-`, U+F03F (WSL, Cygwin, Samba) or `%3F`, and
// Explorer leaves it out.
const mangledDump = /^config_dump(?:%3[Ff]|.)?include_eds$/u;
const addedExtension = /\.(?:txt|json|ya?ml)$/i;

/**
 * The path with its last segment as `istioctl bug-report` writes it: `config_dump?include_eds` however a tool spelled the `?`,
 * without `.gz` (entries arrive unpacked), and without an extension that was added to a file of the bug report
 * (`clusters.txt`, `discovery.log.txt`). Any other path stays as it is.
 */
export function canonicalName(path: string): string {
  const stored = path.replace(/\.gz$/i, '');
  const cut = stored.lastIndexOf('/') + 1;
  const folder = stored.slice(0, cut);
  const name = stored.slice(cut);
  const bare = name.replace(addedExtension, '');
  if (mangledDump.test(bare)) return `${folder}config_dump?include_eds`;
  if (bare !== name && (bare.endsWith('.log') || isOfBugReport(innermostPath(folder + bare)))) return folder + bare;
  return stored;
}

const label = '[a-z0-9][-a-z0-9.]*';
const added = '(?:\\.txt|\\.json|\\.ya?ml)?(?:\\.gz)?';
const clusterFile =
  'k8s-resources|k8s-cluster-resources|crs|secrets|events|nodes|describe-pods|pods|cluster-context|kubectl-version';
const proxyFile = `certs|clusters|config_dump(?:(?:%3[Ff]|.)?include_eds)?|listeners|memory|server_info|stats/prometheus|runtime|netstat`;

// Files without an extension whose place in the tree is enough to know them.
const ofBugReport = new RegExp(
  `^(?:versions|cluster/(?:${clusterFile})|proxies/${label}/${label}/(?:${proxyFile})|istio/${label}/${label}/(?:metrics|debug/\\w+)|analyze/allNamespaces/allNamespaces)$`,
  'u',
);
const isOfBugReport = (path: string): boolean => ofBugReport.test(path);

// The shapes of a bug report from its root on, anchored at a segment. A namespace may be called `cluster`, `istio` or
// `proxies`, and `kubectl cluster-info dump` has folders named like namespaces, so the folder's name alone proves nothing:
// the segments that follow must be there in number and kind.
const fromRoot = new RegExp(
  `(?:cluster/(?:${clusterFile})${added}|proxies/${label}/${label}/.+|istio/${label}/${label}/(?:discovery\\.log|metrics|debug/[^/]+)${added}|analyze/(?:allNamespaces/allNamespaces|${label})${added}|cni/${label}/cni\\.log${added}|operator/${label}/${label}/operator\\.log${added}|(?:versions|bug-report\\.log)${added})$`,
  'uy',
);

/**
 * The path without the folder that the archive's collection lies in: `cluster/pods` of `bug-report/cluster/pods` and of
 * `ticket/bug-report/cluster/pods`. The archive is a stream, so each entry decides for itself: the root ends where the first
 * segments follow that only a bug report has; a folder `bug-report` is a root by its name, whatever is in it
 * (a later istioctl may add files). Everything else, such as a folder of `kubectl` outputs, keeps its path.
 */
export function withoutRoot(path: string): string {
  let start = 0;
  for (;;) {
    fromRoot.lastIndex = start;
    if (fromRoot.test(path)) return path.slice(start);
    const slash = path.indexOf('/', start);
    if (slash < 0) return path;
    const folder = path.slice(start, slash);
    // What a user collected by hand is not the bug report, even where a file is called `versions`.
    if (folder === 'kubectl') return path;
    start = slash + 1;
    if (folder === 'bug-report' && !path.startsWith('bug-report/', start)) return path.slice(start);
  }
}
