import type { Location } from '../input/location.ts';
import type * as facts from '../parse/facts.ts';

/** When the archive was made and which time its logs cover. ISO 8601 UTC. */
export interface Capture {
  /** Collection time: bug-report.log, else the newest time in logs and dumps, else the newest file time of the container. */
  readonly time?: string;
  readonly source?: 'bug-report.log' | 'logs' | 'file times';
  /** First and last time of any log line. */
  readonly window?: { readonly first: string; readonly last: string };
}

/** Where the mesh runs. */
export interface Platform {
  readonly kubernetesVersion?: string;
  readonly istioctlVersion?: string;
  readonly context?: string;
  readonly apiServer?: string;
  /** `aks` needs two signs of the AKS Istio add-on or `azure://` nodes (knowledge.md A.5.1). */
  readonly provider: 'aks' | 'eks' | 'gke' | 'openshift' | 'kind' | 'unknown';
  /** True for Microsoft's Istio add-on (namespace aks-istio-system, revisions asm-X-Y). */
  readonly aksAddon: boolean;
  /** Namespace of the control plane, `istio-system` when nothing says otherwise. */
  readonly istioNamespace: string;
}

/** One control-plane revision and what belongs to it. */
export interface Revision {
  /** `default` for an unnamed one. */
  readonly name: string;
  readonly namespace: string;
  /** Versions of its istiod, e.g. `1.29.6`; more than one while it is rolled. */
  readonly versions: readonly string[];
  readonly pods: readonly facts.Pod[];
  /** Rows of tables for istiod pods that nothing else describes. */
  readonly rows: readonly facts.PodRow[];
  readonly deployments: readonly facts.Workload[];
  /** Tags that point to it, from `istio-revision-tag-*` webhooks and `istioctl tag list`. */
  readonly tags: readonly string[];
  /** Names of the injection webhook configurations that point to it. */
  readonly webhooks: readonly string[];
  readonly at: Location;
}

/** One Envoy or ztunnel and everything that says who it is. */
export interface MeshProxy {
  readonly namespace: string;
  readonly pod: string;
  readonly type: 'sidecar' | 'gateway' | 'waypoint' | 'ztunnel' | 'unknown';
  readonly istioVersion?: string;
  readonly envoyVersion?: string;
  readonly revision?: string;
  readonly state?: string;
  readonly workload?: string;
  readonly serviceAccount?: string;
  readonly ips: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly info?: facts.ProxyInfo;
  readonly kubePod?: facts.Pod;
  readonly at: Location;
}

/**
 * What is known about the mesh, one facet per kind of evidence. A facet that no file provided is absent; one that was
 * looked at and held nothing is empty. `Partial<Mesh>` until a rule's needs are checked.
 */
export interface Mesh {
  readonly capture: Capture;
  readonly platform: Platform;

  readonly pods: readonly facts.Pod[];
  /** Rows of `kubectl get pods`, the last of several for one pod. */
  readonly podRows: readonly facts.PodRow[];
  readonly services: readonly facts.Service[];
  readonly endpoints: readonly facts.Endpoints[];
  readonly workloads: readonly facts.Workload[];
  readonly namespaces: readonly facts.Namespace[];
  readonly nodes: readonly facts.Node[];
  readonly events: readonly facts.KubeEvent[];
  readonly configMaps: readonly facts.ConfigMap[];
  readonly secrets: readonly facts.SecretName[];
  readonly listings: readonly facts.Listing[];
  /** Istio and Gateway API objects. */
  readonly config: readonly facts.KubeObject[];
  /** Mutating and validating webhook configurations. */
  readonly webhooks: readonly facts.KubeObject[];
  /** Every other object that was kept: NetworkPolicy, HorizontalPodAutoscaler, CustomResourceDefinition … */
  readonly otherObjects: readonly facts.KubeObject[];

  readonly collections: readonly facts.Collection[];
  readonly versions: readonly facts.VersionFact[];
  readonly revisions: readonly Revision[];

