const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 0.001, ns: 0.000_001 };

/** Milliseconds of a duration as Istio and Kubernetes write them: `0.5s`, `1m30s`, `200ms`. Undefined for anything else. */
export function durationMs(text: unknown): number | undefined {
  if (typeof text !== 'string' || !/^(\d+(\.\d+)?(h|ms|m|s|us|ns))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)/g))
    sum += Number(number) * (units[unit ?? ''] ?? 0);
  return sum;
}

/** `0.5 s`, `12 ms`, `2 min`: a duration for people. */
export function spoken(ms: number): string {
  if (ms < 100) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Number((ms / 1000).toFixed(ms < 10_000 ? 2 : 0))} s`;
  return `${Math.round(ms / 60_000)} min`;
}
