/**
 * The facts readers find, as plain data: they survive structured clone (worker threads) and JSON. Times are ISO 8601 UTC
 * strings, durations milliseconds, sizes bytes unless a name says otherwise. `at` is the place the fact was read.
 */
import type { Location } from '../input/location.ts';

/** Namespace and name of a pod that runs a proxy. Loose files whose owner is unknown have namespace ''. */
export interface ProxyRef {
  readonly namespace: string;
  readonly pod: string;
}

// ---------------------------------------------------------------------------------------------- Kubernetes

export interface ObjectMeta {
  readonly name: string;
  /** '' for cluster-scoped objects. */
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `kubectl.kubernetes.io/last-applied-configuration` is dropped; values are masked and cut at 2 KiB. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly created?: string;
  readonly deleted?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly uid?: string;
  readonly owners: readonly { readonly kind: string; readonly name: string }[];
  /** Newest `managedFields` time and the manager that wrote it, where present. */
  readonly changed?: { readonly time: string; readonly by: string };
}

interface KubeFact {
  readonly meta: ObjectMeta;
  readonly at: Location;
}

/** An object kept whole: Istio, Gateway API, webhook configurations, network policies, HPAs, CRDs (without schemas). */
export interface KubeObject extends KubeFact {
  readonly apiVersion: string;
  readonly kind: string;
  /** Everything but apiVersion, kind, metadata and status: usually `{ spec }`, for webhooks `{ webhooks }`. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

export interface ContainerState {
  readonly state: 'running' | 'waiting' | 'terminated' | 'unknown';
  readonly reason?: string;
  readonly message?: string;
  readonly exitCode?: number;
  readonly startedAt?: string;
  readonly finishedAt?: string;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  /** An init container; with `restartPolicy: Always` it is a native sidecar. */
  readonly init: boolean;
  readonly nativeSidecar: boolean;
  readonly ready: boolean;
  readonly started?: boolean;
  readonly restarts: number;
  readonly now: ContainerState;
  readonly last?: ContainerState;
  readonly ports: readonly { readonly name?: string; readonly port: number; readonly protocol: string }[];
  readonly limits: Readonly<Record<string, string>>;
  readonly requests: Readonly<Record<string, string>>;
  /** Only variables that mesh rules know (ENABLE_*, PILOT_*, ISTIO_*, PROXY_CONFIG, *_PROXY, CA_ADDR …), masked. */
  readonly env: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  /** `postStart`/`preStop` present. */
  readonly lifecycle: readonly string[];
  readonly readinessProbe?: { readonly path?: string; readonly port?: number | string };
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly since?: string;
}

export interface Pod extends KubeFact {
  readonly phase: string;
  readonly reason?: string;
  readonly message?: string;
  readonly node?: string;
  readonly ips: readonly string[];
  readonly hostNetwork: boolean;
  readonly serviceAccount: string;
  readonly started?: string;
  readonly containers: readonly Container[];
  readonly conditions: readonly Condition[];
  readonly volumes: readonly {
    readonly name: string;
    readonly secret?: string;
    readonly configMap?: string;
    readonly csi?: string;
  }[];
}

/**
 * A row of `kubectl get pods`: what people paste. It says nothing of the pod's containers but how many are ready, so it is no
 * `Pod`.
 */
export interface PodRow {
  /** '' where neither the table nor its command line tells it. */
  readonly namespace: string;
  readonly name: string;
  /** `1` of `1/2`. */
  readonly ready: number;
  /** `2` of `1/2`: containers and native sidecars. */
  readonly containers: number;
  /** As printed: `Running`, `CrashLoopBackOff`, `Init:0/2`, `Completed` … */
  readonly status: string;
  readonly restarts: number;
  /** How long before the table was printed a container last restarted, milliseconds. */
  readonly lastRestart?: number;
  /** Milliseconds. */
  readonly age?: number;
  readonly ip?: string;
  readonly node?: string;
  /** Only with `--show-labels`. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly at: Location;
}

export interface Service extends KubeFact {
  /** Read from a table: its ports have neither names nor targets of their own, and a selector only where one was printed. */
  readonly summary?: true;
  readonly type: string;
  readonly clusterIPs: readonly string[];
  readonly externalName?: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly ports: readonly {
    readonly name?: string;
    readonly port: number;
    readonly targetPort: number | string;
    readonly protocol: string;
    readonly appProtocol?: string;
    readonly nodePort?: number;
  }[];
  readonly externalTrafficPolicy?: string;
  readonly loadBalancerIPs: readonly string[];
}

