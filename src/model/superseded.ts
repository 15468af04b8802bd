import type { Location } from '../input/location.ts';
import type { Gap, ObjectMeta } from '../parse/facts.ts';

/** Notes of one report; what is beyond is counted. */
const most = 50;

interface Versioned {
  readonly meta: ObjectMeta;
  readonly at: Location;
}

/** Collects which object of two files that contradict each other was used. */
export interface Superseded {
  note(kind: string, used: Versioned, older: Versioned): void;
  gaps(): readonly Gap[];
}

export function superseded(): Superseded {
  const gaps: Gap[] = [];
  let further = 0;
  let file = '';
  return {
    note(kind, used, older) {
      if (!contradicts(used, older)) return;
      if (gaps.length >= most) {
        further++;
        return;
      }
      const name = `${kind} ${used.meta.namespace === '' ? '' : `${used.meta.namespace}/`}${used.meta.name}`;
      file = older.at.file;
      gaps.push({
        file: older.at.file,
        reason: 'superseded',
        detail: `${name} is older here${versions(older, used)} than in ${placeOf(used.at)}, which is used`,
        ...(older.at.line === undefined ? {} : { line: older.at.line }),
      });
    },
    gaps: () =>
      further === 0
        ? gaps
        : [
            ...gaps,
            { file, reason: 'superseded', detail: `${further} further objects have a newer copy in another file` },
          ],
  };
}

const placeOf = ({ file, line, pointer }: Location): string =>
  line !== undefined ? `${file}:${line}` : pointer !== undefined ? `${file}#${pointer}` : file;

function versions(older: Versioned, used: Versioned): string {
  if (
    older.meta.generation !== undefined &&
    used.meta.generation !== undefined &&
    older.meta.generation !== used.meta.generation
  )
    return ` (generation ${older.meta.generation}, not ${used.meta.generation})`;
  if (older.meta.resourceVersion !== undefined && used.meta.resourceVersion !== undefined)
    return ` (resourceVersion ${older.meta.resourceVersion}, not ${used.meta.resourceVersion})`;
  return '';
}

/**
 * Whether two copies say different things of what was wanted: another generation, or other content. A status that moved on is
 * no contradiction, nor is text that says less (a table or a description has no resourceVersion).
 */
function contradicts(used: Versioned, older: Versioned): boolean {
  if (used.meta.resourceVersion === undefined || older.meta.resourceVersion === undefined) return false;
  if (used.meta.resourceVersion === older.meta.resourceVersion) return false;
  const { generation } = used.meta;
  if (generation !== undefined && older.meta.generation !== undefined) return generation !== older.meta.generation;
  // A ConfigMap that repeats an earlier one of its file does not carry the data again.
  if ('sameAs' in used || 'sameAs' in older) return false;
  return wanted(used) !== wanted(older);
}

/** The fields that somebody set, of any kind of object: `body` of those kept whole, `data` of ConfigMaps, the ports of a service. */
function wanted(object: Versioned): string {
  const { body, data, selector, ports } = object as unknown as Readonly<Record<string, unknown>>;
  return JSON.stringify([body, data, selector, ports, object.meta.labels]);
}
