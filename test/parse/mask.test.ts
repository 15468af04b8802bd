import { describe, expect, it } from 'vitest';
import { mask } from '../../src/parse/mask.ts';

const planted = 'S3cr3t-Pl4nted';

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
    ['a token in a query', `"GET /callback?code=${planted}&state=1 HTTP/1.1" 302`],
    ['a private key', `-----BEGIN RSA PRIVATE KEY-----\nMIIE${planted}\n-----END RSA PRIVATE KEY-----`],
    ['an environment token', `GITHUB_TOKEN=${planted}`],
  ])('takes %s out', (_, line) => {
    expect(mask(line)).not.toContain(planted);
    expect(mask(line)).toContain('[masked');
  });

  it.each([
    'secret aks-istio-ingress/shop-tls not found',
    'JWT policy is third-party-jwt',
    'failed to fetch key and certificate for kubernetes://shop-tls: secret shop/shop-tls not found',
    'token is expired',
    '[2026-05-01T10:00:00.000Z] "GET /status HTTP/1.1" 200 - via_upstream - "-" 0 552 1 1',
    'outbound|80||reviews.shop.svc.cluster.local::10.244.0.98:18080::health_flags::healthy',
  ])('leaves %s as it is', (line) => {
    expect(mask(line)).toBe(line);
  });
});
