import { describe, expect, it } from 'vitest';
import { mask } from '../../src/parse/mask.ts';

const planted = 'S3cr3t-Pl4nted';
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('mask', () => {
  it.each([
    ['a bearer token', `authorization: Bearer ${planted}12345`],
    ['a JSON Web Token', `jwt eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0.${planted} refused`],
    ['a cookie', `set-cookie: session=${planted}; Path=/`],
    ['a password in a URL', `dial postgres://cart:${planted}@db.shop:5432/orders`],
    ['a password variable', `DB_PASSWORD=${planted}`],
    ['a JSON password', `{"user":"cart","password":"${planted}"}`],
    ['an account key', `DefaultEndpointsProtocol=https;AccountKey=${planted}==;EndpointSuffix=core`],
    ['a shared access signature', `https://store.example/blob?sv=2020&sig=${planted}%3D`],
    [
      'a JSON Web Token within an encoded URL',
      `"GET /a?next=%2Fb%3DeyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0.${planted} HTTP/1.1"`,
    ],
    ['a token in a query', `"GET /callback?code=${planted}&state=1 HTTP/1.1" 302`],
    ['a private key', `-----BEGIN RSA PRIVATE KEY-----\nMIIE${planted}\n-----END RSA PRIVATE KEY-----`],
    ['an environment token', `GITHUB_TOKEN=${planted}`],
    ['a private key in base64', `"inline_string": "${base64(`-----BEGIN PRIVATE KEY-----\n${planted}`)}"`],
    [
      'a private key behind its certificate in base64',
      `tls: ${base64(`-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\n${planted}`)}`,
    ],
    ['bytes given to Envoy in place', `"inline_bytes": "${base64(planted)}"`],
    ['a private JSON Web Key', `{"kty":"RSA","n":"abc","d":"${planted}0123456789"}`],
    ['an escaped private JSON Web Key', `details: {\\"kty\\":\\"oct\\",\\"k\\":\\"${planted}0123456789\\"}`],
    [
      'headers as Envoy logs them',
      `':path', '/'\n'cookie', 'session=${planted}; theme=dark'\n'x-api-key', '${planted}'`,
    ],
    ['a header that Lua sets', `h:headers():add("x-api-key", "${planted}")`],
    ['a name and its value as two fields', `{"name": "DB_PASSWORD", "value": "${planted}"}`],
    ['an escaped JSON password', `{\\"password\\":\\"${planted} two words\\"}`],
    ['a password with escaped quotes', `"password": "a\\"${planted}"`],
    ['a quoted password that is cut off', `"password": "two words ${planted}`],
    ['an access key in lower case', `aws_secret_access_key = ${planted}`],
    ['the Pwd of a connection string', `Server=db;Uid=cart;Pwd=${planted};`],
    ['a token header', `X-Auth-Token: ${planted}`],
    ['a plain token', `"token":"${planted}0123456789abcdef"`],
    ['the token of a hosting service', `clone ghp_${'a1'.repeat(10)}${planted}`],
    ['options of a command', `run --password ${planted} --token=${planted} --api-key ${planted} --db-pass ${planted}`],
    ['a password with an @ in a URL', `postgres://cart:p@${planted}@db.shop:5432/orders`],
    ['a password without a user in a URL', `redis://:${planted}@cache.shop:6379/0`],
    ['a token as the user of a URL', `https://${planted}0123456789@git.example/shop.git`],
    ['a signed request', `"GET /f?X-Amz-Credential=${planted}&X-Amz-Signature=${planted} HTTP/1.1"`],
    [
      'a session in a query',
      `"GET /f;jsessionid=${planted}?SAMLResponse=${planted}&refresh_token=${planted}&x-session=${planted}"`,
    ],
    ['JSON in a query', `"GET /f?q=%7B%22password%22%3A%22${planted}%22%7D HTTP/1.1"`],
    ['user and password before a host', `"cart:${planted}@reviews.shop:8080"`],
    ['a map in the flow style', `api_token: {literal: {value: ${planted}}}`],
    ['the secret of a service principal', `{"clientId":"msi","secret":"${planted}0123"}`],
    ['the key of a kubeconfig', `    client-key-data: ${base64(planted)}`],
    ['user and password of curl', `curl -u cart:${planted} https://reviews.shop`],
    ['a list in the flow style', `credentials: ["ok:${planted}"]`],
  ])('takes %s out', (_, line) => {
    expect(mask(line)).not.toContain(planted);
    expect(mask(line)).not.toContain(base64(planted).slice(0, 12));
    expect(mask(line)).toContain('[masked');
  });

  it.each([
    'secret aks-istio-ingress/shop-tls not found',
    'JWT policy is third-party-jwt',
    'failed to fetch key and certificate for kubernetes://shop-tls: secret shop/shop-tls not found',
    'token is expired',
    'failed to validate token: Unauthenticated, token: projected-volume',
    'secret: kubernetes://shop-credential-2026',
    'PWD=/home/istio-proxy',
    'credentialName: shop-tls-2026-certificate',
    'tokenPath: /var/run/secrets/tokens/istio-token-1234567890',
    'image: istio/proxyv2:1.29.6@sha256:0123456789abcdef0123456789abcdef',
    'spiffe://cluster.local/ns/shop/sa/cart-with-a-long-name-2',
    'cart-7d9c4.18eb3d4b4054c1a4 Created pod',
    '"inline_bytes": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSURRekNDQWl1Z0F3SUJBZ0lS"',
    '"GET /home/cart?page=2&sort=price HTTP/1.1" 200',
    '[2026-05-01T10:00:00.000Z] "GET /status HTTP/1.1" 200 - via_upstream - "-" 0 552 1 1',
    'outbound|80||reviews.shop.svc.cluster.local::10.244.0.98:18080::health_flags::healthy',
  ])('leaves %s as it is', (line) => {
    expect(mask(line)).toBe(line);
  });

  it('leaves nothing of its stand-ins behind when it meets its own text', () => {
    const once = mask(`failed: Authorization: Bearer ${planted}, "token=x&password=${planted}"`);
    expect(once).toBe('failed: Authorization: [masked], "token=x&password=[masked]"');
    expect(mask(once)).toBe(once);
  });

  it.each(['eyJ-', 'token=', '"\\', '-----BEGIN PRIVATE KEY-----', '://a:', '"a:b', 'password="', '--a-', 'A_', '&a-'])(
    'stays linear on a megabyte of %s',
    (unit) => {
      const text = unit.repeat(1_000_000 / unit.length);
      expect(mask(`${text} token=`).length).toBeGreaterThan(0);
    },
  );
});
