/**
 * Command lines as evidence: pasted above an output, or kept as the name of the file that holds it. They tell what was asked for
 * and of whom where the output does not.
 */
import { mask } from './mask.ts';

/** A command of the tools people are asked to run. */
export interface CommandLine {
  readonly tool: 'kubectl' | 'istioctl' | 'curl' | 'az' | 'helm';
  /** Words that are no flags, the tool left out: `['logs', 'cart-7d9']`. */
  readonly words: readonly string[];
  /** Flags by their long name without dashes; '' for those without a value. */
  readonly flags: Readonly<Record<string, string>>;
  /** What runs in the container, behind `--`. */
  readonly inner: readonly string[];
  /** As typed, without the prompt. */
  readonly text: string;
}

const longNames: Readonly<Record<string, string>> = {
  n: 'namespace',
  c: 'container',
  o: 'output',
  l: 'selector',
  A: 'all-namespaces',
  p: 'previous',
  r: 'revision',
  i: 'istioNamespace',
};

/** Flags whose value is the next word. */
const valued: ReadonlySet<string> = new Set(
  (
    'namespace container output selector revision istioNamespace tail since since-time context kubeconfig field-selector port fqdn ' +
    'direction subset address type name cluster limit-bytes max-log-requests sort-by token user server verbosity ' +
    'resource-group subscription query timeout'
  ).split(' '),
);

const tools: Readonly<Record<string, CommandLine['tool']>> = {
  kubectl: 'kubectl',
  oc: 'kubectl',
  k: 'kubectl',
  istioctl: 'istioctl',
  curl: 'curl',
  az: 'az',
  helm: 'helm',
};

/** Verbs after which output is expected: a sentence that begins with the name of a tool is no command. */
const verbs: Readonly<Record<CommandLine['tool'], RegExp>> = {
  kubectl:
    /^(?:get|logs?|describe|exec|top|version|rollout|events|cluster-info|api-resources|config|adm|auth|explain|apply|delete|create|label|annotate|patch|scale|run|port-forward|debug|diff|edit|wait)$/,
  istioctl:
    /^(?:analyze|bug-report|version|proxy-status|ps|proxy-config|pc|experimental|x|tag|verify-install|ztunnel-config|zc|validate|manifest|install|profile|authz|dashboard|admin|remote-clusters|waypoint|kube-inject|upgrade)$/,
  curl: /^\S/,
  az: /^(?:aks|network|account|group|feature|k8s-extension|vm|vmss|monitor|deployment|provider|resource|keyvault)$/,
  helm: /^(?:get|list|ls|status|history|show|template|version|upgrade|install)$/,
};

// What stands before a command: prompts of bash, zsh, PowerShell and cmd, marks of Markdown, `Command:`.
const promptBefore = /^(?:[^\t"'`]{0,160}[$#%>❯➜»]|[`=*#+-]{1,40}|\d{1,2}[.)]|[A-Za-z][\w -]{0,30}:)[ \t]*$/;
const decoration = /^[`=*#+-]*[ \t]*$/;
const lead = /(?:(?:^|(?<=[ \t]))(?:sudo|watch|time|[A-Z_]{2,40}=\S{1,200}) +)+$/;
const tool = /(?:^|(?<=[^\w./-]))(kubectl|istioctl|oc|k|curl|az|helm)(?:\.exe)?[ \t]+(?=[\w-])/;

/** The command that a line of text holds, with or without a prompt before it; undefined for any other line. */
export function readCommandLine(line: string): CommandLine | undefined {
  if (line.length > 4000 || line.length < 5) return undefined;
  const found = tool.exec(line);
  if (found === null || found.index > 200) return undefined;
  const before = line.slice(0, found.index).replace(lead, '');
  if (before !== '' && !promptBefore.test(before)) return undefined;
  // Without a prompt only the tools of clusters count: the others are words of prose.
  const name = found[1] ?? '';
  if (decoration.test(before) && name !== 'kubectl' && name !== 'istioctl' && !/^[#+] /.test(before)) return undefined;
  const text = line.slice(found.index).replace(/[ \t]*(?:`{1,3}|\*{1,3}|={2,}|-{3,}|#{2,}|\\)?[ \t\r]*$/, '');
  return commandOf(wordsOf(text), text);
}

/**
 * The command that a file is named after: blanks made `_`, what a file system refuses (`/`, `:`, `|`) made `-`, `_` or
 * nothing, an extension behind it. Names are cut at 150 characters or so; what is left still tells.
 */
export function commandOfName(path: string): CommandLine | undefined {
  const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('!')) + 1);
  if (!/^(?:\d{1,3}[-_. ]+)?(?:kubectl|istioctl|oc|az|helm)[-_ +]/.test(name)) return undefined;
  const bare = name
    .replace(/^\d{1,3}[-_. ]+/, '')
    .replace(/\.(?:txt|log|out|ya?ml|json|md|csv)$/i, '')
    .replace(/\.(?:txt|log|out)$/i, '');
  const words = (bare.includes('_') || bare.includes(' ') ? bare : bare.replace('-', ' '))
    .split(/[_ +]+/)
    .filter((word) => word !== '');
  return commandOf(words, words.join(' '));
}

