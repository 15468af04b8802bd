import { refusal } from '../admin-answer.ts';
import type { Artifact } from '../artifact.ts';
import { proxyOf } from '../envoy-names.ts';
import { isRbacStat, KNOWN_STATS, keptStat, type StatName, statName, statOfText } from '../envoy-stat-names.ts';
import type { Metric } from '../facts.ts';
import { parseSample, sampleName } from '../prometheus.ts';
import type { Reader } from '../reader.ts';

export { KNOWN_STATS };

/** Name of the metric made here: how many series a metric of Istio has, by label `metric`. */
const seriesMetric = 'meshtriage_series';

/** Metrics kept of one file; statistics of a whole mesh can be included by annotation. */
const mostMetrics = 20_000;

/** What a name is to us: a metric rules know, one whose series are counted, failed requests, another, or no name at all. */
type Kind = 'known' | 'series' | 'requests' | 'unknown' | 'none';

/** Labels that tell one failure of `istio_requests_total` from another; the rest is summed over. */
const requestLabels = [
  'reporter',
  'response_code',
  'response_flags',
  'source_workload',
  'source_workload_namespace',
  'destination_service_name',
  'destination_service_namespace',
  'destination_workload',
  'connection_security_policy',
];

/**
 * Envoy `/stats/prometheus` or `/stats`: the metrics that rules know, requests that failed or that came in plain text, summed
 * over labels no rule asks for, and the number of series of each `istio_` metric.
 */
