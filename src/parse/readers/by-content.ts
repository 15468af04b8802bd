import { chosenByHead } from '../peek.ts';
import type { Reader } from '../reader.ts';
import { recogniseByContent } from '../recognise.ts';
import { knownFile } from './known-file.ts';

/** A file of a known collector that says by its content what it is; where it does not, it is known and not read. */
export function byContentOr(name: string, title: string): Reader {
  const known = knownFile(name, title);
  return {
    name,
    title,
    open: (file, context, emit) =>
      chosenByHead((head) => (recogniseByContent(Buffer.from(head)) ?? known).open(file, context, emit)),
  };
}
