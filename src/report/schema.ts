import { z } from 'zod';
import type { Report } from './report.ts';

const text = (description: string) => z.string().describe(description);
const count = (description: string) => z.number().int().nonnegative().describe(description);
const names = (description: string) => z.array(z.string()).readonly().describe(description);
const time = (description: string) => z.string().describe(`${description} ISO 8601, UTC.`);

const period = z.object({ first: time('First time seen.'), last: time('Last time seen.') }).readonly();

const severity = z.enum(['error', 'warning', 'info']);
const confidence = z.enum(['certain', 'likely', 'possible']);
const state = z.enum(['present', 'past', 'unknown']);

const stage = z.enum([
  'symptom',
  'client',
  'route',
  'cluster',
  'endpoint',
  'listener',
  'server',
  'pod',
  'sync',
  'policy',
  'config',
  'event',
]);

const area = z.enum([
  'control-plane',
  'data-plane',
  'traffic',
  'security',
  'configuration',
  'gateway',
  'injection',
  'aks',
  'ambient',
  'platform',
  'istioctl',
  'archive',
]);

const evidence = z
  .object({
    file: text('Path inside the archive, without its root folder.'),
    line: z.exactOptional(count('First line, counted from 1.')),
    pointer: z.exactOptional(
      text('JSON pointer (RFC 6901). With `line`, relative to the list item that starts on that line.'),
    ),
    quote: z.exactOptional(names('Lines as in the archive, secrets masked.')),
    stage: z.exactOptional(stage.describe("Step of the request's way that this place shows.")),
    say: z.exactOptional(text('What this place shows, in one sentence.')),
    mark: z.exactOptional(names('Parts of the quote that tell.')),
  })
  .readonly()
  .describe('A place in the archive that shows the problem.');

const scope = z
  .object({
    revision: z.exactOptional(text('Control-plane revision.')),
    namespace: z.exactOptional(text('Namespace.')),
    namespaces: z.exactOptional(z.array(z.string()).readonly().describe('Namespaces, where it concerns several.')),
    workload: z.exactOptional(text('Workload.')),
    pod: z.exactOptional(text('Pod.')),
    host: z.exactOptional(text('Destination: a Kubernetes service host in full, or an external host.')),
    subset: z.exactOptional(text('Subset of a DestinationRule.')),
    port: z.exactOptional(z.number().int().describe('Port.')),
    node: z.exactOptional(text('Node.')),
  })
  .readonly();

const occurrence = z
  .object({
    subject: text('What is at fault or suffers, as one would type it.'),
    scope: scope.describe('What it is about, for telling cause from consequence.'),
    when: z.exactOptional(period.describe('When it was seen; absent for configuration.')),
    count: z.exactOptional(count('How often seen; 1 when absent.')),
    message: text('What is wrong here, in lower case.'),
    facts: z.exactOptional(
      z
        .record(z.string(), z.union([z.string(), z.number()]))
        .readonly()
        .describe('Values by name; they fill the placeholders of `fix`.'),
    ),
    evidence: z.tuple([evidence], evidence).readonly().describe('Places that show it, at least one.'),
    severity: z.exactOptional(severity.describe("Severity of this occurrence where it differs from the entry's.")),
    ended: z.exactOptional(z.boolean().describe('It stopped before the archive was made and was seen to work after.')),
    confidence: z.exactOptional(confidence.describe('How sure the rule is that this is a fault of its own.')),
    supports: z.exactOptional(names('Why we believe it.')),
    contradicts: z.exactOptional(names('What speaks against it.')),
    missing: z.exactOptional(names('What would have told.')),
  })
  .readonly()
  .describe('One occurrence of a problem.');

const remedy = z
  .object({
    do: text('What to do: an imperative sentence. `{{name}}` stands for a value of the first occurrence.'),
    run: z.exactOptional(text('Command, with the same placeholders.')),
  })
  .readonly()
  .describe('One thing to do.');

