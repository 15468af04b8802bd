import { describe, expect, it } from 'vitest';
import type { LogFile, LogHits } from '../../../src/parse/facts.ts';
import type { LogSignature } from '../../../src/parse/reader.ts';
import { proxyLog } from '../../../src/parse/readers/proxy-log.ts';
import { randomNumbers, readLog, staysTheSameInAnyChunks } from '../read-log.ts';
import { factsOf, survivesDamage } from '../run-reader.ts';

const start = `2026-11-25T08:47:07.663100Z	info	FLAG: --concurrency="0"
2026-11-25T08:47:07.663200Z	info	FLAG: --help="false"
2026-11-25T08:47:07.663300Z	info	FLAG: --proxyLogLevel="warning"
2026-11-25T08:47:07.663400Z	info	Version 1.29.6-7019d6d3608e4995e9a36d2977cfec3a341431cd-Clean
2026-11-25T08:47:07.663500Z	info	Proxy role	ips=[10.244.0.52] type=sidecar id=cart-55b857cd89-mnplr.shop domain=shop.svc.cluster.local
2026-11-25T08:47:07.674100Z	info	Effective config: binaryPath: /usr/local/bin/envoy
concurrency: 2
discoveryAddress: istiod-asm-1-29.aks-istio-system.svc:15012

2026-11-25T08:47:07.890500Z	info	Envoy command: [-c etc/istio/proxy/envoy-rev.json -l warning --component-log-level misc:error]
`;
const rejected = `2026-11-25T08:47:07.963902Z	warning	envoy config source/extensions/config_subscription/grpc/grpc_subscription_impl.cc:138	gRPC config for type.googleapis.com/envoy.config.listener.v3.Listener rejected: Error adding/updating listener(s) virtualInbound: script load error: [string "function envoy_on_request(handle)..."]:3: ')' expected
	thread=14
`;
const ready = `2026-11-25T08:47:08.727347Z	info	Readiness succeeded in 1.483604084s
2026-11-25T08:47:08.727571Z	info	Envoy proxy is ready
`;
const request = `[2026-11-25T08:47:25.508Z] "GET / HTTP/1.1" 503 UH no_healthy_upstream - "-" 0 19 0 - "-" "curl/7.88.1" "d059d9e9-9cf0-4af1-b57e-5acdb8746fbe" "reviews" "-" outbound|80||reviews.shop.svc.cluster.local - 10.96.178.252:80 10.244.0.221:33012 - default
`;
const exit = `2026-11-25T08:49:10.100000Z	error	Envoy exited with error: signal: killed
`;
const log = start + rejected + ready + request + exit;

const nack: LogSignature = {
  id: 'rejected-configuration',
  log: 'proxy',
  contains: 'gRPC config for',
  matching: /gRPC config for \S+\.(?<type>\w+) rejected: (?<why>[^\n]*)/,
};
const istiodOnly: LogSignature = { id: 'istiod-only', log: 'istiod', contains: 'gRPC config for' };
const signatures = [nack, istiodOnly];

const fileOf = (artifacts: ReturnType<typeof readLog>): LogFile | undefined => factsOf(artifacts, 'log-file')[0];
const hitsOf = (artifacts: ReturnType<typeof readLog>): LogHits[] => factsOf(artifacts, 'log-hits');

