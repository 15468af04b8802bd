import { within } from '../../input/location.ts';
import { addTo } from '../../model/groups.ts';
import { hostOfService } from '../../model/hosts.ts';
import { hasProxy, isReady, podsOfService, workloadOf } from '../../model/selectors.ts';
import { hostScope } from '../../model/services.ts';
import type { Container, KubeEvent, Pod } from '../../parse/facts.ts';
import { counted, evidenceOf, some } from '../evidence.ts';
import { defineRule } from '../rule.ts';
import { eventEvidence } from './place.ts';

/** Containers that injection adds. */
const injected = new Set(['istio-proxy', 'istio-init', 'istio-validation', 'enable-core-dump']);

interface Broken {
  readonly pod: Pod;
  readonly what: string;
  readonly pointer: string;
  readonly event: KubeEvent | undefined;
}

/** Pods that do not run because of what injection added: the proxy or its init container fails, or a volume of theirs is missing. */
export const brokenSidecarPod = defineRule({
  id: 'broken-sidecar-pod',
  title: 'Pod whose sidecar fails to start',
  area: 'injection',
  severity: 'error',
  why: 'A pod is ready only with its proxy. When the proxy or the container that redirects traffic fails, the application gets no traffic even if it runs well.',
  fix: [
    {
      do: 'Read the state of the containers and the events of the pod',
      run: 'kubectl describe pod {{pod}} -n {{namespace}}',
    },
    {
      do: 'Read what the failing container says',
      run: 'kubectl logs {{pod}} -n {{namespace}} -c {{container}} --previous',
    },
    {
      do: 'istio-validation or istio-init: check Istio CNI on node {{node}} and the permissions of the namespace (Pod Security)',
      run: 'kubectl get pods -A -l k8s-app=istio-cni-node -o wide',
    },
    {
      do: 'istio-ca-root-cert missing: check that istiod serves the namespace (discoverySelectors) and runs',
      run: 'kubectl get configmap istio-ca-root-cert -n {{namespace}}',
    },
    { do: 'Verify', run: 'kubectl get pods -n {{namespace}}' },
  ],
  references: [
    'https://istio.io/latest/docs/ops/common-problems/injection/',
    'https://istio.io/latest/docs/ops/diagnostic-tools/cni/',
  ],
  source: 'knowledge D038 AGT-EXIT, D043 EVT-CM-MISSING, D055 IPT-VALIDATION; F20',
  explains: [
    'missing-replicas',
    'service-without-endpoints',
    'unhealthy-upstream',
    'never-ready-proxy',
    'absent-proxy',
  ],
  needs: ['pods'],
  uses: ['events', 'services', 'capture'],
  *check({ pods, events = [], services = [], capture }) {
    const mounts = new Map<string, KubeEvent>();
    for (const event of events) {
      if (event.reason !== 'FailedMount' || !/istio-ca-root-cert|istiod-ca-cert|istio-token/.test(event.message))
        continue;
      if (/timed out waiting for the condition/.test(event.message) && !event.message.includes('not found')) continue;
      mounts.set(`${event.object.namespace}/${event.object.name}`, event);
    }
    const now = capture?.time === undefined ? Number.NaN : Date.parse(capture.time);
    const serving = new Set(pods.filter(isReady).map(nameOfWorkload));
    const groups = new Map<string, Broken[]>();
    for (const pod of pods) {
      const broken = brokenBy(pod, mounts.get(`${pod.meta.namespace}/${pod.meta.name}`), now);
      if (broken === undefined) continue;
      const key = `${nameOfWorkload(pod)}\0${broken.what}`;
      addTo(groups, key, broken);
    }
    for (const [key, all] of groups) {
      const [name = ''] = key.split('\0');
      const [first] = all;
      const evidence = evidenceOf(
        all.slice(0, 2).map(({ pod, pointer, what }) => ({
          ...within(pod.at, pointer),
          stage: 'pod' as const,
          say: `${pod.meta.namespace}/${pod.meta.name}: ${what}.`,
        })),
        all.slice(0, 1).flatMap(({ event }) => (event === undefined ? [] : [eventEvidence(event)])),
      );
      if (first === undefined || evidence === undefined) continue;
      const { pod, what } = first;
      const workload = workloadOf(pod);
      const hosts = services.filter((service) => podsOfService(service, [pod]).length > 0).map(hostOfService);
      const [host] = hosts;
      yield {
        subject: name,
        scope: {
          namespace: pod.meta.namespace,
          workload,
          ...(host !== undefined && hosts.length === 1 ? hostScope(host) : {}),
        },
        count: all.length,
        message: `${counted(all.length, 'pod')} of ${name} ${all.length === 1 ? 'does' : 'do'} not run because of the sidecar: ${what} (${some(all.map((one) => one.pod.meta.name))})`,
        facts: {
          namespace: pod.meta.namespace,
          pod: pod.meta.name,
          workload,
          node: pod.node ?? 'NODE',
          container: /^(istio-[a-z]+)/.exec(what)?.[1] ?? 'istio-proxy',
        },
        severity: serving.has(name) ? 'warning' : 'error',
        evidence,
      };
    }
  },
});

const nameOfWorkload = (pod: Pod): string => `${pod.meta.namespace}/${workloadOf(pod)}`;

function brokenBy(pod: Pod, mount: KubeEvent | undefined, now: number): Broken | undefined {
  if (pod.meta.deleted !== undefined || isReady(pod) || pod.phase === 'Succeeded') return undefined;
  if (pod.meta.annotations['sidecar.istio.io/status'] !== undefined && !hasProxy(pod) && pod.phase === 'Running')
    return {
      pod,
      what: 'it was injected, but has no container istio-proxy',
      pointer: '/spec/containers',
      event: undefined,
    };
  const created = Date.parse(pod.meta.created ?? '');
  if (mount !== undefined && pod.phase === 'Pending' && !(now - created < 60_000))
    return { pod, what: mount.message.split('\n')[0] ?? mount.message, pointer: '/status/conditions', event: mount };
  for (const container of pod.containers) {
    const state = injected.has(container.name) ? failureOf(container) : undefined;
    if (state !== undefined)
      return {
        pod,
        what: `${container.name} ${state}`,
        pointer: `/status/${container.init ? 'initContainerStatuses' : 'containerStatuses'}`,
        event: undefined,
      };
  }
  return undefined;
}

/** How an injected container fails; memory is a rule of its own. */
function failureOf(container: Container): string | undefined {
  const { now, last, ready, restarts } = container;
  if (now.reason === 'OOMKilled' || last?.reason === 'OOMKilled') return undefined;
  const code = last?.exitCode ?? now.exitCode;
  // Gateways are deployed with this word, which the webhook replaces by the image of its revision.
  if (/^(?:docker\.io\/library\/)?auto(?::latest)?$/.test(container.image) && now.state === 'waiting')
    return 'was not injected: no webhook has replaced its image `auto`';
  if (
    now.state === 'waiting' &&
    /CrashLoopBackOff|ErrImage|ImagePull|InvalidImage|CreateContainer|RunContainer/.test(now.reason ?? '')
  )
    return `is in ${now.reason}${code === undefined ? '' : ` (exit code ${code})`}`;
  if (now.state === 'terminated' && (now.exitCode ?? 0) !== 0) return `ended with exit code ${now.exitCode}`;
  if (!ready && !container.init && restarts >= 3 && last?.state === 'terminated' && (last.exitCode ?? 0) !== 0)
    return `restarted ${counted(restarts, 'time')} (exit code ${last.exitCode})`;
  return undefined;
}