function wordsOf(text: string): string[] {
  // What a pipe makes of it is for whoever reads the output.
  const [before = ''] = text.split(/ [|>]|;|&&| 2>/, 1);
  return (before.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^(["'])(.*)\1$/, '$2'));
}

function commandOf(typed: readonly string[], text: string): CommandLine | undefined {
  const name = tools[(typed[0] ?? '').replace(/\.exe$/, '')];
  if (name === undefined) return undefined;
  const words: string[] = [];
  const flags: Record<string, string> = Object.create(null) as Record<string, string>;
  let inner: readonly string[] = [];
  for (let at = 1; at < typed.length; at++) {
    const word = typed[at] ?? '';
    if (word === '--') {
      inner = typed.slice(at + 1);
      break;
    }
    if (!/^-{1,2}[A-Za-z]/.test(word)) {
      words.push(word);
      continue;
    }
    const equals = word.indexOf('=');
    const given = (equals < 0 ? word : word.slice(0, equals)).replace(/^-+/, '');
    const long = flagName(word, given, name);
    const glued = !word.startsWith('--') && given.length > 1 && long !== given ? given.slice(1) : undefined;
    if (glued !== undefined) flags[long] = glued;
    else if (equals >= 0) flags[long] = word.slice(equals + 1);
    else if (valued.has(long) && !/^--?[A-Za-z]/.test(typed[at + 1] ?? '-x')) flags[long] = typed[++at] ?? '';
    else flags[long] = '';
  }
  return verbs[name].test(words[0] ?? '') ? { tool: name, words, flags: { ...flags }, inner, text } : undefined;
}

/** `-n shop`, `-nshop`; `-i` is the namespace of Istio for istioctl and standard input for kubectl. */
function flagName(word: string, given: string, name: CommandLine['tool']): string {
  if (word.startsWith('--') || name === 'curl' || name === 'az') return given;
  const [letter = ''] = given;
  const long = longNames[letter] ?? given;
  if (letter === 'i' && name === 'kubectl') return given;
  return given.length === 1 || /^[nocl]$/.test(letter) ? long : given;
}

/** Names of objects: what stands before them, `deploy/`, is their kind. */
const objectName = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/**
 * What a command says of the owner of its output, as params of a source file: `namespace`, `pod`, `container`, and `command`, the
 * line itself.
 */
export function paramsOfCommand(command: CommandLine): Readonly<Record<string, string>> {
  const params: Record<string, string> = { command: mask(command.text) };
  const named = podOf(command);
  const namespace = command.flags['namespace'] ?? named?.namespace;
  if (namespace !== undefined && objectName.test(namespace)) params['namespace'] = namespace;
  if (named !== undefined && objectName.test(named.pod)) params['pod'] = named.pod;
  const container = command.flags['container'];
  if (container !== undefined && objectName.test(container)) params['container'] = container;
  return params;
}

interface Named {
  readonly pod: string;
  readonly namespace?: string;
}

/** The pod a command asks; none where it names a workload or a label. */
function podOf({ tool: name, words, flags }: CommandLine): Named | undefined {
  const [verb = '', one = '', two = '', three = ''] = words;
  if (name === 'kubectl') {
    if (verb === 'logs' || verb === 'log' || verb === 'exec') {
      return flags['selector'] === undefined ? podName(one.replace(/^pods?\//, '')) : undefined;
    }
    if (verb !== 'describe' && verb !== 'get') return undefined;
    if (/^po(?:ds?)?\/./.test(one)) return podName(one.slice(one.indexOf('/') + 1));
    return /^po(?:ds?)?$/.test(one) && words.length === 3 ? podName(two) : undefined;
  }
  if (name !== 'istioctl') return undefined;
  const own = flags['namespace'] !== undefined;
  if (verb === 'proxy-status' || verb === 'ps') return podOfIstioctl(one, own);
  if (verb === 'proxy-config' || verb === 'pc' || verb === 'ztunnel-config') return podOfIstioctl(two, own);
  if (verb !== 'experimental' && verb !== 'x') return undefined;
  if (one === 'check-inject') return podOfIstioctl(two, own);
  if (one === 'proxy-status') return podOfIstioctl(two, own);
  return (one === 'describe' || one === 'authz') && three !== '' ? podOfIstioctl(three, own) : undefined;
}

/** A file's name has `-` where `deploy/cart` had a slash. */
const podName = (word: string): Named | undefined =>
  word === '' ||
  word.includes('/') ||
  /^(?:deploy(?:ment)?|deployments\.apps|daemonset|ds|sts|statefulset|svc|service)-/.test(word)
    ? undefined
    : { pod: word };

/** istioctl takes `POD.NAMESPACE` too. */
function podOfIstioctl(word: string, namespaceGiven: boolean): Named | undefined {
  const named = podName(word);
  const dot = word.lastIndexOf('.');
  if (named === undefined || namespaceGiven || dot <= 0) return named;
  return { pod: word.slice(0, dot), namespace: word.slice(dot + 1) };
}
