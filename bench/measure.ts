import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One run of a command. */
export interface Run {
  /** Seconds on the clock. */
  readonly wall: number;
  /** Seconds of processor time over the command and what it started; absent without GNU time. */
  readonly user?: number;
  readonly system?: number;
  /** Peak resident memory of the largest process, in bytes; absent without GNU time. */
  readonly rss?: number;
  readonly status: number;
  readonly stderr: string;
}

const gnuTime = '/usr/bin/time';

/** Whether processor time and memory can be told. */
export const canTell: boolean = existsSync(gnuTime);

/** Runs a command to its end, its output thrown away, and says what it took. */
export async function measure(command: readonly string[]): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'meshtriage-bench-'));
  const usage = join(folder, 'usage');
  try {
    const whole = canTell ? [gnuTime, '-q', '-f', '%U %S %M', '-o', usage, ...command] : command;
    const start = process.hrtime.bigint();
    const { status, stderr } = await run(whole);
    const wall = Number(process.hrtime.bigint() - start) / 1e9;
    if (!canTell) return { wall, status, stderr };
    const [user = '0', system = '0', kilobytes = '0'] = (await readFile(usage, 'utf8')).trim().split(/\s+/);
    return { wall, user: Number(user), system: Number(system), rss: Number(kilobytes) * 1024, status, stderr };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function run(command: readonly string[]): Promise<{ status: number; stderr: string }> {
  const [program = '', ...rest] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (stderr.length < 10_000) stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({ status: code ?? 128, stderr: signal ? `${stderr}${signal}` : stderr }),
    );
  });
}

/** The middle of a list of numbers; of an even count the lower of the two. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}
