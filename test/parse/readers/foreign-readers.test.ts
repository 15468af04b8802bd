import { describe, expect, it } from 'vitest';
import { byContentOr } from '../../../src/parse/readers/by-content.ts';
import { clusterInfoDump } from '../../../src/parse/readers/cluster-info-dump.ts';
import { containerLog } from '../../../src/parse/readers/container-log.ts';
import { istiodDebug } from '../../../src/parse/readers/istiod-debug.ts';
import { jsonAfterMessages } from '../../../src/parse/readers/json-after-messages.ts';
import { listedObjects } from '../../../src/parse/readers/listed-objects.ts';
import { periscopeLog } from '../../../src/parse/readers/periscope-log.ts';
import { supportBundleVersion } from '../../../src/parse/readers/support-bundle-version.ts';
import { withParams } from '../../../src/parse/readers/with-params.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const log = '2026-05-01T10:00:00.000000Z\tinfo\tEnvoy proxy is ready\n';
const pods = JSON.stringify(
  {
    kind: 'PodList',
    apiVersion: 'v1',
    items: [{ metadata: { name: 'cart-1', namespace: 'shop' }, spec: {}, status: {} }],
  },
  null,
  1,
);
const dump = `${pods}\n==== START logs for container istio-proxy of pod shop/cart-1 ====\n${log}==== END logs for container istio-proxy of pod shop/cart-1 ====\n${pods}\n`;

describe('readers of other collectors', () => {
  it.each([
    ['a dump', clusterInfoDump, dump, {}],
    ['a list whose place tells what it is', listedObjects, pods, { resource: 'pods', namespace: 'shop' }],
    [
      'bare items',
      listedObjects,
      '[\n{"metadata":{"name":"cart-1","namespace":"shop"}}\n]\n',
      { resource: 'pods', namespace: 'shop' },
    ],
    [
      'a log of Periscope',
      periscopeLog,
      JSON.stringify({ name: 'cart-1', containerName: 'istio-proxy', containerLog: log }),
      {},
    ],
    ['a version', supportBundleVersion, '{"info":{"gitVersion":"v1.33.1"}}', {}],
    ['the log of an application', containerLog, `GET /\n${log}`, { container: 'cart', pod: 'cart-1' }],
    ['a file of unknown use', byContentOr('other', 'other'), `Chain PREROUTING\n${pods}`, {}],
    [
      'JSON behind warnings',
      withParams('syncz', jsonAfterMessages(istiodDebug), { endpoint: 'syncz' }),
      'Defaulted container "discovery"\n[{"proxy":"cart-1.shop","cluster_sent":"a","cluster_acked":"a"}]\n',
      {},
    ],
  ] as const)('survive damage to %s', (_name, reader, text, params) => survivesDamage(reader, text, { params }));

  it('prove nothing by a list that a person asked for', () => {
    const asked = JSON.stringify({ apiVersion: 'v1', items: [], kind: 'List' });
    const params = { resource: 'pods', namespace: 'shop' };
    expect(factsOf(runReader(listedObjects, asked, { params }), 'listing')).toEqual([]);
    expect(factsOf(runReader(listedObjects, pods, { params: { ...params, namespace: 'other' } }), 'listing')).toEqual(
      [],
    );
    expect(factsOf(runReader(listedObjects, pods, { params }, { complete: false }), 'listing')).toEqual([]);
    expect(factsOf(runReader(listedObjects, pods, { params }), 'listing')).toMatchObject([
      { kind: 'Pod', namespace: 'shop' },
    ]);
  });

  it('do not take the words of an application for those of Envoy', () => {
    const artifacts = runReader(containerLog, log, { params: { container: 'cart', pod: 'cart-1', namespace: 'shop' } });
    expect(artifacts).toEqual([]);
  });
});
