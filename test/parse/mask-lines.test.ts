import { describe, expect, it } from 'vitest';
import { lineMasker } from '../../src/parse/mask-lines.ts';

const masked = (text: string) => text.split('\n').map(lineMasker()).join('\n');

describe('masking the lines of a file', () => {
  it('takes a private key that spans lines', () => {
    expect(
      masked(`ca.key: |
  -----BEGIN RSA PRIVATE KEY-----
  MIIEowIBAAKCAQEA7Plant3d
  -----END RSA PRIVATE KEY-----
next: 1`),
    ).toBe(`ca.key: |
  [masked private key]
[masked private key]
[masked private key]
next: 1`);
  });

  it('takes the data of a Secret and leaves the rest', () => {
    expect(
      masked(`- apiVersion: v1
  data:
    password: cGxhbnRlZA==
    username: Y2FydA==
    tls.crt: TFMwdExTMUNSVWRKVGlCRFJWSlVTVVpKUTBGVVJTMHRMUzB0
  kind: Secret
  metadata:
    name: cart-credentials`),
    ).toBe(`- apiVersion: v1
  data:
    password: [masked]
    username: [masked]
    tls.crt: [masked]
  kind: Secret
  metadata:
    name: cart-credentials`);
  });

  it('takes the data of a Secret in JSON, and all of stringData', () => {
    const text = masked(`{
    "data": {
        "password": "cGxhbnRlZA=="
    },
    "stringData": {
        "note": "pl4nted!"
    },
    "kind": "Secret"
}`);
    expect(text).not.toMatch(/cGxhbnRlZA|pl4nted/);
    expect(text).toContain('"kind": "Secret"');
  });

  it('leaves a ConfigMap readable', () => {
    const text = `data:
  mesh: |-
    accessLogFile: /dev/stdout
    defaultConfig:
      discoveryAddress: istiod.istio-system.svc:15012
kind: ConfigMap`;
    expect(masked(text)).toBe(text);
  });
});
