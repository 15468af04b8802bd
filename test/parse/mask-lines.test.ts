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

  it('takes values whose name stands a line above', () => {
    const text = masked(`spec:
  containers:
  - args:
    - --db-pass
    - pl4nted-0
    - --port
    - "8080"
    env:
    - name: DB_PASSWORD
      value: pl4nted-1
    - name: PORT
      value: "8080"
  rules:
  - when:
    - key: request.headers[x-api-key]
      values:
      - pl4nted-2
    - key: source.namespace
      values:
      - shop`);
    expect(text).not.toContain('pl4nted');
    for (const kept of ['- --port', '- "8080"', 'value: "8080"', '      - shop']) expect(text).toContain(kept);
  });

  it('takes the argument of an option as kubectl describe prints it', () => {
    expect(
      masked(`    Args:
      proxy
      --password
      pl4nted
      --domain
      shop`),
    ).toBe(`    Args:
      proxy
      --password
      [masked]
      --domain
      shop`);
  });

  it('takes what stands below a field that names a secret, in YAML and JSON', () => {
    const text = masked(`hmac_secret:
  inline_string: pl4nted
x-secret:
  exact: pl4nted
password: |
  pl4nted: too
token_secret:
  name: token
queryParams:
  page:
    exact: "2"`);
    expect(text).not.toContain('pl4nted');
    for (const kept of ['  name: token', '    exact: "2"']) expect(text).toContain(kept);
    expect(
      masked(`"password": {
 "inline_string": "pl4nted"
},
"body": {
 "inline_string": "sold out"
}`),
    ).toBe(`"password": {
 "inline_string": [masked]
},
"body": {
 "inline_string": "sold out"
}`);
  });
});
