import type { AccessGroup } from '../../parse/facts.ts';

/** Envoy's transport failure in words: the reason and what it says of the two ends. */
export interface TlsFailure {
  /** Reason word of the TLS library: `WRONG_VERSION_NUMBER`. */
  readonly reason: string;
  /** What it means, as the rest of `the handshake failed because …`. */
  readonly because: string;
}

/** `TLS_error:|268435703:SSL_routines:OPENSSL_internal:WRONG_VERSION_NUMBER:TLS_error_end`, with spaces in older releases. */
const pattern = /TLS error:\|? ?\d+:SSL routines:\w*(?: \w+)?:(?<reason>[A-Z][A-Z0-9_]{3,60})/i;

/** The TLS failure of an access group; undefined where the connection failed for another reason. */
export function tlsFailureOf({ reason, details }: Pick<AccessGroup, 'reason' | 'details'>): TlsFailure | undefined {
  const said = reason === '' ? details : reason;
  if (/Secret[ _]is[ _]not[ _]supplied[ _]by[ _]SDS/.test(said))
    return { reason: 'SECRET_NOT_SUPPLIED', because: 'this proxy had no certificate yet' };
  const spaced = said.replace(/TLS_error/g, 'TLS error').replace(/SSL_routines/g, 'SSL routines');
  const found = pattern.exec(spaced)?.groups?.['reason']?.toUpperCase();
  if (found === undefined) return undefined;
  const word = found.replace(/_TLS_ERROR_END$/, '');
  return { reason: word, because: meanings.get(word) ?? 'the TLS library reported this error' };
}

const meanings: ReadonlyMap<string, string> = new Map([
  ['WRONG_VERSION_NUMBER', 'the other side answered in plaintext'],
  ['HTTP_REQUEST', 'plaintext HTTP reached a TLS listener'],
  ['HTTPS_PROXY_REQUEST', 'plaintext HTTP reached a TLS listener'],
  ['CERTIFICATE_VERIFY_FAILED', 'this proxy does not trust the certificate of the other side, or not its name'],
  ['PEER_DID_NOT_RETURN_A_CERTIFICATE', 'the client sent no certificate'],
  ['SSLV3_ALERT_CERTIFICATE_EXPIRED', 'the other side found this proxy’s certificate expired'],
  ['SSLV3_ALERT_CERTIFICATE_UNKNOWN', 'the other side refused this proxy’s certificate'],
  ['TLSV1_ALERT_UNKNOWN_CA', 'the other side does not know the authority of this proxy’s certificate'],
  ['SSLV3_ALERT_BAD_CERTIFICATE', 'the other side refused this proxy’s certificate'],
  ['SSLV3_ALERT_UNSUPPORTED_CERTIFICATE', 'the other side refused this proxy’s certificate'],
  ['SSLV3_ALERT_CERTIFICATE_REVOKED', 'the other side found this proxy’s certificate revoked'],
  ['TLSV1_ALERT_ACCESS_DENIED', 'the other side refused this proxy’s identity'],
  ['TLSV1_CERTIFICATE_REQUIRED', 'the other side demands a client certificate'],
  ['SSLV3_ALERT_HANDSHAKE_FAILURE', 'the two sides have no TLS version or cipher in common'],
  ['NO_SHARED_CIPHER', 'the two sides have no cipher in common'],
  ['UNSUPPORTED_PROTOCOL', 'the two sides have no TLS version in common'],
  ['TLSV1_ALERT_PROTOCOL_VERSION', 'the two sides have no TLS version in common'],
  ['TLSV1_UNRECOGNIZED_NAME', 'the other side does not know the server name (SNI)'],
  ['NO_APPLICATION_PROTOCOL', 'the two sides have no application protocol (ALPN) in common'],
  ['TLSV1_ALERT_INTERNAL_ERROR', 'the other side failed, most often for want of a certificate'],
  ['KEY_USAGE_BIT_INCORRECT', 'the certificate’s key usage does not allow this'],
]);
