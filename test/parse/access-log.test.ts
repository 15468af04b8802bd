import { describe, expect, it } from 'vitest';
import type { AccessGroup } from '../../src/parse/facts.ts';
import { readLog } from './read-log.ts';
import { factsOf } from './run-reader.ts';

const read = (...lines: readonly string[]): AccessGroup[] =>
  factsOf(readLog('proxy', `${lines.join('\n')}\n`), 'access');
const one = (line: string): Partial<AccessGroup> => {
  const [group, ...others] = read(line);
  expect(others).toEqual([]);
  const {
    proxy: _proxy,
    file: _file,
    samples: _samples,
    perMinute: _perMinute,
    ...told
  } = group ?? ({} as AccessGroup);
  return told;
};

const refused =
  '[2026-11-25T08:50:47.589Z] "GET /status HTTP/1.1" 503 URX,UF upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused} - "delayed_connect_error:_Connection_refused" 0 190 35 - "-" "curl/7.88.1" "36f2d994-4654-4091-80ed-c2fa453adcd1" "payments:8080" "10.244.0.23:18099" inbound|18099|| - 10.244.0.23:18099 10.244.0.27:33204 outbound_.8080_._.payments.shop.svc.cluster.local default';
const success =
  '[2026-11-25T08:40:25.508Z] "GET / HTTP/1.1" 200 - via_upstream - "-" 0 541 7 6 "-" "curl/7.88.1" "d059d9e9-9cf0-4af1-b57e-5acdb8746fbe" "cart" "10.244.0.53:18080" outbound|80||cart.shop.svc.cluster.local 127.0.0.6:41683 10.96.0.5:80 10.244.0.57:36982 - default';
const noFilterChain =
  '[2026-11-25T08:56:30.477Z] "- - -" 0 NR filter_chain_not_found - "-" 0 0 0 - "-" "-" "-" "-" "-" - - 10.244.0.208:18080 10.244.0.211:56230 - -';

describe('an access line of the default format', () => {
  it('that failed is told with all that sets it apart', () => {
    expect(one(refused)).toEqual({
      direction: 'inbound',
      tcp: false,
      code: 503,
      flags: ['URX', 'UF'],
      details:
        'upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}',
      reason: 'delayed_connect_error:_Connection_refused',
      cluster: 'inbound|18099||',
      authority: 'payments:8080',
      upstreamHost: '10.244.0.23:18099',
      local: '10.244.0.23:18099',
      peer: '10.244.0.27',
      sni: 'outbound_.8080_._.payments.shop.svc.cluster.local',
      route: 'default',
      count: 1,
      first: '2026-11-25T08:50:47.589Z',
      last: '2026-11-25T08:50:47.589Z',
      duration: { max: 35, sum: 35 },
    });
  });

  it('that succeeded is told by its cluster and code alone', () => {
    expect(one(success)).toMatchObject({
      direction: 'outbound',
      code: 200,
      flags: [],
      details: '',
      cluster: 'outbound|80||cart.shop.svc.cluster.local',
      authority: '',
      upstreamHost: '',
      local: '',
      peer: '',
      route: '',
      duration: { max: 7, sum: 7 },
    });
  });

  it('of a refused filter chain came in, though it names no cluster', () => {
    expect(one(noFilterChain)).toMatchObject({
      direction: 'inbound',
      tcp: true,
      code: 0,
      flags: ['NR'],
      details: 'filter_chain_not_found',
      cluster: '',
      local: '10.244.0.208:18080',
      peer: '10.244.0.211',
    });
  });

  it('of a policy that denied a TCP connection is a failure though it has no flag', () => {
    const denied =
      '[2026-11-25T08:56:30.477Z] "- - -" 0 - - rbac_access_denied_matched_policy[none] "-" 0 0 2 - "-" "-" "-" "-" "-" inbound|5432|| - 10.244.0.60:5432 10.244.0.62:52100 outbound_.5432_._.payments-db.shop.svc.cluster.local -';
    expect(one(denied)).toMatchObject({
      code: 0,
      flags: [],
      details: 'rbac_access_denied_matched_policy[none]',
      peer: '10.244.0.62',
    });
  });

  it('of a connection kept inside the mesh counts as failed', () => {
    const blocked =
      '[2026-11-25T08:53:17.263Z] "- - -" 0 UH - - "-" 0 0 0 - "-" "-" "-" "-" "-" BlackHoleCluster - 10.244.0.175:8443 10.244.0.172:43434 - -';
    expect(one(blocked)).toMatchObject({
      direction: 'outbound',
      cluster: 'BlackHoleCluster',
      local: '10.244.0.175:8443',
    });
    expect(one(blocked.replace(' UH ', ' - '))).toMatchObject({
      cluster: 'BlackHoleCluster',
      local: '10.244.0.175:8443',
    });
  });

  it('may hold quotes and blanks where clients put them', () => {
    const agent = refused.replace('"curl/7.88.1"', '"Mozilla "quoted" agent"').replace('/status', '/a" 7 b?q="x y"');
    expect(one(agent)).toMatchObject({ code: 503, authority: 'payments:8080', route: 'default' });
    const quoted = success.replace('curl/7.88.1', 'a "b" c');
    expect(one(quoted)).toMatchObject({ code: 200, cluster: 'outbound|80||cart.shop.svc.cluster.local' });
    const details = refused.replace(/upstream_reset\S+/, 'jwt_authn_access_denied{Jwt is expired}');
    expect(one(details)).toMatchObject({ details: 'jwt_authn_access_denied{Jwt is expired}' });
  });

  it('may carry an IPv6 caller, fields added behind the route, and the stray semicolon of 1.23', () => {
    expect(one(refused.replace('10.244.0.27:33204', '[fd00::27]:33204'))).toMatchObject({ peer: 'fd00::27' });
    expect(one(`${refused} trace=4bf92f3577b34da6`)).toMatchObject({ route: 'default' });
    expect(one(success.replace('cluster.local 127', 'cluster.local; 127'))).toMatchObject({
      cluster: 'outbound|80||cart.shop.svc.cluster.local',
    });
  });
});

