import { describe, expect, it } from 'vitest';
import type { LogSignature } from '../../src/parse/reader.ts';
import { readLog, staysTheSameInAnyChunks } from './read-log.ts';
import { damaged, factsOf } from './run-reader.ts';

const signatures: readonly LogSignature[] = [
  { id: 'push', log: 'istiod', contains: 'Push debounce stable' },
  { id: 'trouble', log: 'proxy', contains: 'upstream reset' },
];
const options = { signatures, params: { namespace: 'istio-system' } };

const istiod = (pod: string, second: number, text: string) =>
  `[pod/${pod}/discovery] 2026-11-25T08:40:${second}.961689Z\tinfo\t${text}\n`;

// As `kubectl logs --selector app=istiod --prefix` prints them, one pod after the other, and as `-f` does, mixed.
const text = [
  istiod('istiod-1', 13, 'FLAG: --caCertFile=""'),
  istiod('istiod-1', 14, 'ads\tPush debounce stable[1] 1: 100ms since last change'),
  '[pod/istiod-1/discovery] a line that goes on\n',
  istiod('istiod-2', 15, 'ads\tPush debounce stable[1] 1: 100ms since last change'),
  istiod('istiod-1', 16, 'ads\tPush debounce stable[2] 1: 100ms since last change'),
  istiod('istiod-2', 17, 'ads\tPush debounce stable[2] 1: 100ms since last change'),
].join('');

describe('logs of several pods in one file', () => {
  it('go to their pods, with the lines of the file', () => {
    const artifacts = readLog('istiod', text, options);
    expect(factsOf(artifacts, 'log-file').map(({ pod, lines, first, at }) => ({ pod, lines, first, at }))).toEqual([
      {
        pod: { namespace: 'istio-system', pod: 'istiod-1' },
        lines: 4,
        first: '2026-11-25T08:40:13.961Z',
        at: { file: 'log' },
      },
      {
        pod: { namespace: 'istio-system', pod: 'istiod-2' },
        lines: 2,
        first: '2026-11-25T08:40:15.961Z',
        at: { file: 'log' },
      },
    ]);
    expect(
      factsOf(artifacts, 'log-hits').map(({ pod, samples }) => [pod.pod, samples.map(({ line }) => line)]),
    ).toEqual([
      ['istiod-1', [2, 5]],
      ['istiod-2', [4, 6]],
    ]);
    const [sample] = factsOf(artifacts, 'log-hits')[0]?.samples ?? [];
    expect(sample?.text).toMatch(/^2026-11-25T08:40:14\.961689Z\tinfo\tads\tPush .*\na line that goes on$/);
  });

  it('say the same in chunks of any size', () => {
    staysTheSameInAnyChunks('istiod', text, options);
  });

  it('leave applications out, and read each container of the mesh as what it is', () => {
    const mixed = [
      '[pod/cart-1/cart] cart is up\n',
      '[pod/cart-1/cart] GET /reviews 503\n',
      '[pod/cart-1/istio-proxy] 2026-11-25T08:40:13.961689Z\twarning\tenvoy http\tupstream reset\n',
      '[pod/istiod-1/discovery] 2026-11-25T08:40:14.961689Z\tinfo\tads\tPush debounce stable[1] 1\n',
    ].join('');
    const artifacts = readLog('proxy', mixed, options);
    expect(factsOf(artifacts, 'log-file').map(({ log, pod }) => [log, pod.pod])).toEqual([
      ['proxy', 'cart-1'],
      ['istiod', 'istiod-1'],
    ]);
    expect(factsOf(artifacts, 'log-hits').map(({ signature, samples }) => [signature, samples[0]?.line])).toEqual([
      ['trouble', 3],
      ['push', 4],
    ]);
    expect(factsOf(artifacts, 'gap')).toEqual([]);
  });

  it('are told apart as stern prints them', () => {
    const stern = text.replaceAll(/^\[pod\/(\S+)\/(\S+)\]/gm, '$1 $2');
    expect(readLog('istiod', stern, options)).toEqual(readLog('istiod', text, options));
  });

  it('take the namespace a proxy prints for its own', () => {
    const proxies = ['cart', 'reviews']
      .map(
        (name) =>
          `[pod/${name}-1/istio-proxy] 2026-11-25T08:40:13.961689Z\tinfo\tProxy role\tips=[10.244.0.5] type=sidecar id=${name}-1.shop domain=shop.svc.cluster.local\n`,
      )
      .join('');
    expect(factsOf(readLog('proxy', proxies, { params: {} }), 'log-file').map(({ pod }) => pod)).toEqual([
      { namespace: 'shop', pod: 'cart-1' },
      { namespace: 'shop', pod: 'reviews-1' },
    ]);
  });

  it('are no more than can be read at once, and the rest is told', () => {
    const many = Array.from({ length: 130 }, (_, index) => istiod(`istiod-${index}`, 13, 'FLAG: --help="false"')).join(
      '',
    );
    const artifacts = readLog('istiod', many, options);
    expect(factsOf(artifacts, 'log-file').length).toBe(100);
    expect(factsOf(artifacts, 'gap')).toEqual([
      {
        file: 'log',
        reason: 'skipped',
        detail: 'logs of more than 100 containers in one file; 30 lines of further ones were not read',
        line: 101,
      },
    ]);
  });

  it('survive damage of any kind', () => {
    for (const variant of damaged(text)) {
      const lines = variant.split('\n').length;
      for (const { samples } of factsOf(readLog('istiod', variant, options), 'log-hits')) {
        for (const { line } of samples) expect(line).toBeLessThanOrEqual(lines);
      }
    }
  });
});
