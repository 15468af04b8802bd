import { describe, expect, it } from 'vitest';
import { maskArguments, maskValues } from '../../src/parse/mask-values.ts';

describe('masking plain data', () => {
  it('takes headers whose names say that they are secrets', () => {
    expect(
      maskValues({
        set: { 'X-Auth-Token': 'a', 'x-functions-key': 'b', 'x-secret': { exact: 'c' }, 'x-page': { exact: '2' } },
        when: [
          { key: 'request.headers[x-api-key]', values: ['d'] },
          { key: 'source.namespace', values: ['shop'] },
        ],
      }),
    ).toEqual({
      set: {
        'X-Auth-Token': '[masked]',
        'x-functions-key': '[masked]',
        'x-secret': { exact: '[masked]' },
        'x-page': { exact: '2' },
      },
      when: [
        { key: 'request.headers[x-api-key]', values: ['[masked]'] },
        { key: 'source.namespace', values: ['shop'] },
      ],
    });
  });

  it('takes passwords that YAML read as numbers, and lists of credentials', () => {
    expect(maskValues({ password: 12345, max_tokens: 10, credentials: ['ok:a'] })).toEqual({
      password: '[masked]',
      max_tokens: 10,
      credentials: ['[masked]'],
    });
  });

  it('takes the arguments of secret options', () => {
    expect(maskArguments(['proxy', '--db-pass', 'a', '--domain', 'cluster.local'])).toEqual([
      'proxy',
      '--db-pass',
      '[masked]',
      '--domain',
      'cluster.local',
    ]);
  });

  it('says where data is nested deeper than anybody writes', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`);
    expect(JSON.stringify(maskValues({ extensionProviders: deep }))).toMatch(/\["\[nested too deep\]"\]/);
  });
});