  readonly proxies: readonly MeshProxy[];
  readonly memory: readonly facts.ProxyMemory[];
  readonly clusters: readonly facts.EnvoyCluster[];
  readonly clusterConfigs: readonly facts.ClusterConfig[];
  readonly listeners: readonly facts.ListenerConfig[];
  readonly routes: readonly facts.RouteConfig[];
  readonly rejections: readonly facts.Rejection[];
  readonly warming: readonly facts.Warming[];
  readonly proxySecrets: readonly facts.ProxySecret[];
  readonly configSizes: readonly facts.ProxyConfigSize[];
  readonly certificates: readonly facts.Certificate[];
  readonly metrics: readonly facts.Metric[];
  readonly sockets: readonly facts.Socket[];

  readonly sync: readonly facts.SyncStatus[];
  readonly connections: readonly facts.Connection[];
  readonly pushStatus: readonly facts.PushStatus[];
  readonly meshConfigs: readonly facts.MeshConfig[];
  /** Tags of revisions as istioctl lists them. */
  readonly tags: readonly facts.RevisionTag[];
  readonly injectionChecks: readonly facts.InjectionCheck[];
  readonly appliedPolicies: readonly facts.AppliedPolicy[];
  readonly analysis: readonly facts.AnalysisMessage[];

  /** What AKS refused about its Istio add-on. */
  readonly azureErrors: readonly facts.AzureError[];
  readonly managedClusters: readonly facts.ManagedCluster[];

  readonly istiodLog: readonly facts.LogHits[];
  readonly proxyLog: readonly facts.LogHits[];
  readonly ztunnelLog: readonly facts.LogHits[];
  readonly cniLog: readonly facts.LogHits[];
  readonly operatorLog: readonly facts.LogHits[];
  readonly logFiles: readonly facts.LogFile[];
  /** Access-log groups of all proxies; present as soon as one proxy log was read. */
  readonly access: readonly facts.AccessGroup[];
}
export type Facet = keyof Mesh;

