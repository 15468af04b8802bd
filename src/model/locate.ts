import type { AccessGroup } from '../parse/facts.ts';
import { hostOfService, serviceOfHost } from './hosts.ts';
import type { Mesh } from './mesh.ts';
import { hostsServing, portOfAddress, serverLookup, targetsOf } from './peers.ts';
import { destinationOf, type Locate } from './traffic.ts';

/**
 * Finds the destination of every access group, also of those a server logged: by the name its caller sent, the Host header,
 * or the one service that leads to the port of its pod. Where none is clear the host is the address that was called.
 */
export function locator(mesh: Partial<Pick<Mesh, 'services' | 'pods' | 'proxies'>>): Locate {
  const { services = [], pods, proxies } = mesh;
  const serverOf = serverLookup(pods, proxies);
  // Asked for every failed line of a server: few pods and ports, many lines.
  const servingOf = new Map<string, readonly string[]>();
  const hostsOf = (group: AccessGroup, target: number | undefined): readonly string[] => {
    const key = `${group.proxy.namespace}/${group.proxy.pod}:${target ?? ''}`;
    const known = servingOf.get(key);
    if (known !== undefined) return known;
    const hosts = hostsServing(serverOf(group.proxy), target, services);
    servingOf.set(key, hosts);
    return hosts;
  };
  const byHost = new Map(services.map((service) => [hostOfService(service), service]));
  return (group) => {
    const to = destinationOf(group, services);
    if (group.direction !== 'inbound' || (serviceOfHost(to.host) !== undefined && to.port !== undefined)) return to;
    const target = inboundPort(group.cluster) ?? portOfAddress(group.upstreamHost);
    const serving = serviceOfHost(to.host) === undefined ? hostsOf(group, target) : [to.host];
    const [host, ...more] = serving;
    if (host === undefined || more.length > 0) return to.host === '' ? { ...to, host: group.local } : to;
    const service = byHost.get(host);
    const port = service && targetsOf(service, serverOf(group.proxy).pod).find((one) => one.target === target)?.port;
    return { host, port: port ?? to.port, subset: to.subset };
  };
}

/** The container port of `inbound|8080||`. */
export function inboundPort(cluster: string): number | undefined {
  const [direction, port] = cluster.split('|');
  return direction === 'inbound' && port ? Number(port) : undefined;
}
