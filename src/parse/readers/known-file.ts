import type { Reader } from '../reader.ts';

/** A reader for a file that is known and holds nothing rules ask for: its bytes are passed over, the file counts as read. */
export function knownFile(name: string, title: string): Reader {
  return { name, title, open: () => ({ push: () => undefined, end: () => undefined }) };
}
