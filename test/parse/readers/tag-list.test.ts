import { describe, expect, it } from 'vitest';
import { tagList } from '../../../src/parse/readers/tag-list.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const shown = (text: string): string[] =>
  factsOf(runReader(tagList, text), 'tag').map(({ tag, revision, namespaces }) =>
    `${tag || '-'} ${revision} ${namespaces.join('+')}`.trim(),
  );

const table = `TAG     REVISION NAMESPACES
default 1-29-6   
prod    1-29-6   shop,payments
canary  1-30-1   reviews
`;

describe('istioctl tag list', () => {
  it('reads which tag points to which revision and who asks for it', () => {
    expect(shown(table)).toEqual(['default 1-29-6', 'prod 1-29-6 shop+payments', 'canary 1-30-1 reviews']);
  });

  it('reads the add-on of AKS, whose webhooks have no tag', () => {
    // As captured from 1.29.
    expect(shown('TAG REVISION NAMESPACES\n    asm-1-29 \n')).toEqual(['- asm-1-29']);
  });

  it('reads rows whose alignment a paste has lost', () => {
    expect(shown('TAG     REVISION    NAMESPACES\ndefault asm-1143-1\nprod asm-1143-1 shop, payments\n')).toEqual([
      'default asm-1143-1',
      'prod asm-1143-1 shop+payments',
    ]);
  });

  it('reads JSON and YAML', () => {
    const json =
      '[\n  {\n    "tag": "prod",\n    "revision": "1-29",\n    "namespaces": [\n      "shop"\n    ]\n  }\n]\n';
    expect(shown(json)).toEqual(['prod 1-29 shop']);
    expect(shown('- namespaces:\n  - shop\n  revision: 1-29\n  tag: prod\n')).toEqual(['prod 1-29 shop']);
  });

  it('reads the tags of `revision list`', () => {
    const text = `REVISION TAG      ISTIO-OPERATOR-CR            PROFILE REQD-COMPONENTS
default  prod     istio-system/installed-state default Istio core
                                                       Istiod
1-30-1   <no-tag> <no-iop>
`;
    expect(shown(text)).toEqual(['prod default', '- 1-30-1']);
  });

  it('takes "none found" for knowledge', () => {
    const artifacts = runReader(tagList, 'No Istio revision tags found.\n');
    expect(factsOf(artifacts, 'seen').map(({ kinds }) => kinds)).toEqual([['tag']]);
    expect(factsOf(artifacts, 'gap')).toEqual([]);
  });

  it('survives damage', () => {
    survivesDamage(tagList, table);
  });
});
