/** Remembers what was made of a piece of bytes, so that the same piece in the next proxy's dump costs a comparison. */
export interface PieceCache<T> {
  /** What `make` made of equal bytes before, or makes of these. An undefined result is not kept. */
  get(bytes: Buffer, make: (bytes: Buffer) => T | undefined): T | undefined;
}

/**
 * A cache by content: pieces are looked up by length and first bytes and compared whole, so a hit is always right, whichever
 * archive the piece came from. When full it takes nothing new, because proxies are read in the same order and replacing
 * the oldest would never hit; when what it holds stops being asked for, it is emptied.
 */
export function pieceCache<T>(entries = 20_000, bytes = 64 * 2 ** 20): PieceCache<T> {
  const pieces = new Map<string, { readonly bytes: Buffer; readonly value: T }[]>();
  let count = 0;
  let held = 0;
  let missesWhenFull = 0;

  return {
    get(piece, make) {
      const key = `${piece.length}:${piece.toString('latin1', 0, keyBytes)}`;
      const alike = pieces.get(key);
      if (alike !== undefined) {
        for (const candidate of alike) {
          if (!candidate.bytes.equals(piece)) continue;
          missesWhenFull = 0;
          return candidate.value;
        }
      }
      const value = make(piece);
      if (value === undefined || piece.length > bytes / 8) return value;
      if (count >= entries || held + piece.length > bytes) {
        missesWhenFull += 1;
        if (missesWhenFull <= 2 * entries) return value;
        pieces.clear();
        count = 0;
        held = 0;
        missesWhenFull = 0;
      }
      const kept = { bytes: Buffer.from(piece), value };
      const list = pieces.get(key);
      if (list === undefined) pieces.set(key, [kept]);
      else if (list.length < mostAlike) list.push(kept);
      else return value;
      count += 1;
      held += piece.length;
      return value;
    },
  };
}

/** Enough to hold a resource's type and name in Envoy's JSON. */
const keyBytes = 224;

/** Pieces of equal length and beginning that are compared one by one. */
const mostAlike = 8;
