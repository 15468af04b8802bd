import type { LogHits } from '../../parse/facts.ts';
import { counted, evidenceOf, logEvidence, some } from '../evidence.ts';
import { defineRule, type Evidence } from '../rule.ts';

interface Conflict {
  readonly what: string;
  /** A port where one is named. */
  readonly port: number | undefined;
  readonly proxies: Set<string>;
  readonly places: Evidence[];
  readonly hits: LogHits[];
  count: number;
}

const inWords: Readonly<Record<string, string>> = {
  pilot_conflict_inbound_listener: 'two services of a pod on one inbound port',
  pilot_conflict_outbound_listener_tcp_over_current_tcp: 'two TCP services on one port without addresses of their own',
  pilot_conflict_outbound_listener_http_over_current_tcp: 'an HTTP service on a port that a TCP service has',
  pilot_conflict_outbound_listener_tcp_over_current_http: 'a TCP service on a port that an HTTP service has',
  pilot_conflict_outbound_listener_http_over_https: 'an HTTP service on a port that an HTTPS service has',
};

/**
 * Services that need one listener between them and cannot share it: istiod gives it to the first and leaves the other without.
 * Its metrics and its last push name the listener, its log the port.
 */
export const listenerPortConflict = defineRule({
  id: 'listener-port-conflict',
  title: 'Services that compete for one listener',
  area: 'configuration',
  severity: 'warning',
  why: 'Where two services share a port and have no address of their own, a proxy can listen for one of them only; the traffic of the other goes to the wrong place or is treated as the wrong protocol.',
  fix: [
    {
      do: 'Find the services and ServiceEntries on port {{port}}',
      run: 'kubectl get services,serviceentries -A | grep {{port}}',
    },
    {
      do: 'Give the ServiceEntry `addresses`, or name the port of both after the protocol they really speak (`tcp-`, `mysql-`, `http-`)',
      run: 'kubectl get serviceentries -A -o yaml',
    },
    {
      do: 'Verify that istiod counts no conflict any more',
      run: 'kubectl exec -n {{istioNamespace}} deploy/{{istiod}} -- curl -s localhost:15014/metrics | grep pilot_conflict',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/',
    'https://istio.io/latest/docs/reference/config/networking/service-entry/',
  ],
  source: 'knowledge D106, D107, D078, C-OPS-08; istiod metrics pilot_conflict_*',
  explains: ['missing-route', 'rejected-configuration'],
  signatures: [
    {
      id: 'listener-port-conflict/well-known',
      log: 'istiod',
      contains: 'conflict happens on a well known port',
      matching:
        /conflict happens on a well known port (?<port>\d+), incoming protocol (?<incoming>\w+), existing protocol (?<existing>\w+)/,
    },
    {
      id: 'listener-port-conflict/static',
      log: 'istiod',
      contains: 'conflicts with static listener',
      matching: /port (?<port>\d+) for node (?<node>\S+) as it conflicts with static listener/,
    },
  ],
  needs: ['platform'],
  uses: ['pushStatus', 'metrics', 'istiodLog', 'revisions'],
  anyOf: ['pushStatus', 'metrics', 'istiodLog'],
  *check({ platform, pushStatus = [], metrics = [], istiodLog = [], revisions = [] }) {
    const conflicts = new Map<string, Conflict>();
    const about = (key: string, what: string, port: number | undefined): Conflict => {
      const known = conflicts.get(key) ?? { what, port, proxies: new Set(), places: [], hits: [], count: 0 };
      conflicts.set(key, known);
      return known;
    };
    const pushed = new Set<string>();
    for (const { metric, entries, at } of pushStatus) {
      const words = inWords[metric];
      if (words === undefined) continue;
      pushed.add(metric);
      for (const { key, proxy, message } of entries) {
        const port = portOf(key);
        const conflict = about(
          `${metric} ${key}`,
          `listener ${key}: ${words}${message === undefined ? '' : ` (${message})`}`,
          port,
        );
        if (proxy !== undefined) conflict.proxies.add(proxy);
        conflict.count++;
        if (conflict.places.length < 2)
          conflict.places.push({ ...at, stage: 'sync', say: 'Istiod’s last push met the conflict.', mark: [key] });
      }
    }
    for (const { name, value, at, istiod } of metrics) {
      const words = inWords[name];
      // The last push says the same and names the listener.
      if (words === undefined || value <= 0 || istiod === undefined || pushed.has(name)) continue;
      const conflict = about(name, `${words} (${name})`, undefined);
      conflict.count = Math.max(conflict.count, value);
      if (conflict.places.length < 2)
        conflict.places.push({ ...at, stage: 'sync', say: `Istiod counts ${counted(value, 'such listener')}.` });
    }
    for (const hit of istiodLog) {
      const { port = '', incoming, existing } = hit.captures;
      if (hit.signature === 'listener-port-conflict/well-known')
        add(about(`known ${port}`, `port ${port}: ${incoming} and ${existing} services share it`, Number(port)), hit);
      else if (hit.signature === 'listener-port-conflict/static')
        add(about(`static ${port}`, `port ${port} is one of Istio’s own, so it gets no listener`, Number(port)), hit);
    }
    const [deployment] = revisions.flatMap(({ deployments }) => deployments);
    for (const { what, port, proxies, places, hits, count } of conflicts.values()) {
      const evidence = evidenceOf(places, logEvidence(hits, 'sync', 'Istiod left one of them out.'));
      if (evidence === undefined) continue;
      yield {
        subject: port === undefined ? 'listeners' : `port ${port}`,
        scope: port === undefined ? {} : { port },
        count: Math.max(1, count),
        message: `${what}${proxies.size > 0 ? `, in ${some([...proxies])}` : ''}`,
        facts: {
          ...(port === undefined ? {} : { port }),
          istioNamespace: platform.istioNamespace,
          istiod: deployment?.meta.name ?? 'istiod',
        },
        confidence: places.length > 0 && hits.length > 0 ? 'certain' : 'likely',
        evidence,
      };
    }
  },
});

function add(conflict: Conflict, hit: LogHits): void {
  conflict.hits.push(hit);
  conflict.count += hit.count;
  if (hit.captures['node'] !== undefined) conflict.proxies.add(hit.captures['node']);
}

/** `0.0.0.0:3306`, `0.0.0.0_3306`. */
function portOf(key: string): number | undefined {
  const port = /[:_](\d{1,5})$/.exec(key)?.[1];
  return port === undefined ? undefined : Number(port);
}