describe('an access line of an older release', () => {
  const tail =
    '0 19 3 - "-" "curl" "id" "cart:80" "10.1.1.1:80" outbound|80||cart.shop.svc.cluster.local - 10.2.2.2:80 10.1.1.2:3000 -';
  const start = '[2020-03-04T10:11:12.345Z] "GET / HTTP/1.1" 503 UF';

  it('of 1.8 has no details', () => {
    expect(one(`${start} "connection refused" ${tail} default`)).toMatchObject({
      reason: 'connection refused',
      details: '',
      route: 'default',
      local: '10.2.2.2:80',
    });
  });

  it('of 1.3 to 1.7 has the mixer status before the failure reason', () => {
    expect(one(`${start} "UNAVAILABLE" "connection refused" ${tail} default`)).toMatchObject({
      reason: 'connection refused',
      route: 'default',
    });
  });

  it('of 1.2 has no route', () => {
    expect(one(`${start} "-" "connection refused" ${tail}`)).toMatchObject({
      reason: 'connection refused',
      route: '',
      sni: '',
    });
  });

  it('of 1.1 has the mixer status alone', () => {
    expect(one(`${start} "UNAVAILABLE" ${tail}`)).toMatchObject({
      reason: '',
      route: '',
      peer: '10.1.1.2',
      duration: { max: 3 },
    });
  });
});

describe('a JSON access line', () => {
  const line = {
    start_time: '2026-11-25T08:50:47.589Z',
    method: 'GET',
    response_code: 503,
    response_flags: 'UH',
    response_code_details: 'no_healthy_upstream',
    connection_termination_details: null,
    upstream_transport_failure_reason: null,
    duration: 12,
    upstream_cluster: 'outbound|80||reviews.shop.svc.cluster.local',
    upstream_host: null,
    authority: 'reviews',
    downstream_local_address: '10.96.0.7:80',
    downstream_remote_address: '10.244.0.9:51200',
    requested_server_name: null,
    route_name: 'default',
  };

  it('tells the same as text', () => {
    expect(one(JSON.stringify(line))).toMatchObject({
      direction: 'outbound',
      tcp: false,
      code: 503,
      flags: ['UH'],
      details: 'no_healthy_upstream',
      reason: '',
      cluster: 'outbound|80||reviews.shop.svc.cluster.local',
      authority: 'reviews',
      upstreamHost: '',
      peer: '10.244.0.9',
      first: '2026-11-25T08:50:47.589Z',
      duration: { max: 12 },
    });
  });

  it('may have strings and dashes for everything, as up to 1.7', () => {
    const old = Object.fromEntries(
      Object.entries(line).map(([key, value]) => [key, value === null ? '-' : String(value)]),
    );
    expect(one(JSON.stringify(old))).toMatchObject({ code: 503, flags: ['UH'], upstreamHost: '', sni: '' });
  });
});

