import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { parseYaml } from '../../src/parse/yaml.ts';
import { beyondSubset, parseSubset } from '../../src/parse/yaml-subset.ts';

const pod = `- apiVersion: v1
  kind: Pod
  metadata:
    annotations:
      istio.io/rev: asm-1-29
      prometheus.io/port: "15020"
      sidecar.istio.io/status: '{"initContainers":["istio-init"],"revision":"asm-1-29","note":"it''s
        folded"}'
    creationTimestamp: "2026-11-25T08:40:18Z"
    labels:
      app: cart
      pod-template-hash: 6484e12501
    name: cart-5cc5988dfc-nw7n8
    namespace: shop
  spec:
    containers:
    - args:
      - --port
      - "18080"
      - 'echo: yes'
      env:
      - name: PROXY_CONFIG
        value: |
          {"discoveryAddress":"istiod.istio-system.svc:15012"}
      - name: ISTIO_META_POD_PORTS
        value: |-
          [
              {"name":"http","containerPort":18080}
          ]
      - name: ISTIO_META_APP_CONTAINERS
      image: docker.io/lab/echo:1
      resources: {}
      securityContext:
        capabilities:
          drop:
          - ALL
        privileged: false
    hostIPs: []
    message: 'Back-off restarting failed container discovery in pod istiod-7df6dbb7bd-n6gm6_istio-system,
      see the log'
    overhead: null
  status:
    conditions:
    - lastProbeTime: null
      status: "True"
      type: Ready
    message: failed to call webhook with a very long address that go-yaml folds over
      two lines
    podIP: 10.244.0.54
    weight: 0.5
    restartCount: 3
`;

describe('the YAML subset', () => {
  it('reads a pod as kubectl writes it', () => {
    const [read] = parseSubset(pod) as {
      metadata: { labels: unknown };
      spec: Record<string, unknown>;
      status: unknown;
    }[];
    expect(read?.metadata.labels).toEqual({ app: 'cart', 'pod-template-hash': '6484e12501' });
    expect(read?.spec).toMatchObject({
      containers: [
        {
          args: ['--port', '18080', 'echo: yes'],
          env: [
            { name: 'PROXY_CONFIG', value: '{"discoveryAddress":"istiod.istio-system.svc:15012"}\n' },
            { name: 'ISTIO_META_POD_PORTS', value: '[\n    {"name":"http","containerPort":18080}\n]' },
            { name: 'ISTIO_META_APP_CONTAINERS', value: null },
          ].map((entry) => (entry.value === null ? { name: entry.name } : entry)),
          resources: {},
        },
      ],
      hostIPs: [],
      overhead: null,
    });
    expect(read?.status).toMatchObject({
      message: 'failed to call webhook with a very long address that go-yaml folds over two lines',
      podIP: '10.244.0.54',
      weight: 0.5,
      restartCount: 3,
    });
  });

  it('keeps numbers that overflow as text', () => {
    expect(parseSubset('a: 1e400\nb: 6484e12501\nc: 1e3\nd: 0x1f\ne: 0xfffffffffffffffff\n')).toEqual({
      a: '1e400',
      b: '6484e12501',
      c: 1000,
      d: 31,
      e: '0xfffffffffffffffff',
    });
  });

  it('keeps chomping and indentation of literal blocks', () => {
    expect(
      parseSubset('clip: |\n  a\n\n   b\n\nstrip: |-\n  a\nkeep: |+\n  a\n\nindented: |2\n    a\n  b\nend: 1\n'),
    ).toEqual({
      clip: 'a\n\n b\n',
      strip: 'a',
      keep: 'a\n\n',
      indented: '  a\nb\n',
      end: 1,
    });
    expect(parseSubset('empty: |\nnext: 1\n')).toEqual({ empty: '', next: 1 });
  });

  it('reads the escapes of double-quoted text', () => {
    expect(parseSubset(String.raw`a: "tab\t\u00e9\x41\U0001F600 \"q\" \\"`)).toEqual({ a: 'tab\té\x41😀 "q" \\' });
    expect(parseSubset('a: "one\n  two\\\n  \\ three\n\n  four"\n')).toEqual({ a: 'one two three\nfour' });
  });

  it.each([
    ['a comment', '# shop\na: 1\n'],
    ['a comment behind a value', 'a: 1 # one\n'],
    ['an anchor', 'a: &x 1\nb: *x\n'],
    ['a tag', 'a: !!str 1\n'],
    ['a flow collection', 'a: {b: 1}\n'],
    ['a folded block', 'a: >\n  b\n'],
    ['a tab', 'a:\tb\n'],
    ['a blank before the colon', 'a : b\n'],
    ['Windows line ends', 'a: 1\r\nb: 2\r\n'],
    ['a document of one scalar', 'cart\n'],
    ['a key without a colon', 'a: 1\nb\n'],
    ['a missing quote', 'a: "b\nc: "\n'],
    ['a merge key', '<<: 1\n'],
    ['nesting without end', `${'- '.repeat(200)}a\n`],
  ])('leaves %s to the full parser', (_what, text) => {
    expect(parseSubset(text)).toBe(beyondSubset);
  });
});

