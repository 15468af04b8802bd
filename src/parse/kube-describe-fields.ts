import type { Condition, ObjectMeta } from './facts.ts';
import { longestText } from './kube-meta.ts';
import { mask } from './mask.ts';
import { maskNamed } from './mask-values.ts';
import { present, setOwn } from './untyped.ts';

/** A field of `kubectl describe` with the lines below it that are indented deeper. */
export interface Section {
  readonly name: string;
  readonly value: string;
  readonly body: string[];
  readonly line: number;
}

/** The fields of one object; the last of several with one name. */
export type Fields = ReadonlyMap<string, Section>;

/** A field's value; undefined where there is none. */
export function textIn(fields: Fields, name: string): string | undefined {
  const value = fields.get(name)?.value;
  return value === undefined || value === '' || /^<(?:none|unset|unknown)>$/.test(value) ? undefined : value;
}

/** A field's value and the lines that continue it. */
export const linesOf = ({ value, body }: Section): string[] =>
  [value, ...body.map((text) => text.trim())].filter((text) => text !== '' && text !== '<none>');

/** Name, namespace, labels, annotations and owner. */
export function metaOf(fields: Fields): ObjectMeta {
  const labels: Record<string, string> = {};
  const annotations: Record<string, string> = {};
  for (const text of linesOf(fields.get('Labels') ?? nothing)) {
    const equals = text.indexOf('=');
    if (equals > 0) setOwn(labels, text.slice(0, equals), text.slice(equals + 1));
  }
  let last: string | undefined;
  for (const text of linesOf(fields.get('Annotations') ?? nothing)) {
    const [, key, value] = /^([\w./-]+):(?: (.*))?$/.exec(text) ?? [];
    if (key !== undefined) {
      setOwn(annotations, key, value ?? '');
      last = key;
    } else if (last !== undefined) setOwn(annotations, last, `${annotations[last] ?? ''}${text}`);
  }
  delete annotations['kubectl.kubernetes.io/last-applied-configuration'];
  for (const [key, value] of Object.entries(annotations)) {
    setOwn(annotations, key, maskNamed(key, value).slice(0, longestText));
  }
  const owner = textIn(fields, 'Controlled By')?.split('/');
  const created = Date.parse(textIn(fields, 'CreationTimestamp') ?? '');
  return {
    name: textIn(fields, 'Name') ?? '',
    namespace: textIn(fields, 'Namespace') ?? '',
    labels,
    annotations,
    owners: owner === undefined ? [] : [{ kind: owner[0] ?? '', name: owner[1] ?? '' }],
    ...present({ created: Number.isNaN(created) ? undefined : new Date(created).toISOString() }),
  };
}

const nothing: Section = { name: '', value: '', body: [], line: 0 };

/** Lines below a line, by its indentation: `  istio-proxy:` holds what is indented deeper. */
export function blocksOf(
  body: readonly string[],
  indent: number,
): { readonly head: string; readonly body: readonly string[] }[] {
  const blocks: { head: string; body: string[] }[] = [];
  for (const text of body) {
    if (text.search(/\S/) <= indent) blocks.push({ head: text.trim(), body: [] });
    else blocks.at(-1)?.body.push(text);
  }
  return blocks;
}

/** `Restart Count:  3` as name and value; a line without a colon is all name. */
export function pairOf(text: string): readonly [string, string] {
  const trimmed = text.trim();
  const colon = trimmed.search(/:(?:\s|$)/);
  return colon < 0 ? [trimmed, ''] : [trimmed.slice(0, colon), trimmed.slice(colon + 1).trim()];
}

/** Pods print type and status only; nodes also times, reason and message, two blanks apart. */
export function conditionsOf(section: Section | undefined): Condition[] {
  const [header = '', ...rows] = section?.body ?? [];
  const columns = header.trim().split(/ {2,}/);
  return rows.flatMap((row) => {
    const cells = row.trim().split(/ {2,}/);
    const cell = (name: string): string | undefined => cells[columns.indexOf(name)];
    const type = cell('Type');
    const status = cell('Status');
    if (type === undefined || status === undefined || /^-+$/.test(type)) return [];
    const since = Date.parse(cell('LastTransitionTime') ?? '');
    return [
      {
        type,
        status,
        ...present({
          reason: cell('Reason'),
          message: maskedText(cell('Message')),
          since: Number.isNaN(since) ? undefined : new Date(since).toISOString(),
        }),
      },
    ];
  });
}

/** A message, masked and cut; undefined for none. */
export const maskedText = (text: string | undefined): string | undefined =>
  text === undefined || text === '' ? undefined : mask(text).slice(0, longestText);
