import { reportSchema } from '../report/schema.ts';

/** `schema`: prints the JSON schema of `--format json`. */
export function runSchema(): number {
  process.stdout.write(`${JSON.stringify(reportSchema(), null, 2)}\n`);
  return 0;
}