describe('YAML', () => {
  it('reads what the subset does not, with the same scalars', () => {
    expect(
      parseYaml(
        '# shop\na: {b: [1, 1e400, 6484e12501, .inf, 2026-11-25, ~]}\nc: >-\n  d\n  e\nf: &x {g: 1}\nh:\n  <<: *x\n',
      ),
    ).toEqual({
      a: { b: [1, '1e400', '6484e12501', '.inf', '2026-11-25', null] },
      c: 'd e',
      f: { g: 1 },
      h: { g: 1 },
    });
  });

  it('reads a list of half a million hosts without a colon', () => {
    const hosts = Array.from({ length: 500_000 }, (_, index) => `host-${index}.shop`);
    expect(parseYaml(`hosts:\n${hosts.map((host) => `- ${host}\n`).join('')}`)).toEqual({ hosts });
  });

  it('throws for broken text', () => {
    expect(() => parseYaml('a: "b\nc: 1\n')).toThrow();
    expect(() => parseYaml('a: 1\n\tb: 2\n')).toThrow();
  });

  it('refuses aliases that multiply', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 12; i++) lines.push(`a${i}: &a${i} [${`*a${i - 1}, `.repeat(9)}*a${i - 1}]`);
    expect(() => parseYaml(lines.join('\n'))).toThrow('aliases');
  });
});

/** Numbers from 0 to 1, the same in each run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** Writes values the way go-yaml does, and in ways it does not: odd quoting, odd keys, odd breaks. */
function yamlWriter(random: () => number): () => string {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const words = [
    'cart',
    'reviews',
    'a: b',
    'x #y',
    '10.0.0.1',
    '1e400',
    '007',
    '1.',
    '.5',
    '-',
    '- a',
    '?',
    ': c',
    'true',
    'Null',
    '~',
    '0x1F',
    "it's",
    '"q"',
    '{}',
    '[]',
    '*',
    '&a',
    '!b',
    '%',
    '@',
    '`',
    '|',
    '>',
    'a:',
    'é😀',
    ' lead',
    'trail ',
    '',
    'a\tb',
    'line\nbreak',
    'two\n\nbreaks\n',
    '\n',
    '  \n x',
    '<<',
    '--- a',
    '#',
    'a  b',
    '\\',
    'Yes',
    '+1',
    '1_000',
    '12:30:45',
    ',',
    '=',
  ]; // prettier-ignore
  const scalar = (column: number): string => {
    const text = pick(words);
    const inner = ' '.repeat(column + 2);
    switch (Math.floor(random() * 7)) {
      case 0:
        return `'${text.replaceAll("'", "''").replaceAll('\n', `\n\n${inner}`)}'`;
      case 1:
        return JSON.stringify(text);
      case 2:
        return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}\n${inner}more\\\n${inner}\\ \\x41"`;
      case 3:
        return `|${pick(['', '-', '+'])}${pick(['', '', '2'])}\n${text
          .split('\n')
          .map((line) => (line === '' ? '' : inner + line))
          .join('\n')}${pick(['', '\n', '\n\n', '\n   '])}`;
      case 4:
        return `${text.replaceAll('\n', ' ')}\n${inner}folded ${pick(words).replaceAll('\n', ' ')}`;
      default:
        return text.replaceAll('\n', ' ');
    }
  };
  const keys = [
    'name',
    'kind',
    'a b',
    '"q: r"',
    "'it''s'",
    '8080',
    '0x10',
    'true',
    'x:y',
    'é',
    '-k',
    'k ',
    '?k',
    '',
    '__proto__',
    'app.kubernetes.io/name',
    'null',
    '<',
    '%',
  ]; // prettier-ignore
  const block = (column: number, depth: number): string => {
    const pad = ' '.repeat(column);
    const lines: string[] = [];
    const list = random() < 0.3;
    for (let n = Math.floor(random() * 4) + 1; n > 0; n--) {
      const head = list ? `${pad}-` : `${pad}${random() < 0.9 ? `k${n}` : pick(keys)}:`;
      const kind = random();
      if (depth < 4 && kind < 0.35) {
        const deeper = block(column + 2, depth + 1);
        if (list) lines.push(`${head} ${deeper.trimStart()}`);
        else
          lines.push(
            `${head}\n${random() < 0.3 && deeper.trimStart().startsWith('-') ? block(column, depth + 1) : deeper}`,
          );
      } else if (kind < 0.45) lines.push(`${head} ${pick(['{}', '[]', '', '  a', '{a: 1}', 'a # b'])}`);
      else lines.push(`${head} ${scalar(column)}`);
      if (random() < 0.02) lines.push('');
    }
    return lines.join('\n');
  };
  return () => `${block(0, 0)}\n`;
}

describe('the subset against js-yaml', () => {
  /** js-yaml's view with the same scalar rules, without the subset before it: a comment makes the subset step aside. */
  const reference = (text: string): unknown => parseYaml(`# reference\n${text}`);

  it('agrees on a pod', () => {
    expect(parseSubset(pod)).toEqual(reference(pod));
    expect(load(pod)).toBeDefined();
  });

  it('agrees wherever it answers, on ten thousand documents', () => {
    const write = yamlWriter(randomFrom(20261125));
    let answered = 0;
    const wrong: string[] = [];
    for (let n = 0; n < 10_000; n++) {
      const text = write();
      const value = parseSubset(text);
      if (value === beyondSubset) continue;
      answered++;
      let expected: unknown;
      try {
        expected = reference(text);
      } catch (error) {
        expected = error;
      }
      if (JSON.stringify(value) !== JSON.stringify(expected))
        wrong.push(
          `${text}\n=> ${JSON.stringify(value)}\n!= ${expected instanceof Error ? expected.message : JSON.stringify(expected)}`,
        );
    }
    expect(wrong.slice(0, 3)).toEqual([]);
    expect(answered).toBeGreaterThan(1000);
  });
});
