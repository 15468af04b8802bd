import { proxyOf } from '../envoy-names.ts';
import { textReader } from '../reader.ts';
import { proxyRef } from '../sync-status.ts';
import { type Column, cellsOf, headerOf, plainLine } from '../text-table.ts';

/** The columns of `istioctl experimental authz check`, if the line is its header. */
export const authzHeader = (line: string): readonly Column[] | undefined =>
  headerOf(line, ['ACTION', 'AuthorizationPolicy', '?RULES']);

/** `istioctl experimental authz check`: the authorization policies that a proxy's listeners enforce. */
export const authzCheck = textReader('authz-check', 'istioctl experimental authz check', function* (text, file) {
  const proxy = proxyOf(file);
  let columns: readonly Column[] | undefined;
  const strange: number[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = plainLine(raw);
    if (line.trim() === '') continue;
    const header = authzHeader(line);
    if (header !== undefined) {
      columns = header;
      continue;
    }
    if (columns === undefined) continue;
    const cells = cellsOf(line, columns, (each) => actions.test(each.get('ACTION') ?? ''));
    const policy = cells?.get('AuthorizationPolicy') ?? '';
    if (cells === undefined || policy === '' || /\s/.test(policy)) {
      strange.push(index + 1);
      continue;
    }
    const ref = proxyRef(policy);
    const rules = Number(cells.get('RULES') ?? '');
    yield {
      kind: 'applied-policy',
      value: {
        proxy,
        action: cells.get('ACTION') ?? '',
        namespace: ref?.namespace ?? '',
        name: ref?.pod ?? policy,
        rules: Number.isFinite(rules) ? rules : 0,
        at: { file: file.path, line: index + 1 },
      },
    };
  }
  if (columns !== undefined) yield { kind: 'seen', value: { kinds: ['applied-policy'], at: { file: file.path } } };
  const [line] = strange;
  if (line !== undefined) {
    const detail = `${strange.length} lines of the table are not understood`;
    yield { kind: 'gap', value: { file: file.path, reason: 'malformed', detail, line } };
  }
});

const actions = /^(?:ALLOW|DENY|LOG|CUSTOM|AUDIT)$/;
