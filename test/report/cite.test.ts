import { describe, expect, it } from 'vitest';
import type { Evidence } from '../../src/catalog/rule.ts';
import type { Archive } from '../../src/input/archive.ts';
import { cite } from '../../src/report/cite.ts';
import { findJsonPointers } from '../../src/report/cite-json.ts';
import { findYamlPointer } from '../../src/report/cite-yaml.ts';
import { diagnosis, finding, shop } from './fixture.ts';

const item = `- apiVersion: networking.istio.io/v1
  kind: VirtualService
  metadata:
    annotations:
      example.com/note: |
        spec:
          hosts: none
    name: reviews
    namespace: shop
  spec:
    hosts:
    - reviews
    - reviews.example.com
    http:
    - match:
      - uri:
          prefix: /v2
      route:
      - destination:
          host: reviews
          subset: v2
        weight: 60
      - destination:
          host: reviews
          subset: v1
        weight: 40
    - route:
      - destination:
          host: reviews`.split('\n');

describe('findYamlPointer', () => {
  it.each([
    ['/spec', '  spec:'],
    ['/spec/hosts/1', '    - reviews.example.com'],
    ['/spec/http/0/match/0/uri/prefix', '          prefix: /v2'],
    ['/spec/http/0/route/0/destination/subset', '          subset: v2'],
    ['/spec/http/0/route/1/destination', '      - destination:'],
    ['/spec/http/0/route/1/weight', '        weight: 40'],
    ['/spec/http/1/route/0/destination/host', '          host: reviews'],
    ['/metadata/annotations/example.com~1note', '      example.com/note: |'],
    ['/kind', '  kind: VirtualService'],
    ['/apiVersion', '- apiVersion: networking.istio.io/v1'],
  ])('finds %s', (pointer, line) => {
    expect(item[findYamlPointer(item, pointer) ?? -1]).toBe(line);
  });

  it('gives the last field that exists where the rest does not', () => {
    expect(item[findYamlPointer(item, '/spec/http/0/timeout') ?? -1]).toBe('    - match:');
    expect(findYamlPointer(item, '/status')).toBeUndefined();
  });

  it('reads lists that are indented beneath their key, as other tools than kubectl write them', () => {
    const indented = `  - apiVersion: networking.istio.io/v1
    spec:
      hosts:
        - reviews
        - reviews.example.com
      http:
        - route:
            - destination:
                host: reviews
              weight: 60
            - destination:
                host: other`.split('\n');
    const found = (pointer: string) => indented[findYamlPointer(indented, pointer) ?? -1]?.trim();
    expect(found('/spec/hosts/1')).toBe('- reviews.example.com');
    expect(found('/spec/http/0/route/0/weight')).toBe('weight: 60');
    expect(found('/spec/http/0/route/1/destination/host')).toBe('host: other');
  });

  it('reads an object that is no item of a list', () => {
    const object = ['kind: PeerAuthentication', 'spec:', '  mtls:', '    mode: STRICT'];
    expect(findYamlPointer(object, '/spec/mtls/mode')).toBe(3);
  });
});

const dump = JSON.stringify(
  {
    configs: [
      { '@type': 'bootstrap', text: 'a "quoted" {brace}' },
      {
        dynamic_listeners: [{ name: 'virtualInbound', error_state: { details: 'script load error: \n )' } }],
        list: [1, 'two', [3]],
      },
    ],
  },
  null,
  1,
);

