import { describe, expect, it } from 'vitest';
import type { Artifact } from '../../src/parse/artifact.ts';
import { byContent, type Finished, startReading } from '../../src/parse/read.ts';
import { damaged, factsOf } from './run-reader.ts';

/** What becomes of a loose file, delivered in chunks of so many bytes. */
async function loose(content: string | Uint8Array, path = 'ticket.txt', chunkBytes?: number): Promise<Finished> {
  const bytes = Buffer.from(content);
  const reading = startReading(byContent, { path, params: {}, size: -1 }, { signatures: [], lineBytes: 64 * 1024 });
  const step = chunkBytes ?? Math.max(1, bytes.length);
  for (let at = 0; at < bytes.length; at += step) reading.push(Uint8Array.from(bytes.subarray(at, at + step)));
  reading.end(true);
  return reading.done;
}

const events = `NAMESPACE   LAST SEEN   TYPE      REASON      OBJECT          MESSAGE
shop        27s         Warning   Unhealthy   pod/cart-7d9    Readiness probe failed: HTTP probe failed with statuscode: 503
`;
const service = `apiVersion: v1
kind: Service
metadata:
  name: reviews
  namespace: shop
spec:
  ports:
  - port: 80
    targetPort: 8080
`;
const access = `[2026-11-25T08:47:07.963Z] "GET / HTTP/1.1" 503 UF upstream_reset_before_response_started{connection_failure} - "-" 0 91 3 - "-" "curl/7.88.1" "c4b3" "reviews" "10.244.0.9:8080" outbound|80||reviews.shop.svc.cluster.local - 10.96.0.7:80 10.244.0.5:41202 - default
`;
const clusters = `outbound|80||reviews.shop.svc.cluster.local::observability_name::outbound|80||reviews.shop.svc.cluster.local;
outbound|80||reviews.shop.svc.cluster.local::added_via_api::true
outbound|80||reviews.shop.svc.cluster.local::10.244.0.9:8080::cx_active::1
outbound|80||reviews.shop.svc.cluster.local::10.244.0.9:8080::health_flags::healthy
`;
const curl = `*   Trying 10.96.35.109:8080...
* Connected to reviews (10.96.35.109) port 8080 (#0)
> GET / HTTP/1.1
> Host: reviews
>
* Recv failure: Connection reset by peer
* Closing connection 0
command terminated with exit code 56
`;

const paste = `Hello, this is what you asked for:

jo@jumpbox:~$ kubectl get events -A
${events}jo@jumpbox:~$ kubectl get svc reviews -n shop -o yaml
${service}jo@jumpbox:~$ kubectl exec -n shop cart-7d9 -c istio-proxy -- curl -s localhost:15000/clusters
${clusters}jo@jumpbox:~$ kubectl logs -n shop cart-7d9 -c istio-proxy
${access}${access}jo@jumpbox:~$ kubectl exec -n shop deploy/cart -- curl -sv http://reviews
${curl}jo@jumpbox:~$ `;

const lineOf = (text: string, of: string): number => text.slice(0, text.indexOf(of)).split('\n').length;

