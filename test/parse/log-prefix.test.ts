import { describe, expect, it } from 'vitest';
import { looksLikeLog } from '../../src/parse/log-lines.ts';
import { stripPrefixes } from '../../src/parse/log-prefix.ts';

const istiod = [
  '2026-11-25T08:40:13.993264Z\tinfo\tkrt\tConfigMap_istio synced\towner=ConfigMap_istio',
  '2026-11-25T08:40:14.117302Z\tinfo\tads\tPush debounce stable[1] 1: 100.1ms since last change',
  '2026-11-25T08:40:15.308878Z\twarn\tdiscovery is not ready',
];
const proxy = [
  '2026-11-25T08:47:08.727571Z\tinfo\tEnvoy proxy is ready',
  '2026-11-25T08:49:17.473057Z\twarning\tenvoy config ./source/grpc_stream.h:227\tstream to xds-grpc closed: 14\tthread=15',
  '2026-11-25T08:49:18.473057Z\tinfo\txdsproxy\tconnected to delta upstream XDS server: istiod.istio-system.svc:15012',
];

/** As a terminal shows tabs: blanks up to the next column of eight. */
const expanded = (line: string): string => {
  let text = '';
  for (const char of line) text += char === '\t' ? ' '.repeat(8 - (text.length % 8)) : char;
  return text;
};

describe('a log whose tabs became blanks', () => {
  it('has its columns again, from a terminal or a chat', () => {
    for (const lines of [istiod, proxy]) {
      // The labels at the end of a message are no column that anybody asks for.
      const wanted = lines.join('\n').replace('\towner=', ' owner=');
      const chat = lines.map((line) => line.replaceAll('\t', ' '));
      expect(stripPrefixes(chat.join('\n'))).toBe(wanted);
      const terminal = stripPrefixes(lines.map(expanded).join('\n')).replace(/ +owner=/, ' owner=');
      expect(terminal).toBe(wanted);
      expect(looksLikeLog(chat.join('\n'))).toBe(looksLikeLog(lines.join('\n')));
    }
  });

  it('is no other log', () => {
    for (const line of [...istiod, '2026-11-25T08:47:09.123456Z  INFO ztunnel::app: started']) {
      expect(stripPrefixes(line)).toBe(line);
    }
  });
});
