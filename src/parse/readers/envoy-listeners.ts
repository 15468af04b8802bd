import { refusal } from '../admin-answer.ts';
import { textReader } from '../reader.ts';

/** Envoy `/listeners`: the names of active listeners, which the config dump tells as well. Only whether there was an answer. */
export const envoyListeners = textReader('envoy-listeners', 'Envoy /listeners', function* (text, file) {
  const refused = refusal(text, file);
  if (refused !== undefined) yield { kind: 'gap', value: refused };
});
