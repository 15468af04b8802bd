import { counted, podName, some } from '../evidence.ts';
import { defineLogRules, type LogRuleWithLines, type Matched } from '../log-rules.ts';

const cniPage = 'https://istio.io/latest/docs/ops/diagnostic-tools/cni/';
const cniSetup = 'https://istio.io/latest/docs/setup/additional-setup/cni/';
const ambientPage = 'https://istio.io/latest/docs/ambient/usage/troubleshoot-ztunnel/';
const places = ({ pods }: Matched): string => some(pods.map(podName));
const time = '2026-05-04T10:11:12.345678Z';
const cniLog = {
  do: 'Read the log of istio-cni on the node',
  run: 'kubectl logs -n {{istioNamespace}} -l k8s-app=istio-cni-node --tail=200 --prefix',
};

/** What istio-cni logs, agent and plugin. */
const cniLogRules: readonly LogRuleWithLines[] = defineLogRules('cni', [
  {
    id: 'unreachable-cni-agent',
    title: 'The CNI plugin does not reach its agent on the node',
    area: 'platform',
    severity: 'warning',
    why: 'The plugin asks the istio-cni agent for every pod that starts. Without the agent the sandbox of new pods cannot be created.',
    fix: [
      {
        do: 'See whether istio-cni is ready on every node',
        run: 'kubectl get pods -A -o wide -l k8s-app=istio-cni-node',
      },
      { do: 'Give it priority class system-node-critical, so that it is neither evicted nor started late' },
      { do: 'Verify that pods start', run: 'kubectl get events -A --field-selector reason=FailedCreatePodSandBox' },
    ],
    references: [cniPage, cniSetup],
    source: 'cni/pkg/plugin/plugin.go; knowledge D062',
    contains: 'node Istio CNI agent: ',
    matching: /istio-cni cmdAdd failed to (?:contact|signal) node Istio CNI agent: (?<reason>[^\n]{1,200})/,
    message: ({ count, captures }) =>
      `${counted(count, 'pod')} could not be set up, the CNI agent was not reached: ${captures['reason'] ?? ''}`,
    scope: () => ({}),
    explains: ['missing-replicas'],
    fires: [
      `${time}\terror\tcni-plugin\tistio-cni cmdAdd failed to contact node Istio CNI agent: unable to push CNI event: failed to send event request: dial unix /var/run/istio-cni/pluginevent.sock: connect: no such file or directory`,
      `${time}\terror\tcni-plugin\tistio-cni cmdAdd failed to signal node Istio CNI agent: unable to push CNI event (status code 500): partial add error: no ztunnel connection`,
    ],
    quiet: [`${time}\tinfo\tcni-plugin\tistio-cni cmdAdd: pod shop/cart-7d9 is not part of the mesh`],
  },
  {
    id: 'cni-without-ztunnel',
    title: 'istio-cni has no connection to ztunnel',
    area: 'ambient',
    severity: 'error',
    why: 'The agent hands new ambient pods to the ztunnel of its node. Without that connection they do not start, or start without a data path.',
    fix: [
      { do: 'See whether ztunnel is ready on the node', run: 'kubectl get pods -A -o wide -l app=ztunnel' },
      {
        do: 'Restart ztunnel there, then istio-cni if the connection does not come back',
        run: 'kubectl rollout restart daemonset/ztunnel -n istio-system',
      },
      { do: 'Verify', run: 'istioctl ztunnel-config workloads' },
    ],
    references: [ambientPage, cniPage],
    source: 'knowledge D063, F22',
    contains: 'ztunnel connection',
    matching: /(?:no ztunnel connection|failed to wait for ztunnel connection)/,
    atLeast: 2,
    message: ({ count, pods }) =>
      `istio-cni had no ztunnel to hand a pod to, ${counted(count, 'time')} in ${some(pods.map(podName))}`,
    scope: () => ({}),
    explains: ['missing-replicas'],
    fires: [
      `${time}\terror\tcni-agent\tfailed to add pod to ztunnel: partial add error: no ztunnel connection\n${time}\terror\tcni-agent\tfailed to add pod to ztunnel: partial add error: no ztunnel connection`,
    ],
    quiet: [`${time}\tinfo\tcni-agent\tnew ztunnel connection`, `${time}\terror\tcni-agent\tno ztunnel connection`],
  },
  {
    id: 'absent-primary-cni',
    title: 'istio-cni finds no network configuration to join',
    area: 'platform',
    severity: 'warning',
    why: 'istio-cni chains itself behind the primary CNI plugin. As long as it finds none, pods on the node get no redirection; for good where its directory is wrong for the platform.',
    fix: [
      {
        do: 'Compare cniConfDir and cniBinDir with what the platform uses',
        run: 'kubectl describe daemonset -A -l k8s-app=istio-cni-node',
      },
      { do: 'Set `global.platform`, or both directories, in the values of the istio-cni chart' },
      { do: 'Verify that istio-cni becomes ready', run: 'kubectl get pods -A -l k8s-app=istio-cni-node' },
    ],
    references: [cniSetup, cniPage],
    source: 'knowledge D064',
    contains: 'networks found in ',
    matching: /no (?:valid )?networks found in (?<folder>\S{1,200})/,
    atLeast: 3,
    message: ({ count, captures, pods }) =>
      `no network configuration in ${captures['folder'] ?? 'the CNI folder'}, ${counted(count, 'time')} in ${some(pods.map(podName))}`,
    fires: [
      Array.from(
        { length: 3 },
        () =>
          `${time}\twarn\tinstall\tIstio CNI is configured as chained plugin, but cannot find existing CNI network config: no networks found in /host/etc/cni/net.d`,
      ).join('\n'),
    ],
    quiet: [
      `${time}\twarn\tinstall\tIstio CNI is configured as chained plugin, but cannot find existing CNI network config: no networks found in /host/etc/cni/net.d`,
      `${time}\tinfo\tinstall\tCNI config file /host/etc/cni/net.d/10-azure.conflist exists. Proceeding.`,
    ],
  },
  {
    id: 'preempted-cni-configuration',
    title: 'Another CNI configuration comes before that of istio-cni',
    area: 'platform',
    severity: 'warning',
    why: 'The kubelet uses the first configuration file of the folder. Pods that start while another comes first have no redirection, their traffic bypasses the mesh.',
    fix: [
      {
        do: 'Make Cilium share the folder',
        run: 'helm upgrade cilium cilium/cilium -n kube-system --reuse-values --set cni.exclusive=false',
      },
      { do: 'Remove configuration files of CNI plugins that are gone from the nodes' },
      {
        do: 'Restart istio-cni and verify that the message does not come back',
        run: 'kubectl rollout restart daemonset -n {{istioNamespace}} -l k8s-app=istio-cni-node',
      },
    ],
    references: [cniSetup, 'https://docs.cilium.io/en/stable/network/servicemesh/istio/'],
    source: 'knowledge D065',
    contains: ' preempted by ',
    matching: /CNI config file "(?<file>[^"]{1,200})" preempted by "(?<by>[^"]{1,200})"/,
    groupBy: ['file', 'by'],
    message: ({ captures, pods }) =>
      `${captures['file'] ?? 'the configuration of istio-cni'} is preempted by ${captures['by'] ?? 'another'} on the nodes of ${some(pods.map(podName))}`,
    fires: [
      `${time}\twarn\tinstall\tCNI config file "/host/etc/cni/net.d/10-azure.conflist" preempted by "/host/etc/cni/net.d/05-cilium.conflist"`,
    ],
    quiet: [`${time}\tinfo\tinstall\tcreated CNI config /host/etc/cni/net.d/10-azure.conflist`],
  },
  {
    id: 'contested-cni-configuration',
    title: 'Another component keeps reverting the CNI configuration',
    area: 'platform',
    severity: 'warning',
    why: 'istio-cni writes its configuration again and again because something takes it away; pods that start in between have no redirection.',
    fix: [
      {
        do: 'Follow the hint in the message: with Cilium set `cni.exclusive=false`',
        run: 'kubectl get configmap cilium-config -n kube-system -o yaml',
      },
      { do: 'Stop node configuration management from managing the CNI folder' },
      cniLog,
    ],
    references: [cniSetup, cniPage],
    source: 'knowledge D066',
    contains: 'Configuration has been reconciled multiple times',
    message: (matched) =>
      `something keeps reverting the CNI configuration (${counted(matched.count, 'report')} in ${places(matched)})`,
    fires: [
      `${time}\twarn\tConfiguration has been reconciled multiple times in a short period of time. This may be due to a conflicting component constantly reverting our work. Hint: Cilium CNI was detected; ensure 'cni.exclusive=false' in the Cilium configuration.`,
    ],
    quiet: [`${time}\tinfo\tinstall\tInvalid configuration. The configuration is being reconciled.`],
  },
  {
    id: 'read-only-cni-folder',
    title: 'istio-cni cannot write its plugin to the node',
    area: 'platform',
    severity: 'error',
    why: 'On nodes with an immutable system the usual folder of CNI plugins is read-only: the plugin is never installed and no pod of the mesh is redirected.',
    fix: [
      { do: 'Set `global.platform`, or `cniBinDir`, to what the nodes use in the values of the istio-cni chart' },
      { do: 'See the system of the nodes', run: 'kubectl get nodes -o wide' },
      { do: 'Verify that istio-cni becomes ready', run: 'kubectl get pods -A -l k8s-app=istio-cni-node' },
    ],
    references: ['https://istio.io/latest/docs/ambient/install/platform-prerequisites/', cniSetup],
    source: 'knowledge D067',
    contains: 'read-only file system',
    matching: /(?:copy|install|open|write)[^\n]{0,200}read-only file system/,
    message: (matched) => `the plugin cannot be copied to the node, its folder is read-only (${places(matched)})`,
    explains: ['cni-not-ready'],
    fires: [
      `${time}\terror\tinstaller failed: copy binaries: open /host/opt/cni/bin/istio-cni.tmp: read-only file system`,
    ],
    quiet: [`${time}\tinfo\tinstall\tCopied istio-cni to /host/opt/cni/bin.`],
  },
  {
    id: 'unredirected-pod',
    title: 'Pods started before istio-cni and were repaired',
    area: 'platform',
    severity: 'warning',
    why: 'A pod that starts before istio-cni has no redirection; the repair deletes or labels it. Once after a node starts that is normal, again and again it means that the plugin is not installed there.',
    fix: [
      {
        do: 'See whether istio-cni is ready on the nodes of the pods',
        run: 'kubectl get pods -A -o wide -l k8s-app=istio-cni-node',
      },
      { do: 'Keep pods off a node until istio-cni is ready there: taint new nodes with cni.istio.io/not-ready' },
      { do: 'Verify that no more pods are repaired', run: 'kubectl get pods -A -l cni.istio.io/uninitialized=true' },
    ],
    references: ['https://istio.io/latest/docs/setup/additional-setup/cni/#race-condition-mitigation', cniPage],
    source: 'knowledge D068, C-CNI-01',
    contains: 'Pod detected as broken, ',
    matching: /Pod detected as broken, (?:deleting|adding label)/,
    atLeast: 3,
    message: ({ count, pods }) =>
      `${counted(count, 'pod')} started without redirection and ${count === 1 ? 'was' : 'were'} repaired by ${some(pods.map(podName))}`,
    scope: () => ({}),
    explains: ['missing-replicas'],
    fires: [
      ['cart-6c9', 'cart-7d4', 'reviews-9f2']
        .map((pod) => `${time}\tinfo\trepair\tPod detected as broken, deleting: shop/${pod}`)
        .join('\n'),
    ],
    quiet: [`${time}\tinfo\trepair\tPod detected as broken, deleting: shop/cart-6c9`],
  },
  {
    id: 'invisible-pod-network',
    title: 'istio-cni cannot open the network of pods',
    area: 'platform',
    severity: 'error',
    why: 'The agent enters the network namespace of each pod to set up redirection; where the platform keeps them elsewhere it can do so for none.',
    fix: [
      { do: 'Set `cniNetnsDir` or `global.platform` in the values of the istio-cni chart to what the nodes use' },
      {
        do: 'Restart istio-cni',
        run: 'kubectl rollout restart daemonset -n {{istioNamespace}} -l k8s-app=istio-cni-node',
      },
      cniLog,
    ],
    references: ['https://istio.io/latest/docs/ambient/install/platform-prerequisites/'],
    source: 'knowledge D069',
    contains: 'failed to open netns',
    matching: /failed to open netns[^\n]{0,200}netns host path (?<folder>\S{1,200}) is mounted/,
    message: ({ count, captures }) =>
      `the network of ${counted(count, 'pod')} could not be opened below ${captures['folder'] ?? '/var/run/netns'}`,
    scope: () => ({}),
    explains: ['missing-replicas'],
    fires: [
      `${time}\terror\tcni-agent\tfailed to open netns: no such file or directory. Make sure that the netns host path /var/run/netns is mounted in under /host in the container`,
    ],
    quiet: [`${time}\tdebug\tcni-agent\topened netns of pod shop/cart-7d9`],
  },
  {
    id: 'unusable-traffic-annotation',
    title: 'Traffic annotation that istio-cni cannot use',
    area: 'injection',
    severity: 'error',
    why: 'A port or address list of a `traffic.sidecar.istio.io` annotation cannot be parsed, so the pod gets no redirection and does not start.',
    fix: [
      { do: 'Correct the annotation the message quotes in the pod template', run: 'kubectl get pods -A -o yaml' },
      { do: 'Verify that the pods start', run: 'kubectl get events -A --field-selector reason=FailedCreatePodSandBox' },
    ],
    references: ['https://istio.io/latest/docs/reference/config/annotations/'],
    source: 'knowledge D070',
    contains: 'redirect failed due to bad params: ',
    matching: /redirect failed due to bad params: (?<detail>[^\n]{1,200})/,
    groupBy: ['detail'],
    message: ({ captures, count }) =>
      `a traffic annotation is unusable (${counted(count, 'time')}): ${captures['detail'] ?? ''}`,
    scope: () => ({}),
    explains: ['missing-replicas'],
    fires: [
      `${time}\terror\tcni-plugin\tredirect failed due to bad params: annotation value error for value 80,abc; annotationFound = true: portList "80,abc" invalid`,
    ],
    quiet: [`${time}\tinfo\tcni-plugin\tsetting up redirect for pod shop/cart-7d9`],
  },
  {
    id: 'captured-probes',
    title: 'Probes of ambient pods will be captured',
    area: 'ambient',
    severity: 'error',
    why: 'istio-cni keeps the kubelet’s probes out of the mesh by a set of addresses. A pod it could not add fails its probes though it is healthy.',
    fix: [
      { do: 'See whether the ip_set kernel modules are loaded on the node' },
      {
        do: 'Restart istio-cni on the node, then the pods',
        run: 'kubectl rollout restart daemonset -n {{istioNamespace}} -l k8s-app=istio-cni-node',
      },
      { do: 'Verify', run: 'kubectl get events -A --field-selector reason=Unhealthy' },
    ],
    references: [cniPage, ambientPage],
    source: 'knowledge D071',
    contains: 'pod will fail healthchecks',
    message: ({ count, pods }) =>
      `${counted(count, 'pod')} could not be added to the set of probed addresses (${some(pods.map(podName))})`,
    scope: () => ({}),
    explains: ['missing-replicas'],
    fires: [
      `${time}\terror\tcni-agent\tfailed to add pod to addressSet, pod will fail healthchecks: failed to add IP 10.1.2.3 to ipset istio-inpod-probes-v4`,
    ],
    quiet: [`${time}\tdebug\tcni-agent\tadded pod to addressSet`],
  },
  {
    id: 'unauthorized-cni-plugin',
    title: 'istio-cni may not read pods',
    area: 'platform',
    severity: 'error',
    why: 'The plugin reads each pod with the kubeconfig istio-cni writes to the node. With a token that has expired or rights that were taken away no pod can be set up.',
    fix: [
      {
        do: 'Restart istio-cni, which writes the kubeconfig anew',
        run: 'kubectl rollout restart daemonset -n {{istioNamespace}} -l k8s-app=istio-cni-node',
      },
      {
        do: 'Compare the subject of the ClusterRoleBinding with the service account of the DaemonSet',
        run: 'kubectl get clusterrolebinding -o wide',
      },
      { do: 'Verify that pods start', run: 'kubectl get events -A --field-selector reason=FailedCreatePodSandBox' },
    ],
    references: [cniSetup, 'https://istio.io/latest/news/security/istio-security-2023-005/'],
    source: 'knowledge D073',
    contains: 'failed to get pod or namespace info: ',
    matching: /failed to get pod or namespace info: [^\n]{0,300}(?:Unauthorized|forbidden)/,
    message: ({ count, pods }) =>
      `the API server refused istio-cni ${counted(count, 'time')} (${some(pods.map(podName))})`,
    scope: () => ({}),
    explains: ['missing-replicas'],
    fires: [
      `${time}\terror\tcni-plugin\tfailed to get pod or namespace info: pods "cart-7d9" is forbidden: User "system:serviceaccount:istio-system:istio-cni" cannot get resource "pods"`,
      `${time}\terror\tcni-plugin\tfailed to get pod or namespace info: Unauthorized`,
    ],
    quiet: [`${time}\terror\tcni-plugin\tfailed to get pod or namespace info: pods "cart-7d9" not found`],
  },
  {
    id: 'excluded-ambient-namespace',
    title: 'Namespace labelled for ambient that istio-cni excludes',
    area: 'ambient',
    severity: 'warning',
    why: 'The label asks for the mesh, the values of istio-cni refuse it: pods of the namespace stay outside, without mutual TLS.',
    fix: [
      {
        do: 'Remove namespace {{namespace}} from `excludeNamespaces` in the values of the istio-cni chart, or remove its label',
        run: 'kubectl get namespace {{namespace}} --show-labels',
      },
      { do: 'Verify', run: 'istioctl ztunnel-config workloads --workload-namespace {{namespace}}' },
    ],
    references: ['https://istio.io/latest/docs/ambient/usage/add-workloads/'],
    source: 'knowledge D074',
    contains: 'is labeled for ambient mesh but is excluded',
    matching: /Namespace (?<namespace>\S{1,63}) is labeled for ambient mesh but is excluded/,
    groupBy: ['namespace'],
    message: ({ captures }) =>
      `namespace ${captures['namespace'] ?? ''} carries the ambient label, but istio-cni excludes it`,
    scope: ({ captures }) => ({ namespace: captures['namespace'] ?? '' }),
    fires: [
      `${time}\twarn\tcni-agent\tNamespace shop is labeled for ambient mesh but is excluded by excludeNamespaces configuration; pods will not be enrolled`,
    ],
    quiet: [`${time}\tinfo\tcni-agent\tNamespace shop is enabled in ambient mesh`],
  },
  {
    id: 'missing-nftables',
    title: 'nftables mode on nodes without nft',
    area: 'platform',
    severity: 'error',
    why: 'With `global.nativeNftables` redirection is set up by the nft tool; where it is missing no pod is redirected.',
    fix: [{ do: 'Install nftables on the nodes, or set `global.nativeNftables=false` and restart istio-cni' }, cniLog],
    references: ['https://istio.io/latest/docs/setup/additional-setup/nftables/'],
    source: 'knowledge D075',
    contains: 'nativeNftables is enabled, but the nft binary is missing',
    message: (matched) => `nftables mode is on, but the nodes have no nft (${places(matched)})`,
    explains: ['cni-not-ready'],
    fires: [
      `${time}\terror\tcni-agent\tnativeNftables is enabled, but the nft binary is missing on the host filesystem: exec: "nft": executable file not found`,
    ],
    quiet: [`${time}\tinfo\tcni-agent\tnativeNftables is enabled`],
  },
]);

