import type { Evidence, Occurrence } from '../catalog/rule.ts';
import type { Diagnosis, JudgedFinding } from '../diagnosis/diagnose.ts';
import type { Archive, EntrySink } from '../input/archive.ts';
import { maskedPath, quotable } from '../parse/mask-files.ts';
import { namesSecret } from '../parse/mask-values.ts';
import { prefixesOf } from '../parse/read.ts';
import { findJsonPointers } from './cite-json.ts';
import { findYamlPointer } from './cite-yaml.ts';
import type { Report } from './report.ts';

/** Lines shown of one place. */
const quoteLines = 5;
/** Lines shown of a field of an object. */
const fieldLines = 3;
const quoteWidth = 1000;
/** Text of one list item that is looked through for a pointer. */
const itemBytes = 512 * 1024;

/** A place that still needs its lines. */
interface Wanted {
  readonly file: string;
  readonly line: number | undefined;
  readonly pointer: string | undefined;
  /** What the quote should show, where the field is long: the text of a ConfigMap, a script. */
  readonly mark: string | undefined;
}
interface Cited {
  readonly line: number;
  readonly quote: readonly string[];
}

const keyOf = ({ file, line, pointer, mark }: Wanted): string =>
  `${file}\0${line ?? ''}\0${pointer ?? ''}\0${pointer === undefined ? '' : (mark ?? '')}`;

const placeOf = ({ file, line, pointer, mark }: Evidence): Wanted => ({ file, line, pointer, mark: mark?.[0] });

/**
 * Reads the archives once more, only for the files that evidence points into, and turns pointers into lines and lines into
 * quotes. Evidence that was quoted while reading stays as it is; a place that is not found keeps its pointer, unquoted.
 */
export async function cite(report: Report, archives: readonly Archive[]): Promise<Report> {
  const wanted = new Map<string, Map<string, Wanted>>();
  for (const evidence of evidenceOf(report)) {
    if (evidence.quote !== undefined) continue;
    const place = placeOf(evidence);
    const ofFile = wanted.get(place.file) ?? new Map<string, Wanted>();
    ofFile.set(keyOf(place), place);
    wanted.set(place.file, ofFile);
  }
  if (wanted.size === 0) return report;

  const cited = new Map<string, Cited>();
  const prefixes = prefixesOf(archives);
  for (const [index, archive] of archives.entries()) {
    if (wanted.size === 0) break;
    await archive.visit({
      entry({ path }) {
        if (wanted.size === 0) return 'stop';
        const file = `${prefixes[index] ?? ''}${maskedPath(path)}`;
        const places = wanted.get(file);
        if (places === undefined) return undefined;
        wanted.delete(file);
        return quoting(file, [...places.values()], cited);
      },
      // The first pass reported what of the container could not be read.
      gap: () => undefined,
    });
  }
  return mapEvidence(report, (evidence) => {
    const found = evidence.quote === undefined ? cited.get(keyOf(placeOf(evidence))) : undefined;
    return found === undefined ? evidence : { ...evidence, line: found.line, quote: found.quote };
  });
}

/** Takes one file's bytes and fills in the places wanted from it. */
function quoting(file: string, places: readonly Wanted[], cited: Map<string, Cited>): EntrySink {
  const pointers = places.filter(({ line, pointer }) => line === undefined && pointer !== undefined);
  const json = findJsonPointers(pointers.map(({ pointer }) => pointer ?? ''));
  const byLine = places
    .flatMap(({ line, ...rest }) => (line === undefined ? [] : [{ ...rest, line }]))
    .sort((a, b) => a.line - b.line);
  const lines = collectLines(byLine);
  // What a line may show depends on those above it, so each item is masked from its start: once, however many places it has.
  const items = new Map<number, { readonly masked: (line: string) => string; readonly lines: string[] }>();
  const maskedItem = (start: number, text: readonly string[], count: number): readonly string[] => {
    const item = items.get(start) ?? { masked: quotable(file), lines: [] };
    items.set(start, item);
    for (const line of text.slice(item.lines.length, count)) item.lines.push(item.masked(line));
    return item.lines.slice(0, count);
  };
  return {
    push(chunk) {
      lines.push(chunk);
      json.push(chunk);
    },
    end() {
      for (const [place, text] of lines.end()) {
        const field = place.pointer === undefined ? 0 : (fieldIn(text, place.pointer) ?? 0);
        const offset = place.pointer === undefined ? 0 : markedLine(text, field, place.mark);
        // An item's name says more than its first line, apiVersion.
        const shown = maskedItem(place.line, text, offset + (place.pointer === undefined ? 1 : 3));
        cited.set(keyOf(place), { line: place.line + offset, quote: trimmed(shown.slice(offset)) });
      }
      for (const [pointer, { line, text }] of json.end()) {
        const masked = quotable(file, { secret: pointer.split('/').some(namesSecret) });
        const lines = text.slice(0, quoteLines).map(masked);
        for (const place of pointers)
          if (place.pointer === pointer) cited.set(keyOf(place), { line, quote: trimmed(lines) });
      }
    },
  };
}

