import { field, number } from '../envoy-json.ts';
import { proxyOf } from '../envoy-names.ts';
import { jsonReader } from '../json-text.ts';

/** Envoy `/memory`: bytes allocated and of the heap. */
export const envoyMemory = jsonReader('envoy-memory', 'Envoy /memory', (memory, file) => {
  const allocated = number(field(memory, 'allocated'));
  const heap = number(field(memory, 'heap_size'));
  if (allocated === undefined || heap === undefined) return undefined;
  return [
    {
      kind: 'memory',
      value: { proxy: proxyOf(file), allocated, heap, at: { file: file.path, pointer: '/allocated' } },
    },
    { kind: 'seen', value: { kinds: ['memory'], at: { file: file.path } } },
  ];
});
