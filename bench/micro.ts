import { entriesOf } from './entries.ts';
import { benchMesh } from './generate.ts';
import { median } from './measure.ts';
import { sizes } from './sizes.ts';

interface Parser {
  push(chunk: Uint8Array): void;
  end(complete: boolean): void;
}

interface Reader {
  readonly name: string;
  open(file: object, context: object, emit: (artifact: object) => void): Parser;
}

interface Table {
  readonly longest?: number;
}

const chunkBytes = 256 * 1024;
const runs = 7;

async function built<T>(path: string): Promise<T | undefined> {
  try {
    return (await import(new URL(`../../dist/${path}`, import.meta.url).href)) as T;
  } catch (error) {
    console.log(`${path}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    return undefined;
  }
}

/** The bytes of the generated files whose path ends so, joined up to `most` bytes at a file's end. */
function bytesOf(ending: string, most: number): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  for (const entry of entriesOf(benchMesh(sizes['S'] ?? missing()))) {
    if (!entry.path.endsWith(ending) || length > most) continue;
    const text = Buffer.from([...entry.content()].join(''));
    parts.push(text);
    length += text.length;
  }
  return Buffer.concat(parts);
}

function missing(): never {
  throw new RangeError('size S is gone');
}

function report(name: string, bytes: number, work: () => number): void {
  const walls: number[] = [];
  let made = 0;
  for (let i = 0; i <= runs; i += 1) {
    const start = process.hrtime.bigint();
    made = work();
    if (i > 0) walls.push(Number(process.hrtime.bigint() - start) / 1e9);
  }
  const rate = (wall: number): string => `${(bytes / 1e6 / wall).toFixed(0)} MB/s`.padStart(12);
  const size = `${(bytes / 1e6).toFixed(1)} MB`.padStart(11);
  console.log(name.padEnd(44) + size + rate(Math.min(...walls)) + rate(median(walls)) + `${made}`.padStart(10));
}

/** Signatures to measure with while the rules have none: 60 literals that hardly occur. */
function standIns(): object[] {
  return Array.from({ length: 60 }, (_, i) => ({
    id: `stand-in/${i}`,
    log: 'proxy',
    contains: `failure number ${i} of`,
  }));
}

/** Readers fed from memory, one thread: megabytes per second at best and in the middle, and how many artifacts or hits. */
export async function micro(): Promise<void> {
  const catalog = await built<{ builtInRules: readonly { signatures?: readonly object[] }[] }>('catalog/index.js');
  const known = catalog?.builtInRules.flatMap((rule) => rule.signatures ?? []) ?? [];
  const signatures = known.length > 0 ? known : standIns();
  console.log(
    `${''.padEnd(44)}${'bytes'.padStart(11)}${'best'.padStart(12)}${'median'.padStart(12)}${'made'.padStart(10)}   (${signatures.length} signatures)`,
  );

  const scan = await built<{
    literalTable(texts: readonly string[]): Table;
    scanLiterals(...rest: readonly unknown[]): unknown;
  }>('parse/log-scan.js');
  if (scan !== undefined) {
    const literals = signatures.map((signature) => (signature as { contains: string }).contains);
    const table = scan.literalTable([...new Set(literals)]);
    for (const ending of ['/discovery.log', '/istio-proxy.log']) {
      const bytes = bytesOf(ending, 3e6);
      report(`prefilter ${ending}`, bytes.length, () => {
        let hits = 0;
        const found = (): void => {
          hits += 1;
        };
        for (let at = 0; at < bytes.length; at += chunkBytes) {
          const chunk = bytes.subarray(at, at + chunkBytes);
          scan.scanLiterals(table, chunk, 0, chunk.length, found);
        }
        return hits;
      });
    }
  }

  const readers: readonly (readonly [module: string, exported: string, path: string, ending: string])[] = [
    ['istiod-log', 'istiodLog', 'istio/istio-system/istiod-1/discovery.log', '/discovery.log'],
    ['proxy-log', 'proxyLog', 'proxies/shop/cart-1/istio-proxy.log', '/istio-proxy.log'],
    ['envoy-config', 'configDump', 'proxies/shop/cart-1/config_dump?include_eds', '/config_dump?include_eds'],
    ['envoy-clusters', 'envoyClusters', 'proxies/shop/cart-1/clusters', '/clusters'],
    ['kube-objects', 'kubeObjects', 'cluster/k8s-resources', '/k8s-resources'],
  ];
  for (const [module, exported, path, ending] of readers) {
    const reader = (await built<Record<string, Reader | undefined>>(`parse/readers/${module}.js`))?.[exported];
    if (reader === undefined) continue;
    // One file of the kind: a document cannot be joined to the next.
    const bytes = bytesOf(ending, ending.endsWith('.log') ? 3e6 : 0);
    const file = { path, params: { namespace: 'shop', pod: 'cart-1' }, size: bytes.length };
    report(`${reader.name} ${ending}`, bytes.length, () => {
      let artifacts = 0;
      const parser = reader.open(file, { signatures, lineBytes: 65_536 }, () => {
        artifacts += 1;
      });
      for (let at = 0; at < bytes.length; at += chunkBytes) parser.push(bytes.subarray(at, at + chunkBytes));
      parser.end(true);
      return artifacts;
    });
  }
}