describe('several outputs in one file', () => {
  it('are each read by their own reader, with the lines of the file', async () => {
    const read = await loose(paste);
    expect(read.reader).toBe('kube-tables, kube-objects, envoy-clusters, proxy-log, curl');
    expect([read.by, read.recognised]).toEqual(['content', true]);
    const { artifacts } = read;
    expect(factsOf(artifacts, 'event').map(({ at }) => at.line)).toEqual([lineOf(paste, 'shop        27s')]);
    expect(factsOf(artifacts, 'service')[0]).toMatchObject({
      meta: { name: 'reviews', namespace: 'shop' },
      at: { file: 'ticket.txt', line: lineOf(paste, 'apiVersion: v1') },
    });
    expect(factsOf(artifacts, 'cluster')[0]).toMatchObject({
      proxy: { namespace: 'shop', pod: 'cart-7d9' },
      at: { line: lineOf(paste, 'outbound|80') },
    });
    expect(factsOf(artifacts, 'access')[0]).toMatchObject({ proxy: { namespace: 'shop', pod: 'cart-7d9' }, count: 2 });
    const line = lineOf(paste, '[2026-');
    expect(factsOf(artifacts, 'access')[0]?.samples.map((sample) => sample.line)).toEqual([line, line + 1]);
  });

  it('say the same however the bytes arrive, with Windows line ends, a mark, colours', async () => {
    const whole = await loose(paste);
    for (const chunk of [1, 7, 64, 1000]) expect(await loose(paste, 'ticket.txt', chunk)).toEqual(whole);
    const facts = ({ artifacts }: Finished) => artifacts.filter(({ kind }) => kind !== 'gap');
    const variants: readonly (string | Uint8Array)[] = [
      paste.replaceAll('\n', '\r\n'),
      `\ufeff${paste}`,
      paste
        .replaceAll('jo@jumpbox', '\u001b[01;32mjo@jumpbox\u001b[00m')
        .replaceAll('Warning', '\u001b[33mWarning\u001b[0m'),
    ];
    for (const [index, variant] of variants.entries()) {
      expect([index, facts(await loose(variant))]).toEqual([index, facts(whole)]);
      expect([index, facts(await loose(variant, 'ticket.txt', 5))]).toEqual([index, facts(whole)]);
    }
  });

  it('say where a part is that nobody knows', async () => {
    // What people write between outputs is no output.
    expect(factsOf((await loose(paste)).artifacts, 'gap')).toEqual([]);
    expect(factsOf((await loose(`${paste}kubectl get wombats\nso many of them\n`)).artifacts, 'gap')).toEqual([
      {
        file: 'ticket.txt',
        reason: 'unrecognised',
        detail: 'no reader knows this part of the file by its content or the command above it',
        line: paste.split('\n').length + 1,
      },
    ]);
    expect((await loose('#!/bin/sh\nkubectl get pods\nistioctl version\n')).reader).toBe('command-lines');
    const unknown = await loose('what we tried: everything\n');
    expect(unknown).toMatchObject({ reader: 'none', by: 'none', recognised: false });
  });

  it('may stand between fences, titles and the names of files', async () => {
    for (const text of [
      `The events:\n\n\`\`\`\n${events}\`\`\`\nand the service\n\`\`\`yaml\n${service}\`\`\`\n`,
      `=== events ===\n${events}=== services ===\n${service}`,
      `==> kubectl_get_events_-A.txt <==\n${events}\n==> kubectl_get_svc_reviews_-n_shop_-o_yaml.yaml <==\n${service}`,
      `PS C:\\> kubectl get events \`\n  -A\n${events}PS C:\\> kubectl get svc \`\n -n shop -o yaml\n${service}`,
    ]) {
      const { artifacts, reader } = await loose(text);
      expect(reader).toBe('kube-tables, kube-objects');
      expect(factsOf(artifacts, 'event')[0]?.at.line).toBe(lineOf(text, 'shop        27s'));
      expect(factsOf(artifacts, 'service')[0]?.at.line).toBe(lineOf(text, 'apiVersion: v1'));
    }
  });

  it('are told apart without any command too', async () => {
    const version = 'client version: 1.29.6\ncontrol plane version: 1.29.6\n';
    const text = [events, service, `${clusters}${access}${access}`, version].join('\n');
    const { artifacts, reader } = await loose(text);
    expect(reader).toBe('kube-tables, kube-objects, envoy-clusters, proxy-log, versions');
    expect(factsOf(artifacts, 'event')[0]?.at.line).toBe(2);
    expect(factsOf(artifacts, 'service')[0]?.at.line).toBe(lineOf(text, 'apiVersion: v1'));
    expect(factsOf(artifacts, 'cluster')[0]?.at.line).toBe(lineOf(text, 'outbound|80'));
    expect(factsOf(artifacts, 'access')[0]?.samples[0]?.line).toBe(lineOf(text, '[2026-'));
    expect(factsOf(artifacts, 'version')[0]?.at.line).toBe(lineOf(text, 'client version'));
    expect(await loose(text, 'ticket.txt', 9)).toEqual(await loose(text));
  });

  it('keep names in the code pages of Windows', async () => {
    for (const [bytes, shown] of [
      ['Büro', Buffer.from('Büro', 'latin1')],
      ['Büro', Buffer.from([0x42, 0x81, 0x72, 0x6f])],
      ['“Büro”', Buffer.from([0x93, 0x42, 0xfc, 0x72, 0x6f, 0x94])],
    ] as const) {
      const text = Buffer.concat([Buffer.from(events.trimEnd()), Buffer.from(' in '), shown, Buffer.from('\n')]);
      expect(factsOf((await loose(text)).artifacts, 'event')[0]?.message).toContain(` in ${bytes}`);
    }
    const utf8 = events.replace('probe failed', 'Büro ✔ 日本');
    expect(factsOf((await loose(utf8, 'ticket.txt', 3)).artifacts, 'event')[0]?.message).toContain('Büro ✔ 日本');
  });

  it('survive damage of any kind', async () => {
    for (const text of damaged(paste)) {
      const whole = await loose(text);
      expect(await loose(text, 'ticket.txt', 11)).toEqual(whole);
      const lines = text.split('\n').length;
      for (const line of whole.artifacts.flatMap(linesOf)) {
        expect(line).toBeGreaterThan(0);
        expect(line).toBeLessThanOrEqual(lines);
      }
    }
  });
});

