import type { Location } from '../../input/location.ts';
import type { Artifact } from '../artifact.ts';
import type { SourceFile } from '../reader.ts';
import { textReader } from '../reader.ts';
import { type Cells, type Column, cellsOf, headerOf, plainLine } from '../text-table.ts';
import { recordOf, recordsOf, textOf, textsOf } from '../untyped.ts';
import { parseYaml } from '../yaml.ts';

const headers: readonly (readonly string[])[] = [
  ['TAG', 'REVISION', '?NAMESPACES'],
  ['REVISION', 'TAG', 'ISTIO-OPERATOR-CR', 'PROFILE', 'REQD-COMPONENTS', '?CUSTOMIZATIONS'],
];

/** The columns of `istioctl tag list` or of `istioctl experimental revision list`, if the line is such a header. */
export function tagHeader(line: string): readonly Column[] | undefined {
  for (const titles of headers) {
    const columns = headerOf(line, titles);
    if (columns !== undefined) return columns;
  }
  return undefined;
}

/**
 * `istioctl tag list` as table, JSON and YAML, and `istioctl experimental revision list`: which tag points to which revision.
 * Webhooks without a tag label have an empty tag: their revision is served all the same.
 */
export const tagList = textReader('istioctl-tags', 'istioctl tag list', function* (text, file) {
  const body = text.replace(/^\s*(?:[^\n]{0,200}[$#>%] ?)?istioctl [^\n]*\n/, '').trimStart();
  const listed = /^(?:\[|- )/.test(body) ? fromStructured(body, file) : undefined;
  if (listed !== undefined) {
    yield* listed;
    yield { kind: 'seen', value: { kinds: ['tag'], at: { file: file.path } } };
    return;
  }

  let columns: readonly Column[] | undefined;
  let known = false;
  let revision = '';
  const strange: number[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = plainLine(raw);
    if (line.trim() === '') continue;
    const header = tagHeader(line);
    if (header !== undefined) {
      columns = header;
      known = true;
      continue;
    }
    if (/^No Istio revision tags found/.test(line)) known = true;
    // Sections of `revision list -v`.
    if (/^[A-Z][A-Z -]+:$/.test(line)) columns = undefined;
    if (columns === undefined) continue;
    const byRevision = columns[0]?.title === 'REVISION';
    const cells = rowOf(line, columns);
    if (cells === undefined) {
      strange.push(index + 1);
      continue;
    }
    revision = cells.get('REVISION') || (byRevision ? revision : '');
    const tag = cells.get('TAG') ?? '';
    // Further rows of one revision list its components.
    if (revision === '' || (byRevision && tag === '')) continue;
    const namespaces = (cells.get('NAMESPACES') ?? '').split(/,\s*/).filter((name) => name !== '');
    const at: Location = { file: file.path, line: index + 1 };
    yield { kind: 'tag', value: { tag: tag === '<no-tag>' ? '' : tag, revision, namespaces, at } };
  }
  if (known) yield { kind: 'seen', value: { kinds: ['tag'], at: { file: file.path } } };
  const [line] = strange;
  if (line !== undefined) {
    const detail = `${strange.length} lines of the table are not understood`;
    yield { kind: 'gap', value: { file: file.path, reason: 'malformed', detail, line } };
  }
});

const isName = (text: string): boolean => /^[a-zA-Z0-9<>_.-]*$/.test(text);

/** A row of the table; with the alignment lost a single word is a revision without a tag, as the add-on of AKS has it. */
function rowOf(line: string, columns: readonly Column[]): Cells | undefined {
  const word = line.trim();
  if (columns[0]?.title === 'TAG' && isName(word) && word !== '') return new Map([['REVISION', word]]);
  return cellsOf(
    // Namespaces stand last: closing their ranks moves nothing else.
    line.replaceAll(', ', ','),
    columns,
    (cells) => isName(cells.get('TAG') ?? '') && isName(cells.get('REVISION') ?? '') && !lacksRevision(cells, columns),
  );
}

const lacksRevision = (cells: Cells, columns: readonly Column[]): boolean =>
  columns[0]?.title === 'TAG' && (cells.get('REVISION') ?? '') === '';

function fromStructured(body: string, file: SourceFile): Artifact[] | undefined {
  let value: unknown;
  try {
    // JSON is YAML.
    value = parseYaml(body);
  } catch {
    // Neither: the caller reads the text as a table.
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  const tags: Artifact[] = [];
  for (const [index, item] of recordsOf(value).entries()) {
    const { tag, revision, namespaces } = recordOf(item);
    const name = textOf(revision);
    if (name === undefined) continue;
    tags.push({
      kind: 'tag',
      value: {
        tag: textOf(tag) ?? '',
        revision: name,
        namespaces: textsOf(namespaces),
        at: { file: file.path, pointer: `/${index}` },
      },
    });
  }
  return tags;
}
