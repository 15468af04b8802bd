import { mask } from '../mask.ts';
import type { Reader } from '../reader.ts';
import { textReader } from '../reader.ts';

const complaint =
  /^(?:error: |Error: |Error from server|Unable to connect to the server|The connection to the server \S+ was refused|command terminated with exit code \d|bash: |sh: \d|-bash: |zsh: |'?kubectl'? (?:is not recognized|: The term)|istioctl : The term|OCI runtime exec failed|Internal error occurred|error dialing backend|You must be logged in|ERROR: \(|Usage: {2}(?:kubectl|istioctl)|Unauthorized$|Forbidden$)/;

/** An output that is only what a command said when it failed: a gap, with its words. */
const reader: Reader = textReader('failed-command', 'a command that failed', function* (text, file) {
  const lines = text.split('\n');
  const line = lines.findIndex((each) => each.trim() !== '');
  const said = (lines[line] ?? '').trim();
  yield {
    kind: 'gap',
    value: {
      file: file.path,
      reason: 'not-available',
      detail: `the command failed: ${mask(said).slice(0, 300)}`,
      line: line + 1,
    },
  };
});

/** Recognises and reads what a command says when it fails. */
export const failedCommand = {
  reader,
  /** Whether a file begins so and holds no more than a page. */
  tells: (head: string): boolean => head.length < 8 * 1024 && complaint.test(head.trimStart()),
};