export const envoyStats: Reader = {
  name: 'envoy-stats',
  title: 'Envoy /stats',
  open(file, context, emit) {
    const proxy = proxyOf(file);
    const decoder = new TextDecoder();
    const kept = new Map<string, Kind>();
    const series = new Map<string, { count: number; readonly line: number }>();
    const requests = new Map<
      string,
      { readonly labels: Record<string, string>; value: number; readonly line: number }
    >();
    let head = '';
    let rest = '';
    let dropping = false;
    let line = 0;
    let samples = 0;
    let metrics = 0;
    const told = new Set<string>();
    let twice = 0;
    let left = 0;
    let strange = 0;
    let strangeLine = 0;

    const give = (name: string, labels: Metric['labels'], value: number, at: number): void => {
      metrics += 1;
      if (metrics > mostMetrics) {
        left += 1;
        return;
      }
      emit({ kind: 'metric', value: { proxy, name, labels, value, at: { file: file.path, line: at } } });
    };

    const giveStat = ({ name, labels }: StatName, value: number): void => {
      const keep = keptStat(name);
      if (keep === undefined || (keep === 'counted' && value === 0)) return;
      // Envoy prints a series once: the second is that of another answer in the same file.
      const key = `${name}\n${Object.entries(labels).join('\n')}`;
      if (told.has(key)) {
        twice = line;
        return;
      }
      if (told.size < mostMetrics) told.add(key);
      give(name, labels, value, line);
    };

    const kindOf = (name: string): Kind => {
      let kind = kept.get(name);
      if (kind !== undefined) return kind;
      if (!/^[a-zA-Z_:][\w:]*$/.test(name)) kind = 'none';
      else if (name === 'istio_requests_total') kind = 'requests';
      else if (name.startsWith('istio_')) kind = 'series';
      else kind = keptStat(name) !== undefined || isRbacStat(name) ? 'known' : 'unknown';
      if (kept.size < 50_000) kept.set(name, kind);
      return kind;
    };

    const strangeRow = (): void => {
      strange += 1;
      if (strange === 1) strangeLine = line;
    };

    const countSeries = (name: string): void => {
      const entry = series.get(name);
      if (entry !== undefined) entry.count += 1;
      else if (series.size < 10_000) series.set(name, { count: 1, line });
    };

    const countRequests = (labels: Metric['labels'], value: number): void => {
      const { response_flags: flags = '-', destination_service_name: destination = '' } = labels;
      const plain = labels['reporter'] === 'destination' && labels['connection_security_policy'] === 'none';
      const nowhere = /^(?:BlackHoleCluster|(?:Inbound)?PassthroughCluster)/.test(destination);
      if ((flags === '-' || flags === '') && !plain && !nowhere) return;
      const chosen: Record<string, string> = {};
      for (const key of requestLabels) if (labels[key] !== undefined) chosen[key] = labels[key];
      const group = Object.values(chosen).join('\n');
      const entry = requests.get(group);
      if (entry !== undefined) entry.value += value;
      else if (requests.size < mostMetrics) requests.set(group, { labels: chosen, value, line });
      else left += 1;
    };

    const readLine = (text: string): void => {
      if (twice > 0) return;
      line += 1;
      const name = sampleName(text);
      if (name === '') return;
      if (name.endsWith(':')) {
        readTextLine(name.slice(0, -1), text);
        return;
      }
      const kind = kindOf(name);
      if (kind === 'none') {
        strangeRow();
        return;
      }
      samples += 1;
      if (kind === 'unknown') return;
      if (kind !== 'known') countSeries(name);
      if (kind === 'series') return;
      const sample = parseSample(text);
      if (sample === undefined) {
        strangeRow();
      } else if (kind === 'requests') {
        countRequests(sample.labels, sample.value);
      } else if (Number.isFinite(sample.value)) {
        giveStat(statName(name, sample.labels), sample.value);
      }
    };

    // `server.live: 1`; histograms and texts are none of ours.
    const readTextLine = (name: string, text: string): void => {
      const value = text.slice(name.length + 1).trim();
      if (!/^\d+$/.test(value)) return;
      samples += 1;
      const stat = statOfText(name);
      if (stat !== undefined) giveStat(stat, Number(value));
    };

    const take = (text: string): void => {
      let from = 0;
      for (;;) {
        const newline = text.indexOf('\n', from);
        if (newline < 0) break;
        const piece = text.slice(from, newline);
        from = newline + 1;
        if (dropping) {
          // The end of a line longer than any.
          dropping = false;
          line += 1;
          strangeRow();
        } else {
          readLine(piece.endsWith('\r') ? piece.slice(0, -1) : piece);
        }
      }
      rest = dropping ? '' : text.slice(from);
      if (rest.length > context.lineBytes) {
        rest = '';
        dropping = true;
      }
    };

    return {
      push(chunk) {
        const text = decoder.decode(chunk, { stream: true });
        if (head.length < 300) head += text.slice(0, 300);
        take(rest + text);
      },
      end(complete) {
        if (complete && rest !== '') take(`${rest}\n`);
        for (const { labels, value, line: at } of requests.values()) give('istio_requests_total', labels, value, at);
        for (const [metric, { count, line: at }] of series) give(seriesMetric, { metric }, count, at);
        if (samples > 0) emit({ kind: 'seen', value: { kinds: ['metric'], at: { file: file.path } } });
        const gap = gapOf(complete);
        if (gap !== undefined) emit({ kind: 'gap', value: gap });
      },
    };

    function gapOf(complete: boolean): Extract<Artifact, { kind: 'gap' }>['value'] | undefined {
      const refused = samples === 0 ? refusal(head, file) : undefined;
      if (refused !== undefined) return refused;
      const at = { file: file.path };
      if (!complete) return { ...at, reason: 'truncated', detail: 'the file is cut short', line };
      if (samples === 0) return { ...at, reason: 'unrecognised', detail: 'no statistics of Envoy are in this file' };
      if (twice > 0) {
        const detail = 'a series comes a second time; the file holds more than one answer, the first was read';
        return { ...at, reason: 'malformed', detail, line: twice };
      }
      if (left > 0)
        return { ...at, reason: 'too-large', detail: `${left} metrics more than ${mostMetrics} were left out` };
      if (strange === 0) return undefined;
      return { ...at, reason: 'malformed', detail: `${strange} lines are no samples`, line: strangeLine };
    }
  },
};
