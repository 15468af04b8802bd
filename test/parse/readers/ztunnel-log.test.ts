import { describe, expect, it } from 'vitest';
import { ztunnelLog } from '../../../src/parse/readers/ztunnel-log.ts';
import { readLog, staysTheSameInAnyChunks } from '../read-log.ts';
import { factsOf, survivesDamage } from '../run-reader.ts';

const log = `2026-11-25T08:40:10.000001Z	info	ztunnel	version: version.BuildInfo{Version:"1.29.6", GitRevision:"7019d6d"}
2026-11-25T08:40:10.100001Z	info	readiness	Task 'proxy' complete (12ms), marking server ready
2026-11-25T08:40:12.345678Z	info	access	connection complete	src.addr=10.244.1.5:40112 src.workload="cart-6d4-x" src.namespace="shop" src.identity="spiffe://cluster.local/ns/shop/sa/cart" dst.addr=10.244.2.8:15008 dst.hbone_addr=10.244.2.8:8080 dst.service="reviews.shop.svc.cluster.local" dst.workload="reviews-5b-q" direction="outbound" bytes_sent=84 bytes_recv=5130 duration="2ms"
2026-11-25T08:40:13.000001Z	error	access	connection complete	src.addr=10.244.1.5:40113 src.workload="cart-6d4-x" dst.addr=10.244.2.9:15008 dst.hbone_addr=10.244.2.9:8080 dst.service="payments.shop.svc.cluster.local" direction="outbound" bytes_sent=0 bytes_recv=0 duration="10002ms" error="connection timed out, maybe a NetworkPolicy is blocking HBONE port 15008: \\"deadline\\" has elapsed"
2026-11-25T08:40:14.000001Z	warn	access	connection failed	src.addr=10.244.1.6:40114 dst.addr=10.244.2.9:8080 direction="inbound" error="connection closed due to policy rejection: allow policies exist, but none allowed"
`;

describe('the log of ztunnel', () => {
  it('tells connections that ended, and why', () => {
    const artifacts = readLog('ztunnel', log, { params: { namespace: 'istio-system', pod: 'ztunnel-1' } });
    expect(factsOf(artifacts, 'gap')).toEqual([]);
    expect(factsOf(artifacts, 'log-file')).toMatchObject([
      {
        log: 'ztunnel',
        accessLines: 3,
        entries: 5,
        marks: [
          { what: 'container-start', time: '2026-11-25T08:40:10.000Z', line: 1 },
          { what: 'proxy-ready', time: '2026-11-25T08:40:10.100Z', line: 2 },
        ],
      },
    ]);
    expect(factsOf(artifacts, 'access')).toMatchObject([
      {
        direction: 'outbound',
        tcp: true,
        code: 0,
        reason: 'connection timed out, maybe a NetworkPolicy is blocking HBONE port 15008: "deadline" has elapsed',
        cluster: 'payments.shop.svc.cluster.local',
        upstreamHost: '10.244.2.9:8080',
        peer: '10.244.1.5',
        duration: { max: 10002 },
      },
      {
        direction: 'inbound',
        reason: 'connection closed due to policy rejection: allow policies exist, but none allowed',
      },
      { direction: 'outbound', cluster: 'reviews.shop.svc.cluster.local', reason: '', peer: '', count: 1 },
    ]);
  });

  it('gives its access entries to signatures too', () => {
    const signatures = [
      { id: 'policy', log: 'ztunnel', contains: 'due to policy rejection', matching: /src\.addr=(?<caller>[\d.]+)/ },
    ] as const;
    expect(factsOf(readLog('ztunnel', log, { signatures }), 'log-hits')).toMatchObject([
      { level: 'warn', captures: { caller: '10.244.1.6' }, log: 'ztunnel' },
    ]);
  });

  it('tells the same in JSON', () => {
    const line = {
      level: 'error',
      time: '2026-11-25T08:40:13.000001Z',
      scope: 'access',
      message: 'connection complete',
      'src.addr': '10.244.1.5:40113',
      'dst.addr': '10.244.2.9:15008',
      'dst.service': 'payments.shop.svc.cluster.local',
      direction: 'outbound',
      duration: '1.5s',
      error: 'connection refused',
    };
    expect(factsOf(readLog('proxy', `${JSON.stringify(line)}\n`), 'access')).toMatchObject([
      {
        direction: 'outbound',
        reason: 'connection refused',
        cluster: 'payments.shop.svc.cluster.local',
        peer: '10.244.1.5',
        duration: { max: 1500 },
      },
    ]);
  });

  it('up to 1.21 has levels in upper case after blanks', () => {
    const old =
      '2023-11-04T10:11:12.345678Z ERROR ztunnel::proxy: failed to accept\n2023-11-04T10:11:12.345678Z  WARN ztunnel::xds: retrying\n';
    const signatures = [{ id: 'accept', log: 'ztunnel', contains: 'failed to accept' }] as const;
    expect(factsOf(readLog('proxy', old, { signatures }), 'log-hits')).toMatchObject([
      { log: 'ztunnel', level: 'error', first: '2023-11-04T10:11:12.345Z' },
    ]);
  });

  it('says the same in chunks of any size, and survives damage of any kind', () => {
    staysTheSameInAnyChunks('ztunnel', log);
    survivesDamage(ztunnelLog, log);
  });
});
