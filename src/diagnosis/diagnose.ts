import type { CatalogEntry, Confidence, NonEmpty, Occurrence, Severity } from '../catalog/rule.ts';

/** A problem found, its occurrences folded and judged against the archive's own time. */
export interface JudgedFinding extends CatalogEntry {
  /** Stable over runs and archives of the same cluster: rule and object identity, e.g. `subset-without-pods-3fa9c1`. */
  readonly key: string;
  /** Highest severity of its occurrences, lowered where past. */
  readonly severity: Severity;
  readonly state: 'present' | 'past' | 'unknown';
  /** All subjects, sorted. */
  readonly subjects: readonly string[];
  /** Sum of the occurrences' counts. */
  readonly count: number;
  readonly when?: { readonly first: string; readonly last: string };
  readonly occurrences: NonEmpty<Occurrence>;
  readonly symptom: boolean;
}

/** One cause and what it explains. */
export interface Diagnosis {
  readonly cause: JudgedFinding;
  readonly consequences: readonly JudgedFinding[];
  readonly confidence: Confidence;
  /** Why we believe it. */
  readonly supports: readonly string[];
  /** What would have told, and the command that collects it. */
  readonly missing: readonly string[];
  /** Counter-evidence that lowered the confidence. */
  readonly contradicts: readonly string[];
  readonly state: 'present' | 'past' | 'unknown';
  /** Failed requests and log entries that it and its consequences stand for. */
  readonly reach: number;
}
