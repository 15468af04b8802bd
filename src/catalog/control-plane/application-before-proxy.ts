import { within } from '../../input/location.ts';
import { addTo } from '../../model/groups.ts';
import { hostOfService, record } from '../../model/hosts.ts';
import type { Mesh } from '../../model/mesh.ts';
import { podsOfService, proxyContainer, workloadOf } from '../../model/selectors.ts';
import { hostScope } from '../../model/services.ts';
import type { Container, KubeEvent, LogFile, Pod } from '../../parse/facts.ts';
import { counted, evidenceOf } from '../evidence.ts';
import { defineRule, type Evidence } from '../rule.ts';
import { eventEvidence } from './place.ts';

/** A container of an application that ended between its start and the moment its proxy was ready. */
interface Race {
  readonly pod: Pod;
  readonly container: Container;
  readonly start: string | undefined;
  readonly end: string;
  readonly exitCode: number | undefined;
  /** When the proxy took traffic, from its log or from its container. */
  readonly ready: string;
  readonly log: LogFile | undefined;
  readonly line: number | undefined;
  /** The newest failed probe of the proxy's readiness port, where the log does not tell. */
  readonly probe: KubeEvent | undefined;
}

/**
 * An application that is started before its sidecar listens has no network: its first calls are refused, and if it needs them to
 * start it exits. Seen in container states and the proxy's log, where nothing holds the application back.
 */
