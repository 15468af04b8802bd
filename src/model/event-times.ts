import type { KubeEvent } from '../parse/facts.ts';
import type { Capture } from './mesh.ts';

/**
 * How much newer than the newest log line a file may be before its time is that of a copy: istiod closes every connection
 * within half an hour, so logs collected with a table end less than that before it.
 */
const quietMs = 35 * 60_000;

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