/** One Endpoints or EndpointSlice object. */
export interface Endpoints extends KubeFact {
  readonly kind: 'Endpoints' | 'EndpointSlice';
  readonly service: string;
  readonly addresses: readonly {
    readonly ip: string;
    readonly ready: boolean;
    readonly pod?: string;
    readonly node?: string;
  }[];
  readonly ports: readonly { readonly name?: string; readonly port: number }[];
}

export interface Workload extends KubeFact {
  readonly kind:
    | 'Deployment'
    | 'ReplicaSet'
    | 'StatefulSet'
    | 'DaemonSet'
    | 'Job'
    | 'CronJob'
    | 'ReplicationController';
  readonly replicas: {
    readonly desired: number;
    readonly current: number;
    readonly ready: number;
    readonly available: number;
  };
  readonly selector: Readonly<Record<string, string>>;
  readonly template: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly images: readonly string[];
    readonly hostNetwork: boolean;
  };
  readonly conditions: readonly Condition[];
}

export interface Namespace extends KubeFact {
  readonly phase: string;
}

export interface Node extends KubeFact {
  readonly conditions: readonly Condition[];
  readonly kubeletVersion?: string;
  readonly providerId?: string;
  readonly os?: string;
  readonly unschedulable: boolean;
  readonly taints: readonly string[];
}

export interface KubeEvent {
  readonly type: 'Normal' | 'Warning' | string;
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly object: { readonly kind: string; readonly namespace: string; readonly name: string };
  readonly source?: string;
  /** Absent where the table printed only an age that could not be dated. */
  readonly first?: string;
  readonly last?: string;
  /** When the ages of a table were printed, by the time of its file: the times above count back from it. */
  readonly printed?: string;
  readonly at: Location;
}

/** A ConfigMap the mesh reads: `istio*`, injector, `istio-ca-root-cert`, CoreDNS. Others are dropped. */
export interface ConfigMap extends KubeFact {
  /** Values cut at 256 KiB. */
  readonly data: Readonly<Record<string, string>>;
  /** `namespace/name` of an earlier one of the same file with the same data, which is not repeated here: `data` is empty. */
  readonly sameAs?: string;
}

/** A Secret's name and type. Its data never enters. */
export interface SecretName {
  readonly namespace: string;
  readonly name: string;
  readonly type: string;
  readonly keys?: number;
  readonly at: Location;
}

/** Objects that a whole listing contained, so that "not in the list" is knowledge: `{ kind: 'Pod', namespace: '*' }`. */
export interface Listing {
  readonly kind: string;
  readonly namespace: string;
  readonly at: Location;
}

// ---------------------------------------------------------------------------------------------- collection and versions

/** How and when the archive was collected (bug-report.log, container times). */
export interface Collection {
  /** End of the collection. */
  readonly time?: string;
  readonly context?: string;
  readonly apiServer?: string;
  readonly istioNamespace?: string;
  readonly include?: string;
  readonly exclude?: string;
  readonly since?: string;
  /** Commands that failed or never completed, each with its text. */
  readonly failures: readonly { readonly what: string; readonly detail: string; readonly at: Location }[];
  /** `namespace/deployment/pod/container` the collector meant to fetch. */
  readonly expected: readonly string[];
  readonly at: Location;
}

export interface VersionFact {
  readonly component: 'istioctl' | 'istiod' | 'proxy' | 'kubernetes' | 'kubectl';
  readonly version: string;
  readonly revision?: string;
  readonly at: Location;
}

// ---------------------------------------------------------------------------------------------- Envoy