export const applicationBeforeProxy = defineRule({
  id: 'application-before-proxy',
  title: 'Application started before its sidecar',
  area: 'injection',
  severity: 'error',
  why: 'Until istio-proxy is ready, every connection of the pod is redirected to a proxy that does not listen yet and is refused. An application that exits on that restarts, later each time, until it finds the proxy ready.',
  fix: [
    {
      do: 'Hold the application of {{workload}} back until its proxy is ready',
      run: `kubectl patch {{kind}} {{workload}} -n {{namespace}} --type=merge -p '{"spec":{"template":{"metadata":{"annotations":{"proxy.istio.io/config":"holdApplicationUntilProxyStarts: true"}}}}}'`,
    },
    {
      do: 'Or for the whole mesh: set defaultConfig.holdApplicationUntilProxyStarts: true in the mesh configuration, or use native sidecars (Kubernetes 1.29 and Istio 1.19 or later)',
      run: 'kubectl get configmaps -n {{istioNamespace}}',
    },
    { do: 'Let the application retry its first calls' },
    {
      do: 'Verify that the pods start without restarts',
      run: 'kubectl rollout status {{kind}}/{{workload}} -n {{namespace}} && kubectl get pods -n {{namespace}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/injection/#pod-or-containers-start-with-network-issues-if-istio-proxy-is-not-ready',
    'https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig-hold_application_until_proxy_starts',
    'https://learn.microsoft.com/azure/aks/istio-meshconfig',
  ],
  source: 'knowledge M4 RACE-START, F14',
  explains: [
    'missing-replicas',
    'service-without-endpoints',
    'unhealthy-upstream',
    'failed-upstream-connection',
    'exhausted-retries',
    'broken-sidecar-pod',
  ],
  needs: ['pods'],
  uses: ['logFiles', 'events', 'services', 'meshConfigs', 'platform', 'capture'],
  *check({ pods, logFiles = [], events = [], services = [], meshConfigs = [], platform, capture }) {
    const logs = new Map(
      logFiles.filter(({ log }) => log === 'proxy').map((log) => [`${log.pod.namespace}/${log.pod.pod}`, log]),
    );
    const probes = new Map<string, KubeEvent>();
    for (const event of events) {
      const key = `${event.object.namespace}/${event.object.name}`;
      if (event.reason !== 'Unhealthy' || !event.message.includes(':15021/healthz/ready')) continue;
      if ((probes.get(key)?.last ?? '') < (event.last ?? '')) probes.set(key, event);
    }
    const groups = new Map<string, Race[]>();
    for (const pod of pods) {
      if (isHeld(pod, meshConfigs)) continue;
      const key = `${pod.meta.namespace}/${pod.meta.name}`;
      const race = raceOf(pod, logs.get(key), probes.get(key));
      if (race === undefined) continue;
      const group = `${pod.meta.namespace}/${workloadOf(pod)}\0${race.container.name}`;
      addTo(groups, group, race);
    }
    for (const [key, [race, ...others]] of groups) {
      if (race === undefined) continue;
      const [name = ''] = key.split('\0');
      const all = [race, ...others];
      const { pod, container, end, ready, exitCode, start } = race;
      const { namespace } = pod.meta;
      const workload = workloadOf(pod);
      const backOff = events.filter(
        ({ reason, object, message }) =>
          reason === 'BackOff' &&
          object.namespace === namespace &&
          message.includes(container.name) &&
          all.some((one) => one.pod.meta.name === object.name),
      );
      const down = all.some((one) => !one.container.ready);
      // What users met goes on for a while after the application is up.
      const up = container.now.startedAt ?? end;
      const late = capture?.time !== undefined && Date.parse(capture.time) - Date.parse(up) < 120_000;
      const restarts = all.reduce((sum, one) => sum + Math.max(1, one.container.restarts), 0);
      const evidence = evidenceOf(
        all.slice(0, 2).map(
          (one): Evidence => ({
            ...within(one.pod.at, '/status/containerStatuses'),
            stage: 'pod',
            say: `${one.pod.meta.name}: ${one.container.name} ended at ${one.end}${one.exitCode === undefined ? '' : ` with exit code ${one.exitCode}`}.`,
          }),
        ),
        race.log && race.line !== undefined
          ? {
              file: race.log.at.file,
              line: race.line,
              stage: 'server',
              say: `The proxy was ready only at ${ready}.`,
              mark: ['Envoy proxy is ready'],
            }
          : race.probe && eventEvidence(race.probe),
        backOff.slice(0, 1).map((event) => eventEvidence(event)),
      );
      if (evidence === undefined) continue;
      const targets = services.filter((service) => podsOfService(service, [pod]).length > 0).map(hostOfService);
      const [host] = targets;
      yield {
        subject: name,
        scope: { namespace, workload, ...(host !== undefined && targets.length === 1 ? hostScope(host) : {}) },
        when: {
          first: all.map((one) => one.end).toSorted()[0] ?? end,
          last: down
            ? (backOff
                .flatMap(({ last }) => last ?? [])
                .toSorted()
                .at(-1) ?? end)
            : end,
        },
        count: restarts,
        ended: !down && !late,
        message: `container ${container.name} of ${name} ${start === undefined ? '' : `started at ${time(start)} and `}exited at ${time(end)}${exitCode === undefined ? '' : ` with code ${exitCode}`}, before its sidecar was ready (${time(ready)}): ${counted(restarts, 'restart')}${down ? ', not running now' : ', running by now'}`,
        facts: {
          namespace,
          workload,
          kind: kindOf(pod),
          container: container.name,
          pod: pod.meta.name,
          istioNamespace: platform?.istioNamespace ?? 'istio-system',
        },
        severity: down ? 'error' : restarts > 1 ? 'warning' : 'info',
        confidence: race.line !== undefined || race.probe !== undefined ? 'likely' : 'possible',
        supports: [
          'Neither holdApplicationUntilProxyStarts nor a native sidecar holds the application back.',
          ...(race.line !== undefined
            ? ['The proxy’s own log tells when it was ready.']
            : race.probe === undefined
              ? []
              : ['The proxy failed its readiness probe when the application had ended.']),
        ],
        contradicts: all.some((one) => one.container.restarts > 3)
          ? ['It kept restarting when the proxy was ready: something else is wrong, too.']
          : [],
        missing: [
          `What the application said: kubectl logs ${pod.meta.name} -n ${namespace} -c ${container.name} --previous`,
        ],
        evidence,
      };
    }
  },
});

/** `09:01:09Z`: the day is in the evidence. */
const time = (iso: string): string => `${iso.slice(11, 19)}Z`;

function kindOf(pod: Pod): string {
  const kind = pod.meta.owners[0]?.kind ?? 'ReplicaSet';
  return kind === 'ReplicaSet' ? 'deployment' : kind.toLowerCase();
}

/** Whether something keeps applications waiting for the proxy. */
function isHeld(pod: Pod, meshConfigs: NonNullable<Mesh['meshConfigs']>): boolean {
  const proxy = proxyContainer(pod);
  if (proxy === undefined || proxy.nativeSidecar || proxy.init) return true;
  if (proxy.lifecycle.includes('postStart')) return true;
  const words = `${pod.meta.annotations['proxy.istio.io/config'] ?? ''} ${proxy.env['PROXY_CONFIG'] ?? ''}`;
  const own = /holdApplicationUntilProxyStarts"?\s*:\s*(true|false)/.exec(words)?.[1];
  if (own !== undefined) return own === 'true';
  return meshConfigs.some(({ config }) => record(config['defaultConfig'])['holdApplicationUntilProxyStarts'] === true);
}

/** The first container of the application that ended before the proxy of the pod was ready. */
function raceOf(pod: Pod, log: LogFile | undefined, probe: KubeEvent | undefined): Race | undefined {
  const proxy = proxyContainer(pod);
  const up = proxy?.now.startedAt;
  if (proxy === undefined || up === undefined) return undefined;
  const apps = pod.containers.filter((one) => !one.init && one.name !== 'istio-proxy');
  for (const container of apps) {
    const ended = [container.now, container.last].find(
      (state) => state?.state === 'terminated' && state.finishedAt !== undefined && (state.exitCode ?? 1) !== 0,
    );
    const end = ended?.finishedAt;
    // Killed for memory, or by its own liveness probe, has nothing to do with the proxy.
    if (end === undefined || ended?.reason === 'OOMKilled' || ended?.exitCode === 137) continue;
    const mark = log?.marks.find(
      ({ what, time: at }) => what === 'proxy-ready' && Date.parse(at) >= Date.parse(up) - 1_000,
    );
    // Without its log the proxy was not ready before it started, nor when it failed a probe.
    const ready = mark?.time ?? [up, probe?.last ?? up].toSorted().at(-1) ?? up;
    if (Date.parse(end) > Date.parse(ready)) {
      const restarted = container.restarts > 0 && container.last?.startedAt !== undefined;
      if (!restarted || Date.parse(container.last?.startedAt ?? '') >= Date.parse(ready)) continue;
      // It was started before the proxy was ready, and gave up within seconds after.
      if (Date.parse(end) - Date.parse(ready) > 5_000) continue;
    }
    return {
      pod,
      container,
      start: ended?.startedAt,
      end,
      exitCode: ended?.exitCode,
      ready,
      log,
      line: mark?.line,
      probe,
    };
  }
  return undefined;
}
