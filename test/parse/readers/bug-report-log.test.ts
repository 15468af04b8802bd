import { describe, expect, it } from 'vitest';
import { bugReportLog } from '../../../src/parse/readers/bug-report-log.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const file = { path: 'bug-report.log' };
const collected = (text: string, complete = true) =>
  factsOf(runReader(bugReportLog, text, file, { complete }), 'collection')[0];
const failures = (text: string): string[] =>
  (collected(text)?.failures ?? []).map(({ what, detail, at }) => `${at.line}: ${what}: ${detail}`);

const at = (second: number): string => `2025-03-04T10:11:${String(second).padStart(2, '0')}.123456Z`;
const of125 = `${at(1)}\tinfo\t
Target cluster context: shop-west

${at(1)}\tinfo\tRunning with the following config: 

kubeconfig: /home/ada/.kube/config
context: shop-west
istio-namespace: istio-system
full-secrets: false
timeout (mins): 30
include: { Namespaces: shop }
exclude: { Namespaces: kube-node-lease,kube-public }
end-time: 2025-03-04 11:11:00.5 +0100 CET m=+0.25
since: 2h0m0s

${at(2)}\tinfo\t
Cluster endpoint: https://10.77.0.10:6443
${at(2)}\tinfo\tCluster resource tree:

shop
  cart
    cart-7d9
      istio-proxy

${at(2)}\tinfo\t
Fetching logs for the following containers:

shop/cart/cart-7d9/istio-proxy
istio-system/istiod/istiod-6f4/discovery

${at(3)}\tinfo\tSTARTING kubectl get --all-namespaces secrets
${at(3)}\tinfo\tSTARTING ProxyGet shop/cart-7d9:certs
${at(3)}\tinfo\tSTARTING PodLogs shop/cart-7d9/istio-proxy
${at(4)}\tinfo\tCOMPLETED kubectl get --all-namespaces secrets
${at(33)}\tinfo\t
The following fetches are still running: 

${at(33)}\tinfo\t  ProxyGet shop/cart-7d9:certs

${at(33)}\tinfo\t  PodLogs shop/cart-7d9/istio-proxy

${at(34)}\tinfo\tCOMPLETED PodLogs shop/cart-7d9/istio-proxy
${at(40)}\tinfo\tRunning Istio analyze on all namespaces and report as below:
${at(41)}\tinfo\tAnalysis Report:
Error [IST0101] (VirtualService shop/cart) Referenced gateway not found
${at(42)}\tinfo\tCreating an archive at /home/ada/bug-report.tar.gz.
`;

// Cut from a report of a cluster whose istiod crashed.
const errorsOnly = `2026-11-25T09:05:32.789813Z\terror\tport forward failed: lost connection to pod
2026-11-25T09:05:35.730444Z\terror\t2 errors occurred:
\t* podExec error: error exec'ing into istio-system/istiod-6f4-sr6qc discovery container: Internal error occurred: unable to upgrade connection: container not found ("discovery")

stderr:


stdout:

\t* podExec error: error exec'ing into istio-system/istiod-6f4-sr6qc discovery container: Internal error occurred: unable to upgrade connection: container not found ("discovery")

stderr:


stdout:

, 1 error occurred:
\t* failure running port forward process: failure running port forward process: building port forwarded: pod is not running. Status=Pending

, kubectl error: exit status 1

stderr:
Error from server (Forbidden): secrets is forbidden

stdout:
aGVsbG8gd29ybGQ=
`;