describe('the log of a proxy', () => {
  it('says when its container began, was ready and ended', () => {
    expect(fileOf(readLog('proxy', log))).toEqual({
      log: 'proxy',
      pod: { namespace: 'shop', pod: 'cart-1' },
      lines: 16,
      entries: 11,
      accessLines: 1,
      first: '2026-11-25T08:47:07.663Z',
      last: '2026-11-25T08:49:10.100Z',
      marks: [
        { what: 'container-start', time: '2026-11-25T08:47:07.663Z', line: 1 },
        { what: 'proxy-ready', time: '2026-11-25T08:47:08.727Z', line: 13 },
        { what: 'proxy-exit', time: '2026-11-25T08:49:10.100Z', line: 16 },
      ],
      hasPrevious: false,
      at: { file: 'log' },
    });
  });

  it('gives signatures the whole entry, and only those of its kind', () => {
    expect(hitsOf(readLog('proxy', log, { signatures }))).toEqual([
      {
        signature: 'rejected-configuration',
        log: 'proxy',
        file: 'log',
        pod: { namespace: 'shop', pod: 'cart-1' },
        captures: {
          type: 'Listener',
          why: 'Error adding/updating listener(s) virtualInbound: script load error: [string "function envoy_on_request(handle)..."]:3: \')\' expected',
        },
        count: 1,
        level: 'warn',
        first: '2026-11-25T08:47:07.963Z',
        last: '2026-11-25T08:47:07.963Z',
        samples: [{ line: 11, text: rejected.trimEnd(), time: '2026-11-25T08:47:07.963Z' }],
        perMinute: { '2026-11-25T08:47': 1 },
      },
    ]);
  });

  it('finds nothing in access lines and in the configuration the agent prints', () => {
    const words = ['no_healthy_upstream', 'component-log-level', 'discoveryAddress'];
    const found = readLog('proxy', log, {
      signatures: words.map((contains) => ({ id: contains, log: 'proxy', contains })),
    });
    expect(hitsOf(found)).toEqual([]);
  });

  it('names its pod where the path does not', () => {
    const artifacts = readLog('proxy', log, { params: {}, signatures });
    const pod = { namespace: 'shop', pod: 'cart-55b857cd89-mnplr' };
    expect(fileOf(artifacts)?.pod).toEqual(pod);
    expect(hitsOf(artifacts)[0]?.pod).toEqual(pod);
    expect(factsOf(artifacts, 'access')[0]?.proxy).toEqual(pod);
    expect(fileOf(readLog('proxy', rejected, { params: {} }))?.pod).toEqual({ namespace: '', pod: '' });
  });

  it('says that access lines were looked at only when it has some', () => {
    const seen = (text: string) => factsOf(readLog('proxy', text), 'seen')[0]?.kinds;
    expect(seen(log)).toEqual(['log-hits', 'access']);
    expect(seen(start)).toEqual(['log-hits']);
  });

  it('groups hits by what they capture, and loses none of too many', () => {
    const many = Array.from({ length: 400 }, (_, index) =>
      rejected.replace('virtualInbound', `listener-${index}`),
    ).join('');
    const hits = hitsOf(readLog('proxy', many, { signatures }));
    expect(hits.length).toBe(301);
    expect(hits.at(-1)).toMatchObject({ captures: { other: 'true' }, count: 100 });
    expect(hits.at(-1)?.samples.length).toBe(10);
  });

  it('counts an entry once however often it holds the literal', () => {
    const twice = rejected.replace('expected', 'expected gRPC config for gRPC config for\ngRPC config for');
    expect(
      hitsOf(readLog('proxy', twice, { signatures: [{ id: 'x', log: 'proxy', contains: 'gRPC config for' }] })),
    ).toMatchObject([{ count: 1 }]);
  });

  it('shows the line of a long entry that holds the literal', () => {
    const long = `2026-11-25T08:47:07.963902Z\twarning\tenvoy config dump\n${'filler line\n'.repeat(200)}gRPC config for type.X rejected: no\n`;
    const [hit] = hitsOf(readLog('proxy', long, { signatures }));
    expect(hit?.samples).toEqual([
      { line: 202, text: 'gRPC config for type.X rejected: no', time: '2026-11-25T08:47:07.963Z' },
    ]);
    expect(hit?.level).toBe('warn');
  });

  it('keeps no secret of a line or a capture', () => {
    const token = 'eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJzaG9wIn0.c2lnbmF0dXJl';
    const text = `2026-11-25T08:47:07.963902Z\terror\tfailed to use token ${token}\n`;
    const found = readLog('proxy', text, {
      signatures: [{ id: 'x', log: 'proxy', contains: 'failed to use', matching: /token (?<token>\S+)/ }],
    });
    expect(JSON.stringify(found)).not.toContain('c2lnbmF0dXJl');
  });

  it('reads JSON entries as it reads text', () => {
    const lines = [
      {
        level: 'warning',
        time: '2026-11-25T08:47:07.963902Z',
        scope: 'envoy config',
        msg: 'gRPC config for type.googleapis.com/envoy.config.listener.v3.Listener rejected: "a" failed',
        caller: 'source/x.cc:138',
        thread: '14',
      },
      { level: 'info', time: '2026-11-25T08:47:08.100000Z', msg: 'Envoy proxy is ready' },
      { level: 'info', time: '2026-11-25T08:47:08.200000Z', msg: 'Proxy role', ips: ['10.1.1.1'], id: 'cart-7.shop' },
    ];
    const artifacts = readLog('proxy', lines.map((line) => `${JSON.stringify(line)}\n`).join(''), {
      signatures,
      params: {},
    });
    expect(hitsOf(artifacts)).toMatchObject([
      { level: 'warn', captures: { type: 'Listener', why: '"a" failed\tthread=14' } },
    ]);
    expect(fileOf(artifacts)).toMatchObject({
      pod: { namespace: 'shop', pod: 'cart-7' },
      marks: [{ what: 'proxy-ready', time: '2026-11-25T08:47:08.100Z', line: 2 }],
    });
  });

  it('reads the JSON of Istio 1.9, whose messages are not escaped', () => {
    const line = `{"level":"warning","time":"2021-03-04T10:11:12.345678Z","scope":"envoy config","msg":"gRPC config for a.Listener rejected: "quoted" text"}\n`;
    expect(hitsOf(readLog('proxy', line, { signatures }))).toMatchObject([
      { level: 'warn', first: '2021-03-04T10:11:12.345Z', captures: { why: '"quoted" text' } },
    ]);
  });

  it("reads Envoy's own form, the form of 1.16, and entries whose TABs became blanks", () => {
    const forms = [
      '[2026-11-25 08:47:07.963][21][warning][config] [source/x.cc:12] gRPC config for a.Listener rejected: x',
      '[Envoy (Epoch 0)] [2026-11-25 08:47:07.963][21][warning][config] [source/x.cc:12] gRPC config for a.Listener rejected: x',
      '2026-11-25T08:47:07.963902Z\twarning\tenvoy config\tgRPC config for a.Listener rejected: x',
      '2026-11-25T08:47:07.963902Z     warning   envoy config source/x.cc:12 gRPC config for a.Listener rejected: x thread=23',
    ];
    for (const form of forms) {
      expect(hitsOf(readLog('proxy', `${form}\n`, { signatures }))).toMatchObject([
        { level: 'warn', first: '2026-11-25T08:47:07.963Z', captures: { type: 'Listener' } },
      ]);
    }
  });

  it('reads through what kubectl, the kubelet, container runtimes and terminals put before a line', () => {
    const expected = readLog('proxy', log, { signatures });
    const prefixed: readonly ((line: string) => string)[] = [
      (line) => `[pod/cart-1/istio-proxy] ${line}`,
      (line) => `2026-11-25T08:47:09.123456789Z ${line}`,
      (line) => `2026-11-25T10:47:09.123456789+02:00 stdout F ${line}`,
      (line) => `${JSON.stringify({ log: `${line}\n`, stream: 'stdout', time: '2026-11-25T08:47:09.1Z' })}`,
      (line) => `\u001b[36m${line}\u001b[0m`,
      (line) => `[pod/cart-1/istio-proxy] 2026-11-25T08:47:09.123456789Z ${line}`,
    ];
    for (const prefix of prefixed) {
      const text = `${log.trimEnd().split('\n').map(prefix).join('\n')}\n`;
      expect(readLog('proxy', text, { signatures })).toEqual(expected);
      expect(readLog('proxy', text, { signatures, chunks: [5, 17] })).toEqual(expected);
    }
    expect(readLog('proxy', log.replaceAll('\n', '\r\n'), { signatures })).toEqual(expected);
    expect(readLog('proxy', `\ufeff${log}`, { signatures })).toEqual(expected);
    expect(readLog('proxy', Buffer.from(`\ufeff${log}`, 'utf16le'), { signatures, chunks: [3] })).toEqual(expected);
  });

  it('takes the pod from the prefix of a loose file', () => {
    const text = `[pod/cart-9/istio-proxy] ${rejected.split('\n')[0]}\n`.repeat(3);
    expect(fileOf(readLog('proxy', text, { params: {} }))?.pod).toEqual({ namespace: '', pod: 'cart-9' });
  });

  it('matches only the first part of an endless line, and says so', () => {
    const endless = `2026-11-25T08:47:07.963902Z\twarning\tenvoy config\tgRPC config for a.Listener rejected: ${'x'.repeat(900_000)} gRPC config for\n`;
    const artifacts = readLog('proxy', endless + log, { signatures, lineBytes: 4096 });
    expect(hitsOf(artifacts).length).toBe(2);
    expect(factsOf(artifacts, 'gap')).toEqual([
      { file: 'log', reason: 'too-large', detail: '1 line is longer than 4096 bytes; only the first part was matched' },
    ]);
    expect(fileOf(artifacts)?.lines).toBe(17);
    expect(readLog('proxy', endless + log, { signatures, lineBytes: 4096, chunks: [10_007] })).toEqual(artifacts);
  });

  it('says that a file holds no log', () => {
    const text = 'unable to retrieve container logs for containerd://4f1c\n';
    expect(factsOf(readLog('proxy', text), 'gap')).toEqual([
      {
        file: 'log',
        reason: 'unrecognised',
        detail:
          'no line reads as a log entry; the file begins: unable to retrieve container logs for containerd://4f1c',
        line: 1,
      },
    ]);
    expect(fileOf(readLog('proxy', ''))).toMatchObject({ lines: 0, entries: 0 });
    expect(factsOf(readLog('proxy', ''), 'gap')).toEqual([]);
  });

  it('of a ztunnel pod is read as that', () => {
    const line =
      '2026-11-25T08:47:07.963902Z\tinfo\taccess\tconnection complete\tsrc.addr=10.1.1.1:40112 direction="outbound"\n';
    expect(fileOf(readLog('proxy', line))?.log).toBe('ztunnel');
  });

  it('says the same in chunks of any size and blocks of any size', () => {
    staysTheSameInAnyChunks('proxy', log, { signatures });
    const long = log.repeat(40);
    const whole = readLog('proxy', long, { signatures, lineBytes: 600, blockBytes: 1_000_000 });
    for (const blockBytes of [2400, 2401, 2999, 7000]) {
      expect(readLog('proxy', long, { signatures, lineBytes: 600, blockBytes })).toEqual(whole);
    }
  });

  it('survives damage of any kind', () => {
    survivesDamage(proxyLog, log, { params: { namespace: 'shop', pod: 'cart-1' } });
    const random = randomNumbers(3);
    const bytes = Buffer.from(log.repeat(3));
    for (let round = 0; round < 200; round++) {
      const broken = Buffer.from(bytes);
      for (let change = 0; change < 40; change++) broken[random(broken.length)] = random(256);
      const artifacts = readLog('proxy', broken, { signatures });
      expect(fileOf(artifacts)?.lines).toBe(broken.toString('latin1').replace(/\n$/, '').split('\n').length);
    }
  });
});
