import type { Artifact } from '../artifact.ts';
import { plainSerial } from '../certificate.ts';
import { field, isoTime, list, text } from '../envoy-json.ts';
import { proxyOf } from '../envoy-names.ts';
import type { Certificate } from '../facts.ts';
import { jsonReader } from '../json-text.ts';
import type { SourceFile } from '../reader.ts';

/**
 * Envoy `/certs`: the certificates of every TLS context. Contexts share certificates, so each is told once, where it
 * stands first. `days_until_expiration` is not used: it is 0 for Istio's normal one-day certificates.
 */
export const envoyCerts = jsonReader('envoy-certs', 'Envoy /certs', (certs, file) => {
  const contexts = field(certs, 'certificates');
  return Array.isArray(contexts) ? certificatesOf(contexts, file) : undefined;
});

function* certificatesOf(contexts: readonly unknown[], file: SourceFile): Generator<Artifact> {
  const told = new Map<string, Certificate>();
  for (const [index, context] of contexts.entries()) {
    const chain = list(field(context, 'cert_chain'));
    const mesh = chain.some((certificate) => isWorkload(sansOf(certificate)));
    for (const [list_, certificates] of [
      ['cert_chain', chain],
      ['ca_cert', list(field(context, 'ca_cert'))],
    ] as const) {
      for (const [place, certificate] of certificates.entries()) {
        const pointer = `/certificates/${index}/${list_}/${place}`;
        const read = readCertificate(certificate, list_ === 'ca_cert', mesh, { file: file.path, pointer }, file);
        if (read === undefined) continue;
        const key = `${read.serial}\n${read.until}`;
        // A context without a chain does not tell a root of the mesh from any other authority; another context may.
        const before = told.get(key);
        if (before === undefined || (before.use === 'other' && read.use === 'root')) told.set(key, read);
      }
    }
  }
  for (const value of told.values()) yield { kind: 'certificate', value };
  yield { kind: 'seen', value: { kinds: ['certificate'], at: { file: file.path } } };
}

const isWorkload = (sans: readonly string[]): boolean => sans.some((san) => san.startsWith('spiffe://'));

const sansOf = (certificate: unknown): string[] =>
  list(field(certificate, 'subject_alt_names')).flatMap(
    (name) => text(field(name, 'uri')) ?? text(field(name, 'dns')) ?? text(field(name, 'ip_address')) ?? [],
  );

function readCertificate(
  certificate: unknown,
  authority: boolean,
  mesh: boolean,
  at: Certificate['at'],
  file: SourceFile,
): Certificate | undefined {
  const from = isoTime(field(certificate, 'valid_from'));
  const until = isoTime(field(certificate, 'expiration_time'));
  if (from === undefined || until === undefined) return undefined;
  const sans = sansOf(certificate);
  const path = text(field(certificate, 'path')) ?? '';
  const inline = path === '' || path === '<inline>';
  const use = authority
    ? mesh
      ? 'root'
      : 'other'
    : isWorkload(sans)
      ? 'workload'
      : sans.length > 0
        ? 'gateway'
        : 'other';
  // Envoy does not say which secret an inline certificate came from; those of the mesh have fixed names.
  const name = !inline ? path : use === 'root' ? 'ROOTCA' : use === 'workload' ? 'default' : path;
  const serial = plainSerial(text(field(certificate, 'serial_number')) ?? '');
  return { proxy: proxyOf(file), use, name, serial, sans, from, until, at };
}
