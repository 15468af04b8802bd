import { X509Certificate } from 'node:crypto';
import { isoTime } from './envoy-json.ts';

/** What a certificate says of itself. Times ISO 8601 UTC, serial in lower-case hexadecimal without leading zeros. */
export interface CertificateText {
  readonly serial: string;
  readonly subject?: string;
  readonly issuer?: string;
  readonly sans: readonly string[];
  readonly from: string;
  readonly until: string;
}

const block = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Reads the certificates of a PEM text in order, leaf first as TLS wants it; blocks that are none are counted. */
export function readCertificates(
  pem: string,
  most = 200,
): { readonly certificates: CertificateText[]; unreadable: number } {
  const certificates: CertificateText[] = [];
  let unreadable = 0;
  for (const [text] of pem.matchAll(block)) {
    if (certificates.length >= most) break;
    const certificate = readCertificate(text);
    if (certificate === undefined) unreadable += 1;
    else certificates.push(certificate);
  }
  return { certificates, unreadable };
}

/** Reads one certificate in PEM. */
function readCertificate(pem: string): CertificateText | undefined {
  try {
    const { serialNumber, subject, issuer, subjectAltName, validFrom, validTo } = new X509Certificate(pem);
    const from = isoTime(validFrom);
    const until = isoTime(validTo);
    if (from === undefined || until === undefined) return undefined;
    return {
      serial: plainSerial(serialNumber),
      ...(subject ? { subject: oneLine(subject) } : {}),
      ...(issuer ? { issuer: oneLine(issuer) } : {}),
      sans: subjectAltNames(subjectAltName),
      from,
      until,
    };
  } catch {
    // OpenSSL refuses the bytes: the caller counts it and says so.
    return undefined;
  }
}

/** A serial number as Envoy and OpenSSL both print it: lower case, no colons, no leading zeros. */
export function plainSerial(serial: string): string {
  return serial
    .toLowerCase()
    .replaceAll(':', '')
    .replace(/^0+(?=.)/, '');
}

// Node prints distinguished names one part per line.
const oneLine = (name: string): string => name.trim().replaceAll('\n', ', ');

/** `URI:spiffe://…, DNS:shop.example` without the kinds; values with commas are quoted by Node. */
function subjectAltNames(text: string | undefined): string[] {
  if (text === undefined) return [];
  return [
    ...text.matchAll(/(?:^|, )(?:URI|DNS|IP Address|email|othername|DirName|Registered ID):("(?:[^"\\]|\\.)*"|[^,]*)/g),
  ].map(([, value = '']) => value.replace(/^"(.*)"$/, '$1'));
}
