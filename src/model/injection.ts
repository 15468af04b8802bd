import type { KubeObject, Pod } from '../parse/facts.ts';
import { list, record, text } from './hosts.ts';
import { hasProxy, matchesSelector } from './selectors.ts';

type Labels = Readonly<Record<string, string>>;

/** One webhook of a MutatingWebhookConfiguration that asks an istiod to inject sidecars. */
export interface InjectionWebhook {
  readonly configuration: KubeObject;
  /** Place in the configuration's `webhooks`. */
  readonly index: number;
  /** `rev.namespace.sidecar-injector.istio.io`: what the API server names in its errors. */
  readonly name: string;
  /** The Kubernetes service it calls; absent where it calls a URL (an istiod outside the cluster). */
  readonly service?: { readonly name: string; readonly namespace: string };
  /** Revision that the name of the service implies; `default` for `istiod`. */
  readonly revision: string;
  readonly namespaceSelector: unknown;
  readonly objectSelector: unknown;
  readonly failurePolicy: string;
  /** The certificate the API server trusts for it (its first, where it holds several). */
  readonly caBundle?: {
    readonly fingerprint?: string;
    readonly subject?: string;
    readonly issuer?: string;
    readonly from?: string;
    readonly until?: string;
  };
}

/** The injection webhooks of the cluster, from webhook configurations of any kind. */
export function injectionWebhooks(webhooks: readonly KubeObject[]): readonly InjectionWebhook[] {
  return istiodWebhooks(webhooks.filter(({ kind }) => kind === 'MutatingWebhookConfiguration')).filter(({ name }) =>
    name.includes('sidecar-injector'),
  );
}

/** Every webhook, mutating or validating, that calls an istiod. */
export function istiodWebhooks(webhooks: readonly KubeObject[]): readonly InjectionWebhook[] {
  return webhooks.flatMap((configuration) =>
    list(configuration.body['webhooks']).flatMap((entry, index): readonly InjectionWebhook[] => {
      const webhook = record(entry);
      const client = record(webhook['clientConfig']);
      const service = record(client['service']);
      const name = text(service['name']);
      const namespace = text(service['namespace']);
      const host = name ?? /\/\/(istiod[^./:]*)/.exec(text(client['url']) ?? '')?.[1];
      const injects = (text(webhook['name']) ?? '').includes('sidecar-injector');
      if (!injects && (host === undefined || !/^istiod(?:-|$)/.test(host))) return [];
      const bundle = record(client['caBundle']);
      return [
        {
          configuration,
          index,
          name: text(webhook['name']) ?? '',
          ...(name === undefined || namespace === undefined ? {} : { service: { name, namespace } }),
          revision: configuration.meta.labels['istio.io/rev'] ?? revisionOfService(host ?? 'istiod'),
          namespaceSelector: webhook['namespaceSelector'],
          objectSelector: webhook['objectSelector'],
          failurePolicy: text(webhook['failurePolicy']) ?? 'Fail',
          ...(Object.keys(bundle).length === 0 ? {} : { caBundle: bundle as InjectionWebhook['caBundle'] & object }),
        },
      ];
    }),
  );
}

/** `asm-1-29` of service `istiod-asm-1-29`, `default` of `istiod`. */
export const revisionOfService = (service: string): string => /^istiod-(.+)$/.exec(service)?.[1] ?? 'default';

/** Whether a webhook is called for a pod with these labels in a namespace with these. */
export const selectsPod = (webhook: InjectionWebhook, namespace: Labels, pod: Labels): boolean =>
  matchesSelector(webhook.namespaceSelector, namespace) && matchesSelector(webhook.objectSelector, pod);

/** Namespaces into which istiod never injects, whatever their labels (pkg/kube/inject `IgnoredNamespaces`). */
export const neverInjected: ReadonlySet<string> = new Set([
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'local-path-storage',
]);

/** Whether a pod was left out on purpose: host network, `sidecar.istio.io/inject: "false"`, ambient, a namespace never injected. */
export const isLeftOut = (pod: Pod): boolean =>
  pod.hostNetwork ||
  neverInjected.has(pod.meta.namespace) ||
  pod.meta.labels['sidecar.istio.io/inject'] === 'false' ||
  pod.meta.annotations['sidecar.istio.io/inject'] === 'false' ||
  pod.meta.labels['istio.io/dataplane-mode'] === 'none' ||
  pod.meta.annotations['ambient.istio.io/redirection'] !== undefined;

/** Running pods without a proxy that were not left out on purpose. */
export const plainPods = (pods: readonly Pod[]): readonly Pod[] =>
  pods.filter(
    (pod) =>
      pod.phase === 'Running' &&
      pod.meta.deleted === undefined &&
      !hasProxy(pod) &&
      !isLeftOut(pod) &&
      pod.meta.labels['app'] !== 'istiod' &&
      pod.meta.labels['app'] !== 'ztunnel',
  );
