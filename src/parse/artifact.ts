import type * as facts from './facts.ts';

/** Which fact each kind of artifact carries. The mesh has one facet per kind. */
export interface ArtifactKinds {
  pod: facts.Pod;
  'pod-row': facts.PodRow;
  service: facts.Service;
  endpoints: facts.Endpoints;
  workload: facts.Workload;
  namespace: facts.Namespace;
  node: facts.Node;
  event: facts.KubeEvent;
  'config-map': facts.ConfigMap;
  secret: facts.SecretName;
  object: facts.KubeObject;
  listing: facts.Listing;
  collection: facts.Collection;
  version: facts.VersionFact;
  proxy: facts.ProxyInfo;
  memory: facts.ProxyMemory;
  cluster: facts.EnvoyCluster;
  'cluster-config': facts.ClusterConfig;
  listener: facts.ListenerConfig;
  route: facts.RouteConfig;
  rejection: facts.Rejection;
  warming: facts.Warming;
  'proxy-secret': facts.ProxySecret;
  'config-size': facts.ProxyConfigSize;
  certificate: facts.Certificate;
  metric: facts.Metric;
  socket: facts.Socket;
  sync: facts.SyncStatus;
  connection: facts.Connection;
  'push-status': facts.PushStatus;
  'mesh-config': facts.MeshConfig;
  tag: facts.RevisionTag;
  'injection-check': facts.InjectionCheck;
  'applied-policy': facts.AppliedPolicy;
  analysis: facts.AnalysisMessage;
  'log-hits': facts.LogHits;
  'log-file': facts.LogFile;
  access: facts.AccessGroup;
  'azure-error': facts.AzureError;
  'managed-cluster': facts.ManagedCluster;
  gap: facts.Gap;
  /** Says that a facet was looked at though the file held none: an empty list is knowledge. */
  seen: { readonly kinds: readonly ArtifactKind[]; readonly at: { readonly file: string } };
}
export type ArtifactKind = keyof ArtifactKinds;

/** What one file of the archive says. Plain data, tagged by kind. */
export type Artifact = { [K in ArtifactKind]: { readonly kind: K; readonly value: ArtifactKinds[K] } }[ArtifactKind];
