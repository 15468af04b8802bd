import { describe, expect, it } from 'vitest';
import type { Artifact } from '../../../src/parse/artifact.ts';
import { bugReportLayout } from '../../../src/parse/layouts.ts';
import { matchPath } from '../../../src/parse/path-pattern.ts';
import { layout112, layout116, layout120, layout125 } from '../../fixtures/old-archives.ts';
import { factsOf, runReader } from '../run-reader.ts';

const layouts = { '1.12': layout112(), '1.16': layout116(), '1.20': layout120(), '1.25': layout125() };

/** Reads every file by its path, as an archive is read. */
function readAll(files: Readonly<Record<string, string>>): { artifacts: Artifact[]; unknown: string[] } {
  const artifacts: Artifact[] = [];
  const unknown: string[] = [];
  for (const [stored, text] of Object.entries(files)) {
    const path = stored.replace('bug-report/', '');
    const match = bugReportLayout
      .map(([pattern, reader]) => ({ reader, params: matchPath(pattern, path) }))
      .find(({ params }) => params !== undefined);
    if (match?.params === undefined) unknown.push(path);
    else artifacts.push(...runReader(match.reader, text, { path, params: match.params }));
  }
  return { artifacts, unknown };
}

describe.each(Object.entries(layouts))('an archive of istioctl %s', (version, files) => {
  it('has no file whose path is unknown and none that is not understood', () => {
    const { artifacts, unknown } = readAll(files);
    expect(unknown).toEqual([]);
    expect(factsOf(artifacts, 'gap')).toEqual([]);
  });

  it('tells versions, sync, connections and analysis', () => {
    const { artifacts } = readAll(files);
    const istioctl = factsOf(artifacts, 'version').find(({ component }) => component === 'istioctl');
    expect(istioctl?.version.startsWith(`${version}.`)).toBe(true);
    expect(factsOf(artifacts, 'version').map(({ component }) => component)).toEqual(
      expect.arrayContaining(['istioctl', 'istiod', 'proxy', 'kubectl', 'kubernetes']),
    );
    expect(factsOf(artifacts, 'sync').map(({ proxy }) => proxy)).toEqual([
      { namespace: 'shop', pod: 'cart-5cc5988dfc-nw7n8' },
    ]);
    expect(factsOf(artifacts, 'connection')).toHaveLength(1);
    expect(factsOf(artifacts, 'push-status')).toHaveLength(1);
    const used = factsOf(artifacts, 'mesh-config').find(({ from }) => from === 'istiod');
    expect(used?.config['rootNamespace']).toBe('istio-system');
    expect(factsOf(artifacts, 'analysis').map(({ code }) => code)).toEqual(['IST0101', 'IST0103', 'IST0102']);
    expect(factsOf(artifacts, 'collection').flatMap(({ failures }) => failures)).toEqual([]);
    expect(factsOf(artifacts, 'collection').flatMap(({ expected }) => expected)).toHaveLength(2);
  });

  it('yields facts of every part', () => {
    const { artifacts } = readAll(files);
    const kinds = new Set(artifacts.map(({ kind }) => kind));
    expect([...kinds]).toEqual(
      expect.arrayContaining([
        ...['pod', 'service', 'endpoints', 'workload', 'namespace', 'node', 'event', 'config-map', 'object', 'secret'],
        ...['proxy', 'memory', 'cluster', 'cluster-config', 'listener', 'route', 'proxy-secret', 'certificate'],
        ...['socket', 'metric', 'log-file', 'access'],
      ]),
    );
    const logs = new Set(factsOf(artifacts, 'log-file').map(({ log }) => log));
    expect([...logs].sort()).toEqual(
      {
        '1.12': ['istiod', 'operator', 'proxy'],
        '1.16': ['istiod', 'operator', 'proxy'],
        '1.20': ['cni', 'istiod', 'operator', 'proxy', 'ztunnel'],
        '1.25': ['cni', 'istiod', 'proxy', 'ztunnel'],
      }[version],
    );
  });

  it('holds the files that release wrote', () => {
    const minor = Number(version.slice(2));
    const has = (part: string): boolean => Object.keys(files).some((path) => path.includes(part));
    expect(has('describe-pods')).toBe(minor <= 20);
    expect(has('cluster/pods')).toBe(minor > 20);
    expect(has('debug/cdsz')).toBe(minor <= 12);
    expect(has('/metrics')).toBe(minor >= 18);
    expect(has('cni/')).toBe(minor >= 19);
    expect(has('ztunnel')).toBe(minor >= 18);
    expect(has('operator/')).toBe(minor <= 23);
    expect(has('ambientz')).toBe(minor >= 24);
    expect(has('krtz')).toBe(minor >= 25);
  });
});