/** What ztunnel says of its node. */
const ztunnelLogRules: readonly LogRuleWithLines[] = defineLogRules('ztunnel', [
  {
    id: 'unreachable-node-agent',
    title: 'ztunnel has no connection to istio-cni',
    area: 'ambient',
    severity: 'warning',
    why: 'ztunnel learns of the pods on its node from istio-cni. While they do not talk, pods that start are not in the mesh.',
    fix: [
      {
        do: 'See whether istio-cni is ready on the node',
        run: 'kubectl get pods -A -o wide -l k8s-app=istio-cni-node',
      },
      {
        do: 'Restart istio-cni first, then ztunnel',
        run: 'kubectl rollout restart daemonset/ztunnel -n {{istioNamespace}}',
      },
      { do: 'Verify', run: 'istioctl ztunnel-config workloads' },
    ],
    references: [ambientPage, cniPage],
    source: 'knowledge D218, F22',
    contains: 'node agent announcement failed',
    matching: /node agent announcement failed \((?<reason>[^)\n]{1,200})\)/,
    atLeast: 2,
    message: ({ count, captures, pods }) =>
      `ztunnel did not reach istio-cni ${counted(count, 'time')} (${some(pods.map(podName))}): ${captures['reason'] ?? ''}`,
    scope: () => ({}),
    explains: ['cni-without-ztunnel'],
    fires: [
      Array.from(
        { length: 2 },
        () =>
          `${time}\terror\tinpod\tnode agent announcement failed (announce error: failed to connect), retrying in 15s`,
      ).join('\n'),
    ],
    quiet: [`${time}\tinfo\tinpod\tnode agent announcement succeeded`],
  },
  {
    id: 'unresolved-ambient-host',
    title: 'ztunnel cannot resolve a host name',
    area: 'ambient',
    severity: 'warning',
    why: 'A ServiceEntry or workload names a host that DNS does not resolve on the node; connections to it fail.',
    fix: [
      {
        do: 'Check that the host resolves in the cluster',
        run: 'kubectl run dns-test --rm -it --restart=Never --image=busybox:1.36 -- nslookup {{host}}',
      },
      {
        do: 'Correct or delete the ServiceEntry that names it',
        run: 'kubectl get serviceentries.networking.istio.io -A',
      },
    ],
    references: ['https://istio.io/latest/docs/ops/configuration/traffic-management/dns/'],
    source: 'knowledge D217',
    contains: 'dns lookup failed',
    matching: /dns lookup failed[^\n]{0,80}hostname="?(?<host>[\w.-]{1,253})/,
    groupBy: ['host'],
    atLeast: 2,
    message: ({ count, captures, pods }) =>
      `${captures['host'] ?? 'a host'} did not resolve, ${counted(count, 'time')} in ${some(pods.map(podName))}`,
    scope: ({ captures }) => ({ host: captures['host'] ?? '' }),
    fires: [Array.from({ length: 2 }, () => `${time}\twarn\tdns lookup failed\thostname=api.example.com`).join('\n')],
    quiet: [`${time}\tinfo\tdns lookup succeeded\thostname=api.example.com`],
  },
  {
    id: 'exhausted-ztunnel-descriptors',
    title: 'ztunnel ran out of file descriptors',
    area: 'ambient',
    severity: 'error',
    why: 'ztunnel carries all connections of its node. Without descriptors it accepts none of them.',
    fix: [
      {
        do: 'Raise the limit of open files for containers on the node, and restart ztunnel there',
        run: 'kubectl rollout restart daemonset/ztunnel -n {{istioNamespace}}',
      },
      { do: 'Find the workload with most connections', run: 'istioctl ztunnel-config connections' },
    ],
    references: [ambientPage],
    source: 'knowledge D219',
    contains: 'Too many open files',
    message: (matched) =>
      `ztunnel had no file descriptors left, ${counted(matched.count, 'time')} in ${places(matched)}`,
    fires: [`${time}\terror\tproxy\tfailed to accept connection\terror="io error: Too many open files (os error 24)"`],
    quiet: [`${time}\tinfo\tproxy\tlisten address=0.0.0.0:15008`],
  },
  {
    id: 'unready-ztunnel-listener',
    title: 'ztunnel could not start in the network of a pod',
    area: 'ambient',
    severity: 'error',
    why: 'ztunnel listens inside every pod of its node. Where it cannot, the pod has no data path in the mesh.',
    fix: [
      {
        do: 'See which pod, and restart it',
        run: 'kubectl logs -n {{istioNamespace}} -l app=ztunnel --tail=200 --prefix',
      },
      { do: 'Check that nothing in the pod listens on 15001, 15006 or 15008' },
    ],
    references: [ambientPage],
    source: 'knowledge D218',
    contains: 'failed to start proxy: ',
    matching: /failed to start proxy: (?<reason>[^\n]{1,200})/,
    message: ({ count, captures, pods }) =>
      `ztunnel did not start in ${counted(count, 'pod')} (${some(pods.map(podName))}): ${captures['reason'] ?? ''}`,
    scope: () => ({}),
    fires: [`${time}\terror\tinpod::statemanager\tfailed to start proxy: Address already in use (os error 98)`],
    quiet: [`${time}\tinfo\tinpod::statemanager\tpod received, starting proxy`],
  },
]);

/** Problems of the platform that are a line in a log. */
export const platformLogRules: readonly LogRuleWithLines[] = [...cniLogRules, ...ztunnelLogRules];
