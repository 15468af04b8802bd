import { actionOf, type Caller, policiesFor } from '../../model/authorization.ts';
import { addTo } from '../../model/groups.ts';
import type { Mesh } from '../../model/mesh.ts';
import { type Peer, peersByIp, rootNamespaceOf, type Server, serverLookup, trustDomainOf } from '../../model/peers.ts';
import { workloadOf } from '../../model/selectors.ts';
import { succeeded } from '../../model/traffic.ts';
import type { AccessGroup, KubeObject } from '../../parse/facts.ts';

/** Requests that one workload's proxies denied to one caller. */
export interface Denial {
  readonly server: Server;
  /** Where the caller is a pod or proxy of the archive. */
  readonly client: Peer | undefined;
  /** The caller's identity; undefined where the connection was plaintext or the caller is unknown. */
  readonly caller: Caller | undefined;
  /** No server name in the connection: no mutual TLS, so no identity to allow. */
  readonly plaintext: boolean;
  /** `namespace/name` of the DENY policy that Envoy names; undefined where no ALLOW policy matched. */
  readonly deniedBy: string | undefined;
  /** Policies that can be at fault: the one named, or the ALLOW policies of the server. Undefined without configuration. */
  readonly policies: readonly KubeObject[] | undefined;
  /** At the server's proxy; empty where only the caller's log was read. */
  readonly inbound: readonly AccessGroup[];
  /** The same answers in the caller's log. */
  readonly outbound: readonly AccessGroup[];
  /** The caller went on to succeed more often than it was denied: only some operations are. */
  readonly partial: boolean;
}

type Read = Pick<Mesh, 'access'> & Partial<Pick<Mesh, 'pods' | 'proxies' | 'config' | 'meshConfigs' | 'platform'>>;

const rbac = /^rbac_access_denied_matched_policy\[(?:ns\[([^\]]*)\]-policy\[([^\]]*)\]-rule\[\d+\]|[^\]]*)\]/;

/** `RBAC: access denied` is 19 bytes long: what a caller's log shows of a denial behind `via_upstream`. */
const deniedBody = /" 403 - via_upstream (?:- )?"-" \d+ 19 /;

