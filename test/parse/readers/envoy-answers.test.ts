import { describe, expect, it } from 'vitest';
import { envoyCerts } from '../../../src/parse/readers/envoy-certs.ts';
import { envoyListeners } from '../../../src/parse/readers/envoy-listeners.ts';
import { envoyMemory } from '../../../src/parse/readers/envoy-memory.ts';
import { envoyServerInfo } from '../../../src/parse/readers/envoy-server-info.ts';
import { knownFile } from '../../../src/parse/readers/known-file.ts';
import { netstat } from '../../../src/parse/readers/netstat.ts';
import { bootstrap, printed } from '../envoy-dump.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const of = (name: string) => ({
  path: `proxies/shop/cart-7d9f/${name}`,
  params: { namespace: 'shop', pod: 'cart-7d9f' },
});
const cart = { namespace: 'shop', pod: 'cart-7d9f' };

const serverInfo = {
  version: '3909deb175ef358202d6ab4f94d683ffc0fdb477/1.37.0/Clean/RELEASE/BoringSSL',
  state: 'PRE_INITIALIZING',
  uptime_current_epoch: '42s',
  command_line_options: { concurrency: 2 },
  node: bootstrap.bootstrap.node,
};

const certificate = (serial: string, sans: readonly object[], more: object = {}) => ({
  path: '\u003cinline\u003e',
  serial_number: serial,
  subject_alt_names: sans,
  days_until_expiration: '0',
  valid_from: '2026-11-25T08:48:41Z',
  expiration_time: '2026-11-26T08:50:41Z',
  ...more,
});
const leaf = certificate('018F', [{ uri: 'spiffe://cluster.local/ns/shop/sa/cart' }]);
const root = certificate('74c4', []);
const certs = {
  certificates: [
    { ca_cert: [root], cert_chain: [] },
    { ca_cert: [root], cert_chain: [leaf, root] },
    { ca_cert: [root], cert_chain: [leaf, root] },
    { ca_cert: [], cert_chain: [] },
    { ca_cert: [], cert_chain: [certificate('77', [{ dns: 'shop.example' }])] },
    { ca_cert: [certificate('99', [], { path: '/etc/ssl/certs/ca-certificates.crt' })], cert_chain: [] },
  ],
};

const sockets = `Active Internet connections (servers and established)
Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name    
tcp        0      0 0.0.0.0:15006           0.0.0.0:*               LISTEN      15/envoy            
tcp        0      0 0.0.0.0:15006           0.0.0.0:*               LISTEN      15/envoy            
tcp        0      0 127.0.0.1:8080          0.0.0.0:*               LISTEN      -                   
tcp        0      0 10.244.0.143:15021      10.244.0.1:41262        TIME_WAIT   -                   
tcp6       0      0 :::15020                :::*                    LISTEN      1/pilot-agent       
udp        0      0 127.0.0.1:53            0.0.0.0:*                           15/envoy            
`;

describe('server_info', () => {
  it('says who the proxy is and how it does', () => {
    expect(factsOf(runReader(envoyServerInfo, printed(serverInfo), of('server_info')), 'proxy')).toMatchObject([
      {
        proxy: cart,
        state: 'PRE_INITIALIZING',
        envoyVersion: '1.37.0',
        istioVersion: '1.29.6',
        uptimeSeconds: 42,
        concurrency: 2,
        revision: 'asm-1-29',
        at: { pointer: '/state' },
      },
    ]);
  });

  it('names the proxy itself where the path does not', () => {
    expect(factsOf(runReader(envoyServerInfo, printed(serverInfo), { path: 'info.json' }), 'proxy')[0]?.proxy).toEqual(
      cart,
    );
  });
});

describe('memory', () => {
  it('tells bytes', () => {
    const text = printed({ allocated: '8465208', heap_size: '16777216' });
    const [memory] = factsOf(runReader(envoyMemory, text, of('memory')), 'memory');
    expect(memory).toMatchObject({ proxy: cart, allocated: 8_465_208, heap: 16_777_216 });
  });
});

describe('certs', () => {
  it('tells each certificate once, by what it is for', () => {
    const told = factsOf(runReader(envoyCerts, printed(certs), of('certs')), 'certificate');
    expect(told.map(({ use, name, serial, sans }) => [use, name, serial, sans])).toEqual([
      ['root', 'ROOTCA', '74c4', []],
      ['workload', 'default', '18f', ['spiffe://cluster.local/ns/shop/sa/cart']],
      ['gateway', '<inline>', '77', ['shop.example']],
      ['other', '/etc/ssl/certs/ca-certificates.crt', '99', []],
    ]);
    expect(told[1]).toMatchObject({
      from: '2026-11-25T08:48:41.000Z',
      until: '2026-11-26T08:50:41.000Z',
      at: { pointer: '/certificates/1/cert_chain/0' },
    });
  });
});

describe('netstat', () => {
  it('lists sockets that listen, each once', () => {
    const told = factsOf(runReader(netstat, sockets, of('netstat')), 'socket');
    expect(told.map(({ address, port, program, at }) => [address, port, program, at.line])).toEqual([
      ['0.0.0.0', 15006, 'envoy', 3],
      ['127.0.0.1', 8080, undefined, 5],
      ['::', 15020, 'pilot-agent', 7],
    ]);
  });
});

describe('an answer that is none', () => {
  const readers = [envoyServerInfo, envoyMemory, envoyCerts, netstat, envoyListeners];

  it.each(['', '404 page not found\n', '<html></html>', 'sh: netstat: not found\n', 'error: no such container'])(
    'is a gap: %j',
    (text) => {
      for (const reader of readers) {
        const artifacts = runReader(reader, text, of(reader.name));
        expect(artifacts).toMatchObject([{ kind: 'gap', value: { reason: 'not-available' } }]);
      }
    },
  );

  it('of another kind is not recognised', () => {
    for (const reader of [envoyServerInfo, envoyMemory, envoyCerts]) {
      expect(runReader(reader, '{"kind":"List"}')).toMatchObject([{ kind: 'gap', value: { reason: 'unrecognised' } }]);
    }
    expect(runReader(netstat, 'hello\n')).toMatchObject([{ kind: 'gap', value: { reason: 'unrecognised' } }]);
  });

  it('because it breaks off is one gap', () => {
    const text = printed(serverInfo);
    for (let cut = 1; cut < text.length - 2; cut += 41) {
      for (const complete of [true, false]) {
        const artifacts = runReader(envoyServerInfo, text.slice(0, cut), of('server_info'), { complete });
        expect(artifacts).toMatchObject([{ kind: 'gap', value: { reason: 'truncated' } }]);
      }
    }
  });

  it('survives damage', () => {
    survivesDamage(envoyServerInfo, printed(serverInfo));
    survivesDamage(envoyCerts, printed(certs));
    survivesDamage(netstat, sockets);
    survivesDamage(envoyListeners, '0.0.0.0_80::0.0.0.0:80\n');
  });
});

describe('a known file', () => {
  it('counts as read and says nothing', () => {
    expect(runReader(knownFile('envoy-runtime', 'Envoy /runtime'), '{}')).toEqual([]);
  });
});
