import type { AccessGroup } from '../../parse/facts.ts';

/** Why a connection failed, from Envoy's details and transport failure reason. */
export type ConnectFailure = 'refused' | 'timeout' | 'unreachable' | 'reset' | 'name' | 'silent' | 'other';

const words = ({ details, reason }: AccessGroup): string => `${details} ${reason}`;

/** A handshake of TLS that failed shares the flag UF; it is another problem. */
export const isTlsFailure = (group: AccessGroup): boolean =>
  /TLS|SSL|CERTIFICATE|x509/i.test(words(group).replaceAll('TLS_inspector', ''));

/**
 * Envoy names the error of the socket by number up to 1.28 (111 refused, 110 timed out, 113 no route to host, 104 reset) and
 * by words from 1.31 on.
 */
export function connectFailure(group: AccessGroup): ConnectFailure {
  const text = words(group);
  if (group.flags.includes('DF')) return 'name';
  if (isAbandoned(group)) return 'silent';
  if (/Connection[_ ]refused|connect_error:_?111\b/i.test(text)) return 'refused';
  if (/connection_timeout|timed[_ ]out|connect_error:_?110\b|connection_timed_out/i.test(text)) return 'timeout';
  if (/No[_ ]route|unreachable|connect_error:_?(113|101)\b/i.test(text)) return 'unreachable';
  if (/reset_by_peer|connect_error:_?104\b/i.test(text)) return 'reset';
  return 'other';
}

/** A failed connection that the other side refused. */
export const refusedByPeer = (group: AccessGroup): boolean =>
  group.flags.includes('UF') && !isTlsFailure(group) && connectFailure(group) === 'refused';

/** The caller left, after a second or more, before any answer came. */
export const isAbandoned = ({ flags, code, tcp, direction, duration, count }: AccessGroup): boolean =>
  flags.includes('DC') && code === 0 && !tcp && direction === 'outbound' && duration.sum >= count * 1000;

/** The caller left while the proxy was still connecting: an address was chosen, and no connection made to it. */
export const isUnconnected = (group: AccessGroup): boolean =>
  isAbandoned(group) &&
  group.upstreamHost !== '' &&
  group.samples.length > 0 &&
  group.samples.every(({ text }) => noLocalAddress.test(text));

/** The proxy's own address on the way to the upstream, which follows the cluster, is absent. */
const noLocalAddress = /outbound\|\S{1,400} - |"upstream_local_address": ?(?:null|"-")/;