const linesOf = ({ value }: Artifact): number[] => {
  const at = 'at' in value && 'line' in value.at ? [value.at.line ?? 1] : [];
  const own = 'line' in value && typeof value.line === 'number' ? [value.line] : [];
  return [...at, ...own];
};

describe('a command', () => {
  it('names the log where its lines tell nothing', async () => {
    const text = '2026-11-25T08:47:07.963902Z\tinfo\tsomething new\n';
    const app = await loose(text, 'kubectl_logs_cart-7d9_-n_shop_-c_cart.txt');
    expect(app).toMatchObject({ reader: 'application-log', by: 'content', artifacts: [] });
    const proxy = await loose(text, 'kubectl_logs_cart-7d9_-n_shop_-c_istio-proxy.txt');
    expect(proxy).toMatchObject({ reader: 'proxy-log', by: 'name' });
    expect(factsOf(proxy.artifacts, 'log-file')[0]?.pod).toEqual({ namespace: 'shop', pod: 'cart-7d9' });
    const pasted = await loose(`$ kubectl logs deploy/istiod -n istio-system\n${text}`);
    expect(pasted).toMatchObject({ reader: 'istiod-log', by: 'name' });
    expect(factsOf(pasted.artifacts, 'log-file')[0]?.pod).toEqual({ namespace: 'istio-system', pod: '' });
  });

  it('that printed nothing, or only that it failed, is known', async () => {
    expect(await loose('', 'kubectl_get_events_-n_shop.txt')).toMatchObject({
      reader: 'empty-output',
      recognised: true,
    });
    const failed = await loose('command terminated with exit code 7\n', 'kubectl_exec_cart-7d9_-n_shop.txt');
    expect(failed.reader).toBe('failed-command');
    expect(factsOf(failed.artifacts, 'gap')).toEqual([
      {
        file: 'kubectl_exec_cart-7d9_-n_shop.txt',
        reason: 'not-available',
        detail: 'the command failed: command terminated with exit code 7',
        line: 1,
      },
    ]);
  });
});

describe('what no rule asks for', () => {
  it('is named for what it is', async () => {
    const logs = [
      '{"level":"info","ts":"2026-11-25T08:47:07Z","msg":"cart is up"}\n',
      '2026-11-25 08:47:07.963  INFO 1 --- [main] com.shop.Cart : Started Cart in 3.1 seconds\n\tat com.shop.Cart.main\n',
      '10.244.0.7 - - [25/Nov/2026:08:47:07 +0000] "GET /health HTTP/1.1" 200 2\n',
    ];
    expect((await loose(curl)).reader).toBe('curl');
    for (const log of logs) expect([log, (await loose(log)).reader]).toEqual([log, 'application-log']);
  });
});
