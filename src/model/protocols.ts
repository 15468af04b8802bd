import type { Service } from '../parse/facts.ts';

type Port = Service['ports'][number];

/** Protocols Istio knows by name (`http-web`) or `appProtocol` (istio pilot/pkg/config/kube, protocol selection). */
const known = new Set([
  'http',
  'http2',
  'https',
  'grpc',
  'grpc-web',
  'tcp',
  'tls',
  'udp',
  'mongo',
  'mysql',
  'redis',
  'hbone',
]);
const byAppProtocol: Readonly<Record<string, string>> = {
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http',
  'kubernetes.io/wss': 'https',
};

/** Ports Istio takes for TCP when nothing is declared, because the server speaks first. */
const assumedTcp = new Set([25, 53, 3306, 27017]);

/**
 * The protocol Istio takes a service port for: `appProtocol`, else the name up to its first dash; `auto` is found out from the
 * first bytes of each connection.
 */
export function protocolOf({
  name = '',
  appProtocol,
  port,
  protocol,
}: Pick<Port, 'name' | 'appProtocol' | 'port' | 'protocol'>): {
  readonly protocol: string;
  readonly declared: boolean;
} {
  if (protocol === 'UDP') return { protocol: 'udp', declared: true };
  const app = appProtocol?.toLowerCase();
  const stated = app === undefined ? undefined : (byAppProtocol[app] ?? (known.has(app) ? app : undefined));
  if (stated !== undefined) return { protocol: stated, declared: true };
  const lower = name.toLowerCase();
  const named = lower.startsWith('grpc-web') ? 'grpc-web' : (lower.split('-')[0] ?? '');
  if (app === undefined && known.has(named)) return { protocol: named, declared: true };
  return { protocol: assumedTcp.has(port) ? 'tcp' : 'auto', declared: false };
}

/** Whether a port is handled as HTTP: parsed, routed, and refused where the bytes are something else. */
export const isHttp = (protocol: string): boolean => ['http', 'http2', 'grpc', 'grpc-web'].includes(protocol);

/** Protocols in which the server speaks first, by the port they are known for. */
const serverFirstPorts: Readonly<Record<number, string>> = {
  21: 'FTP',
  22: 'SSH',
  25: 'SMTP',
  110: 'POP3',
  119: 'NNTP',
  143: 'IMAP',
  587: 'SMTP',
  873: 'rsync',
  3306: 'MySQL',
  5900: 'VNC',
};
/** Programs known to speak first, by the last part of their image's name, with the port they do it on. */
const serverFirstImages: readonly (readonly [RegExp, string, number])[] = [
  [/^(mysql|mysql-server|mariadb|mariadb-galera|percona|percona-server)$/, 'MySQL', 3306],
  [/^(postfix|smtp|exim4?)$/, 'SMTP', 25],
  [/^(openssh-server|sftp)$/, 'SSH', 22],
  [/^(vsftpd|pure-ftpd|proftpd)$/, 'FTP', 21],
];

/**
 * The server-first protocol behind a service port: by the number of the container port, or by an image whose only business it
 * is. An image's other ports (metrics, administration) say nothing.
 */
export function serverFirst(
  port: number,
  target: number | undefined,
  images: readonly string[],
): { readonly name: string; readonly by: 'port' | 'image' } | undefined {
  const name = serverFirstPorts[target ?? port];
  if (name !== undefined) return { name, by: 'port' };
  for (const image of images) {
    const short = image.split('@')[0]?.split('/').at(-1)?.split(':')[0] ?? '';
    const found = serverFirstImages.find(([pattern, , usual]) => pattern.test(short) && port === usual);
    if (found !== undefined) return { name: found[1], by: 'image' };
  }
  return undefined;
}