/** `server_info`, or the bootstrap of a dump: who a proxy is. */
export interface ProxyInfo {
  readonly proxy: ProxyRef;
  readonly type?: 'sidecar' | 'router' | 'waypoint' | 'ztunnel' | string;
  readonly nodeId?: string;
  readonly ip?: string;
  readonly istioVersion?: string;
  readonly envoyVersion?: string;
  readonly revision?: string;
  /** `LIVE`, `DRAINING`, `PRE_INITIALIZING`, `INITIALIZING`. */
  readonly state?: string;
  readonly uptimeSeconds?: number;
  readonly clusterId?: string;
  readonly meshId?: string;
  readonly trustDomain?: string;
  readonly serviceAccount?: string;
  readonly workload?: string;
  readonly node?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly interceptionMode?: string;
  readonly concurrency?: number;
  readonly at: Location;
}

export interface ProxyMemory {
  readonly proxy: ProxyRef;
  readonly allocated: number;
  readonly heap: number;
  readonly at: Location;
}

export interface EnvoyEndpoint {
  /** `ip:port`, `[v6]:port` or a path. */
  readonly address: string;
  readonly healthy: boolean;
  /** Words of `health_flags` without slashes: `failed_outlier_check` … Empty when healthy. */
  readonly flags: readonly string[];
  readonly hostname?: string;
  readonly cxActive: number;
  readonly cxTotal: number;
  readonly cxConnectFail: number;
  readonly rqTotal: number;
  readonly rqError: number;
  readonly rqSuccess: number;
  readonly rqTimeout: number;
  readonly locality?: string;
  readonly at: Location;
}

/** A cluster as `/clusters` shows it: membership, health, counters, thresholds. */
export interface EnvoyCluster {
  readonly proxy: ProxyRef;
  readonly name: string;
  /** Split of Istio's name `direction|port|subset|host`; `other` for static clusters such as `xds-grpc`. */
  readonly direction: 'outbound' | 'inbound' | 'other';
  readonly port: number;
  readonly subset: string;
  readonly host: string;
  readonly endpoints: readonly EnvoyEndpoint[];
  /** Default-priority thresholds; 4294967295 (no limit) is left out. */
  readonly limits: {
    readonly connections?: number;
    readonly pending?: number;
    readonly requests?: number;
    readonly retries?: number;
  };
  readonly addedViaApi: boolean;
  /** From a table of endpoints: clusters without any are not in it, and there are no counters. */
  readonly summary?: true;
  readonly at: Location;
}

/** A cluster as the config dump shows it: what it was told to do. */
export interface ClusterConfig {
  readonly proxy: ProxyRef;
  readonly name: string;
  readonly direction: 'outbound' | 'inbound' | 'other';
  readonly port: number;
  readonly subset: string;
  readonly host: string;
  readonly type: string;
  /** Transport of the cluster: `none`, `istio-mutual` (SPIFFE or sds `default`), `tls` (simple or custom), `auto` (transport_socket_matches), `unknown` (a table does not tell). */
  readonly tls: 'none' | 'istio-mutual' | 'tls' | 'auto' | 'unknown';
  readonly sni?: string;
  readonly connectTimeoutMs?: number;
  readonly outlierDetection?: Readonly<Record<string, unknown>>;
  readonly limits: {
    readonly connections?: number;
    readonly pending?: number;
    readonly requests?: number;
    readonly retries?: number;
  };
  /** `metadata.filter_metadata.istio.config`: the DestinationRule behind it, as `/apis/networking.istio.io/…`. */
  readonly config?: string;
  readonly warming: boolean;
  readonly at: Location;
}

export interface ListenerConfig {
  readonly proxy: ProxyRef;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly direction?: string;
  readonly warming: boolean;
  readonly chains: readonly {
    readonly name?: string;
    readonly destinationPort?: number;
    readonly serverNames: readonly string[];
    readonly transport?: string;
    readonly applicationProtocols: readonly string[];
    /** `unknown` where a table does not tell. */
    readonly tls: 'none' | 'simple' | 'mutual' | 'unknown';
    /** SDS secret names the chain's transport socket asks for. */
    readonly secrets: readonly string[];
    readonly filters: readonly string[];
    readonly routeConfig?: string;
    readonly cluster?: string;
  }[];
  readonly at: Location;
}

