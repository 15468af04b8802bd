import { looksLikeLog } from './log-lines.ts';
import type { Reader } from './reader.ts';
import { cniLog } from './readers/cni-log.ts';
import { istiodLog } from './readers/istiod-log.ts';
import { proxyLog } from './readers/proxy-log.ts';
import { ztunnelLog } from './readers/ztunnel-log.ts';
import { recogniseEnvoy } from './recognise-envoy.ts';
import { recogniseForeign } from './recognise-foreign.ts';
import { recogniseIstio } from './recognise-istio.ts';
import { recogniseKube } from './recognise-kube.ts';
import { recogniseOther } from './recognise-other.ts';

const logReaders: Readonly<Record<string, Reader>> = {
  proxy: proxyLog,
  istiod: istiodLog,
  ztunnel: ztunnelLog,
  cni: cniLog,
};

/** The reader whose format the first bytes of a file show, for files whose path says nothing. Undefined for none. */
export function recogniseByContent(head: Uint8Array): Reader | undefined {
  if (head.length === 0 || isBinary(head)) return undefined;
  const text = new TextDecoder()
    .decode(head)
    .replaceAll('\r\n', '\n')
    // Expressions that begin with blanks would take seconds over a page of nothing else.
    .replace(/\s{200,}/g, (blanks) => blanks.slice(0, 200));
  return (
    recogniseForeign(text) ??
    recogniseEnvoy(text) ??
    recogniseIstio(text) ??
    recogniseKube(text) ??
    logReaders[looksLikeLog(text) ?? ''] ??
    recogniseOther(text)
  );
}

/** Bytes of no text: a zero byte, unless the file is UTF-16, as PowerShell's `>` writes it. */
const isBinary = (head: Uint8Array): boolean => {
  const utf16 = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff);
  return !utf16 && head.includes(0);
};