describe('bug-report.log', () => {
  it('tells when, from where and with what options the archive was collected', () => {
    expect(collected(of125)).toMatchObject({
      time: '2025-03-04T10:11:42.123456Z',
      context: 'shop-west',
      apiServer: 'https://10.77.0.10:6443',
      istioNamespace: 'istio-system',
      include: '{ Namespaces: shop }',
      exclude: '{ Namespaces: kube-node-lease,kube-public }',
      since: '2h0m0s',
    });
  });

  it('lists the containers that should be in the archive', () => {
    expect(collected(of125)?.expected).toEqual([
      'shop/cart/cart-7d9/istio-proxy',
      'istio-system/istiod/istiod-6f4/discovery',
    ]);
    const older = of125.replace('Fetching logs for the following', 'Fetching proxy logs for the following');
    expect(collected(older)?.expected).toHaveLength(2);
  });

  it('reports what started and never completed, but not what was only slow', () => {
    expect(failures(of125)).toEqual([
      expect.stringMatching(
        /^\d+: ProxyGet shop\/cart-7d9:certs: started and never completed; reported as still running$/,
      ),
    ]);
  });

  it('draws no conclusion about unfinished work from a log that is cut', () => {
    expect(collected(of125, false)?.failures).toEqual([]);
  });

  it('reports each error of a joined entry once, with its count, and never what a command printed', () => {
    expect(failures(errorsOnly)).toEqual([
      '1: port forward: port forward failed: lost connection to pod',
      '3: podExec istio-system/istiod-6f4-sr6qc/discovery: Internal error occurred: unable to upgrade connection: container not found ("discovery") (2 times)',
      '18: port forward: building port forwarded: pod is not running. Status=Pending',
      '20: kubectl: exit status 1 Error from server (Forbidden): secrets is forbidden',
    ]);
    expect(JSON.stringify(collected(errorsOnly))).not.toContain('aGVsbG8');
  });

  it('splits errors that are joined by commas only', () => {
    const text = `${at(5)}\terror\tkubectl error: exit status 1\n\nstderr:\nerror: the server doesn't have a resource type "x"\n\nstdout:\n, unexpected status code: 500, error running analysis: timeout\n`;
    expect(failures(text)).toEqual([
      `1: kubectl: exit status 1 error: the server doesn't have a resource type "x"`,
      '7: istioctl bug-report: unexpected status code: 500',
      '7: istioctl bug-report: error running analysis: timeout',
    ]);
  });

  it('keeps no path of the collector’s machine', () => {
    const windows = `${at(5)}\terror\topen C:\\Users\\Ada King\\AppData\\Local\\Temp\\bug-report\\bug-report\\cluster\\crs: The system cannot find the path specified.\n`;
    expect(failures(windows)).toEqual(['1: write cluster/crs: The system cannot find the path specified.']);
    const linux = `${at(5)}\terror\tmkdir /home/ada/out/bug-report/cluster: permission denied\n`;
    for (const text of [of125, windows, linux]) {
      expect(JSON.stringify(collected(text))).not.toMatch(/ada|Ada|kubeconfig|\.kube/);
    }
  });

  it('reads the marks of 1.30 before its messages', () => {
    const text = `✔ Target cluster context: shop-west\n⚠️  could not get secrets: forbidden\nTimeout when running bug report command, using --include or --exclude to filter\n`;
    expect(collected(text)?.context).toBe('shop-west');
    expect(failures(text)).toEqual([
      '2: istioctl bug-report: could not get secrets: forbidden',
      '3: istioctl bug-report: Timeout when running bug report command, using --include or --exclude to filter',
    ]);
  });

  it('reads the log as JSON', () => {
    const lines = [
      { level: 'info', time: at(1), msg: '\nTarget cluster context: shop-west\n' },
      { level: 'info', time: at(1), msg: 'Running with the following config: \n\nistio-namespace: istio-system\n' },
      { level: 'info', time: at(2), msg: 'STARTING kubectl get nodes' },
      { level: 'error', time: at(3), msg: 'unexpected status code: 503' },
    ];
    const text = lines.map((line) => JSON.stringify(line)).join('\n');
    expect(collected(text)).toMatchObject({
      context: 'shop-west',
      istioNamespace: 'istio-system',
      time: at(3),
      failures: [
        { what: 'istioctl bug-report', detail: 'unexpected status code: 503', at: { line: 4 } },
        { what: 'kubectl get nodes', detail: 'started and never completed', at: { line: 3 } },
      ],
    });
  });

  it('takes the time from the container when the log is empty', () => {
    const modified = '2026-11-25T08:40:40.000Z';
    const [collection] = factsOf(runReader(bugReportLog, '', { ...file, modified }), 'collection');
    expect(collection?.time).toBe(modified);
  });

  it('takes the end time of the options when no entry is dated', () => {
    expect(collected('Running with the following config:\nend-time: 2025-03-04 11:11:00.5 +0100 CET\n')?.time).toBe(
      '2025-03-04T10:11:00.500Z',
    );
  });

  it('never throws, whatever happened to the file', () => {
    for (const text of [of125, errorsOnly]) survivesDamage(bugReportLog, text, file);
  });
});
