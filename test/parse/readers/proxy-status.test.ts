import { describe, expect, it } from 'vitest';
import { proxyStatus } from '../../../src/parse/readers/proxy-status.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const file = { path: 'kubectl/istioctl_proxy-status.txt' };
const shown = (text: string, path = file.path): string[] =>
  factsOf(runReader(proxyStatus, text, { path }), 'sync').map(
    ({ proxy, istiod, version, types, at }) =>
      `${at.line}: ${proxy.namespace}/${proxy.pod} ${istiod ?? '-'} ${version ?? '-'} ${Object.entries(types)
        .map(([type, state]) => `${type}=${state}`)
        .sort()
        .join(' ')}`,
  );

const of16 = `NAME                  CDS        LDS        EDS        RDS          PILOT                      VERSION
cart-7d9.shop         SYNCED     SYNCED     SYNCED     SYNCED       istiod-6f4-sr6qc           1.6.14
web-1.shop-ingress    SYNCED     STALE      SYNCED     NOT SENT     istiod-6f4-sr6qc           1.6.14
`;
const of120 = `NAME                  CLUSTER        CDS        LDS                             EDS        RDS          ECDS         ISTIOD               VERSION
cart-7d9.shop         Kubernetes     SYNCED     STALE (Never Acknowledged)      SYNCED     SYNCED       NOT SENT     istiod-6f4-sr6qc     1.20.0
`;
const of122 = `NAME              CLUSTER        CDS        LDS        EDS        RDS        ECDS     ISTIOD               VERSION
cart-7d9.shop     Kubernetes     SYNCED     SYNCED     SYNCED     SYNCED              istiod-6f4-sr6qc     1.22.1
`;
// Cut from a real table of 1.29.
const of129 = `NAME                                CLUSTER        ISTIOD                         VERSION     SUBSCRIBED TYPES
web-1.shop-ingress                  Kubernetes     istiod-7df6dbb7bd-z4g9p        1.29.6      3 (CDS,LDS,EDS)
cart-5cc5988dfc-nw7n8.shop          Kubernetes     istiod-7df6dbb7bd-z4g9p        1.29.6      4 (CDS,LDS,EDS,RDS)
`;
const verbose = `NAME                           CLUSTER        CDS              ECDS        EDS              LDS             RDS              ISTIOD                      VERSION
cart-5cc5988dfc-nw7n8.shop     Kubernetes     SYNCED (34s)     IGNORED     SYNCED (34s)     ERROR (2m1s)    IGNORED          istiod-7df6dbb7bd-5ncv9     1.29.6
`;