describe('access lines of one proxy', () => {
  it('are grouped by the story they tell', () => {
    const groups = read(
      success,
      success.replace('08:40:25.508', '08:41:25.508').replace('"cart"', '"cart:80"').replace(' 7 6 ', ' 9 6 '),
      refused,
      refused.replace('33204', '33205').replace('36f2d994', '00000000'),
      refused.replace('10.244.0.27:', '10.244.0.28:'),
    );
    expect(groups.map(({ code, count, peer }) => [code, count, peer])).toEqual([
      [503, 2, '10.244.0.27'],
      [503, 1, '10.244.0.28'],
      [200, 2, ''],
    ]);
    expect(groups[2]).toMatchObject({
      first: '2026-11-25T08:40:25.508Z',
      last: '2026-11-25T08:41:25.508Z',
      duration: { max: 9, sum: 16 },
      perMinute: { '2026-11-25T08:40': 1, '2026-11-25T08:41': 1 },
    });
    expect(groups[2]?.samples.map(({ line }) => line)).toEqual([1]);
  });

  it('show the first and the last failures of a group', () => {
    const [group] = read(...Array.from({ length: 9 }, () => refused));
    expect(group?.samples.map(({ line }) => line)).toEqual([1, 2, 3, 8, 9]);
    expect(group?.samples[0]?.text).toBe(refused);
  });

  it('never lose a failure when there are more groups than can be kept', () => {
    const lines = Array.from({ length: 4000 }, (_, index) => refused.replace('"payments:8080"', `"host-${index}"`));
    const groups = read(...lines);
    expect(groups.length).toBe(3001);
    expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(4000);
    expect(groups.find(({ authority }) => authority === '')).toMatchObject({ count: 1000, code: 503, peer: '' });
  });

  it('count hours when they span more minutes than a day has', () => {
    const lines = Array.from({ length: 3000 }, (_, minute) =>
      success.replace('2026-11-25T08:40:25.508Z', new Date(Date.UTC(2026, 10, 1) + minute * 60_000).toISOString()),
    );
    const [group] = read(...lines);
    const keys = Object.keys(group?.perMinute ?? {});
    expect(keys.length).toBe(50);
    expect(keys[1]).toBe('2026-11-01T01:00');
    expect(group?.perMinute['2026-11-01T01:00']).toBe(60);
  });

  it('keep no secret of a path', () => {
    const [group] = read(refused.replace('/status', '/login?access_token=abcdef0123456789'));
    expect(group?.samples[0]?.text).not.toContain('abcdef0123456789');
  });
});

describe('access lines of a format of the user', () => {
  const custom = (code: number) =>
    `[2026-11-25T08:40:25.508Z] "GET /cart HTTP/1.1" ${code} UH no_healthy_upstream took=5 to=outbound|80||cart.shop.svc.cluster.local`;

  it('are read where they are as usual, and named as a gap when they are many', () => {
    const artifacts = readLog('proxy', `${custom(503)}\n${custom(503)}\n${success}\n`);
    expect(factsOf(artifacts, 'gap')).toEqual([
      {
        file: 'log',
        reason: 'malformed',
        line: 1,
        detail:
          "2 of 3 access lines are not in Envoy's default format (meshConfig.accessLogFormat?); code, flags and cluster were read where they stand as usual",
      },
    ]);
    expect(factsOf(artifacts, 'access')[0]).toMatchObject({
      code: 503,
      flags: ['UH'],
      details: 'no_healthy_upstream',
      cluster: 'outbound|80||cart.shop.svc.cluster.local',
      count: 2,
    });
  });

  it('are no gap when they are few', () => {
    const artifacts = readLog('proxy', `${`${success}\n`.repeat(9)}${custom(503)}\n`);
    expect(factsOf(artifacts, 'gap')).toEqual([]);
  });

  it('are not meant by the last line of a log that was cut', () => {
    const artifacts = readLog('proxy', `${success}\n${success.slice(0, 60)}`, { complete: false });
    expect(factsOf(artifacts, 'gap').map(({ reason }) => reason)).toEqual(['truncated']);
  });
});
