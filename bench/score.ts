/**
 * How often the first cause is the right one: runs the built tool over real captures with a known fault each and prints a row
 * per capture. The captures do not belong to the repository; where their folder is absent the script says so and ends well.
 *
 * node bench/out/score.js [FOLDER]   FOLDER holds one folder per capture: bug-report.tar.gz, kubectl/, answer.yaml
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { load } from 'js-yaml';

interface Cause {
  readonly cause: { readonly id: string; readonly severity: string; readonly subjects: readonly string[] };
}
interface Shown {
  readonly diagnoses: readonly Cause[];
  readonly failedRules: readonly { readonly rule: string; readonly error: string }[];
  readonly files: readonly { readonly status: string; readonly path: string }[];
}

/** Which rules name the fault of a capture. Only this script knows captures; no rule does. */
const accepted: Readonly<Record<string, readonly string[]>> = {
  'd03-strict-plaintext-client': ['plaintext-client'],
  'd04-dr-tls-disable': ['conflicting-mtls-modes'],
  'd05-mutual-to-plaintext': ['client-tls-to-plaintext-server'],
  'd06-undefined-subset': ['undefined-subset'],
  'd07-subset-without-pods': ['subset-without-pods'],
  'd08-envoyfilter-nack': ['rejected-configuration'],
  'd09-istiod-down': ['istiod-not-available'],
  'd10-gateway-secret-missing': ['missing-gateway-secret'],
  'd11-gateway-host-mismatch': ['gateway-host-mismatch'],
  'd12-registry-only': ['blocked-egress'],
  'd13-authz-deny': ['denied-authorization'],
  'd14-webhook-cabundle': ['untrusted-injection-webhook'],
  'd15-revision-leftover': ['unknown-revision'],
  'd16-outlier-ejection': ['ejected-endpoints'],
  'd17-circuit-breaker': ['circuit-breaker-overflow'],
  'd18-jwks-unreachable': ['unreachable-jwks'],
  'd19-app-before-proxy': ['application-before-proxy'],
  'd21-wrong-target-port': ['wrong-target-port'],
  'd22-istiod-crashloop': ['invalid-plugin-ca', 'istiod-crash-loop'],
  'd23-timeout-retry': ['upstream-timeout'],
  'd24-large-unscoped': ['unscoped-configuration'],
};

const folder = resolve(process.argv[2] ?? '../shared/captures');
if (!existsSync(folder)) {
  console.log(`score: skipped, there is no folder ${process.argv[2] ?? '../shared/captures'} with captures`);
  process.exit(0);
}

const { analyze } = (await import(new URL('../../dist/index.js', import.meta.url).href)) as {
  analyze(paths: readonly string[]): Promise<Shown>;
};

/** One cell of the table, and whether it counts as right. */
async function judge(capture: string, path: string): Promise<{ readonly right: boolean; readonly text: string }> {
  try {
    const { diagnoses, failedRules, files } = await analyze([path]);
    const [first] = diagnoses;
    const errors = diagnoses.filter(({ cause }) => cause.severity === 'error').map(({ cause }) => cause.id);
    const wanted = accepted[capture];
    const right = wanted === undefined ? errors.length === 0 : first !== undefined && wanted.includes(first.cause.id);
    const unknown = files.filter(({ status }) => status === 'unrecognised').length;
    const broken = failedRules.length === 0 ? '' : ` FAILED RULES ${failedRules.map(({ rule }) => rule).join(',')}`;
    const rank =
      wanted === undefined ? '' : ` (place ${diagnoses.findIndex(({ cause }) => wanted.includes(cause.id)) + 1})`;
    const shown =
      first === undefined
        ? 'nothing'
        : `${first.cause.severity} ${first.cause.id} ${first.cause.subjects.slice(0, 2).join(', ')}`;
    return {
      right: right && failedRules.length === 0,
      text: `${right ? 'right' : 'WRONG'} ${shown}${right ? '' : rank}; ${errors.length} errors; ${unknown} unrecognised${broken}`,
    };
  } catch (error) {
    return { right: false, text: `FAILED ${error instanceof Error ? error.message : String(error)}` };
  }
}

const sums = { report: 0, kubectl: 0, captures: 0 };
for (const capture of readdirSync(folder).sort()) {
  const answer = join(folder, capture, 'answer.yaml');
  if (!existsSync(answer)) continue;
  sums.captures++;
  const { title } = load(readFileSync(answer, 'utf8')) as { readonly title: string };
  const report = await judge(capture, join(folder, capture, 'bug-report.tar.gz'));
  const kubectl = await judge(capture, join(folder, capture, 'kubectl'));
  if (report.right) sums.report++;
  if (kubectl.right) sums.kubectl++;
  console.log(`${capture}  ${title}\n  bug-report  ${report.text}\n  kubectl     ${kubectl.text}`);
}
const share = (right: number): string =>
  `${right} of ${sums.captures} (${Math.round((100 * right) / Math.max(1, sums.captures))} %)`;
console.log(`first cause right: bug-report ${share(sums.report)}, kubectl ${share(sums.kubectl)}`);
