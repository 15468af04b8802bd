import fs from 'node:fs';
import { relative, resolve } from 'node:path';
import type { Limits } from './archive.ts';
import { fileBytes, pump, reasonOf } from './bytes.ts';
import type { Container } from './flow.ts';

/** What lies below a folder, found once; each visit reads the files again. */
export interface Listing {
  readonly files: readonly { readonly name: string; readonly size: number; readonly modified: Date }[];
  /** What is there and not read. `special`: no file that holds anything, so that nothing is missing. */
  readonly unreadable: readonly { readonly name: string; readonly detail: string; readonly special?: boolean }[];
  readonly links: number;
  /** Sum of the files' sizes in bytes. */
  readonly bytes: number;
}

/** Lists a folder, sorted by path. Links are counted and not followed; a folder that cannot be read is noted. */
export async function listDirectory(path: string, limits: Limits): Promise<Listing> {
  const { default: glob } = await import('fast-glob');
  const unreadable: { name: string; detail: string; special?: boolean }[] = [];
  // fast-glob either stops at the first unreadable folder or leaves all of them out without a word.
  const readdir = ((
    folder: string,
    options: { withFileTypes: true },
    done: (error: null, list: fs.Dirent[]) => void,
  ) => {
    fs.readdir(folder, options, (error, list) => {
      if (error !== null)
        unreadable.push({
          name: relative(resolve(path), folder),
          detail: `this folder cannot be read (${reasonOf(error)})`,
        });
      done(null, error === null ? list : []);
    });
  }) as unknown as typeof fs.readdir;
  const found = glob.stream('**', {
    cwd: path,
    dot: true,
    followSymbolicLinks: false,
    onlyFiles: false,
    objectMode: true,
    fs: { readdir },
  }) as AsyncIterable<unknown> as AsyncIterable<{ path: string; dirent: fs.Dirent }>;

  const files: { name: string; size: number; modified: Date }[] = [];
  let links = 0;
  let bytes = 0;
  for await (const { path: name, dirent } of found) {
    if (dirent.isDirectory()) continue;
    if (dirent.isSymbolicLink()) links++;
    else if (!dirent.isFile()) unreadable.push({ name, detail: 'this is no plain file', special: true });
    else {
      try {
        const { size, mtime } = fs.lstatSync(`${path}/${name}`);
        files.push({ name, size, modified: mtime });
        bytes += size;
      } catch (error) {
        unreadable.push({ name, detail: `this file cannot be read (${reasonOf(error)})` });
      }
    }
    // One more than the limit is enough for the visit to see that there are too many.
    if (files.length > limits.entries) break;
  }
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
  return { files: files.sort(byName), unreadable: unreadable.sort(byName), links, bytes };
}

/** Visits the files of a folder. */
export async function visitDirectory(path: string, listing: Listing, container: Container): Promise<void> {
  for (const { name, detail, special } of listing.unreadable) {
    container.gap(special ? 'skipped' : 'truncated', detail, name);
  }
  const { links } = listing;
  if (links > 0)
    container.gap('skipped', `${links === 1 ? 'a symbolic link is' : `${links} symbolic links are`} not followed`);

  for (const file of listing.files) {
    if (container.stopped()) return;
    const flow = container.open(file);
    if (flow === undefined) continue;
    await pump(() => fileBytes(`${path}/${file.name}`), flow, container);
  }
}
