import type { Artifact } from '../artifact.ts';
import { proxyOf } from '../envoy-names.ts';
import type { ProxyRef } from '../facts.ts';
import { mask } from '../mask.ts';
import { textReader } from '../reader.ts';
import { type Column, cellsOf, headerOf, plainLine } from '../text-table.ts';

const titles = ['WEBHOOK', 'REVISION', 'INJECTED', 'REASON'];

/** The columns of `istioctl experimental check-inject`, if the line is its header. */
export const checkInjectHeader = (line: string): readonly Column[] | undefined => headerOf(line, titles);

/**
 * `istioctl experimental check-inject` (1.16 and later): what each injection webhook would do with a pod, and why. Two
 * webhooks that both inject, or none at all, are said below the table.
 */
export const checkInject = textReader('check-inject', 'istioctl experimental check-inject', function* (text, file) {
  const owner: ProxyRef = proxyOf(file);
  let columns: readonly Column[] | undefined;
  const strange: number[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = plainLine(raw);
    if (line.trim() === '') continue;
    const at = { file: file.path, line: index + 1 };
    const header = checkInjectHeader(line);
    if (header !== undefined) {
      columns = header;
      continue;
    }
    const error = /^(?:ERROR|Error): (.+)$/.exec(line)?.[1];
    if (error !== undefined) {
      if (/multiple webhooks will inject|no Istio injection hooks present/.test(error)) yield complaint(error, at);
      else {
        const detail = `istioctl could not tell: ${mask(error).slice(0, 300)}`;
        yield { kind: 'gap', value: { file: file.path, reason: 'not-available', detail, line: at.line } };
      }
      continue;
    }
    if (columns === undefined) continue;
    // The reason is a sentence: it begins behind the mark, wherever a paste has put that.
    const loose = /^\s*(\S+)\s+(\S+)\s+([✔✘✓✗x])\s+(\S.*)$/.exec(line);
    const cells = cellsOf(line, columns, (each) => mark.test(each.get('INJECTED') ?? ''));
    const webhook = cells?.get('WEBHOOK') ?? loose?.[1] ?? '';
    const injected = cells?.get('INJECTED') ?? loose?.[3] ?? '';
    const reason = loose?.[4] ?? cells?.get('REASON') ?? '';
    if (webhook === '' || injected === '') {
      strange.push(index + 1);
      continue;
    }
    yield {
      kind: 'injection-check',
      value: {
        ...(owner.namespace === '' ? {} : { pod: owner }),
        webhook,
        revision: cells?.get('REVISION') ?? loose?.[2] ?? '',
        injects: /[✔✓]/.test(injected),
        reason: mask(reason),
        at,
      },
    };
  }
  if (columns !== undefined) yield { kind: 'seen', value: { kinds: ['injection-check'], at: { file: file.path } } };
  const [line] = strange;
  if (line !== undefined) {
    const detail = `${strange.length} lines of the table are not understood`;
    yield { kind: 'gap', value: { file: file.path, reason: 'malformed', detail, line } };
  }
});

const mark = /^[✔✘✓✗]$/;

const complaint = (message: string, at: { readonly file: string; readonly line: number }): Artifact => ({
  kind: 'analysis',
  value: {
    code: 'check-inject',
    level: 'error',
    resource: '',
    kind: '',
    namespace: '',
    name: '',
    message: mask(message),
    at,
  },
});
