import { describe, expect, it } from 'vitest';
import { kubectlVersion } from '../../../src/parse/readers/kubectl-version.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const file = { path: 'cluster/kubectl-version' };
const shown = (text: string): string[] =>
  factsOf(runReader(kubectlVersion, text, file), 'version').map(
    ({ component, version, at }) => `${at.line}: ${component} ${version}`,
  );

const short = 'Client Version: v1.33.1\nKustomize Version: v5.6.0\nServer Version: v1.33.13\n';
const go =
  'Client Version: version.Info{Major:"1", Minor:"26", GitVersion:"v1.26.3", GitCommit:"9e", GoVersion:"go1.19.7"}\n' +
  'Kustomize Version: v4.5.7\n' +
  'Server Version: version.Info{Major:"1", Minor:"25+", GitVersion:"v1.25.16-eks-508b6b3", GoVersion:"go1.20.10"}\n';

describe('kubectl version', () => {
  it('reads the short form and the Go form before 1.28', () => {
    expect(shown(short)).toEqual(['1: kubectl v1.33.1', '3: kubernetes v1.33.13']);
    expect(shown(go)).toEqual(['1: kubectl v1.26.3', '3: kubernetes v1.25.16-eks-508b6b3']);
  });

  it('reads YAML and JSON', () => {
    const yaml =
      'clientVersion:\n  gitVersion: v1.30.1\n  goVersion: go1.22\nkustomizeVersion: v5.0.4\nserverVersion:\n  gitVersion: v1.29.4\n';
    expect(shown(yaml)).toEqual(['2: kubectl v1.30.1', '6: kubernetes v1.29.4']);
    const json = { clientVersion: { gitVersion: 'v1.30.1' }, serverVersion: { gitVersion: 'v1.29.4' } };
    expect(shown(JSON.stringify(json))).toEqual(['1: kubectl v1.30.1', '1: kubernetes v1.29.4']);
    expect(shown(JSON.stringify(json, null, 2))).toEqual(['3: kubectl v1.30.1', '6: kubernetes v1.29.4']);
  });

  it('says why the version of the API server is missing', () => {
    const text = 'Client Version: v1.30.1\nUnable to connect to the server: dial tcp 10.0.0.1:443: i/o timeout\n';
    expect(factsOf(runReader(kubectlVersion, text, file), 'gap')).toEqual([
      {
        file: 'cluster/kubectl-version',
        reason: 'not-available',
        detail:
          'the version of the API server is not in it: Unable to connect to the server: dial tcp 10.0.0.1:443: i/o timeout',
        line: 2,
      },
    ]);
  });

  it('never throws, whatever happened to the file', () => {
    for (const text of [short, go]) survivesDamage(kubectlVersion, text, file);
  });
});
