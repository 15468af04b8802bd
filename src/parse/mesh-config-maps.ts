import type { Artifact } from './artifact.ts';
import { readCertificates } from './certificate.ts';
import type { ConfigMap } from './facts.ts';
import { fingerprintsOf } from './kube-facts.ts';
import { maskValues } from './mask-values.ts';
import type { UntypedRecord } from './untyped.ts';
import { parseYaml } from './yaml.ts';

/**
 * What ConfigMaps say besides themselves: mesh configuration and root certificates. Each namespace has a copy of
 * `istio-ca-root-cert`; equal content is kept once.
 */
export function meshConfigMaps(emit: (artifact: Artifact) => void): (configMap: ConfigMap) => void {
  const byContent = new Map<string, string>();
  return (configMap) => {
    const { meta, at, data } = configMap;
    const id = `${meta.namespace}/${meta.name}`;
    const content = JSON.stringify([meta.name, data]);
    const same = Object.keys(data).length === 0 ? undefined : byContent.get(content);
    if (same !== undefined) {
      emit({ kind: 'config-map', value: { ...configMap, data: {}, sameAs: same } });
      return;
    }
    byContent.set(content, id);
    emit({ kind: 'config-map', value: configMap });
    const gap = (detail: string): void =>
      emit({
        kind: 'gap',
        value: { file: at.file, reason: 'malformed', detail, ...(at.line === undefined ? {} : { line: at.line }) },
      });

    const root = data['root-cert.pem'];
    if (meta.name === 'istio-ca-root-cert' && root !== undefined) {
      const { certificates, unreadable } = readCertificates(root);
      const fingerprints = fingerprintsOf(root);
      if (unreadable > 0 || certificates.length === 0)
        gap(`root-cert.pem of ConfigMap ${id} holds no readable certificate`);
      for (const [index, certificate] of certificates.entries()) {
        const fingerprint = unreadable > 0 ? undefined : fingerprints[index];
        emit({
          kind: 'certificate',
          value: {
            use: 'root',
            name: meta.name,
            ...certificate,
            ...(fingerprint === undefined ? {} : { fingerprint }),
            at,
          },
        });
      }
    }

    const text = data['mesh'];
    if (text === undefined) return;
    let config: unknown;
    try {
      config = parseYaml(text) ?? {};
    } catch (error) {
      const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
      gap(`mesh of ConfigMap ${id} is not valid YAML: ${reason}`);
      return;
    }
    if (typeof config !== 'object' || config === null || Array.isArray(config)) {
      gap(`mesh of ConfigMap ${id} is not a map`);
      return;
    }
    const revision = revisionOf(configMap);
    emit({
      kind: 'mesh-config',
      value: {
        from: 'config-map',
        name: meta.name,
        ...(revision === undefined ? {} : { revision }),
        config: maskValues(config) as UntypedRecord,
        at,
      },
    });
  };
}

/** `istio`, `istio-<revision>`, and on AKS `istio-shared-configmap-<revision>`, which has no labels. */
function revisionOf({ meta }: ConfigMap): string | undefined {
  if (meta.name === 'istio') return meta.labels['istio.io/rev'] ?? 'default';
  return meta.labels['istio.io/rev'] ?? /^istio-(?:shared-configmap-)?(.+)$/.exec(meta.name)?.[1];
}