/** Denials of AuthorizationPolicies by server, policy and caller. */
export function denialsOf(mesh: Read): readonly Denial[] {
  const { access, pods, proxies, config, meshConfigs, platform } = mesh;
  const byTarget = answersByTarget(access);
  const inbound = access.filter(({ details }) => details.startsWith('rbac_access_denied'));
  if (inbound.length === 0 && byTarget.size === 0) return [];

  const peers = peersByIp(pods, proxies);
  const serverOf = serverLookup(pods, proxies);
  const root = rootNamespaceOf(meshConfigs, platform);
  const domain = trustDomainOf(meshConfigs, proxies);
  const policies = config?.filter(({ kind }) => kind === 'AuthorizationPolicy');
  const allowing = (server: Server) =>
    policies &&
    policiesFor(policies, 'AuthorizationPolicy', server, root).filter((policy) => actionOf(policy) === 'ALLOW');

  type Draft = { server: Server; client: Peer | undefined; deniedBy: string | undefined } & {
    inbound: AccessGroup[];
    outbound: AccessGroup[];
  };
  const drafts = new Map<string, Draft>();
  const draft = (server: Server, client: Peer | undefined, deniedBy: string | undefined, plaintext: boolean): Draft => {
    const who = client === undefined ? '' : `${client.namespace}/${client.workload}`;
    const key = [server.namespace, server.workload, deniedBy ?? '', who, plaintext].join('\n');
    const known = drafts.get(key);
    if (known !== undefined) return known;
    const made: Draft = { server, client, deniedBy, inbound: [], outbound: [] };
    drafts.set(key, made);
    return made;
  };

  for (const group of inbound) {
    const [, namespace, name] = rbac.exec(group.details) ?? [];
    const client = peers.get(group.peer);
    const deniedBy = name === undefined ? undefined : `${namespace}/${name}`;
    const found = draft(serverOf(group.proxy), client, deniedBy, isPlaintext(group));
    found.inbound.push(group);
    const answers = byTarget.get(group.local) ?? [];
    found.outbound.push(
      ...answers.filter((one) => sameWorkload(serverOf(one.proxy), client) && !found.outbound.includes(one)),
    );
  }
  const told = new Set(inbound.map(({ local }) => local));
  for (const [target, groups] of byTarget) {
    const server = peers.get(target.replace(/:\d+$/, ''));
    if (told.has(target) || server?.pod === undefined || !server.inMesh) continue;
    const known = serverOf({ namespace: server.pod.meta.namespace, pod: server.pod.meta.name });
    if (policies !== undefined && policiesFor(policies, 'AuthorizationPolicy', known, root).length === 0) continue;
    for (const group of groups) {
      if (!group.samples.some(({ text }) => deniedBody.test(text))) continue;
      const client = peerOf(serverOf(group.proxy));
      draft(known, client, undefined, false).outbound.push(group);
    }
  }

  return [...drafts.values()].map(({ server, client, deniedBy, inbound, outbound }): Denial => {
    const plaintext = inbound.length > 0 && inbound.every(isPlaintext);
    const account = client?.serviceAccount;
    const named = policies?.filter(({ meta }) => `${meta.namespace}/${meta.name}` === deniedBy);
    const possible = deniedBy === undefined ? allowing(server) : named;
    return {
      server,
      client,
      caller:
        plaintext || client === undefined || account === undefined
          ? undefined
          : {
              principal: `${domain}/ns/${client.namespace}/sa/${account}`,
              namespace: client.namespace,
              serviceAccount: account,
            },
      plaintext,
      deniedBy,
      policies: possible,
      inbound,
      outbound,
      partial: isPartial(outbound, access),
    };
  });
}

/** Answers 403 that came from behind, by the address that gave them. */
function answersByTarget(access: readonly AccessGroup[]): ReadonlyMap<string, readonly AccessGroup[]> {
  const groups = new Map<string, AccessGroup[]>();
  for (const group of access) {
    if (group.code !== 403 || group.direction !== 'outbound' || group.details !== 'via_upstream') continue;
    addTo(groups, group.upstreamHost, group);
  }
  return groups;
}

/** The mesh's mutual TLS always names the server; where the log has no such field nothing is known. */
const isPlaintext = ({ sni, samples }: AccessGroup): boolean =>
  sni === '' && samples.some(({ text }) => / - (?:default|-)$/.test(text.trimEnd()));

const sameWorkload = (server: Server, client: Peer | undefined): boolean =>
  client !== undefined && server.namespace === client.namespace && server.workload === client.workload;

const peerOf = ({ namespace, workload, pod }: Server): Peer => ({
  namespace,
  workload: pod === undefined ? workload : workloadOf(pod),
  ...(pod === undefined ? {} : { pod, serviceAccount: pod.serviceAccount }),
  inMesh: true,
  node: false,
});

/** More answers below 400 from the same cluster since the first denial than denials: what came before tells nothing. */
function isPartial(outbound: readonly AccessGroup[], access: readonly AccessGroup[]): boolean {
  return (
    outbound.length > 0 &&
    outbound.every(({ proxy, cluster, first, count }) =>
      access.some(
        (other) =>
          other.proxy.pod === proxy.pod &&
          other.proxy.namespace === proxy.namespace &&
          other.cluster === cluster &&
          succeeded(other) &&
          other.last > first &&
          countSince(other, first) > count,
      ),
    )
  );
}

/** Lines of a group in the minute of a time and in those after it. */
const countSince = ({ perMinute }: AccessGroup, time: string): number =>
  Object.entries(perMinute).reduce((sum, [minute, count]) => (minute >= time.slice(0, 16) ? sum + count : sum), 0);
