import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

const changed = (path: string) => statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Sources whose compiled file is absent or older. */
const stale = () =>
  readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .filter((file) => changed(join('src', file)) > changed(join('dist', file.replace(/\.ts$/, '.js'))));

/** The tests of the command line run `dist/`: it is compiled first where a source is newer. */
export function setup(): void {
  if (stale().length === 0) return;
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc], { cwd: root, encoding: 'utf8' });
  // tsc writes its output despite type errors; `npm run typecheck` is where they fail.
  if (status !== 0)
    console.error(`tsc: ${stdout.match(/error TS/g)?.length ?? stdout} errors; 'npm run typecheck' lists them`);
}
