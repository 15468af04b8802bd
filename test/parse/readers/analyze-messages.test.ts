import { describe, expect, it } from 'vitest';
import { analyzeMessages } from '../../../src/parse/readers/analyze-messages.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const file = { path: 'analyze/allNamespaces/allNamespaces' };
const messages = (text: string) => factsOf(runReader(analyzeMessages, text, file), 'analysis');
const shown = (text: string): string[] =>
  messages(text).map(
    ({ code, level, kind, namespace, name, message, at }) =>
      `${at.line ?? at.pointer}: ${level} ${code} ${kind}:${namespace}:${name} ${message}`,
  );

const recent = `Error [IST0101] (VirtualService shop/cart) Referenced host+subset in destinationrule not found: "cart.shop.svc.cluster.local+v2"
Warning [IST0146] (Deployment shop/gateway) Deployment gateway contains \`image: auto\` but does not match any Istio injection webhook selectors.
Info [IST0102] (Namespace payments) The namespace is not enabled for Istio injection.`;

describe('istioctl analyze', () => {
  it('reads level, code, resource and message of each line', () => {
    expect(shown(recent)).toEqual([
      '1: error IST0101 VirtualService:shop:cart Referenced host+subset in destinationrule not found: "cart.shop.svc.cluster.local+v2"',
      '2: warning IST0146 Deployment:shop:gateway Deployment gateway contains `image: auto` but does not match any Istio injection webhook selectors.',
      '3: info IST0102 Namespace::payments The namespace is not enabled for Istio injection.',
    ]);
    expect(messages(recent)[0]?.resource).toBe('VirtualService shop/cart');
  });

  it('reads the older ways to name a resource', () => {
    expect(shown('Error [IST0101] (VirtualService cart.shop) Referenced gateway not found')).toEqual([
      '1: error IST0101 VirtualService:shop:cart Referenced gateway not found',
    ]);
    expect(shown('Warn [IST0102](Namespace default) The namespace is not enabled')).toEqual([
      '1: warning IST0102 Namespace::default The namespace is not enabled',
    ]);
    expect(shown('Error [IST0106] (CustomResourceDefinition meshpolicies.security.istio.io) Schema error')).toEqual([
      '1: error IST0106 CustomResourceDefinition::meshpolicies.security.istio.io Schema error',
    ]);
  });

  it('reads clusters, places in files, colours and messages without a resource', () => {
    const text = [
      'Warning [IST0118] [cluster-west] (Service shop/reviews) Port name is wrong',
      'Error [IST0101] (VirtualService cart.shop /manifests/cart (1).yaml:13) Referenced host not found',
      '\u001b[1;31mError\u001b[0m [IST0101] (VirtualService shop/cart manifests/cart.yaml:13) Referenced host not found',
      'Info [IST0136] Annotation is alpha',
    ].join('\n');
    expect(shown(text)).toEqual([
      '1: warning IST0118 Service:shop:reviews Port name is wrong',
      expect.stringContaining('2: error IST0101 VirtualService:shop:cart'),
      '3: error IST0101 VirtualService:shop:cart Referenced host not found',
      '4: info IST0136 :: Annotation is alpha',
    ]);
  });

  it('joins a message of several lines', () => {
    const text =
      'Error [IST0106] (Gateway shop/web) Schema validation error: 2 errors occurred:\n\t* port missing\n\t* host missing\n\nInfo [IST0102] (Namespace shop) x';
    expect(messages(text)[0]?.message).toBe(
      'Schema validation error: 2 errors occurred:\n* port missing\n* host missing',
    );
    expect(messages(text)).toHaveLength(2);
  });

  it('passes over what is no message', () => {
    const text = `${recent}\nError: Analyzers found issues when analyzing all namespaces.\nSee https://istio.io/v1.29/docs/reference/config/analysis for more information about causes and resolutions.\n`;
    expect(messages(text)).toHaveLength(3);
    expect(factsOf(runReader(analyzeMessages, text, file), 'gap')).toEqual([]);
    const clean = runReader(analyzeMessages, '\n✔ No validation issues found when analyzing all namespaces.\n', file);
    expect(clean).toEqual([{ kind: 'seen', value: { kinds: ['analysis'], at: { file: file.path } } }]);
  });

  it('says that the analysis did not finish', () => {
    const text = 'Error: failed to list *v1.Secret: secrets is forbidden';
    expect(factsOf(runReader(analyzeMessages, text, file), 'gap')[0]).toMatchObject({
      reason: 'not-available',
      detail: 'istioctl analyze did not finish: Error: failed to list *v1.Secret: secrets is forbidden',
      line: 1,
    });
  });

  it('reads JSON and YAML', () => {
    const items = [{ code: 'IST0101', level: 'Error', origin: 'VirtualService shop/cart', message: 'not found' }];
    const expected = ['/0: error IST0101 VirtualService:shop:cart not found'];
    expect(shown(JSON.stringify(items, null, '\t'))).toEqual(expected);
    expect(
      shown('- code: IST0101\n  level: Error\n  message: not found\n  origin: VirtualService shop/cart\n'),
    ).toEqual(expected);
    expect(shown('[]')).toEqual([]);
  });

  it('never throws, whatever happened to the file', () => {
    survivesDamage(analyzeMessages, recent, file);
    survivesDamage(analyzeMessages, JSON.stringify([{ code: 'IST0101', level: 'Error', message: 'x' }]), file);
  });
});
