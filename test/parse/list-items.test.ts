import { describe, expect, it } from 'vitest';
import { type ItemSink, jsonItems, type RawItem, yamlItems } from '../../src/parse/list-items.ts';
import type { Parser } from '../../src/parse/reader.ts';

/** What comes out for a text pushed in pieces of the given size. */
function cut(
  open: (sink: ItemSink, cap?: number) => Parser,
  text: string,
  options: { size?: number; complete?: boolean; cap?: number } = {},
) {
  const { size = 7, complete = true, cap } = options;
  const found: string[] = [];
  const items: RawItem[] = [];
  const parser = open(
    {
      item(item) {
        items.push(item);
        found.push(`item ${item.pointer ?? item.line}${item.list?.kind === undefined ? '' : ` of ${item.list.kind}`}`);
      },
      list: (head, count, whole) => void found.push(`list ${head.kind} ${count}${whole ? '' : ' without end'}`),
      tooLarge: (line, bytes) => void found.push(`too large ${line} ${bytes}`),
      cut: (line) => void found.push(`cut ${line}`),
      message: (message, line) => void found.push(`message ${line} ${message}`),
    },
    cap,
  );
  const bytes = Buffer.from(text);
  for (let i = 0; i < bytes.length; i += size) parser.push(bytes.subarray(i, i + size));
  parser.end(complete);
  return { found, texts: items.map((item) => item.text) };
}

const list = `apiVersion: v1
items:
- apiVersion: v1
  kind: Service
  metadata:
    name: cart
- apiVersion: admissionregistration.k8s.io/v1
  kind: ValidatingWebhookConfiguration
  metadata:
    name: istio-validator
  webhooks:
  - name: |
      - apiVersion: not an item

      kind: neither
kind: List
metadata:
  resourceVersion: ""
`;

describe('YAML items', () => {
  it.each([1, 2, 7, 64, 10_000])(
    'are cut at their dashes with the line they begin on, in chunks of %i bytes',
    (size) => {
      const { found, texts } = cut(yamlItems, list, { size });
      expect(found).toEqual(['item 3', 'item 7', 'list List 2']);
      expect(texts.join('')).toBe(list.slice(list.indexOf('- '), list.indexOf('kind: List')));
    },
  );

  it('are known to be cut where the list never says its kind', () => {
    expect(cut(yamlItems, list.slice(0, list.indexOf('kind: List'))).found).toEqual([
      'item 3',
      'cut 7',
      'list undefined 1 without end',
    ]);
    expect(cut(yamlItems, list.slice(0, 150), { complete: false }).found).toEqual([
      'item 3',
      'cut 7',
      'list undefined 1 without end',
    ]);
  });

  it('are read from single objects, streams and outputs put together', () => {
    const service = 'apiVersion: v1\nkind: Service\nports:\n- port: 80\n';
    const { found, texts } = cut(
      yamlItems,
      `Warning: v1 Endpoints is deprecated\n${service}${service}---\n# comment\n${service}...\n${list}`,
    );
    expect(found).toEqual([
      'message 1 Warning: v1 Endpoints is deprecated',
      'item 2',
      'item 6',
      'item 12',
      'item 19',
      'item 23',
      'list List 2',
    ]);
    expect(texts.slice(0, 3)).toEqual([service, service, service]);
  });

  it('are read from lists whose dashes are indented', () => {
    const { found, texts } = cut(
      yamlItems,
      'kind: List\napiVersion: v1\nitems:\n  - kind: Pod\n    a:\n    - 1\n  - kind: Service\n',
    );
    expect(found).toEqual(['item 4 of List', 'item 7 of List', 'list List 2']);
    expect(texts[0]).toBe('  - kind: Pod\n    a:\n    - 1\n');
  });

  it('leave out lines that kubectl printed to stderr', () => {
    const { found, texts } = cut(yamlItems, `${list}Error from server (Forbidden): secrets is forbidden\n`);
    expect(found.at(-2)).toBe('message 19 Error from server (Forbidden): secrets is forbidden');
    expect(found.at(-1)).toBe('list List 2');
    expect(texts).toHaveLength(2);
  });

  it('tell an empty list', () => {
    expect(cut(yamlItems, 'apiVersion: v1\nitems: []\nkind: List\nmetadata:\n  resourceVersion: ""\n').found).toEqual([
      'list List 0',
    ]);
  });

  it('pass over an object above the cap and go on behind it', () => {
    const long = list.replace('name: cart', `name: ${'cart'.repeat(100)}`);
    expect(cut(yamlItems, long, { cap: 300 }).found).toEqual(['too large 3 456', 'item 7', 'list List 2']);
  });

  it('lose Windows line ends and the byte order mark', () => {
    expect(cut(yamlItems, '\uFEFFapiVersion: v1\r\nkind: Pod\r\n').texts).toEqual(['apiVersion: v1\nkind: Pod\n']);
  });
});

const json = JSON.stringify(
  {
    apiVersion: 'v1',
    items: [
      { kind: 'Pod', metadata: { name: 'cart', items: ['}', '"{', '\\'] } },
      { kind: 'Pod', metadata: {} },
    ],
    kind: 'List',
  },
  undefined,
  4,
);

describe('JSON items', () => {
  it.each([1, 3, 10_000])('are cut out with their pointer, in chunks of %i bytes', (size) => {
    const { found, texts } = cut(jsonItems, json, { size });
    expect(found).toEqual(['item /items/0', 'item /items/1', 'list List 2']);
    expect(texts.map((text) => JSON.parse(text))).toEqual((JSON.parse(json) as { items: unknown[] }).items);
  });

  it('know the kind of a typed list', () => {
    expect(
      cut(jsonItems, '{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[{"a":1},{"b":2}]}').found,
    ).toEqual(['item /items/0 of PodList', 'item /items/1 of PodList', 'list PodList 2']);
  });

  it('are read from single objects, arrays and documents put together', () => {
    const { found, texts } = cut(
      jsonItems,
      `Warning: old {client}\n{"kind":"Pod","a":{"b":[1]}}\n[{"a":1},{"a":2}]\n${json}\n`,
    );
    expect(found.slice(0, 5)).toEqual(['message 1 Warning: old {client}', 'item 2', 'item 3', 'item 3', 'item 7']);
    expect(texts.slice(0, 3)).toEqual(['{"kind":"Pod","a":{"b":[1]}}', '{"a":1}', '{"a":2}']);
  });

  it('are known to be cut', () => {
    expect(cut(jsonItems, json.slice(0, json.lastIndexOf('metadata'))).found).toEqual([
      'item /items/0',
      'cut 15',
      'list undefined 1 without end',
    ]);
    expect(cut(jsonItems, '{"kind":"Pod",').found).toEqual(['cut 1']);
  });

  it('tell an empty list', () => {
    expect(cut(jsonItems, '{"kind": "List", "items": []}').found).toEqual(['list List 0']);
  });
});
