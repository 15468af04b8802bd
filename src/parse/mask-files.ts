import { mask } from './mask.ts';
import { lineMasker } from './mask-lines.ts';
import { withoutLocalPaths } from './readers/bug-report-log.ts';

/** The path of a file as facts and reports name it: people save a download under its URL, signature included. */
export const maskedPath = (path: string): string => mask(path);

/** Masks the lines of one file, in order, for people to read. The log of the collection names its user by paths of home. */
export function quotable(file: string, below: { readonly secret?: boolean } = {}): (line: string) => string {
  const masked = lineMasker(below);
  return /(?:^|[/!])bug-report\.log$/.test(file) ? (line) => withoutLocalPaths(masked(line)) : masked;
}
