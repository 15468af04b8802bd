/**
 * Where a fact was read. Text files give a line; structured ones a pointer that `cite` turns into one.
 * A pointer is an RFC 6901 JSON pointer. With `line` as well it is relative to the list item that starts on that line
 * (an item of a kubectl YAML list).
 */
export interface Location {
  /** Path inside the archive as stored, without the archive's root folder. */
  readonly file: string;
  /** First line, counted from 1. */
  readonly line?: number;
  readonly pointer?: string;
}

/**
 * A field inside what stands at a place: for an item of a YAML list its line and a pointer from there, for an element of a JSON
 * text one pointer from the top.
 */
export const within = (at: Location, pointer: string): Location => ({
  ...at,
  pointer: `${at.line === undefined ? (at.pointer ?? '') : ''}${pointer}`,
});
