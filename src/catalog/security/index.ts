import type { LogRuleWithLines } from '../log-rules.ts';
import type { AnyRule } from '../rule.ts';
import { certificateNotYetValid } from './certificate-not-yet-valid.ts';
import { clientTlsToPlaintextServer } from './client-tls-to-plaintext-server.ts';
import { conflictingMtlsModes } from './conflicting-mtls-modes.ts';
import { deniedAuthorization } from './denied-authorization.ts';
import { expiredCertificate } from './expired-certificate.ts';
import { failedTlsHandshake } from './failed-tls-handshake.ts';
import { failingCertificateSigning } from './failing-certificate-signing.ts';
import { mismatchedRoots } from './mismatched-roots.ts';
import { plaintextClient } from './plaintext-client.ts';
import { refusedJwt } from './refused-jwt.ts';
import { istiodSecurityLogRules, proxySecurityLogRules } from './security-log.ts';
import { unmatchedFilterChain } from './unmatched-filter-chain.ts';
import { unreachableJwks } from './unreachable-jwks.ts';

export const securityRules: { readonly rules: readonly AnyRule[]; readonly logs: readonly LogRuleWithLines[] } = {
  rules: [
    conflictingMtlsModes,
    clientTlsToPlaintextServer,
    plaintextClient,
    unmatchedFilterChain,
    failedTlsHandshake,
    expiredCertificate,
    certificateNotYetValid,
    mismatchedRoots,
    failingCertificateSigning,
    deniedAuthorization,
    unreachableJwks,
    refusedJwt,
  ],
  logs: [...istiodSecurityLogRules, ...proxySecurityLogRules],
};