/** Which file would have told, and the command that collects it; for "not checked". */
export const facetSources: Readonly<Record<Facet, { readonly files: string; readonly collect: string }>> = {
  capture: { files: 'bug-report.log', collect: 'istioctl bug-report' },
  platform: { files: 'cluster/kubectl-version', collect: 'kubectl version' },
  pods: { files: 'cluster/k8s-resources', collect: 'kubectl get pods -A -o yaml' },
  podRows: { files: 'a table of pods', collect: 'kubectl get pods -A -o wide' },
  services: { files: 'cluster/k8s-resources', collect: 'kubectl get services -A -o yaml' },
  endpoints: { files: 'cluster/k8s-resources', collect: 'kubectl get endpoints,endpointslices -A -o yaml' },
  workloads: { files: 'cluster/k8s-resources', collect: 'kubectl get deployments,replicasets,daemonsets -A -o yaml' },
  namespaces: { files: 'cluster/k8s-resources', collect: 'kubectl get namespaces -o yaml' },
  nodes: { files: 'cluster/nodes', collect: 'kubectl get nodes -o yaml' },
  events: { files: 'cluster/events', collect: 'kubectl get events -A -o wide' },
  configMaps: { files: 'cluster/k8s-resources', collect: 'kubectl get configmaps -A -o yaml' },
  secrets: { files: 'cluster/secrets', collect: 'kubectl get secrets -A' },
  listings: { files: 'cluster/k8s-resources', collect: 'istioctl bug-report' },
  config: { files: 'cluster/crs', collect: 'istioctl bug-report' },
  webhooks: {
    files: 'cluster/k8s-resources',
    collect: 'kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations -o yaml',
  },
  otherObjects: { files: 'cluster/k8s-resources', collect: 'istioctl bug-report' },
  collections: { files: 'bug-report.log', collect: 'istioctl bug-report' },
  versions: { files: 'versions', collect: 'istioctl version' },
  revisions: { files: 'cluster/k8s-resources', collect: 'istioctl tag list' },
  proxies: { files: 'proxies/<namespace>/<pod>/server_info', collect: 'istioctl bug-report' },
  memory: { files: 'proxies/<namespace>/<pod>/memory', collect: 'istioctl bug-report' },
  clusters: {
    files: 'proxies/<namespace>/<pod>/clusters',
    collect: 'kubectl exec POD -c istio-proxy -- curl -s localhost:15000/clusters',
  },
  clusterConfigs: {
    files: 'proxies/<namespace>/<pod>/config_dump?include_eds',
    collect: 'istioctl proxy-config all POD -o json',
  },
  listeners: {
    files: 'proxies/<namespace>/<pod>/config_dump?include_eds',
    collect: 'istioctl proxy-config all POD -o json',
  },
  routes: {
    files: 'proxies/<namespace>/<pod>/config_dump?include_eds',
    collect: 'istioctl proxy-config all POD -o json',
  },
  rejections: {
    files: 'proxies/<namespace>/<pod>/config_dump?include_eds',
    collect: 'istioctl proxy-config all POD -o json',
  },
  warming: {
    files: 'proxies/<namespace>/<pod>/config_dump?include_eds',
    collect: 'istioctl proxy-config all POD -o json',
  },
  proxySecrets: {
    files: 'proxies/<namespace>/<pod>/config_dump?include_eds',
    collect: 'istioctl proxy-config secret POD -o json',
  },
  configSizes: {
    files: 'proxies/<namespace>/<pod>/config_dump?include_eds',
    collect: 'istioctl proxy-config all POD -o json',
  },
  certificates: { files: 'proxies/<namespace>/<pod>/certs', collect: 'istioctl proxy-config secret POD -o json' },
  metrics: { files: 'istio/<namespace>/<istiod>/metrics', collect: 'istioctl bug-report' },
  sockets: { files: 'proxies/<namespace>/<pod>/netstat', collect: 'istioctl bug-report' },
  sync: { files: 'istio/<namespace>/<istiod>/debug/syncz', collect: 'istioctl proxy-status' },
  connections: { files: 'istio/<namespace>/<istiod>/debug/adsz', collect: 'istioctl bug-report' },
  pushStatus: { files: 'istio/<namespace>/<istiod>/debug/push_status', collect: 'istioctl bug-report' },
  meshConfigs: {
    files: 'istio/<namespace>/<istiod>/debug/mesh',
    collect: 'kubectl get configmap -n istio-system istio -o yaml',
  },
  tags: { files: 'cluster/k8s-resources', collect: 'istioctl tag list' },
  injectionChecks: { files: 'a file of its own', collect: 'istioctl experimental check-inject POD -n NAMESPACE' },
  appliedPolicies: { files: 'a file of its own', collect: 'istioctl experimental authz check POD -n NAMESPACE' },
  analysis: { files: 'analyze/allNamespaces/allNamespaces', collect: 'istioctl analyze --all-namespaces' },
  azureErrors: {
    files: 'output of az, ARM, Terraform or Bicep',
    collect: 'az monitor activity-log list --resource-group GROUP --offset 7d --output json',
  },
  managedClusters: {
    files: 'output of az aks show',
    collect: 'az aks show --resource-group GROUP --name CLUSTER --output json',
  },
  istiodLog: {
    files: 'istio/<namespace>/<istiod>/discovery.log',
    collect: 'kubectl logs -n istio-system -l app=istiod --tail=-1',
  },
  proxyLog: { files: 'proxies/<namespace>/<pod>/istio-proxy.log', collect: 'kubectl logs POD -c istio-proxy' },
  ztunnelLog: {
    files: 'proxies/<namespace>/<ztunnel>/istio-proxy.log',
    collect: 'kubectl logs -n istio-system -l app=ztunnel --tail=-1',
  },
  cniLog: { files: 'cni/<pod>/cni.log', collect: 'kubectl logs -n istio-system -l k8s-app=istio-cni-node --tail=-1' },
  operatorLog: { files: 'operator/<namespace>/<pod>/operator.log', collect: 'istioctl bug-report' },
  logFiles: { files: 'proxies/<namespace>/<pod>/istio-proxy.log', collect: 'istioctl bug-report' },
  access: { files: 'proxies/<namespace>/<pod>/istio-proxy.log', collect: 'kubectl logs POD -c istio-proxy' },
};
