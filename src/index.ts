/** The library: what the command line does, as functions over plain data. */
export { analyze, type Options, type Progress } from './analyze.ts';
export { builtInRules } from './catalog/index.ts';
export {
  type AnyRule,
  type CatalogEntry,
  type Confidence,
  defineRule,
  type Evidence,
  type Finding,
  type Occurrence,
  type Outcome,
  type Rule,
  type Scope,
  type Severity,
} from './catalog/rule.ts';
export type { Diagnosis, JudgedFinding } from './diagnosis/diagnose.ts';
export { UserError, type UserErrorCode } from './errors.ts';
export { type Archive, type ArchiveVisitor, defaultLimits, type Limits } from './input/archive.ts';
export { openArchive } from './input/open.ts';
export type { Facet, Mesh } from './model/mesh.ts';
export { type Format, render } from './report/render.ts';
export type { Report } from './report/report.ts';
export { reportSchema } from './report/schema.ts';
