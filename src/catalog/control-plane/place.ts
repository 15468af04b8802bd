import { within } from '../../input/location.ts';
import type { KubeEvent } from '../../parse/facts.ts';
import type { Evidence } from '../rule.ts';

/** An event as evidence, with its count: the row of a table, the message of an object. */
export function eventEvidence(event: KubeEvent, mark: readonly string[] = []): Evidence {
  const { kind, namespace, name } = event.object;
  const isRow = /(?:^|[/_])events|\.txt$/.test(event.at.file);
  return {
    ...(isRow ? event.at : within(event.at, '/message')),
    stage: 'event',
    say: `${event.reason} on ${kind} ${namespace === '' ? '' : `${namespace}/`}${name}${event.count > 1 ? `, ${event.count} times` : ''}.`,
    mark,
  };
}