export interface RouteConfig {
  readonly proxy: ProxyRef;
  readonly name: string;
  readonly virtualHosts: readonly {
    readonly name: string;
    readonly domains: readonly string[];
    /** Target clusters named by its routes (weighted ones too), without duplicates; at most 50. */
    readonly clusters: readonly string[];
    readonly routes: number;
    /** Distinct VirtualServices behind its routes, from `metadata.filter_metadata.istio.config`. */
    readonly configs: readonly string[];
    /** `block_all`, `allow_any` or a direct response code where there is one. */
    readonly directResponse?: number;
  }[];
  readonly at: Location;
}

/** One resource Envoy refused: `error_state` of the dump. */
export interface Rejection {
  readonly proxy: ProxyRef;
  readonly type: 'listener' | 'cluster' | 'route' | 'endpoint' | 'secret' | 'other';
  readonly name: string;
  /** Envoy's own words. */
  readonly details: string;
  readonly time?: string;
  readonly at: Location;
}

/** A resource of the dump that waits for something. */
export interface Warming {
  readonly proxy: ProxyRef;
  readonly type: 'listener' | 'cluster' | 'secret';
  readonly name: string;
  readonly time?: string;
  readonly at: Location;
}

/** A secret of the dump's SecretsConfigDump. */
export interface ProxySecret {
  readonly proxy: ProxyRef;
  readonly name: string;
  readonly state: 'active' | 'warming' | 'static';
  /** `certificate` (chain with key), `ca` (validation context). */
  readonly kind: 'certificate' | 'ca' | 'other';
  readonly updated?: string;
  readonly at: Location;
}

/** Size and counts of one dump. */
export interface ProxyConfigSize {
  readonly proxy: ProxyRef;
  readonly bytes: number;
  readonly clusters: number;
  readonly outboundClusters: number;
  readonly listeners: number;
  readonly routes: number;
  readonly endpoints: number;
  readonly at: Location;
}

export interface Certificate {
  /** The proxy that holds it; absent for files and ConfigMaps of the control plane. */
  readonly proxy?: ProxyRef;
  readonly use: 'workload' | 'root' | 'gateway' | 'other';
  /** Name of the secret or file, e.g. `default`, `ROOTCA`, `kubernetes://shop-tls`. */
  readonly name: string;
  readonly serial: string;
  readonly subject?: string;
  readonly issuer?: string;
  readonly sans: readonly string[];
  readonly from: string;
  readonly until: string;
  /** SHA-256 of the DER, lower-case hexadecimal, where the file holds the certificate itself. */
  readonly fingerprint?: string;
  readonly at: Location;
}

/** A gauge or counter that rules know. */
export interface Metric {
  /** Set for a proxy's stats, absent for istiod's metrics. */
  readonly proxy?: ProxyRef;
  /** istiod pod of `metrics`. */
  readonly istiod?: ProxyRef;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly at: Location;
}

/** A listening socket of the pod, from `netstat`. */
export interface Socket {
  readonly proxy: ProxyRef;
  readonly address: string;
  readonly port: number;
  readonly program?: string;
  readonly at: Location;
}

// ---------------------------------------------------------------------------------------------- istiod

