import { expect, it } from 'vitest';
import { isHttp, protocolOf, serverFirst } from '../../src/model/protocols.ts';

const port = (name?: string, number = 8080, appProtocol?: string) => ({
  port: number,
  protocol: 'TCP',
  ...(name === undefined ? {} : { name }),
  ...(appProtocol === undefined ? {} : { appProtocol }),
});
const said = (...args: Parameters<typeof port>) => protocolOf(port(...args)).protocol;

it('reads the protocol of a port from its name up to the dash', () => {
  expect([said('http'), said('http-web'), said('HTTP2-api'), said('grpc-web-x'), said('tcp-db'), said('web')]).toEqual([
    'http',
    'http',
    'http2',
    'grpc-web',
    'tcp',
    'auto',
  ]);
});

it('lets appProtocol win, and takes an unknown one for none', () => {
  expect([said('http', 8080, 'tcp'), said('web', 8080, 'kubernetes.io/h2c'), said('http', 8080, 'acme')]).toEqual([
    'tcp',
    'http2',
    'auto',
  ]);
});

it('assumes TCP on well-known ports of servers that speak first', () => {
  expect([said('db', 3306), said(undefined, 25), said('db', 5432), said('http', 3306)]).toEqual([
    'tcp',
    'tcp',
    'auto',
    'http',
  ]);
});

it('knows what is handled as HTTP', () => {
  expect(['http', 'grpc', 'tcp', 'https', 'auto'].map(isHttp)).toEqual([true, true, false, false, false]);
});

it('knows servers that speak first by the port they listen on, else by their image', () => {
  expect(serverFirst(3307, 3306, [])).toEqual({ name: 'MySQL', by: 'port' });
  expect(serverFirst(3306, 13306, ['docker.io/library/mariadb:11@sha256:abc'])).toEqual({ name: 'MySQL', by: 'image' });
  expect(serverFirst(9104, 9104, ['mysql:8'])).toBeUndefined();
  expect(serverFirst(5432, 5432, ['postgres:16'])).toBeUndefined();
});