describe('istioctl proxy-status', () => {
  it('reads the tables of every version', () => {
    expect(shown(of16)).toEqual([
      '2: shop/cart-7d9 istiod-6f4-sr6qc 1.6.14 cds=synced eds=synced lds=synced rds=synced',
      '3: shop-ingress/web-1 istiod-6f4-sr6qc 1.6.14 cds=synced eds=synced lds=stale rds=not-sent',
    ]);
    expect(shown(of120)).toEqual([
      '2: shop/cart-7d9 istiod-6f4-sr6qc 1.20.0 cds=synced ecds=not-sent eds=synced lds=stale rds=synced',
    ]);
    expect(shown(verbose)).toEqual([
      '2: shop/cart-5cc5988dfc-nw7n8 istiod-7df6dbb7bd-5ncv9 1.29.6 cds=synced ecds=ignored eds=synced lds=error rds=ignored',
    ]);
  });

  it('says nothing of an empty cell', () => {
    expect(shown(of122)).toEqual([
      '2: shop/cart-7d9 istiod-6f4-sr6qc 1.22.1 cds=synced eds=synced lds=synced rds=synced',
    ]);
  });

  it('takes from subscribed types only which ones a proxy never asked for', () => {
    expect(shown(of129)).toEqual([
      '2: shop-ingress/web-1 istiod-7df6dbb7bd-z4g9p 1.29.6 ecds=ignored rds=ignored',
      '3: shop/cart-5cc5988dfc-nw7n8 istiod-7df6dbb7bd-z4g9p 1.29.6 ecds=ignored',
    ]);
  });

  it('reads tables whose blanks were lost on the way', () => {
    for (const text of [of16, of120, verbose, of129]) {
      expect(shown(text.replaceAll(/ {2,}/g, '   '))).toEqual(shown(text));
      expect(shown(text.replaceAll(/ {2,}/g, '\t'))).toEqual(shown(text));
      expect(shown(text.replaceAll(/ {2,}/g, ' '))).toEqual(shown(text));
    }
  });

  it('reads past a prompt, log lines and colours, and leaves out the collector’s own row', () => {
    const noise = `$ istioctl ps\n2026-11-25T09:05:34.368502Z\twarn\t[core] grpc: failed\n${verbose.replace('ERROR', '\u001b[31mERROR\u001b[0m')}`;
    expect(shown(noise)).toHaveLength(1);
    const own = `${of129}test-1.default                      Kubernetes     istiod-7df6dbb7bd-z4g9p        65536.65536.65536      0\n`;
    expect(shown(own)).toHaveLength(2);
  });

  it('says why there is no table', () => {
    const artifacts = runReader(proxyStatus, 'Error: no running Istio pods in "istio-system"\n', file);
    expect(factsOf(artifacts, 'gap')).toEqual([
      {
        file: file.path,
        reason: 'not-available',
        detail: 'istioctl could not tell: Error: no running Istio pods in "istio-system"',
        line: 1,
      },
    ]);
  });

  it('reads the YAML of 1.30, one answer per istiod with nothing between them', () => {
    const answer = (pod: string, istiod: string): string => `controlPlane:
  identifier: '{"Component":"istiod","ID":"${istiod}","Info":{}}'
resources:
- '@type': type.googleapis.com/envoy.service.status.v3.ClientConfig
  genericXdsConfigs:
  - configStatus: STALE
    typeUrl: type.googleapis.com/envoy.config.cluster.v3.Cluster
  node:
    id: ${pod}.shop
    metadata:
      ISTIO_VERSION: 1.30.1
`;
    expect(shown(answer('cart-7d9', 'istiod-a') + answer('reviews-1', 'istiod-b'))).toEqual([
      '1: shop/cart-7d9 istiod-a 1.30.1 cds=stale ecds=ignored eds=ignored lds=ignored rds=ignored',
      '12: shop/reviews-1 istiod-b 1.30.1 cds=stale ecds=ignored eds=ignored lds=ignored rds=ignored',
    ]);
    survivesDamage(proxyStatus, answer('cart-7d9', 'istiod-a'));
  });

  it('reads the JSON of 1.30, one answer per istiod', () => {
    const answer = (pod: string, istiod: string) => ({
      resources: [
        {
          '@type': 'type.googleapis.com/envoy.service.status.v3.ClientConfig',
          node: { id: `${pod}.shop`, metadata: { ISTIO_VERSION: '1.30.1', NAMESPACE: 'shop' } },
          genericXdsConfigs: [
            { typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster', configStatus: 'SYNCED' },
            {
              typeUrl: 'type.googleapis.com/envoy.config.listener.v3.Listener',
              configStatus: 'ERROR',
              errorState: { details: 'listener refused' },
            },
          ],
        },
      ],
      controlPlane: { identifier: JSON.stringify({ Component: 'istiod', ID: istiod, Info: {} }) },
    });
    const text = `${JSON.stringify(answer('cart-7d9', 'istiod-a'), null, 2)}${JSON.stringify(answer('reviews-1', 'istiod-b'))}`;
    expect(shown(text)).toEqual([
      '1: shop/cart-7d9 istiod-a 1.30.1 cds=synced ecds=ignored eds=ignored lds=error rds=ignored',
      '30: shop/reviews-1 istiod-b 1.30.1 cds=synced ecds=ignored eds=ignored lds=error rds=ignored',
    ]);
  });

  it('never throws, whatever happened to the file', () => {
    for (const text of [of16, of120, of122, of129, verbose]) survivesDamage(proxyStatus, text, file);
  });
});
