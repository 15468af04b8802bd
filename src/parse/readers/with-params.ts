import type { Reader } from '../reader.ts';

/** A reader told what a layout's path does not say, under a name of its own. */
export const withParams = (name: string, reader: Reader, params: Readonly<Record<string, string>>): Reader => ({
  ...reader,
  name,
  open: (file, context, emit) => reader.open({ ...file, params: { ...file.params, ...params } }, context, emit),
});
