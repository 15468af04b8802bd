import { refusal } from '../admin-answer.ts';
import type { Artifact } from '../artifact.ts';
import { plainSerial, readCertificates } from '../certificate.ts';
import { field, isoTime, list, object, optional, text } from '../envoy-json.ts';
import { proxyOf } from '../envoy-names.ts';
import type { Certificate } from '../facts.ts';
import { type JsonVisitor, parseJson, pointerOf, scanJson } from '../json-elements.ts';
import { mask } from '../mask.ts';
import type { Reader, SourceFile } from '../reader.ts';

/** Top-level keys of ztunnel's dump (ztunnel src/admin.rs), some of them of older versions. */
const topLevel =
  /^\s*\{\s*"(?:workloads|services|policies|stagedServices|certificates|workloadState|staticConfig|version|config|by_addr|by_uid|vips)"\s*:/;

/** True when the beginning of a file is that of a ztunnel dump. */
export const looksLikeZtunnel = (head: string): boolean => topLevel.test(head.replace(/^\uFEFF/, ''));

/** ztunnel `/config_dump`: which certificates it holds, and its version. Workloads and services are those of istiod. */
export const ztunnelConfig: Reader = {
  name: 'ztunnel-config',
  title: 'ztunnel /config_dump',
  open(file, _context, emit) {
    const proxy = proxyOf(file);
    let istioVersion: string | undefined;
    let sections = 0;
    let certificates = false;
    let head = '';
    const visitor: JsonVisitor = {
      choose(path) {
        if (path.length === 0) return 'enter';
        if (path.length > 1) return 'take';
        sections += 1;
        if (path[0] === 'certificates') certificates = true;
        return path[0] === 'certificates' ? 'enter' : path[0] === 'version' ? 'take' : 'skip';
      },
      value(path, bytes) {
        const value = parseJson(bytes);
        if (value === undefined) return false;
        if (path.length === 1) istioVersion = text(field(value, 'istioVersion')) ?? text(field(value, 'version'));
        else for (const artifact of certificateFacts(value, pointerOf(path), file)) emit(artifact);
        return true;
      },
    };
    const scanner = scanJson(visitor);
    return {
      push(chunk) {
        if (head.length < 300) head += Buffer.from(chunk.subarray(0, 300)).toString('latin1');
        scanner.push(chunk);
      },
      end(complete) {
        const { whole, problem } = scanner.end();
        if (sections > 0) {
          const at = { file: file.path };
          emit({
            kind: 'proxy',
            value: { proxy, type: 'ztunnel', labels: {}, ...optional('istioVersion', istioVersion), at },
          });
          // A list of one kind, as istioctl prints it, says nothing of certificates.
          const held = certificates ? (['proxy-secret', 'certificate', 'rejection'] as const) : [];
          if (whole) emit({ kind: 'seen', value: { kinds: ['proxy', ...held], at } });
        }
        const refused = sections === 0 ? refusal(head, file) : undefined;
        if (refused !== undefined) emit({ kind: 'gap', value: refused });
        else if (problem !== undefined || !complete) {
          const reason = !complete || problem?.reason === 'truncated' ? 'truncated' : 'malformed';
          const detail =
            problem === undefined ? 'the file is cut short' : `${problem.detail}, in ${problem.pointer || '/'}`;
          emit({ kind: 'gap', value: { file: file.path, reason, detail } });
        }
      },
    };
  },
};

/** What one entry of `certificates` says: the secret, why it is missing, its certificates. */
export function* certificateFacts(entry: unknown, pointer: string, file: SourceFile): Generator<Artifact> {
  const identity = text(field(entry, 'identity'));
  if (identity === undefined) return;
  const name: string = identity;
  const proxy = proxyOf(file);
  const at = { file: file.path, pointer };
  const state = stateText(field(entry, 'state'));
  const available = state === 'Available';
  yield {
    kind: 'proxy-secret',
    value: { proxy, name, state: available ? 'active' : 'warming', kind: 'certificate', at },
  };
  if (state.startsWith('Unavailable')) {
    const details = mask(state.replace(/^Unavailable:? */, '')) || 'unavailable';
    yield {
      kind: 'rejection',
      value: { proxy, type: 'secret', name, details, at: { ...at, pointer: `${pointer}/state` } },
    };
  }
  const chain = list(field(entry, 'cert_chain'));
  const roots = list(field(entry, 'root_certs'));
  // Before it had a list of its own the root was the last of the chain.
  const rootInChain = roots.length === 0 && chain.length > 1;
  for (const [index, certificate] of chain.entries()) {
    const use = index === 0 ? 'workload' : rootInChain && index === chain.length - 1 ? 'root' : 'other';
    yield* oneCertificate(certificate, use);
  }
  for (const certificate of roots) yield* oneCertificate(certificate, 'root');

  function* oneCertificate(certificate: unknown, use: Certificate['use']): Generator<Artifact> {
    const pem = text(field(certificate, 'pem')) ?? '';
    const [read] = readCertificates(
      pem.startsWith('-----') ? pem : Buffer.from(pem, 'base64').toString('latin1'),
    ).certificates;
    if (read !== undefined) {
      yield { kind: 'certificate', value: { proxy, use, name, ...read, at } };
      return;
    }
    const from = isoTime(field(certificate, 'valid_from'));
    const until = isoTime(field(certificate, 'expiration_time'));
    const serial = plainSerial(text(field(certificate, 'serial_number')) ?? '');
    if (from !== undefined && until !== undefined) {
      const sans = use === 'workload' ? [name] : [];
      yield { kind: 'certificate', value: { proxy, use, name, serial, sans, from, until, at } };
    }
  }
}

/** `Available`, `Initializing`, `Unavailable: why`; newer ones write the last as an object. */
function stateText(state: unknown): string {
  if (typeof state === 'string') return state;
  const [key, value] = Object.entries(object(state))[0] ?? [];
  return key === undefined ? '' : `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`;
}
