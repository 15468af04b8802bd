import { looksLikeLog } from '../log-lines.ts';
import { chosenByHead } from '../peek.ts';
import type { Reader } from '../reader.ts';
import { cniLog } from './cni-log.ts';
import { istiodLog } from './istiod-log.ts';
import { knownFile } from './known-file.ts';
import { operatorLog } from './operator-log.ts';
import { proxyLog } from './proxy-log.ts';
import { ztunnelLog } from './ztunnel-log.ts';

const byContainer: Readonly<Record<string, Reader>> = {
  'istio-proxy': proxyLog,
  discovery: istiodLog,
  'install-cni': cniLog,
  'istio-operator': operatorLog,
};

const byForm: Readonly<Record<string, Reader>> = {
  proxy: proxyLog,
  istiod: istiodLog,
  ztunnel: ztunnelLog,
  cni: cniLog,
};

const application = knownFile('application-log', 'log of an application');

/** What is not to be read as Envoy's: the agent's own helpers, which run before it. */
const helpers = new Set(['istio-init', 'istio-validation', 'enable-core-dump']);

/**
 * The log of a container whose name is known: `container`, `pod` and `namespace` of the file's params. Logs of applications
 * are known and not read, whatever is in them.
 */
export const containerLog: Reader = {
  name: 'container-log',
  title: 'log of a container',
  open(file, context, emit) {
    const { container = '', pod = '' } = file.params;
    const reader = byContainer[container];
    if (reader !== undefined) return reader.open(file, context, emit);
    if (helpers.has(container)) return application.open(file, context, emit);
    return chosenByHead((head) => {
      const form = looksLikeLog(head);
      // An application may print lines that look like Envoy's; a pod of istiod or ztunnel prints its own in any container.
      const mesh = container === '' || /^(?:istiod|ztunnel|istio-cni)\b/.test(pod);
      return ((mesh && byForm[form ?? '']) || application).open(file, context, emit);
    });
  },
};