const finding = z
  .object({
    id: text('Id of the rule.'),
    title: text('Name of the problem.'),
    area: area.describe('Part of the mesh that it concerns.'),
    severity: severity.describe('Highest severity of its occurrences, lowered where past.'),
    why: text('Why it hurts and how it works.'),
    fix: z.tuple([remedy], remedy).readonly().describe('What to do, in order.'),
    references: names('Documentation, https addresses.'),
    source: z.exactOptional(text('Where the condition comes from.')),
    key: text('Stable over runs and archives of the same cluster: rule and a hash of the objects concerned.'),
    state: state.describe("Judged against the archive's own time."),
    subjects: names('All subjects, sorted.'),
    count: count("Sum of the occurrences' counts."),
    when: z.exactOptional(period.describe('First and last time of all occurrences.')),
    occurrences: z.tuple([occurrence], occurrence).readonly().describe('Where it was found, at least one.'),
    symptom: z.boolean().describe('It is what users see, not why.'),
  })
  .readonly();

const diagnosis = z
  .object({
    cause: finding.describe('The finding that explains the others.'),
    consequences: z.array(finding).readonly().describe('Findings that the cause explains.'),
    confidence: confidence.describe('How sure it is that this is the cause.'),
    supports: names('Why we believe it.'),
    missing: names('What would have told, and the command that collects it.'),
    contradicts: names('Counter-evidence that lowered the confidence.'),
    state: state.describe("Judged against the archive's own time."),
    failedRequests: count(
      'Failed requests or connections that it and its consequences stand for, as access logs counted them.',
    ),
    reach: count('The failed requests, or where none were logged how often the cause itself was seen.'),
  })
  .readonly()
  .describe('One cause and what it explains.');

const gap = z
  .object({
    file: text('Path inside the archive.'),
    reason: z
      .enum([
        'truncated',
        'malformed',
        'too-large',
        'skipped',
        'unrecognised',
        'not-available',
        'conflict',
        'superseded',
      ])
      .describe('Kind of gap.'),
    detail: text('What was found instead.'),
    line: z.exactOptional(count('Line, counted from 1.')),
  })
  .readonly()
  .describe('Something the archive should have told and did not.');

const proxy = z
  .object({
    namespace: text('Namespace.'),
    pod: text('Pod.'),
    type: text('`sidecar`, `gateway`, `waypoint`, `ztunnel` or `unknown`.'),
    istioVersion: z.exactOptional(text('Istio version.')),
    revision: z.exactOptional(text('Control-plane revision.')),
    state: z.exactOptional(text("Envoy's state, e.g. `LIVE`.")),
    ready: z.exactOptional(z.boolean().describe('The pod is ready.')),
    restarts: z.exactOptional(count('Restarts of the proxy container.')),
    sync: z
      .enum(['synced', 'stale', 'error', 'absent', 'unknown'])
      .describe('Worst of its xDS types; `absent`: no istiod knows it; `unknown`: not in the archive.'),
    memory: z.exactOptional(count('Allocated memory, bytes.')),
    clusters: z.exactOptional(count('Clusters in its configuration.')),
    rejected: count('Configuration updates it rejected.'),
    certificateUntil: z.exactOptional(time('End of its workload certificate.')),
    requests: z.exactOptional(count('Requests in its access log.')),
    failed: z.exactOptional(count('Failed requests in its access log.')),
    remark: z.boolean().describe('Anything of the row deserves a look.'),
  })
  .readonly()
  .describe('One proxy.');

const file = z
  .object({
    path: text('Path inside the archive.'),
    bytes: count('Size, unpacked.'),
    reader: text('Reader that read it, or `none`; several, comma-separated, for a file of several outputs.'),
    title: text('What it was taken for; empty where no reader knows it.'),
    by: z
      .enum(['path', 'content', 'name', 'none'])
      .describe(
        'What told the reader: its path in a known layout, its content, or the command it is named after or holds.',
      ),
    owner: z.exactOptional(text('Pod the facts are about, `namespace/pod`; the first ones where they are several.')),
    status: z.enum(['read', 'partial', 'unrecognised', 'ignored']).describe('What became of it.'),
    facts: count('Facts taken from it.'),
  })
  .readonly()
  .describe('One file of the archive.');

