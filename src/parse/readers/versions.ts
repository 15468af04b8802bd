import type { Location } from '../../input/location.ts';
import type { Artifact } from '../artifact.ts';
import type { VersionFact } from '../facts.ts';
import { parsed } from '../json-documents.ts';
import { mask } from '../mask.ts';
import { textReader } from '../reader.ts';
import { isCollector } from '../sync-status.ts';
import { recordOf, recordsOf, textOf, type UntypedRecord } from '../untyped.ts';
import { parseYaml } from '../yaml.ts';

/**
 * `versions` of a bug report (istioctl 1.8 to 1.31) and `istioctl version` as text, JSON or YAML: the istioctl that collected,
 * each istiod by revision, and the proxies by revision. Of the Go values only the quoted fields are read, as their
 * surroundings changed with every release.
 */
export const versionsFile = textReader('versions', 'Istio versions', function* (text, file) {
  const seen = new Set<string>();
  const fact = function* (value: Omit<VersionFact, 'at'>, at: Location): Generator<Artifact> {
    const key = `${value.component} ${value.revision ?? ''} ${value.version}`;
    // istioctl itself is connected to istiod while it asks.
    if (value.version === '' || isCollector(value.version) || seen.has(key)) return;
    seen.add(key);
    yield { kind: 'version', value: { ...value, at } };
  };

  const isYaml = /^(?:clientVersion|meshVersion|dataPlaneVersion):/m.test(text);
  if (isYaml || text.trimStart().startsWith('{')) {
    const document = isYaml ? yamlOf(text) : parsed(text).value;
    if (document === undefined) {
      yield {
        kind: 'gap',
        value: { file: file.path, reason: 'malformed', detail: `the ${isYaml ? 'YAML' : 'JSON'} does not parse` },
      };
      return;
    }
    for (const { value, pointer } of fromJson(recordOf(document))) yield* fact(value, { file: file.path, pointer });
    return;
  }

  let section: 'client' | 'istiod' | 'proxy' | 'none' = 'none';
  let revision = '';
  let ownRevision = '';
  for (const [index, content] of text.split('\n').entries()) {
    const at = { file: file.path, line: index + 1 };
    const line = content.trim();
    if (line === '') continue;

    if (line.includes('control plane revisions/versions were found')) {
      section = 'istiod';
      revision = '';
      continue;
    }
    if (line.includes('proxy revisions/versions were found')) {
      section = 'proxy';
      continue;
    }
    const short = /^(CLI|client|control plane|data plane|istiod|pilot) version:\s*(.*)$/.exec(line);
    if (short !== null) {
      const [, subject = '', rest = ''] = short;
      if (subject === 'data plane') {
        for (const version of rest.split(',')) {
          const number = version.trim().split(' ')[0] ?? '';
          if (number !== 'none') yield* fact({ component: 'proxy', version: number }, at);
        }
        continue;
      }
      const component = subject === 'CLI' || subject === 'client' ? 'istioctl' : 'istiod';
      section = component === 'istioctl' ? 'client' : 'istiod';
      const bare = /^v?\d[\w.+-]*$/.exec(rest)?.[0];
      if (bare !== undefined) yield* fact({ component, version: bare }, at);
      if (bare !== undefined || rest === '') continue;
    }

    const heading = /^Revision ([^:\s]*):\s*(?:Versions \{([^}]*)\})?$/.exec(line);
    if (heading !== null) {
      revision = heading[1] ?? '';
      ownRevision = '';
      for (const version of (heading[2] ?? '').split(',')) {
        yield* fact({ component: 'proxy', version: version.trim(), revision }, at);
      }
      continue;
    }
    if (/^Istio is not present in the cluster/.test(line)) {
      yield { kind: 'gap', value: { file: file.path, reason: 'not-available', detail: note(line), line: at.line } };
      continue;
    }
    if (section === 'none') {
      if (index === 0 && /^v?\d+\.\d+\.\d+[\w.+-]*$/.test(line)) {
        yield* fact({ component: 'istioctl', version: line }, at);
      }
      continue;
    }

    let fields = 0;
    for (const [, name = '', value = ''] of line.matchAll(/\b(Component|Revision|Version):\s*"([^"]*)"/g)) {
      fields += 1;
      if (name === 'Revision') ownRevision = value;
      if (name !== 'Version') continue;
      if (section === 'client') {
        yield* fact({ component: 'istioctl', version: value }, at);
      } else if (section === 'istiod') {
        // The istiod's own revision: the heading is a label of some pod and may name a tag or a revision long gone.
        const name = ownRevision === '' ? revision : ownRevision;
        yield* fact({ component: 'istiod', version: value, ...(name === '' ? {} : { revision: name }) }, at);
      }
    }
    const isGo = fields > 0 || /^[&{}()[\],]|^(?:Info|Git|Golang|Build)\w*:/.test(line) || line.startsWith('version.');
    if (section === 'istiod' && revision !== '' && !isGo) {
      const detail = `no version of istiod for revision ${revision}: ${note(line)}`;
      yield { kind: 'gap', value: { file: file.path, reason: 'not-available', detail, line: at.line } };
    }
  }
});

/** `-o yaml`: the same keys as JSON. */
function yamlOf(text: string): unknown {
  try {
    return parseYaml(text);
  } catch {
    // The caller says that it does not parse.
    return undefined;
  }
}

const note = (line: string): string => mask(line).slice(0, 300);

/** `istioctl version -o json`: mixed key styles, as printed. */
function* fromJson(
  document: UntypedRecord,
): Generator<{ readonly value: Omit<VersionFact, 'at'>; readonly pointer: string }> {
  const client = textOf(recordOf(document['clientVersion'])['version']);
  if (client !== undefined) {
    yield { value: { component: 'istioctl', version: client }, pointer: '/clientVersion/version' };
  }
  for (const [index, server] of recordsOf(document['meshVersion']).entries()) {
    const version = textOf(recordOf(server['Info'])['version']);
    const revision = textOf(server['Revision']);
    if (version === undefined) continue;
    const named = revision === undefined ? {} : { revision };
    yield { value: { component: 'istiod', version, ...named }, pointer: `/meshVersion/${index}/Info/version` };
  }
  for (const [index, proxy] of recordsOf(document['dataPlaneVersion']).entries()) {
    const version = textOf(proxy['IstioVersion']);
    if (version === undefined) continue;
    yield { value: { component: 'proxy', version }, pointer: `/dataPlaneVersion/${index}/IstioVersion` };
  }
}
