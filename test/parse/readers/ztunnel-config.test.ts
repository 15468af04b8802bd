import { describe, expect, it } from 'vitest';
import { configDump } from '../../../src/parse/readers/envoy-config.ts';
import { ztunnelConfig } from '../../../src/parse/readers/ztunnel-config.ts';
import { printed, rootPem } from '../envoy-dump.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const file = {
  path: 'proxies/istio-system/ztunnel-x7k2p/config_dump',
  params: { namespace: 'istio-system', pod: 'ztunnel-x7k2p' },
};
const pem = Buffer.from(rootPem).toString('base64');
const times = { serialNumber: '12', validFrom: '2026-11-25T08:48:41Z', expirationTime: '2026-11-26T08:50:41Z' };
const cart = 'spiffe://cluster.local/ns/shop/sa/cart';
const payments = 'spiffe://cluster.local/ns/shop/sa/payments';
const dump = {
  workloads: [{ name: 'cart-7d9f', namespace: 'shop', workloadIps: ['10.244.0.7'], protocol: 'HBONE' }],
  services: [],
  policies: [],
  certificates: [
    {
      identity: cart,
      state: 'Available',
      certChain: [
        { pem: 'AAAA', ...times },
        { pem, ...times },
      ],
    },
    { identity: payments, state: 'Unavailable: CA refused the request', certChain: [] },
  ],
  version: { version: 'abc', istioVersion: '1.29.6' },
};

describe('the config dump of ztunnel', () => {
  it('tells which certificates it holds and which it could not get', () => {
    const artifacts = runReader(configDump, printed(dump), file, { chunkBytes: 9 });
    expect(factsOf(artifacts, 'gap')).toEqual([]);
    expect(factsOf(artifacts, 'proxy')).toMatchObject([
      { proxy: file.params, type: 'ztunnel', istioVersion: '1.29.6' },
    ]);
    expect(factsOf(artifacts, 'proxy-secret').map(({ name, state }) => [name, state])).toEqual([
      [cart, 'active'],
      [payments, 'warming'],
    ]);
    expect(factsOf(artifacts, 'rejection')).toMatchObject([
      { type: 'secret', name: payments, details: 'CA refused the request', at: { pointer: '/certificates/1/state' } },
    ]);
    expect(factsOf(artifacts, 'certificate')).toMatchObject([
      { use: 'workload', serial: '12', sans: [cart], until: '2026-11-26T08:50:41.000Z' },
      { use: 'root', subject: 'O=cluster.local', until: '2036-11-22T08:00:05.000Z' },
    ]);
  });

  it('is read whichever reader gets it', () => {
    expect(runReader(ztunnelConfig, printed(dump), file)).toEqual(runReader(configDump, printed(dump), file));
  });

  it('survives damage', () => {
    survivesDamage(ztunnelConfig, printed(dump), file);
    survivesDamage(configDump, printed(dump), file);
  });
});