const revision = z
  .object({
    name: text('Name; `default` for an unnamed one.'),
    versions: names('Versions of its istiods.'),
    istiods: count('istiod pods.'),
    tags: names('Revision tags that point to it.'),
  })
  .readonly()
  .describe('One revision of the control plane.');

/** The shape of a report, schema 1. */
export const reportShape = z
  .object({
    schema: z.literal(1).describe('Version of this schema.'),
    tool: z
      .object({
        name: z.literal('meshtriage').describe('Name of the tool.'),
        version: text('Version of the tool.'),
        rules: count('Rules in its catalog.'),
      })
      .readonly()
      .describe('What made the report.'),
    archive: z
      .object({
        name: text('File name.'),
        format: z.enum(['tar.gz', 'tar', 'zip', 'directory', 'file', 'file.gz']).describe('Container format.'),
        bytes: count('Size as stored.'),
        unpackedBytes: count('Size unpacked.'),
        entries: count('Files in it.'),
      })
      .readonly()
      .describe('What was read.'),
    verdict: z
      .object({ sentence: text('What the archive shows.'), detail: text('What supports it.') })
      .readonly()
      .describe('The result in one sentence and a few more.'),
    about: z
      .object({
        captured: z.exactOptional(time('When the archive was made.')),
        capturedFrom: z.exactOptional(text('What told when the archive was made.')),
        window: z.exactOptional(period.describe('Time covered by its logs.')),
        context: z.exactOptional(text('kubectl context.')),
        kubernetes: z.exactOptional(text('Version of Kubernetes.')),
        platform: text('Where the mesh runs.'),
        istioctl: z.exactOptional(text('Version of the istioctl that made the archive.')),
        nodes: z.exactOptional(count('Nodes.')),
        revisions: z.array(revision).readonly().describe('Revisions of the control plane.'),
        proxies: count('Proxies.'),
        namespaces: names('Namespaces.'),
        proxyVersions: z
          .array(z.object({ version: text('Istio version.'), proxies: count('Proxies that run it.') }).readonly())
          .readonly()
          .describe('Proxies by version.'),
      })
      .readonly()
      .describe('The mesh that the archive shows.'),
    coverage: z
      .object({
        filesRead: count('Files that a reader understood.'),
        files: count('All files.'),
        complete: z.boolean().describe('The archive could be read to its end.'),
        rulesChecked: count('Rules that had what they need.'),
        rulesNotChecked: count('Rules that could not be judged.'),
        sentence: text('The same in words.'),
      })
      .readonly()
      .describe('How much could be judged.'),
    diagnoses: z.array(diagnosis).readonly().describe('Causes, most important first.'),
    notChecked: z
      .array(
        z
          .object({
            rule: text('Id of the rule.'),
            title: text('What it would find.'),
            because: text('Why it could not be judged.'),
            collect: text('What to collect so that it can.'),
          })
          .readonly(),
      )
      .readonly()
      .describe('Rules without the files they need: neither found nor clear.'),
    failedRules: z
      .array(z.object({ rule: text('Id of the rule.'), error: text('What went wrong.') }).readonly())
      .readonly()
      .describe('Rules that failed: errors of this tool.'),
    clear: z
      .array(z.object({ rule: text('Id of the rule.'), title: text('What it would have found.') }).readonly())
      .readonly()
      .describe('Rules that had what they need and found nothing.'),
    gaps: z.array(gap).readonly().describe('What could not be read.'),
    proxies: z.array(proxy).readonly().describe('All proxies.'),
    files: z.array(file).readonly().describe('All files and what became of them.'),
  })
  .readonly() satisfies z.ZodType<Report>;

/** JSON schema (2020-12) of the JSON report. Objects may get further fields in later versions of schema 1. */
export const reportSchema = (): Record<string, unknown> => ({
  title: 'meshtriage report',
  ...z.toJSONSchema(reportShape, { io: 'input', reused: 'inline' }),
});
