import { hostScope, namespaceOfHost } from '../../model/services.ts';
import { failuresByDestination } from '../../model/traffic.ts';
import { accessEvidence, counted, evidenceOf, podName, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { clientName } from './client-tls.ts';
import { type TlsFailure, tlsFailureOf } from './tls-failure.ts';

/** A connection that ended in the TLS handshake, as the client's proxy tells it (503 UF with a TLS error). */
export const failedTlsHandshake = defineRule({
  id: 'failed-tls-handshake',
  title: 'TLS handshakes that fail',
  area: 'security',
  severity: 'error',
  why: 'The two ends did not agree on TLS: one speaks plaintext, does not trust the other’s certificate, or offers none. Nothing reaches the application.',
  fix: [
    {
      do: 'See with which TLS settings the client’s proxy calls {{host}}',
      run: 'istioctl proxy-config clusters {{client}} --fqdn {{host}} -o json',
    },
    { do: 'Compare certificates and roots of both ends', run: 'istioctl proxy-config secret {{client}}' },
    {
      do: 'See which policies hold for the servers',
      run: 'kubectl get peerauthentications,destinationrules -A -o yaml',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/security-issues/#mutual-tls-errors',
    'https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage',
  ],
  source: 'Envoy transport failure reason; knowledge TLS rows of D6',
  symptom: true,
  explains: ['failed-upstream-connection', 'exhausted-retries'],
  needs: ['access'],
  uses: ['services'],
  *check({ access, services = [] }) {
    const reasons = new Map<string, TlsFailure>();
    for (const group of access) {
      const failure = tlsFailureOf(group);
      if (failure !== undefined) reasons.set(failure.reason, failure);
    }
    for (const { reason, because } of reasons.values()) {
      const failures = failuresByDestination(access, services, (group) => tlsFailureOf(group)?.reason === reason);
      for (const { host, subset, count, first, last, proxies, groups, ended } of failures) {
        const evidence = evidenceOf(accessEvidence(groups, 'client', `${upper(because)}.`, [reason]));
        if (evidence === undefined) continue;
        yield {
          subject: subset === '' ? host : `${host} subset ${subset}`,
          scope: { ...hostScope(host), ...(subset === '' ? {} : { subset }) },
          when: { first, last },
          count,
          ended,
          message: `${counted(count, 'connection')} of ${some(proxies.map(podName))} to ${host}${subset === '' ? '' : ` subset ${subset}`} failed in the TLS handshake: ${because} (${reason})`,
          facts: {
            host,
            namespace: namespaceOfHost(host),
            client: clientName(proxies[0]),
            reason,
          },
          evidence,
        };
      }
    }
  },
});

const upper = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
