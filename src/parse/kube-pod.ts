import type { Location } from '../input/location.ts';
import type { Container, ContainerState, Pod } from './facts.ts';
import { conditionsOf, longestText, metaOf, shortText } from './kube-meta.ts';
import { maskArguments, maskNamed } from './mask-values.ts';
import {
  numberOf,
  present,
  recordOf,
  recordsOf,
  setOwn,
  textMapOf,
  textOf,
  textsOf,
  type UntypedRecord,
} from './untyped.ts';

/** Variables that say how istiod, pilot-agent or a proxy setting of the shell behaves; others are the application's own. */
const meshVariable =
  /^(?:(?:ISTIO|ISTIOD|ISTIO_META|PILOT|XDS|CA|CITADEL|PROXY|ENVOY|ENABLE|DISABLE|INJECTION|AMBIENT|CNI|ZTUNNEL|VALIDATION)_[A-Z0-9_]+|[A-Za-z]+_(?:PROXY|proxy)|CREDENTIAL_FETCHER_TYPE|CLUSTER_ID|EXIT_ON_ZERO_ACTIVE_CONNECTIONS|EXTERNAL_ISTIOD|GOMAXPROCS|GOMEMLIMIT|JWT_POLICY|JWT_RULE|KUBECONFIG|LOCAL_CLUSTER_SECRET_WATCHER|MINIMUM_DRAIN_DURATION|PLATFORM|POD_NAMESPACE|RESOLVE_HOSTNAME_GATEWAYS|REVISION|SERVICE_ACCOUNT|SHARED_MESH_CONFIG|TERMINATION_DRAIN_DURATION_SECONDS|TRUST_DOMAIN|UNSAFE_PILOT_ENABLE_RUNTIME_ASSERTIONS|WORKLOAD_[A-Z_]+_TTL)$/;

/** Whether rules may ask for an environment variable of this name. */
export const isMeshVariable = (name: string): boolean => meshVariable.test(name);

/** A Pod object. */
export function podOf(object: UntypedRecord, at: Location): Pod {
  const spec = recordOf(object['spec']);
  const status = recordOf(object['status']);
  const ips = recordsOf(status['podIPs']).flatMap(({ ip }) => textOf(ip) ?? []);
  const ip = textOf(status['podIP']);
  return {
    meta: metaOf(object),
    at,
    phase: textOf(status['phase']) ?? 'Unknown',
    ips: ips.length === 0 && ip !== undefined ? [ip] : ips,
    hostNetwork: spec['hostNetwork'] === true,
    serviceAccount: textOf(spec['serviceAccountName']) ?? textOf(spec['serviceAccount']) ?? 'default',
    containers: [
      ...containersOf(spec['initContainers'], status['initContainerStatuses'], true),
      ...containersOf(spec['containers'], status['containerStatuses'], false),
    ],
    conditions: conditionsOf(status['conditions']),
    volumes: recordsOf(spec['volumes']).map((volume) => ({
      name: textOf(volume['name']) ?? '',
      ...present({
        secret: textOf(recordOf(volume['secret'])['secretName']),
        configMap: textOf(recordOf(volume['configMap'])['name']),
        csi: textOf(recordOf(volume['csi'])['driver']),
      }),
    })),
    ...present({
      reason: textOf(status['reason']),
      message: shortText(status['message']),
      node: textOf(spec['nodeName']),
      started: textOf(status['startTime']),
    }),
  };
}

function containersOf(specs: unknown, statuses: unknown, init: boolean): Container[] {
  const byName = new Map(recordsOf(statuses).map((status) => [textOf(status['name']), status]));
  return recordsOf(specs).map((spec) => containerOf(spec, byName.get(textOf(spec['name'])) ?? {}, init));
}

function containerOf(spec: UntypedRecord, status: UntypedRecord, init: boolean): Container {
  const resources = recordOf(spec['resources']);
  const started = status['started'];
  return {
    name: textOf(spec['name']) ?? '',
    image: textOf(spec['image']) ?? '',
    init,
    nativeSidecar: init && spec['restartPolicy'] === 'Always',
    ready: status['ready'] === true,
    restarts: numberOf(status['restartCount']) ?? 0,
    now: stateOf(status['state']) ?? { state: 'unknown' },
    ports: recordsOf(spec['ports']).flatMap((port) => {
      const number = numberOf(port['containerPort']);
      if (number === undefined) return [];
      return [
        { port: number, protocol: textOf(port['protocol']) ?? 'TCP', ...present({ name: textOf(port['name']) }) },
      ];
    }),
    limits: textMapOf(resources['limits']),
    requests: textMapOf(resources['requests']),
    env: variablesOf(spec['env']),
    args: maskArguments(textsOf(spec['args'])).map((argument) => argument.slice(0, longestText)),
    lifecycle: ['postStart', 'preStop'].filter((hook) => hook in recordOf(spec['lifecycle'])),
    ...present({
      started: typeof started === 'boolean' ? started : undefined,
      last: stateOf(status['lastState']),
      readinessProbe: probeOf(recordOf(spec['readinessProbe'])['httpGet']),
    }),
  };
}

function stateOf(value: unknown): ContainerState | undefined {
  for (const state of ['running', 'waiting', 'terminated'] as const) {
    const detail = recordOf(value)[state];
    if (detail === undefined || detail === null) continue;
    const fields = recordOf(detail);
    return {
      state,
      ...present({
        reason: textOf(fields['reason']),
        message: shortText(fields['message']),
        exitCode: numberOf(fields['exitCode']),
        startedAt: textOf(fields['startedAt']),
        finishedAt: textOf(fields['finishedAt']),
      }),
    };
  }
  return undefined;
}

/** Literal values only: what comes from a Secret or the pod itself is not in the object. */
function variablesOf(value: unknown): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  for (const variable of recordsOf(value)) {
    const name = textOf(variable['name']);
    if (name === undefined || !isMeshVariable(name) || variable['valueFrom'] !== undefined) continue;
    setOwn(kept, name, maskNamed(name, textOf(variable['value']) ?? '').slice(0, longestText));
  }
  return kept;
}

function probeOf(value: unknown): { readonly path?: string; readonly port?: number | string } | undefined {
  if (value === undefined) return undefined;
  const { path, port } = recordOf(value);
  return present({ path: textOf(path), port: numberOf(port) ?? textOf(port) });
}