describe('findJsonPointers', () => {
  const find = (text: string, pointers: readonly string[], size = text.length) => {
    const finder = findJsonPointers(pointers);
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += size) finder.push(bytes.subarray(at, at + size));
    return finder.end();
  };
  const lines = dump.split('\n');

  it.each([
    ['/configs/1/dynamic_listeners/0/error_state/details', '"details": "script load error'],
    ['/configs/1/dynamic_listeners/0', '{'],
    ['/configs/0/text', '"text": "a'],
    ['/configs/1/list/1', '"two"'],
    ['/configs/1/list/2/0', '3'],
  ])('finds %s', (pointer, start) => {
    const place = find(dump, [pointer]).get(pointer);
    if (place === undefined) throw new Error('not found');
    expect(lines[place.line - 1]?.trim()).toContain(start);
    expect(place.text[0]).toContain(start.split(' ')[0]);
  });

  it('finds the same wherever the chunks end', () => {
    const pointers = ['/configs/1/dynamic_listeners/0/error_state/details', '/configs/1/list/1', '/configs/0'];
    const whole = find(dump, pointers);
    for (let size = 1; size < 40; size++) expect(find(dump, pointers, size)).toEqual(whole);
  });

  it('leaves out what is not there', () => {
    expect(find(dump, ['/configs/7', '/nothing']).size).toBe(0);
  });
});

describe('cite', () => {
  const quotesOf = async (path: string, text: string, place: Omit<Evidence, 'file'>): Promise<string> => {
    const archive: Archive = {
      name: 'bug-report',
      format: 'directory',
      bytes: text.length,
      async visit(visitor) {
        const sink = visitor.entry({ path, size: text.length });
        if (typeof sink !== 'object') return;
        sink.push(Buffer.from(text));
        sink.end(true);
      },
    };
    const found = finding({ id: 'undefined-subset' }, { evidence: [{ file: path, ...place }] });
    const report = await cite({ ...shop, diagnoses: [diagnosis(found)] }, [archive]);
    return (report.diagnoses[0]?.cause.occurrences[0].evidence[0].quote ?? []).join('\n');
  };

  it('quotes no secret of a dump whose name stands above the quoted lines', async () => {
    const secret = { generic_secret: { secret: { inline_string: 'pl4nted' } }, password: { inline_string: 'pl4nted' } };
    const text = JSON.stringify({ configs: [secret] }, null, 1);
    for (const pointer of ['/configs/0', '/configs/0/password', '/configs/0/generic_secret/secret/inline_string']) {
      const quote = await quotesOf('config_dump', text, { pointer });
      expect(quote).toContain('[masked]');
      expect(quote).not.toContain('pl4nted');
    }
  });

  it('points into JSON that was pasted below a command', async () => {
    const dump = { configs: [{ name: 'cart' }, { name: 'reviews', password: { inline_string: 'pl4nted' } }] };
    const text = `$ curl localhost:15000/config_dump\n${JSON.stringify(dump, null, 1)}\n$ exit\n`;
    expect(await quotesOf('ticket.txt', text, { line: 2, pointer: '/configs/1/name' })).toContain('"name": "reviews"');
    for (const pointer of ['/configs/1', '/configs/1/password', '/configs/1/password/inline_string']) {
      expect(await quotesOf('ticket.txt', text, { line: 2, pointer })).not.toContain('pl4nted');
    }
  });

  it('quotes no private key of an item, wherever the pointer leads', async () => {
    const text = `apiVersion: v1
items:
- apiVersion: v1
  data:
    ca.key: |
      -----BEGIN PRIVATE KEY-----
      pl4nted
      -----END PRIVATE KEY-----
  kind: ConfigMap
`;
    const quote = await quotesOf('cluster/k8s-resources', text, { line: 3, pointer: '/data/ca.key' });
    expect(quote).toContain('ca.key');
    expect(quote).not.toContain('pl4nted');
  });

  it('quotes the log of the collection without the home of whoever ran it', async () => {
    const quote = await quotesOf('bug-report.log', 'open /home/ada/.kube/config: no such file\n', { line: 1 });
    expect(quote).toContain('no such file');
    expect(quote).not.toContain('ada');
  });

  it('finds a file whose name holds a signature', async () => {
    const quote = await quotesOf('config_dump?sig=[masked]', 'reviews\n', { line: 1 });
    expect(quote).toBe('reviews');
  });
});