/** The line of a field, counted from 0, within an item of YAML or within JSON that was pasted among other outputs. */
function fieldIn(text: readonly string[], pointer: string): number | undefined {
  if (!/^\s*[{[]/.test(text[0] ?? '')) return findYamlPointer(text, pointer);
  const json = findJsonPointers([pointer]);
  json.push(Buffer.from(text.join('\n')));
  const line = json.end().get(pointer)?.line;
  return line === undefined ? undefined : line - 1;
}

/**
 * Where to begin a quote of a field: at the field itself, or, when what should be seen stands further down in it, one line
 * above that.
 */
function markedLine(lines: readonly string[], field: number, mark: string | undefined): number {
  if (mark === undefined || mark === '') return field;
  const own = indentOf(lines[field] ?? '');
  for (let index = field; index < lines.length; index++) {
    const line = lines[index] ?? '';
    // The field ends where its column, or one further left, is reached again.
    if (index > field && line.trim() !== '' && indentOf(line) <= own && !line.trimStart().startsWith('- ')) break;
    if (line.includes(mark)) return index < field + fieldLines ? field : index - 1;
  }
  return field;
}
const indentOf = (line: string): number => line.length - line.trimStart().length;

const trimmed = (lines: readonly string[]): readonly string[] =>
  lines.slice(0, quoteLines).map((line) => (line.length > quoteWidth ? `${line.slice(0, quoteWidth)}…` : line));

/** Collects the text from each wanted line on: one line, or for a place with a pointer the lines of its item. */
function collectLines(places: readonly (Wanted & { readonly line: number })[]) {
  const decoder = new TextDecoder();
  const found = new Map<Wanted & { readonly line: number }, string[]>();
  const open: { readonly place: Wanted & { readonly line: number }; readonly lines: string[]; bytes: number }[] = [];
  let next = 0;
  let line = 1;
  let rest: Uint8Array[] = [];

  const take = (bytes: Uint8Array): void => {
    while (places[next]?.line === line) {
      const place = places[next];
      if (place === undefined) break;
      const lines: string[] = [];
      found.set(place, lines);
      open.push({ place, lines, bytes: 0 });
      next++;
    }
    if (open.length > 0) {
      const text = decoder.decode(bytes.subarray(0, 64 * 1024)).replace(/\r$/, '');
      for (let index = open.length - 1; index >= 0; index--) {
        const reading = open[index];
        if (reading === undefined) continue;
        const isNextItem = reading.lines.length > 0 && (/^(- |---|\S)/.test(text) || reading.bytes > itemBytes);
        if (isNextItem && reading.place.pointer !== undefined) {
          open.splice(index, 1);
          continue;
        }
        reading.lines.push(text);
        reading.bytes += text.length;
        if (reading.place.pointer === undefined) open.splice(index, 1);
      }
    }
    line++;
  };

  return {
    push(chunk: Uint8Array): void {
      if (next >= places.length && open.length === 0) return;
      let from = 0;
      for (;;) {
        const end = chunk.indexOf(10, from);
        if (end < 0) break;
        // Lines before the first wanted one are only counted.
        if (open.length > 0 || places[next]?.line === line) {
          take(rest.length === 0 ? chunk.subarray(from, end) : Buffer.concat([...rest, chunk.subarray(from, end)]));
        } else {
          line++;
        }
        rest = [];
        from = end + 1;
      }
      if (from < chunk.length) rest.push(chunk.slice(from));
    },
    end(): ReadonlyMap<Wanted & { readonly line: number }, readonly string[]> {
      if (rest.length > 0) take(Buffer.concat(rest));
      return found;
    },
  };
}

function* evidenceOf(report: Report): Generator<Evidence> {
  for (const { cause, consequences } of report.diagnoses) {
    for (const finding of [cause, ...consequences]) for (const { evidence } of finding.occurrences) yield* evidence;
  }
}

function mapEvidence(report: Report, change: (evidence: Evidence) => Evidence): Report {
  const ofOccurrence = (occurrence: Occurrence): Occurrence => {
    const [first, ...others] = occurrence.evidence;
    return { ...occurrence, evidence: [change(first), ...others.map(change)] };
  };
  const ofFinding = (finding: JudgedFinding): JudgedFinding => {
    const [first, ...others] = finding.occurrences;
    return { ...finding, occurrences: [ofOccurrence(first), ...others.map(ofOccurrence)] };
  };
  const diagnoses = report.diagnoses.map(
    (diagnosis): Diagnosis => ({
      ...diagnosis,
      cause: ofFinding(diagnosis.cause),
      consequences: diagnosis.consequences.map(ofFinding),
    }),
  );
  return { ...report, diagnoses };
}
