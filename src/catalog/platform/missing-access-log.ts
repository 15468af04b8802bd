import { list, ofKind, record, specOf, text } from '../../model/hosts.ts';
import type { KubeObject, MeshConfig } from '../../parse/facts.ts';
import { counted, evidenceOf } from '../evidence.ts';
import { defineRule } from '../rule.ts';

/**
 * No proxy wrote an access line, and the configuration says why: no `accessLogFile`, no Telemetry, no default provider, no
 * EnvoyFilter turns the access log on, or it goes to a file inside the container. Without lines alone there may be no traffic.
 */
export const missingAccessLog = defineRule({
  id: 'missing-access-log',
  title: 'Proxies write no access log',
  area: 'archive',
  severity: 'info',
  why: 'Response codes, flags and durations of single requests stand only in the access log: what fails between two workloads cannot be judged without it.',
  fix: [
    {
      do: 'Turn the access log on for the whole mesh with a Telemetry resource in the root namespace',
      run: 'kubectl apply -n {{rootNamespace}} -f - <<EOF\napiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata:\n  name: mesh-default\nspec:\n  accessLogging:\n  - providers:\n    - name: envoy\nEOF',
    },
    {
      do: 'Repeat what fails, then verify that lines appear',
      run: 'kubectl logs {{pod}} -n {{namespace}} -c istio-proxy --tail=20',
    },
    {
      do: 'Collect a new archive',
      run: 'istioctl bug-report --istio-namespace {{istioNamespace}} --istioNamespace {{istioNamespace}}',
    },
  ],
  references: [
    'https://istio.io/latest/docs/tasks/observability/logs/access-log/',
    'https://learn.microsoft.com/en-us/azure/aks/istio-telemetry',
  ],
  source: 'knowledge K7, M6 (ACCESSLOG-OFF)',
  needs: ['logFiles', 'meshConfigs'],
  uses: ['config', 'platform'],
  *check({ logFiles, meshConfigs, config = [], platform }) {
    const logs = logFiles.filter(({ log, entries }) => log === 'proxy' && entries > 0);
    const [first] = logs;
    if (first === undefined || logs.some(({ accessLines }) => accessLines > 0)) return;
    // istiod tells the effective configuration; ConfigMaps are its sources.
    const effective = meshConfigs.filter(({ from }) => from === 'istiod');
    const asked = effective.length > 0 ? effective : meshConfigs;
    const [mesh] = asked;
    if (mesh === undefined || asked.some(hasOtherLog) || config.some(turnsOn)) return;
    const files = asked.map(({ config: known }) => text(known['accessLogFile']) ?? '').filter((file) => file !== '');
    if (files.some((file) => file.startsWith('/dev/std'))) return;
    const [elsewhere] = files;
    const evidence = evidenceOf(
      {
        ...mesh.at,
        stage: 'config',
        say: elsewhere === undefined ? 'No accessLogFile is set.' : `The access log goes to ${elsewhere}.`,
      },
      {
        ...first.at,
        stage: 'client',
        say: `${counted(first.entries, 'entry', 'entries')}, none of them of an access log.`,
      },
    );
    if (evidence === undefined) return;
    const istioNamespace = platform?.istioNamespace ?? 'istio-system';
    yield {
      subject: 'mesh configuration',
      scope: {},
      count: logs.length,
      confidence: 'certain',
      message:
        elsewhere === undefined
          ? `no access line in ${counted(logs.length, 'proxy log')}: neither accessLogFile nor a Telemetry turns the access log on`
          : `no access line in ${counted(logs.length, 'proxy log')}: accessLogFile is ${elsewhere}, a file inside the proxies`,
      facts: {
        istioNamespace,
        rootNamespace: text(mesh.config['rootNamespace']) ?? istioNamespace,
        pod: first.pod.pod,
        namespace: first.pod.namespace,
      },
      evidence,
    };
  },
});

const hasOtherLog = ({ config }: MeshConfig): boolean =>
  list(record(config['defaultProviders'])['accessLogging']).length > 0 ||
  config['enableEnvoyAccessLogService'] === true;

/** A Telemetry that asks for access logs, or an EnvoyFilter that adds one. */
const turnsOn = (object: KubeObject): boolean => {
  if (object.kind === 'EnvoyFilter') return JSON.stringify(object.body).includes('access_log');
  return ofKind([object], 'Telemetry').some((telemetry) =>
    list(specOf(telemetry)['accessLogging']).some((entry) => record(entry)['disabled'] !== true),
  );
};
