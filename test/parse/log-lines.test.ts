import { describe, expect, it } from 'vitest';
import {
  entryText,
  isoTime,
  type LineTable,
  lineKind,
  looksLikeLog,
  splitLines,
  timeAt,
} from '../../src/parse/log-lines.ts';

const kindNames = Object.fromEntries(Object.entries(lineKind).map(([name, value]) => [value, name]));

function linesOf(
  text: string,
  options: { readonly lineBytes?: number; readonly block?: number; readonly access?: boolean } = {},
) {
  const lineBytes = options.lineBytes ?? 1000;
  const result: { line: number; kind: string; entry: number; text: string; time: string | undefined }[] = [];
  const take = (bytes: Buffer, lines: LineTable, firstLine: number): void => {
    for (let line = 0; line < lines.count; line++) {
      const entry = lines.entries[line] ?? -1;
      result.push({
        line: firstLine + line,
        kind: kindNames[lines.kinds[line] ?? 0] ?? '',
        entry: entry < 0 ? 0 : firstLine + entry,
        text: entryText(bytes, lines, line, lineBytes),
        time: isoTime(lines.times[line] ?? Number.NaN),
      });
    }
  };
  const splitter = splitLines(lineBytes, options.access ?? true, 2026, take, options.block ?? 0);
  splitter.push(Buffer.from(text));
  const { tooLong } = splitter.end();
  return { lines: result, tooLong };
}

const kindOf = (line: string, access = true) => linesOf(line, { access }).lines[0]?.kind;

describe('times of log lines', () => {
  it('are read from every writer of a container', () => {
    const at = (text: string) => isoTime(timeAt(Buffer.from(text), 0));
    expect(at('2026-11-25T08:40:18.246496Z\tinfo')).toBe('2026-11-25T08:40:18.246Z');
    expect(at('2026-11-25 08:40:18.246][21]')).toBe('2026-11-25T08:40:18.246Z');
    expect(at('2026/11/25 08:40:13 INFO')).toBe('2026-11-25T08:40:13.000Z');
    expect(at('2026-11-25T08:40:18Z')).toBe('2026-11-25T08:40:18.000Z');
  });

  it('are not seen in what only resembles one', () => {
    for (const text of [
      '2026-13-25T08:40:18.2Z',
      '2026-11-25T28:40:18.2Z',
      '2026-11-25',
      '',
      '20x6-11-25T08:40:18.2Z',
    ]) {
      expect(timeAt(Buffer.from(text), 0)).toBeNaN();
    }
  });
});

