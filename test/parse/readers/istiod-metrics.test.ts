import { describe, expect, it } from 'vitest';
import { istiodMetrics } from '../../../src/parse/readers/istiod-metrics.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const file = {
  path: 'istio/istio-system/istiod-6f4/metrics',
  params: { namespace: 'istio-system', pod: 'istiod-6f4' },
};

const text = `# HELP citadel_server_root_cert_expiry_timestamp The unix timestamp, in seconds, when the root cert will expire.
# TYPE citadel_server_root_cert_expiry_timestamp gauge
citadel_server_root_cert_expiry_timestamp 2.110953605e+09
# TYPE go_gc_duration_seconds summary
go_gc_duration_seconds{quantile="0"} 1.9e-05
# TYPE pilot_proxy_convergence_time histogram
pilot_proxy_convergence_time_bucket{le="0.1"} 39
pilot_proxy_convergence_time_sum 0.044
pilot_proxy_convergence_time_count 39
# TYPE pilot_total_xds_rejects counter
pilot_total_xds_rejects{type="lds"} 2
pilot_xds{version="1.29.6"} 4
pilot_xds{version="65536.65536.65536"} 1
pilot_xds_config_size_bytes_bucket{type="cds",le="4e+06"} 3
`;

const shown = (artifacts: ReturnType<typeof runReader>): string[] =>
  factsOf(artifacts, 'metric').map(
    ({ name, labels, value, at }) => `${at.line}: ${name} ${JSON.stringify(labels)} ${value}`,
  );

describe('metrics of istiod', () => {
  it('keeps what rules know, without buckets and without the collector’s own connection', () => {
    expect(shown(runReader(istiodMetrics, text, file))).toEqual([
      '3: citadel_server_root_cert_expiry_timestamp {} 2110953605',
      '8: pilot_proxy_convergence_time_sum {} 0.044',
      '9: pilot_proxy_convergence_time_count {} 39',
      '11: pilot_total_xds_rejects {"type":"lds"} 2',
      '12: pilot_xds {"version":"1.29.6"} 4',
      '14: pilot_xds_config_size_bytes_bucket {"type":"cds","le":"4e+06"} 3',
    ]);
    expect(factsOf(runReader(istiodMetrics, text, file), 'metric')[0]?.istiod).toEqual({
      namespace: 'istio-system',
      pod: 'istiod-6f4',
    });
  });

  it('does not take half a number of a file that is cut', () => {
    const cut = text.slice(0, text.indexOf('953605'));
    const artifacts = runReader(istiodMetrics, cut, file, { complete: false });
    expect(factsOf(artifacts, 'metric')).toEqual([]);
    expect(factsOf(artifacts, 'gap')[0]?.reason).toBe('truncated');
  });

  it('says that there are no metrics', () => {
    expect(factsOf(runReader(istiodMetrics, '404 page not found\n', file), 'gap')).toEqual([
      { file: file.path, reason: 'not-available', detail: 'it holds no metric of istiod' },
    ]);
  });

  it('never throws, whatever happened to the file', () => {
    survivesDamage(istiodMetrics, text, file);
  });
});
