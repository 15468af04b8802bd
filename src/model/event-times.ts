import type { KubeEvent } from '../parse/facts.ts';
import type { Capture } from './mesh.ts';

/** How much newer than the newest log line a table may be that was collected with the logs; beyond it the file is a copy. */
const quietMs = 15 * 60_000;

/**
 * Events with the times of tables corrected: ages in them count back from when the file was written, and a file that was copied
 * later has a newer time. The newest log line then says better when the tables were printed.
 */
export function withPrintedTimes(
  events: readonly KubeEvent[] | undefined,
  { time, source }: Capture,
): readonly KubeEvent[] | undefined {
  const collected = Date.parse(time ?? '');
  if (source !== 'logs' || Number.isNaN(collected)) return events;
  return events?.map((event) => {
    const late = Date.parse(event.printed ?? '') - collected;
    if (!(late > quietMs)) return event;
    const { first, last } = event;
    return {
      ...event,
      ...(first === undefined ? {} : { first: earlierBy(first, late) }),
      ...(last === undefined ? {} : { last: earlierBy(last, late) }),
    };
  });
}

const earlierBy = (time: string, ms: number): string => new Date(Date.parse(time) - ms).toISOString();
