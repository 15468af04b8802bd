import type { Artifact } from '../artifact.ts';
import type { Container, ContainerState, KubeEvent } from '../facts.ts';
import {
  blocksOf,
  conditionsOf,
  type Fields,
  linesOf,
  maskedText,
  metaOf,
  pairOf,
  type Section,
  textIn,
} from '../kube-describe-fields.ts';
import { describedObject } from '../kube-describe-objects.ts';
import { describedKind, describedService, describedWorkload } from '../kube-describe-workloads.ts';
import { artifactOf } from '../kube-facts.ts';
import { longestText } from '../kube-meta.ts';
import { isMeshVariable } from '../kube-pod.ts';
import { repeatedAge, timeBefore } from '../kube-times.ts';
import { mask } from '../mask.ts';
import { maskArguments, maskNamed } from '../mask-values.ts';
import type { Reader, SourceFile } from '../reader.ts';
import { textLines } from '../text-lines.ts';
import { present, setOwn } from '../untyped.ts';

/** Lines of one object that are kept; a node with hundreds of pods has a few hundred. */
const mostLines = 20_000;

/**
 * `kubectl describe` of pods, nodes and whatever has events: `cluster/describe-pods` of istioctl 1.8 to 1.20,
 * `cluster/nodes` of 1.10 to 1.20, and what people attach. Text for people: only what the YAML would tell as surely is taken.
 */
export const kubeDescribe: Reader = {
  name: 'kube-describe',
  title: 'kubectl describe',
  open(file, { lineBytes }, emit) {
    let sections: Section[] = [];
    let first = 0;
    let lines = 0;
    const kinds = new Set<string>();
    const namespaces = new Set<string>();

    function flush(): void {
      if (sections.length > 0) {
        for (const artifact of described(sections, first, file)) {
          if (artifact.kind === 'pod' || artifact.kind === 'node') {
            kinds.add(artifact.kind);
            namespaces.add(artifact.value.meta.namespace);
          }
          emit(artifact);
        }
      }
      sections = [];
      lines = 0;
    }

    function take(text: string, line: number): void {
      const field = /^([A-Z][^:\t]{0,60}):(?: +(.*))?$/.exec(text);
      if (field !== null) {
        if (field[1] === 'Name') {
          flush();
          first = line;
        }
        if (first > 0) sections.push({ name: field[1] ?? '', value: (field[2] ?? '').trim(), body: [], line });
      } else if (/^\s+\S/.test(text) && ++lines <= mostLines) sections.at(-1)?.body.push(text);
      if (lines === mostLines + 1) {
        lines++;
        const detail = `the description of one object is longer than ${mostLines} lines; the rest of it was not read`;
        emit({ kind: 'gap', value: { file: file.path, reason: 'too-large', detail, line } });
      }
    }

    return textLines(lineBytes, take, (complete) => {
      flush();
      const at = { file: file.path };
      if (!complete)
        emit({ kind: 'gap', value: { file: file.path, reason: 'truncated', detail: 'the file is cut short' } });
      const name = /(?:^|\/)cluster\/(nodes|describe-pods)$/.exec(file.path)?.[1];
      if (!complete || name === undefined || kinds.size === 0) return;
      emit({ kind: 'seen', value: { kinds: [name === 'nodes' ? 'node' : 'pod'], at } });
      const [namespace, other] = [...namespaces];
      if (name === 'nodes') emit({ kind: 'listing', value: { kind: 'Node', namespace: '*', at } });
      else if (namespace !== undefined && other === undefined)
        emit({ kind: 'listing', value: { kind: 'Pod', namespace, at } });
    });
  },
};

function* described(sections: readonly Section[], line: number, file: SourceFile): Iterable<Artifact> {
  const fields: Fields = new Map(sections.map((section) => [section.name, section]));
  const meta = metaOf(fields);
  const at = { file: file.path, line };
  const kind = describedKind(fields);
  if (kind === 'Pod') {
    const phase = textIn(fields, 'Status')?.split(' ')[0] ?? 'Unknown';
    const started = Date.parse(textIn(fields, 'Start Time') ?? '');
    const ips = (fields.get('IPs')?.body ?? []).flatMap((text) => /^\s+IP: +([\w.:]+)$/.exec(text)?.[1] ?? []);
    const ip = textIn(fields, 'IP');
    yield {
      kind: 'pod',
      value: {
        meta,
        at,
        phase,
        ips: ips.length === 0 && ip !== undefined ? [ip] : ips,
        hostNetwork: false,
        serviceAccount: textIn(fields, 'Service Account') ?? 'default',
        containers: [
          ...containersOf(fields.get('Init Containers'), true),
          ...containersOf(fields.get('Containers'), false),
        ],
        conditions: conditionsOf(fields.get('Conditions')),
        volumes: volumesOf(fields.get('Volumes')),
        ...present({
          reason: textIn(fields, 'Reason'),
          message: maskedText(textIn(fields, 'Message')),
          node: textIn(fields, 'Node')?.split('/')[0],
          started: Number.isNaN(started) ? undefined : new Date(started).toISOString(),
        }),
      },
    };
  } else if (kind === 'Node') {
    const info = new Map((fields.get('System Info')?.body ?? []).map((text) => pairOf(text)));
    const taints = fields.get('Taints');
    yield {
      kind: 'node',
      value: {
        meta,
        at,
        conditions: conditionsOf(fields.get('Conditions')),
        unschedulable: textIn(fields, 'Unschedulable') === 'true',
        taints: taints === undefined ? [] : linesOf(taints),
        ...present({
          kubeletVersion: info.get('Kubelet Version'),
          providerId: textIn(fields, 'ProviderID'),
          os: info.get('OS Image') ?? info.get('Operating System'),
        }),
      },
    };
  }
  yield* describedWorkload(kind, fields, meta, at);
  if (kind === 'Service') yield* describedService(sections, meta, at);
  const whole = describedObject(sections, meta);
  const artifact = whole && artifactOf(whole, at);
  if (artifact?.kind === 'object') yield artifact;
  const object = { kind, namespace: meta.namespace, name: meta.name };
  for (const value of eventsOf(fields.get('Events'), object, file)) yield { kind: 'event', value };
}

