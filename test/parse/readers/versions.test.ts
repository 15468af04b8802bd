import { describe, expect, it } from 'vitest';
import { versionsFile } from '../../../src/parse/readers/versions.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const file = { path: 'versions' };
const shown = (text: string): string[] =>
  factsOf(runReader(versionsFile, text, file), 'version').map(
    ({ component, version, revision, at }) => `${at.line ?? at.pointer}: ${component} ${version} ${revision ?? '-'}`,
  );

const of129 = `CLI version:
version.BuildInfo{Version:"1.29.6", GitRevision:"7019d6d", GolangVersion:"go1.26.8", BuildStatus:"Clean", GitTag:"1.29.6"}

The following Istio control plane revisions/versions were found in the cluster:
Revision asm-1-29:
&version.MeshInfo{version.ServerInfo{Component:"istiod", Revision:"asm-1-29", Info:version.BuildInfo{Version:"1.29.6", GitRevision:"7019d6d", GolangVersion:"", BuildStatus:"Clean", GitTag:"1.29.6"}}, version.ServerInfo{Component:"istiod", Revision:"asm-1-29", Info:version.BuildInfo{Version:"1.29.5", GitRevision:"7019d6d", GolangVersion:"", BuildStatus:"Clean", GitTag:"1.29.5"}}}

The following proxy revisions/versions were found in the cluster:
Revision asm-1-29: Versions {1.29.6, 1.28.3}
`;

const of120 = `CLI version:
version.BuildInfo{Version:"1.20.0", GitRevision:"abc", GolangVersion:"go1.21.4", BuildStatus:"Clean", GitTag:"1.20.0"}

The following Istio control plane revisions/versions were found in the cluster:
Revision default:
&version.MeshInfo{
    {
        Component: "pilot",
        Revision:  "default",
        Info:      version.BuildInfo{Version:"1.19.3", GitRevision:"def", GolangVersion:"", BuildStatus:"Clean", GitTag:"1.19.3"},
    },
}

The following proxy revisions/versions were found in the cluster:
Revision default: Versions {1.19.3}
`;

describe('versions', () => {
  it('tells the istioctl, each istiod and the proxies of a revision', () => {
    expect(shown(of129)).toEqual([
      '2: istioctl 1.29.6 -',
      '6: istiod 1.29.6 asm-1-29',
      '6: istiod 1.29.5 asm-1-29',
      '9: proxy 1.29.6 asm-1-29',
      '9: proxy 1.28.3 asm-1-29',
    ]);
  });

  it('reads the value printed over several lines up to 1.23', () => {
    expect(shown(of120)).toEqual(['2: istioctl 1.20.0 -', '10: istiod 1.19.3 default', '15: proxy 1.19.3 default']);
  });

  it('reads the single line of 1.12.0 and a file of 1.8 without any', () => {
    expect(shown(of120.replace(/CLI version:\n.*\n/, 'CLI version: 1.12.0\n'))[0]).toBe('1: istioctl 1.12.0 -');
    expect(shown(of120.replace(/CLI version:\n.*\n\n/, ''))).toEqual([
      '7: istiod 1.19.3 default',
      '12: proxy 1.19.3 default',
    ]);
  });

  it('reads the check marks of 1.30', () => {
    expect(shown(of129.replaceAll('The following', '✔ The following'))).toEqual(shown(of129));
  });

  it('says of a revision without an istiod that its version is missing', () => {
    const text = of129.replace(/&version\.MeshInfo.*/, 'no running Istio pods in namespace "aks-istio-system"');
    expect(factsOf(runReader(versionsFile, text, file), 'gap')).toEqual([
      {
        file: 'versions',
        reason: 'not-available',
        detail: 'no version of istiod for revision asm-1-29: no running Istio pods in namespace "aks-istio-system"',
        line: 6,
      },
    ]);
  });

  it('reads istioctl version as text and as JSON', () => {
    const text =
      'client version: 1.29.6\ncontrol plane version: 1.29.6\ndata plane version: 1.29.6 (8 proxies), 1.28.3 (1 proxies)\n';
    expect(shown(text)).toEqual([
      '1: istioctl 1.29.6 -',
      '2: istiod 1.29.6 -',
      '3: proxy 1.29.6 -',
      '3: proxy 1.28.3 -',
    ]);
    const json = {
      clientVersion: { version: '1.24.1', revision: 'abc' },
      meshVersion: [{ Component: 'pilot', Revision: 'default', Info: { version: '1.24.1' } }],
      dataPlaneVersion: [{ ID: 'cart-1.shop', IstioVersion: '1.23.0' }],
    };
    expect(shown(JSON.stringify(json, null, 2))).toEqual([
      '/clientVersion/version: istioctl 1.24.1 -',
      '/meshVersion/0/Info/version: istiod 1.24.1 default',
      '/dataPlaneVersion/0/IstioVersion: proxy 1.23.0 -',
    ]);
  });

  it('reads the YAML of `istioctl version`', () => {
    const text = `clientVersion:
  golang_version: go1.26
  version: 1.29.6
dataPlaneVersion:
- ID: cart-1.shop
  IstioVersion: 1.28.3
meshVersion:
- Component: pilot
  Info:
    version: 1.29.6
  Revision: asm-1-29
`;
    expect(shown(text)).toEqual([
      '/clientVersion/version: istioctl 1.29.6 -',
      '/meshVersion/0/Info/version: istiod 1.29.6 asm-1-29',
      '/dataPlaneVersion/0/IstioVersion: proxy 1.28.3 -',
    ]);
    survivesDamage(versionsFile, text, file);
  });

  it('leaves out istioctl, which is connected as if it were a proxy', () => {
    const text = 'client version: 1.29.6\ndata plane version: 1.29.6 (8 proxies), 65536.65536.65536 (2 proxies)\n';
    expect(shown(text)).toEqual(['1: istioctl 1.29.6 -', '2: proxy 1.29.6 -']);
  });

  it('never throws, whatever happened to the file', () => {
    for (const text of [of129, of120]) survivesDamage(versionsFile, text, file);
  });
});
