import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import { type Written, writeDirectory, writeTar, writeZip } from './archives.ts';
import { entriesOf } from './entries.ts';
import { type GeneratedMesh, makeMesh } from './mesh.ts';
import { type Size, sizes } from './sizes.ts';

/** The containers the same files are written in; `cut` is the tar.gz without its last 40 %. */
export const variants = ['tar.gz', 'tar', 'zip', 'directory', 'cut'] as const;
export type Variant = (typeof variants)[number];

const seed = 42;

/** An archive on disk and what is in it. */
export interface GeneratedArchive extends Written {
  readonly file: string;
  /** Bytes of the file; 0 for a directory. */
  readonly packedBytes: number;
}

/** The mesh of one size, as the benchmark uses it. */
export function benchMesh(size: Size): GeneratedMesh {
  return makeMesh(size, seed);
}

/** Changes with every change of what the generator writes: the hash of the smallest archive's files. */
function fingerprint(): string {
  const hash = createHash('sha256');
  for (const entry of entriesOf(benchMesh(sizes['tiny'] ?? missing()))) {
    hash.update(entry.path);
    for (const text of entry.content()) hash.update(text);
  }
  return hash.digest('hex');
}

function missing(): never {
  throw new RangeError('size tiny is gone');
}

/**
 * Finds or makes the archive of one size and variant under `folder`. An archive that another generator or other parameters
 * made is made anew.
 */
export async function ensureArchive(folder: string, size: Size, variant: Variant): Promise<GeneratedArchive> {
  await mkdir(folder, { recursive: true });
  const base = join(folder, `${size.name}.tar.gz`);
  const stamp = join(folder, `${size.name}.json`);
  const key = JSON.stringify({ seed, size, fingerprint: fingerprint() });
  const known = existsSync(stamp)
    ? (JSON.parse(await readFile(stamp, 'utf8')) as { key: string; written: Written })
    : undefined;
  let written = known?.key === key && existsSync(base) ? known.written : undefined;
  if (written === undefined) {
    for (const old of variants) await rm(pathOf(folder, size, old), { recursive: true, force: true });
    written = await writeTar(benchMesh(size), base, true);
    await writeFile(stamp, `${JSON.stringify({ key, written })}\n`);
  }
  const file = pathOf(folder, size, variant);
  if (!existsSync(file)) await writeVariant(size, variant, base, file);
  const { size: packedBytes } = await stat(file);
  return { ...written, file, packedBytes: variant === 'directory' ? 0 : packedBytes };
}

function pathOf(folder: string, size: Size, variant: Variant): string {
  const ending = variant === 'directory' ? '' : variant === 'cut' ? '-cut.tar.gz' : `.${variant}`;
  return join(folder, `${size.name}${ending}`);
}

async function writeVariant(size: Size, variant: Variant, base: string, file: string): Promise<void> {
  const mesh = benchMesh(size);
  if (variant === 'tar') await writeTar(mesh, file, false);
  if (variant === 'zip') await writeZip(mesh, file);
  if (variant === 'directory') await writeDirectory(mesh, file);
  if (variant === 'cut') {
    const { size: bytes } = await stat(base);
    await pipeline(createReadStream(base, { end: Math.floor(bytes * 0.6) - 1 }), createWriteStream(file));
  }
}

async function main(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const size = sizes[name];
    if (size === undefined) throw new RangeError(`unknown size ${name}, known are ${Object.keys(sizes).join(', ')}`);
    const start = process.hrtime.bigint();
    const made = await ensureArchive('bench/data', size, 'tar.gz');
    const took = Number(process.hrtime.bigint() - start) / 1e9;
    console.log(
      `${made.file}: ${made.entries} files, ${(made.bytes / 1e6).toFixed(1)} MB unpacked, ` +
        `${(made.packedBytes / 1e6).toFixed(1)} MB packed, sha256 ${made.sha256.slice(0, 16)}, ${took.toFixed(1)} s`,
    );
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(process.argv.slice(2));