function containersOf(section: Section | undefined, init: boolean): Container[] {
  return blocksOf(section?.body ?? [], 2).map(({ head, body }) => {
    const parts = blocksOf(body, 4).map((block) => ({ pair: pairOf(block.head), body: block.body }));
    const part = (name: string) => parts.find(({ pair }) => pair[0] === name);
    const value = (name: string): string | undefined => part(name)?.pair[1];
    const map = (name: string) => new Map((part(name)?.body ?? []).map((text) => pairOf(text)));
    const now = stateOf(value('State'), map('State')) ?? { state: 'unknown' };
    const probe = /^http-get https?:\/\/[^:/]*:(\w+)(\/\S*)?/.exec(value('Readiness') ?? '');
    const port = probe?.[1];
    const env: Record<string, string> = {};
    for (const [name, text] of map('Environment')) {
      // What comes from elsewhere is told in words: `<set to the key …>`, `(v1:metadata.name)`.
      if (!isMeshVariable(name) || /^<set to|\(v1:[\w.]+\)$/.test(text)) continue;
      setOwn(env, name, maskNamed(name, text).slice(0, longestText));
    }
    return {
      name: head.replace(/:$/, ''),
      image: value('Image') ?? '',
      init,
      // Only a native sidecar keeps running among the init containers; the field itself is not printed.
      nativeSidecar: init && now.state === 'running' && value('Ready') === 'True',
      ready: value('Ready') === 'True',
      restarts: Number(value('Restart Count') ?? 0) || 0,
      now,
      ports: [...(value('Ports') ?? value('Port') ?? '').matchAll(/(\d+)\/([A-Z]+)/g)].map((match) => ({
        port: Number(match[1]),
        protocol: match[2] ?? 'TCP',
      })),
      limits: Object.fromEntries(map('Limits')),
      requests: Object.fromEntries(map('Requests')),
      env,
      args: maskArguments((part('Args')?.body ?? []).map((text) => text.trim())).map((text) =>
        text.slice(0, longestText),
      ),
      lifecycle: [],
      ...present({
        last: stateOf(value('Last State'), map('Last State')),
        readinessProbe:
          probe === null
            ? undefined
            : present({ path: probe[2], port: /^\d+$/.test(port ?? '') ? Number(port) : port }),
      }),
    };
  });
}

function stateOf(word: string | undefined, details: ReadonlyMap<string, string>): ContainerState | undefined {
  const state = word?.toLowerCase();
  if (state !== 'running' && state !== 'waiting' && state !== 'terminated') return undefined;
  const time = (name: string): string | undefined => {
    const at = Date.parse(details.get(name) ?? '');
    return Number.isNaN(at) ? undefined : new Date(at).toISOString();
  };
  const code = details.get('Exit Code');
  return {
    state,
    ...present({
      reason: details.get('Reason'),
      message: maskedText(details.get('Message')),
      exitCode: code === undefined || !/^-?\d+$/.test(code) ? undefined : Number(code),
      startedAt: time('Started'),
      finishedAt: time('Finished'),
    }),
  };
}

function volumesOf(section: Section | undefined) {
  return blocksOf(section?.body ?? [], 2).map(({ head, body }) => {
    const fields = new Map(body.map((text) => pairOf(text)));
    const type = fields.get('Type') ?? '';
    return {
      name: head.replace(/:$/, ''),
      ...present({
        secret: type.startsWith('Secret ') ? fields.get('SecretName') : undefined,
        configMap: type.startsWith('ConfigMap ') ? fields.get('Name') : undefined,
        csi: type.startsWith('CSI ') ? fields.get('Driver') : undefined,
      }),
    };
  });
}

/** The table at the end: Type, Reason, Age, From, Message. Ages count back from when the file was written. */
function* eventsOf(section: Section | undefined, object: KubeEvent['object'], file: SourceFile): Iterable<KubeEvent> {
  if (section === undefined) return;
  const [header = ''] = section.body;
  const starts = ['Type', 'Reason', 'Age', 'From', 'Message'].map((name) => header.search(new RegExp(`\\b${name}\\b`)));
  if (starts.some((start) => start < 0)) return;
  for (const [index, row] of section.body.entries()) {
    const [type = '', reason = '', age = '', from = '', message = ''] = starts.map((start, n) =>
      row.slice(start, starts[n + 1]).trim(),
    );
    if (index === 0 || !/^[A-Z][a-z]+$/.test(type)) continue;
    const { last, first, count } = repeatedAge(age);
    yield {
      type,
      reason,
      message: mask(message).slice(0, longestText),
      count: count ?? 1,
      object,
      ...present({
        source: from === '' ? undefined : from,
        first: timeBefore(file.modified, first ?? last),
        last: timeBefore(file.modified, last),
        printed: file.modified,
      }),
      at: { file: file.path, line: section.line + 1 + index },
    };
  }
}
