import type { Random } from './random.ts';

function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(parts);
  if (body.length < 128) return Buffer.concat([Uint8Array.of(tag, body.length), body]);
  return Buffer.concat([Uint8Array.of(tag, 0x82, body.length >> 8, body.length & 255), body]);
}

function bytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
}

const text = (value: string): Uint8Array => Buffer.from(value, 'latin1');
const oid = (hexadecimal: string): Uint8Array => der(6, Buffer.from(hexadecimal, 'hex'));

function utc(milliseconds: number): Uint8Array {
  return der(0x17, text(`${new Date(milliseconds).toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`));
}

/** What a generated certificate says. */
export interface CertificatePlan {
  /** SPIFFE id of the workload; none for a root certificate. */
  readonly uri?: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Serial number of the mesh's root certificate, as Envoy's `/certs` prints it. */
export const rootSerial = '74c48769af92be81249ca808c306ba14';

/**
 * A certificate in PEM that parsers accept. Its key and its signature are random bytes: it belongs to nobody and verifies
 * nothing, so no secret is made and the text is the same each time.
 */
export function certificate(random: Random, plan: CertificatePlan): string {
  const sha256WithRsa = der(0x30, oid('2a864886f70d01010b'), der(5));
  const organization = der(0x30, der(0x31, der(0x30, oid('55040a'), der(0x13, text('cluster.local')))));
  const modulus = bytes(random, 256);
  modulus[0] = 0xb5;
  modulus[255] = 0x91;
  const rsa = der(0x30, der(2, Uint8Array.of(0), modulus), der(2, Uint8Array.of(1, 0, 1)));
  const key = der(0x30, der(0x30, oid('2a864886f70d010101'), der(5)), der(3, Uint8Array.of(0), rsa));
  const drawn = bytes(random, 16);
  drawn[0] = 0x2b;
  // Every proxy trusts the one root that the ConfigMaps hold.
  const serial = plan.uri === undefined ? Uint8Array.from(Buffer.from(rootSerial, 'hex')) : drawn;
  const extension =
    plan.uri === undefined
      ? der(0x30, oid('551d13'), der(1, Uint8Array.of(255)), der(4, der(0x30, der(1, Uint8Array.of(255)))))
      : der(0x30, oid('551d11'), der(1, Uint8Array.of(255)), der(4, der(0x30, der(0x86, text(plan.uri)))));
  const body = der(
    0x30,
    der(0xa0, der(2, Uint8Array.of(2))),
    der(2, serial),
    sha256WithRsa,
    organization,
    der(0x30, utc(plan.notBefore), utc(plan.notAfter)),
    plan.uri === undefined ? organization : der(0x30),
    key,
    der(0xa3, der(0x30, extension)),
  );
  const encoded = Buffer.from(der(0x30, body, sha256WithRsa, der(3, Uint8Array.of(0), bytes(random, 256)))).toString(
    'base64',
  );
  const lines = encoded.match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
