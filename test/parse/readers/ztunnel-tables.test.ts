import { describe, expect, it } from 'vitest';
import {
  ztunnelCertificates,
  ztunnelCertificatesYaml,
  ztunnelTables,
} from '../../../src/parse/readers/ztunnel-tables.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const owned = { path: 'ztunnel.txt', params: { namespace: 'istio-system', pod: 'ztunnel-x2x4k' } };

const certificates = `CERTIFICATE NAME                                    TYPE     STATUS           VALID CERT     SERIAL NUMBER                        NOT AFTER                NOT BEFORE
spiffe://cluster.local/ns/shop/sa/cart              Leaf     Available        true           e5dfb59150b2ba7f108d93dcec5aa613     2026-11-26T08:46:52Z     2026-11-25T08:44:52Z
spiffe://cluster.local/ns/shop/sa/cart              Root     Available        true           8a516645c40ce76c2c0d27ab4e2461c1     2036-11-22T08:00:05Z     2026-11-25T08:00:05Z
spiffe://cluster.local/ns/shop/sa/reviews           NA       Initializing     false          NA                                   NA                       NA
spiffe://cluster.local/ns/shop/sa/payments          NA       Unavailable      false          NA                                   NA                       NA
`;
const all = `------ WORKLOAD INFO ------

NAMESPACE POD NAME     ADDRESS     NODE   WAYPOINT PROTOCOL
shop      cart-7d9     10.244.2.59 node-1 None     HBONE
shop      reviews-5b7  10.244.2.51 node-1 web      TCP

------ SERVICE INFO ------

NAMESPACE SERVICE NAME SERVICE VIP   WAYPOINT ENDPOINTS
shop      cart         10.96.71.36   None     1/1
shop      reviews      10.96.200.228 web      0/1

NAMESPACE POLICY NAME   ACTION SCOPE
shop      allow-nothing Allow  Namespace

${certificates}
WORKLOAD             DIRECTION LOCAL              REMOTE              REMOTE TARGET     PROTOCOL
cart-7d9.shop        Inbound   10.244.2.59:8080   10.244.2.51:55018                     HBONE
reviews-5b7.shop     Outbound  10.244.2.51:35380  10.244.2.59:15008   10.96.71.36:80    HBONE
`;

describe('istioctl ztunnel-config', () => {
  it('reads the certificates a ztunnel holds and those it could not get', () => {
    for (const text of [certificates, all]) {
      const artifacts = runReader(ztunnelTables, text, owned);
      expect(factsOf(artifacts, 'proxy-secret').map(({ name, state }) => [name.split('/').at(-1), state])).toEqual([
        ['cart', 'active'],
        ['reviews', 'warming'],
        ['payments', 'warming'],
      ]);
      expect(factsOf(artifacts, 'certificate').map(({ use, until }) => [use, until])).toEqual([
        ['workload', '2026-11-26T08:46:52.000Z'],
        ['root', '2036-11-22T08:00:05.000Z'],
      ]);
      expect(factsOf(artifacts, 'rejection')).toMatchObject([
        { proxy: { pod: 'ztunnel-x2x4k' }, type: 'secret', name: 'spiffe://cluster.local/ns/shop/sa/payments' },
      ]);
      expect(factsOf(artifacts, 'gap')).toEqual([]);
    }
  });

  it('reads certificates as JSON', () => {
    const text = JSON.stringify([
      {
        identity: 'spiffe://cluster.local/ns/shop/sa/cart',
        state: 'Available',
        certChain: [
          { pem: '', serialNumber: 'e5df', validFrom: '2026-11-25T08:44:52Z', expirationTime: '2026-11-26T08:46:52Z' },
        ],
      },
    ]);
    expect(factsOf(runReader(ztunnelCertificates, text, owned), 'certificate')).toMatchObject([
      { use: 'workload', serial: 'e5df', at: { pointer: '/0' } },
    ]);
    survivesDamage(ztunnelCertificates, text, owned);
  });

  it('reads certificates as YAML', () => {
    const text = `- certChain:
  - expirationTime: "2026-11-26T08:46:52Z"
    pem: ""
    serialNumber: e5df
    validFrom: "2026-11-25T08:44:52Z"
  identity: spiffe://cluster.local/ns/shop/sa/cart
  state: Available
`;
    const artifacts = runReader(ztunnelCertificatesYaml, text, owned);
    expect(factsOf(artifacts, 'certificate')).toMatchObject([{ use: 'workload', serial: 'e5df' }]);
    survivesDamage(ztunnelCertificatesYaml, text, owned);
  });

  it('says where a table breaks', () => {
    const artifacts = runReader(ztunnelTables, `${certificates}lost the connection to the pod of this node\n`, owned);
    expect(factsOf(artifacts, 'gap')).toMatchObject([{ reason: 'malformed', line: 6 }]);
  });

  it('survives damage', () => survivesDamage(ztunnelTables, all, owned));
});
