import { readFileSync } from 'node:fs';

/** The version of this package, read from its package.json (two folders above dist and src alike). */
export const version: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
