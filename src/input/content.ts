import { memoryBytes } from './bytes.ts';
import { type Container, type Flow, ignored, type StoredFile, sizeText } from './flow.ts';
import { gzipFlow } from './gzip.ts';
import { isDebris, normalisePath, visible, withoutRoot } from './path.ts';
import { headBytes, recognise } from './recognise.ts';
import { tarFlow } from './tar.ts';
import type { Visit } from './visit.ts';
import { visitZip } from './zip.ts';

/** A run of bytes whose nature is not known yet: the archive itself or one of its files. */
export interface Place {
  /** As delivered, if it turns out to be a plain file. */
  readonly path: string;
  readonly size: number;
  readonly modified?: string | undefined;
  /** Archives it lies in; 0 is the archive itself. */
  readonly level: number;
  /** Its files are delivered without `path!/` before them. */
  readonly outermost?: boolean;
  /** It came out of gzip, so that a tar in it makes one archive with that. */
  readonly gunzipped?: boolean;
}

// A nested zip needs its end first, so it is kept whole; anything else is unpacked as it streams past.
const nestedZipBytes = 256 * 2 ** 20;

/** Looks at the first bytes and opens what they are: an archive in place, or a file for the visitor. */
export function contentFlow(visit: Visit, place: Place): Flow {
  let head: Buffer | undefined;
  let target: Flow | undefined;
  return {
    write(chunk) {
      if (target !== undefined) return target.write(chunk);
      const seen = head === undefined ? chunk : Buffer.concat([head, chunk]);
      if (seen.length < headBytes) {
        head = seen;
        return undefined;
      }
      head = undefined;
      target = choose(visit, place, seen);
      return target.write(seen);
    },
    end(damage) {
      if (target !== undefined) return target.end(damage);
      if (visit.stopped()) return undefined;
      const seen = head ?? Buffer.alloc(0);
      const late = choose(visit, place, seen);
      const wait = seen.length > 0 ? late.write(seen) : undefined;
      return wait === undefined ? late.end(damage) : wait.then(() => late.end(damage));
    },
  };
}

function choose(visit: Visit, place: Place, head: Buffer): Flow {
  const content = recognise(head);
  const { path } = place;
  const unit = content.kind === 'tar' && place.gunzipped ? place.level - 1 : place.level;
  if ((content.kind === 'gzip' || content.kind === 'tar' || content.kind === 'zip') && unit > visit.limits.nesting) {
    const deep = visit.limits.nesting === 1 ? '1 archive' : `${visit.limits.nesting} archives`;
    visit.gap({
      file: path,
      reason: 'skipped',
      detail: `an archive inside ${deep} is not opened, raise --max-nesting to read it`,
    });
    return ignored;
  }
  switch (content.kind) {
    case 'gzip': {
      const inner = contentFlow(visit, { ...place, size: -1, level: place.level + 1, gunzipped: true });
      return gzipFlow(inner, {
        unpacked: (bytes) => visit.unpacked(bytes, path),
        stopped: visit.stopped,
        gap: (reason, detail) => visit.gap({ file: path, reason, detail }),
      });
    }
    case 'tar':
      return tarFlow(containerOf(visit, place, unit));
    case 'zip':
      return zipFlow(visit, place, containerOf(visit, place, unit));
    case 'utf-16le':
    case 'utf-16be':
      return utf16Flow(visit.file({ ...headerOf(place), size: -1 }), content.kind);
    case 'foreign':
      if (content.unpack !== undefined) {
        const detail = `${content.what} is not opened here; unpack it with \`${content.unpack}\` and pack the result`;
        visit.gap({ file: path, reason: 'skipped', detail });
        return ignored;
      }
      return visit.file(headerOf(place));
    default:
      return visit.file(headerOf(place));
  }
}

const headerOf = ({ path, size, modified }: Place) =>
  modified === undefined ? { path, size } : { path, size, modified };

/** The visit as the decoder of one container sees it. */
export function containerOf(visit: Visit, place: Place, level: number): Container {
  const prefix = place.outermost ? '' : `${place.path}!/`;
  const kept = new Set<string>();
  const shown = (name: string): string => prefix + visible(name.replaceAll('\\', '/'));

  /** The path to deliver a file under, undefined when the same file came before. */
  const pathFor = (path: string): string | undefined => {
    const inner = withoutRoot(path);
    const root = path.slice(0, path.length - inner.length);
    // The first file that two roots have in common proves that they are two collections. From there on the second keeps
    // its root, so that the two stay apart.
    if (!kept.has(root) && visit.claim(prefix + inner)) return prefix + inner;
    if (root !== '') {
      kept.add(root);
      if (visit.claim(prefix + path)) return prefix + path;
    }
    return undefined;
  };

  return {
    path: place.path,
    unpacked: (bytes) => visit.unpacked(bytes, place.path),
    stopped: visit.stopped,
    gap: (reason, detail, file) => visit.gap({ file: file === undefined ? place.path : shown(file), reason, detail }),
    open({ name, size, modified }: StoredFile) {
      if (visit.stopped()) return undefined;
      const path = normalisePath(name);
      if (path === undefined) {
        const detail = 'its name is empty, too long or leads out of the archive (`..`)';
        visit.gap({ file: shown(name.slice(0, 200)), reason: 'skipped', detail });
        return undefined;
      }
      if (isDebris(path)) {
        visit.debris(prefix + path);
        return undefined;
      }
      if (!visit.admit(prefix + path)) return undefined;
      const delivered = pathFor(path);
      if (delivered === undefined) {
        visit.gap({
          file: prefix + path,
          reason: 'skipped',
          detail: 'a second file of this name; the first one is read',
        });
        return undefined;
      }
      const time = modified === undefined || Number.isNaN(modified.getTime()) ? undefined : modified.toISOString();
      return contentFlow(visit, { path: delivered, size, modified: time, level: level + 1 });
    },
  };
}

function zipFlow(visit: Visit, place: Place, container: Container): Flow {
  const bytes = memoryBytes();
  let tooLarge = false;
  return {
    write(chunk) {
      if (bytes.size + chunk.length > nestedZipBytes) tooLarge = true;
      if (!tooLarge) bytes.append(chunk);
      return undefined;
    },
    end(damage) {
      if (visit.stopped()) return undefined;
      if (tooLarge) {
        const detail = `a zip of more than ${sizeText(nestedZipBytes)} inside an archive is not opened; take it out and analyse it by itself`;
        visit.gap({ file: place.path, reason: 'too-large', detail });
        return undefined;
      }
      if (damage !== undefined) visit.gap({ file: place.path, ...damage });
      return visitZip(bytes, container);
    },
  };
}

/** `>` of Windows PowerShell writes UTF-16; everything to the right of here reads UTF-8. */
function utf16Flow(inner: Flow, encoding: 'utf-16le' | 'utf-16be'): Flow {
  const decoder = new TextDecoder(encoding);
  return {
    write: (chunk) => inner.write(Buffer.from(decoder.decode(chunk, { stream: true }))),
    end(damage) {
      const rest = Buffer.from(decoder.decode());
      const wait = rest.length > 0 ? inner.write(rest) : undefined;
      return wait === undefined ? inner.end(damage) : wait.then(() => inner.end(damage));
    },
  };
}