/** What istiod says of one connected proxy: `syncz` or `istioctl proxy-status`. */
export interface SyncStatus {
  readonly proxy: ProxyRef;
  /** istiod pod that answered. */
  readonly istiod?: string;
  readonly version?: string;
  readonly proxyType?: string;
  /** Per xDS type; `not-sent` is normal for types a proxy never asked for. */
  readonly types: Readonly<
    Partial<Record<'cds' | 'lds' | 'eds' | 'rds' | 'ecds', 'synced' | 'stale' | 'not-sent' | 'error' | 'ignored'>>
  >;
  /** Istiod's text of the NACK for each type in state `error`. */
  readonly errors?: Readonly<Partial<Record<'cds' | 'lds' | 'eds' | 'rds' | 'ecds', string>>>;
  /** When istiod last sent each type, where it says so (1.23 and later): what was sent seconds ago is not stale yet. */
  readonly sent?: Readonly<Partial<Record<'cds' | 'lds' | 'eds' | 'rds' | 'ecds', string>>>;
  /** Set for the comparison of one pod (`istioctl proxy-status POD`): `stale` then means that Envoy holds something else than istiod. */
  readonly compared?: {
    /** Resources named on lines that differ, as `-` istiod's and `+` Envoy's; at most 20 for each type. */
    readonly differences: Readonly<Partial<Record<'cds' | 'lds' | 'rds', readonly string[]>>>;
    /** `Mon, 21 Mar 2022 12:41:21 CST`, as printed: when Envoy last loaded its routes. */
    readonly routesLoaded?: string;
  };
  readonly at: Location;
}

/** A revision and one tag that points to it, from `istioctl tag list`; `tag` is '' for a revision without one. */
export interface RevisionTag {
  readonly tag: string;
  readonly revision: string;
  /** Namespaces that ask for the tag. */
  readonly namespaces: readonly string[];
  readonly at: Location;
}

/** What `istioctl experimental check-inject` says of one webhook and one pod or workload. */
export interface InjectionCheck {
  /** Absent where neither the command nor the file's name tells whom it was asked for. */
  readonly pod?: ProxyRef;
  readonly webhook: string;
  readonly revision: string;
  readonly injects: boolean;
  /** Istioctl's words: `Namespace label istio-injection=enabled matches`. */
  readonly reason: string;
  readonly at: Location;
}

/** An authorization policy in a proxy's listeners, from `istioctl experimental authz check`. */
export interface AppliedPolicy {
  readonly proxy: ProxyRef;
  readonly action: 'ALLOW' | 'DENY' | 'LOG' | 'CUSTOM' | string;
  /** '' for istiod's own `_anonymous_match_nothing_`. */
  readonly namespace: string;
  readonly name: string;
  readonly rules: number;
  readonly at: Location;
}

/** `adsz`: a connection to one istiod. */
export interface Connection {
  readonly proxy: ProxyRef;
  readonly istiod: string;
  readonly connectedAt?: string;
  readonly at: Location;
}

/** A non-empty metric of istiod's `debug/push_status`. */
export interface PushStatus {
  readonly istiod: string;
  readonly metric: string;
  readonly entries: readonly { readonly key: string; readonly proxy?: string; readonly message?: string }[];
  readonly at: Location;
}

/** MeshConfig as istiod uses it (`debug/mesh`) or as a ConfigMap says. */
export interface MeshConfig {
  readonly from: 'istiod' | 'config-map';
  /** ConfigMap name or istiod pod. */
  readonly name: string;
  readonly revision?: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly at: Location;
}

/** One line of `istioctl analyze` as stored in the archive. */
export interface AnalysisMessage {
  readonly code: string;
  readonly level: 'error' | 'warning' | 'info';
  /** `VirtualService shop/cart` as printed, '' where none. */
  readonly resource: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly message: string;
  readonly at: Location;
}

// ---------------------------------------------------------------------------------------------- logs

/** A quoted line. Masked and cut at 1,000 characters. */
export interface Sample {
  readonly line: number;
  readonly text: string;
  readonly time?: string;
}

/** All entries of one file that matched one signature with the same captures. */
export interface LogHits {
  readonly signature: string;
  readonly log: LogHitSource;
  readonly file: string;
  /** Pod the log belongs to. */
  readonly pod: ProxyRef;
  /** Named groups of the signature's expression. */
  readonly captures: Readonly<Record<string, string>>;
  readonly count: number;
  /** Highest level of the entries. */
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'unknown';
  readonly first?: string;
  readonly last?: string;
  /** First and last ones, at most 5 each. */
  readonly samples: readonly Sample[];
  /** Entries per minute, key `2026-05-01T10:00`; at most 1,440 keys. */
  readonly perMinute: Readonly<Record<string, number>>;
}
export type LogHitSource = 'istiod' | 'proxy' | 'ztunnel' | 'cni' | 'operator';