describe('lines of a log', () => {
  it('are told apart by their writer', () => {
    expect(kindOf('2026-11-25T08:40:18.246496Z\tinfo\tEnvoy proxy is ready')).toBe('entry');
    expect(kindOf('2026/11/25 08:40:13 INFO GOMEMLIMIT is updated')).toBe('entry');
    expect(kindOf('[2026-11-25 08:40:18.246][21][warning][config] bad option')).toBe('entry');
    expect(kindOf('[Envoy (Epoch 0)] [2026-11-25 08:40:18.246][21][warning][config] bad option')).toBe('entry');
    expect(kindOf('[2026-11-25T08:40:25.508Z] "GET / HTTP/1.1" 200 -')).toBe('access');
    expect(kindOf('[2026-11-25T08:40:25.508Z] "GET / HTTP/1.1" 200 -', false)).toBe('entry');
    expect(kindOf('{"level":"info","time":"2026-11-25T08:40:18.246496Z","msg":"hello"}')).toBe('entry');
    expect(kindOf('{"authority":"cart","response_code":200}')).toBe('accessJson');
    expect(kindOf('E1125 08:40:18.246496       1 reflector.go:138] failed to list')).toBe('entry');
    expect(kindOf('panic: runtime error')).toBe('entry');
    expect(kindOf('========= Previous log =========')).toBe('banner');
    for (const line of [
      'concurrency: 2',
      '\tat main.go:12',
      '[1, 2]x'.slice(2),
      '10.1.2.3 is down',
      'Error: no',
      '- x',
      '',
    ]) {
      expect(kindOf(line)).toBe(line === '' ? undefined : 'continuation');
    }
  });

  it('know their entry and take the time of the line before where they have none', () => {
    const { lines } = linesOf('2026-11-25T08:40:18.246496Z\tinfo\tEffective config:\nconcurrency: 2\n\npanic: x\n');
    expect(lines.map(({ entry }) => entry)).toEqual([1, 1, 1, 4]);
    expect(lines[3]?.time).toBe('2026-11-25T08:40:18.246Z');
    expect(lines[0]?.text).toBe('2026-11-25T08:40:18.246496Z\tinfo\tEffective config:\nconcurrency: 2');
  });

  it('join their entry over access lines of another writer', () => {
    const { lines } = linesOf(
      '2026-11-25T08:40:18.246496Z\tinfo\tfirst\n[2026-11-25T08:40:25.508Z] "GET"\nsecond\n2026-11-25T08:40:19.246496Z\tinfo\tthird\n',
    );
    expect(lines[0]?.text).toBe('2026-11-25T08:40:18.246496Z\tinfo\tfirst\nsecond');
    expect(lines[2]?.entry).toBe(1);
  });

  it('lose a carriage return and keep their number', () => {
    const { lines } = linesOf('2026-11-25T08:40:18.246496Z\tinfo\ta\r\n\r\n2026-11-25T08:40:18.246496Z\tinfo\tb\r\n');
    expect(lines.map(({ line, text }) => `${line} ${text.slice(28)}`)).toEqual(['1 info\ta', '2 ', '3 info\tb']);
  });

  it('are cut at the given length and counted', () => {
    const { lines, tooLong } = linesOf(`short\n${'x'.repeat(101)}\n${'y'.repeat(100)}\n${'z'.repeat(5000)}\nlast`, {
      lineBytes: 100,
    });
    expect(tooLong).toBe(2);
    expect(lines.map(({ line, text }) => [line, text.length])).toEqual([
      [1, 5],
      [2, 100],
      [3, 100],
      [4, 100],
      [5, 4],
    ]);
  });

  it('are the same whatever the size of a block', () => {
    let text = '';
    for (let line = 0; line < 300; line++) {
      text += line % 7 === 0 ? `2026-11-25T08:40:18.${100000 + line}Z\tinfo\tentry ${line}\n` : '';
      text += line % 5 === 0 ? `[2026-11-25T08:40:25.508Z] "GET ${line}"\n` : `continued ${'.'.repeat(line % 90)}\n`;
    }
    const whole = linesOf(text, { lineBytes: 60, block: 1_000_000 });
    for (const block of [240, 251, 300, 999]) expect(linesOf(text, { lineBytes: 60, block })).toEqual(whole);
  });
});

describe('a file of unknown path', () => {
  const agent = '2026-11-25T08:40:18.246496Z\tinfo\tFLAG: --proxyLogLevel="warning"\n';
  const istiod = '2026-11-25T08:40:18.246496Z\tinfo\tads\tPush debounce stable[1] 3 for config Service/shop/cart\n';
  const ztunnel = '2026-11-25T08:40:18.246496Z\tinfo\taccess\tconnection complete\tsrc.addr=10.244.1.5:40112\n';

  it('is known as a log by what only one component prints', () => {
    expect(looksLikeLog(agent)).toBe('proxy');
    expect(looksLikeLog('[2026-11-25T08:40:25.508Z] "GET / HTTP/1.1" 200 - via_upstream')).toBe('proxy');
    expect(looksLikeLog(istiod)).toBe('istiod');
    expect(looksLikeLog(ztunnel)).toBe('ztunnel');
    expect(looksLikeLog('2023-11-04T10:11:12.345678Z  INFO ztunnel::proxy: proxy is ready\n')).toBe('ztunnel');
    expect(looksLikeLog('2026-11-25T08:40:18.246496Z\tinfo\tcni-agent\tready\n')).toBe('cni');
  });

  it('is known behind the prefixes of kubectl and the kubelet', () => {
    expect(looksLikeLog(`[pod/cart-1/istio-proxy] ${agent}`)).toBe('proxy');
    expect(looksLikeLog(`2026-11-25T08:40:18.246496123Z stdout F ${istiod}`)).toBe('istiod');
  });

  it('is no log when it says nothing of the mesh', () => {
    expect(looksLikeLog('')).toBeUndefined();
    expect(looksLikeLog('apiVersion: v1\nkind: Service\n')).toBeUndefined();
    expect(looksLikeLog('2026-11-25 08:40:18 INFO Started ShopApplication in 2.3 seconds\n')).toBeUndefined();
  });
});
