import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** What a person at the terminal gets: exit status, standard output, standard error. */
export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the compiled command line without a terminal and without the caller's colour settings. */
export function meshtriage(
  args: readonly string[],
  { cwd, input, env = {} }: { cwd?: string; input?: Uint8Array; env?: Record<string, string> } = {},
): Ran {
  const { NO_COLOR: _, FORCE_COLOR: __, ...inherited } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...inherited, ...env },
    input: input ?? '',
    ...(cwd === undefined ? {} : { cwd }),
  });
  return { status, stdout, stderr };
}

/** Path of one of the archives that lie in `samples/`. */
export const sample = (name: 'healthy' | 'undefined-subset'): string =>
  fileURLToPath(new URL(`../../samples/${name}.tar.gz`, import.meta.url));