/** One log file, however little it says: proves that the log was there. */
export interface LogFile {
  readonly log: LogHitSource;
  readonly pod: ProxyRef;
  readonly lines: number;
  readonly entries: number;
  readonly accessLines: number;
  readonly first?: string;
  readonly last?: string;
  /** Times of `Envoy proxy is ready`, first lines of containers and other life signs, at most 50. */
  readonly marks: readonly {
    readonly what: 'container-start' | 'proxy-ready' | 'proxy-exit' | 'previous-container';
    readonly time: string;
    readonly line: number;
  }[];
  readonly hasPrevious: boolean;
  readonly at: Location;
}

/** Access-log lines of one proxy that tell the same story. */
export interface AccessGroup {
  readonly proxy: ProxyRef;
  readonly file: string;
  /** `inbound` at the server's sidecar, `outbound` at the client's sidecar or at a gateway. */
  readonly direction: 'inbound' | 'outbound' | 'unknown';
  readonly tcp: boolean;
  readonly code: number;
  /** Response flags in order, e.g. `['URX', 'UF']`; empty for `-`. */
  readonly flags: readonly string[];
  readonly details: string;
  /** Upstream transport failure reason, '' for `-`. */
  readonly reason: string;
  /** `outbound|80||reviews…`, `BlackHoleCluster`, '' for `-`. */
  readonly cluster: string;
  /** Host header or :authority; '' for `-`. Only for groups that failed. */
  readonly authority: string;
  /** Failed groups only: `ip:port` tried, listener address, caller's ip without port, SNI, route name, method. */
  readonly upstreamHost: string;
  readonly local: string;
  readonly peer: string;
  readonly sni: string;
  readonly route: string;
  readonly count: number;
  readonly first: string;
  readonly last: string;
  /** Milliseconds. */
  readonly duration: { readonly max: number; readonly sum: number };
  readonly samples: readonly Sample[];
  readonly perMinute: Readonly<Record<string, number>>;
}

// ---------------------------------------------------------------------------------------------- Azure

/** One refusal of AKS about its Istio add-on, whatever carried it: the CLI's text, ARM, the activity log, Terraform, Bicep. */
export interface AzureError {
  /** Which of the known messages, as the catalog names the problem. */
  readonly id: string;
  /** The message as found, masked, in one line. */
  readonly message: string;
  /** What the message says of the request, in its order; '' for what was empty. */
  readonly values: readonly string[];
  /** How often the file says it. */
  readonly count: number;
  /** Time of the activity log's entry. */
  readonly time?: string;
  readonly at: Location;
}

/** A managed cluster as `az aks show` prints it: its mesh and what that depends on. */
export interface ManagedCluster {
  readonly name: string;
  readonly location?: string;
  readonly kubernetesVersion?: string;
  readonly provisioningState?: string;
  /** `Istio` or `Disabled`; absent where `serviceMeshProfile` has none. Both are absent where there is no profile. */
  readonly mode?: string;
  readonly hasProfile: boolean;
  /** Whether the profile has its `istio` part. */
  readonly hasIstio: boolean;
  readonly revisions: readonly string[];
  readonly ingressGateways: readonly { readonly mode: string; readonly enabled: boolean }[];
  /** Parameters of the plug-in certificate authority that are set. */
  readonly certificateAuthority?: Readonly<Record<string, string>>;
  readonly addons: readonly { readonly name: string; readonly enabled: boolean }[];
  readonly at: Location;
}

/** Something the archive should have told us and did not. */
export interface Gap {
  readonly file: string;
  /**
   * `conflict`: an archive of another cluster than the rest, which is left out. `superseded`: of two files that contradict each
   * other about an object this one is older, and the other is used.
   */
  readonly reason:
    | 'truncated'
    | 'malformed'
    | 'too-large'
    | 'skipped'
    | 'unrecognised'
    | 'not-available'
    | 'conflict'
    | 'superseded';
  readonly detail: string;
  readonly line?: number;
}
