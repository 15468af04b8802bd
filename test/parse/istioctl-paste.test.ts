import { describe, expect, it } from 'vitest';
import { byContent, type Finished, startReading } from '../../src/parse/read.ts';
import { factsOf } from './run-reader.ts';

/** What becomes of a loose file. */
async function loose(content: string, path = 'ticket.txt'): Promise<Finished> {
  const reading = startReading(byContent, { path, params: {}, size: -1 }, { signatures: [], lineBytes: 64 * 1024 });
  reading.push(Buffer.from(content));
  reading.end(true);
  return reading.done;
}

const paste = `$ istioctl tag list
TAG     REVISION NAMESPACES
prod    1-29-6   shop
$ istioctl proxy-config endpoint cart-7d9.shop
ENDPOINT             STATUS      OUTLIER CHECK     CLUSTER
10.244.0.11:8080     HEALTHY     FAILED            outbound|80||reviews.shop.svc.cluster.local
$ istioctl pc secret cart-7d9 -n shop
RESOURCE NAME     TYPE           STATUS     VALID CERT     SERIAL NUMBER     NOT AFTER                NOT BEFORE
default           Cert Chain     ACTIVE     false          6fbee254c229      2026-11-20T08:46:52Z     2026-11-19T08:44:52Z
$ istioctl x describe pod cart-7d9 -n shop
Pod: cart-7d9
   Pod Revision: asm-1-29
   Pod Ports: 8080 (cart), 15090 (istio-proxy)
--------------------
VirtualService: cart-web
   WARNING: No destinations match pod subsets (checked 1 HTTP routes)
$ istioctl x authz check cart-7d9.shop
ACTION   AuthorizationPolicy   RULES
DENY     deny-web.shop         1
$ istioctl experimental check-inject cart-7d9 -n shop
WEBHOOK                     REVISION  INJECTED  REASON
istio-sidecar-injector      default   ✘         Namespace has istio-injection=disabled label, preventing injection
$ istioctl proxy-status cart-7d9.shop
Clusters Match
Listeners Match
Routes Don't Match (RDS last loaded at Wed, 25 Nov 2026 08:40:21 UTC)
$ istioctl verify-install
✘ Deployment: istiod.istio-system: deployments.apps "istiod" not found
$ istioctl pc cluster cart-7d9.shop -o json
[
    {
        "name": "outbound|80||reviews.shop.svc.cluster.local",
        "type": "EDS",
        "connectTimeout": "10s"
    }
]
`;

describe('a ticket with outputs of istioctl one after the other', () => {
  it('is read output by output, each for the pod its command names, with lines of the file', async () => {
    const { artifacts, reader } = await loose(paste);
    expect(reader.split(', ')).toEqual([
      'istioctl-tags',
      'proxy-config',
      'istioctl-describe',
      'authz-check',
      'check-inject',
      'proxy-status-diff',
      'verify-install',
      'proxy-config-json',
    ]);
    const cart = { namespace: 'shop', pod: 'cart-7d9' };
    expect(factsOf(artifacts, 'gap')).toEqual([]);
    expect(factsOf(artifacts, 'tag')).toMatchObject([{ tag: 'prod', revision: '1-29-6', at: { line: 3 } }]);
    expect(factsOf(artifacts, 'cluster')).toMatchObject([
      { proxy: cart, endpoints: [{ healthy: false, at: { line: 6 } }], at: { line: 6 } },
    ]);
    expect(factsOf(artifacts, 'certificate')).toMatchObject([{ proxy: cart, use: 'workload', at: { line: 9 } }]);
    expect(factsOf(artifacts, 'proxy')).toMatchObject([{ proxy: cart, revision: 'asm-1-29', at: { line: 12 } }]);
    expect(factsOf(artifacts, 'applied-policy')).toMatchObject([{ proxy: cart, name: 'deny-web', at: { line: 19 } }]);
    expect(factsOf(artifacts, 'injection-check')).toMatchObject([{ pod: cart, injects: false, at: { line: 22 } }]);
    expect(factsOf(artifacts, 'sync')).toMatchObject([{ proxy: cart, types: { rds: 'stale' }, at: { line: 24 } }]);
    expect(factsOf(artifacts, 'analysis').map(({ code, at }) => [code, at.line])).toEqual([
      ['describe', 16],
      ['verify-install', 28],
    ]);
    expect(factsOf(artifacts, 'cluster-config')).toMatchObject([
      { proxy: cart, host: 'reviews.shop.svc.cluster.local' },
    ]);
  });

  it('is read the same with Windows line ends and colours', async () => {
    const coloured = paste.replaceAll('✘', '\u001b[31m✘\u001b[0m').replaceAll('\n', '\r\n');
    const { artifacts } = await loose(coloured);
    expect(artifacts.map(({ kind }) => kind)).toEqual((await loose(paste)).artifacts.map(({ kind }) => kind));
    expect(factsOf(artifacts, 'gap')).toEqual([]);
  });

  it('stays one output of one proxy where it has headings of its own', async () => {
    const text = `$ istioctl proxy-config all cart-7d9.shop
------ CLUSTER INFO ------

NAME              SERVICE FQDN     PORT     SUBSET     DIRECTION     TYPE       DESTINATION RULE
cluster/agent     cluster/agent    -        -          -             STATIC     

------ SECRET INFO ------

RESOURCE NAME     TYPE     STATUS     VALID CERT     SERIAL NUMBER     NOT AFTER                NOT BEFORE
secret/ROOTCA     CA       ACTIVE     true           193a543f          2033-05-02T03:41:33Z     2023-05-05T03:41:33Z
`;
    const { artifacts, reader } = await loose(text);
    expect(reader).toBe('proxy-config');
    expect(factsOf(artifacts, 'certificate')[0]?.proxy).toEqual({ namespace: 'shop', pod: 'cart-7d9' });
    expect(factsOf(artifacts, 'cluster-config')[0]?.proxy).toEqual({ namespace: 'shop', pod: 'cart-7d9' });
  });

  it('takes an empty list for knowledge where the command tells of what', async () => {
    for (const nothing of ['[]', 'null']) {
      const { artifacts, reader } = await loose(`$ istioctl analyze -A -o json\n${nothing}\n`);
      expect(reader).toBe('analyze');
      expect(artifacts.map(({ kind }) => kind)).toEqual(['seen']);
    }
    const tags = await loose('[]\n', 'istioctl_tag_list_-o_json.txt');
    expect(factsOf(tags.artifacts, 'seen')).toMatchObject([{ kinds: ['tag'] }]);
  });

  it('names the proxy by the file where no command stands above the output', async () => {
    const table = 'ENDPOINT          STATUS        CLUSTER\n10.0.0.7:80       UNHEALTHY     outbound|80||cart.shop\n';
    const named = await loose(table, 'istioctl_proxy-config_endpoint_web-5cc.payments.txt');
    expect(factsOf(named.artifacts, 'cluster')[0]?.proxy).toEqual({ namespace: 'payments', pod: 'web-5cc' });
    const nameless = await loose(table, 'endpoints.txt');
    expect(factsOf(nameless.artifacts, 'cluster')[0]?.proxy.namespace).toBe('');
  });
});
