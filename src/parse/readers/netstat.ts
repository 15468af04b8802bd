import { refusal } from '../admin-answer.ts';
import { proxyOf } from '../envoy-names.ts';
import { textReader } from '../reader.ts';

// tcp6       0      0 :::15020                :::*                    LISTEN      1/pilot-agent
const listening = /^tcp6?\s+\d+\s+\d+\s+(\S+):(\d+)\s+\S+\s+LISTEN\b[ \t]*(?:\d+\/(\S+)|-)?/;

/** `netstat -natpw` of a proxy's pod: the sockets that listen, each once (Envoy has one per worker). */
export const netstat = textReader('netstat', 'netstat of the pod', function* (text, file) {
  const refused = refusal(text, file);
  if (refused !== undefined) {
    yield { kind: 'gap', value: refused };
    return;
  }
  if (!/^(?:Active|Proto)\b/m.test(text)) {
    const detail = 'this is not the output of netstat';
    yield { kind: 'gap', value: { file: file.path, reason: 'unrecognised', detail } };
    return;
  }
  const proxy = proxyOf(file);
  const told = new Set<string>();
  for (const [index, row] of text.split('\n').entries()) {
    const [, address, port, program] = listening.exec(row.slice(0, 500)) ?? [];
    if (address === undefined || port === undefined) continue;
    const key = `${address} ${port} ${program ?? ''}`;
    if (told.has(key)) continue;
    told.add(key);
    const at = { file: file.path, line: index + 1 };
    const value = { proxy, address, port: Number(port), at };
    yield { kind: 'socket', value: program === undefined ? value : { ...value, program } };
  }
  yield { kind: 'seen', value: { kinds: ['socket'], at: { file: file.path } } };
});
