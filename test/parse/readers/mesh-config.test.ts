import { describe, expect, it } from 'vitest';
import { observe } from '../../../src/analyze.ts';
import { isMeshConfig, meshConfigFile } from '../../../src/parse/readers/mesh-config.ts';
import { folderOf } from '../../fixtures/archive-of.ts';
import { survivesDamage } from '../run-reader.ts';

const bare =
  'accessLogFile: /dev/stdout\ndefaultConfig:\n  discoveryAddress: istiod.istio-system.svc:15012\noutboundTrafficPolicy:\n  mode: REGISTRY_ONLY\ntrustDomain: cluster.local\n';
const values = `global:\n  istioNamespace: istio-system\nmeshConfig:\n${bare.replaceAll(/^/gm, '  ').trimEnd()}\npilot:\n  autoscaleMin: 2\n`;

const configsOf = async (text: string) => {
  const { mesh, gaps } = await observe([folderOf({ 'paste.txt': text })], [], { jobs: 1 });
  expect(gaps).toEqual([]);
  return mesh.meshConfigs?.map(({ config, at }) => [config['outboundTrafficPolicy'], at.pointer]);
};

describe('mesh configuration', () => {
  it.each([
    ['bare, as jsonpath prints it', bare, ''],
    ['in the values of Helm', values, '/meshConfig'],
    ['in the data of its ConfigMap', JSON.stringify({ mesh: bare, meshNetworks: 'networks: {}' }), '/mesh'],
  ])('is read %s', async (_name, text, pointer) => {
    expect(await configsOf(text)).toEqual([[{ mode: 'REGISTRY_ONLY' }, pointer]]);
  });

  it('is not seen in values that have none, which are known all the same', async () => {
    expect(isMeshConfig('global:\n  hub: docker.io/istio\npilot:\n  image: pilot\n')).toBe(true);
    expect(await configsOf('global:\n  hub: docker.io/istio\npilot:\n  image: pilot\n')).toBe(undefined);
  });

  it.each([
    ['an object', `apiVersion: v1\nkind: ConfigMap\ndata:\n  mesh: |\n${bare.replaceAll(/^/gm, '    ')}`],
    ['a log', '2026-05-01T10:00:00Z\tinfo\tmesh configuration\n'],
    ['a log that prints it', `2026-05-01T10:00:00Z\tinfo\tmesh configuration:\n${bare}`],
    ['other YAML', 'global:\n  color: red\n'],
  ])('is not seen in %s', (_name, text) => expect(isMeshConfig(text)).toBe(false));

  it('survives damage', () => survivesDamage(meshConfigFile, values));
});
