import type { Gap } from './facts.ts';
import type { SourceFile } from './reader.ts';

const refusals: readonly (readonly [RegExp, string])[] = [
  [/^\s*$/, 'the file is empty'],
  [/^\s*(?:<!doctype\b|<html\b|<head\b|<\?xml\b)/i, 'the file holds an HTML page instead of the answer'],
  [/^\s*Failed to convert protobuf message to JSON/, 'Envoy could not render its own answer'],
  [
    /^\s*(?:\d{3}[ :]|404 page not found|not found\b|forbidden\b|unauthorized\b|method not allowed\b|invalid path\b|upstream connect error\b|no healthy upstream\b|error trying to reach\b|Error from server\b|error: |Error: |OCI runtime\b|command terminated\b|bash: |sh: |Internal error\b|failed (?:to )?execut)/i,
    'the file holds an error instead of the answer',
  ],
];

/**
 * The gap for a file that holds an error page, a failed command or nothing instead of what was asked for; undefined where
 * its first bytes look like an answer. bug-report before 1.18 stored whatever the admin port returned.
 */
export function refusal(head: string, file: SourceFile): Gap | undefined {
  for (const [pattern, says] of refusals) {
    if (!pattern.test(head.slice(0, 300))) continue;
    const quote = head.trim().split('\n', 1)[0]?.trim().slice(0, 120) ?? '';
    const detail = quote === '' || quote.startsWith('<') ? says : `${says}: ${quote}`;
    return { file: file.path, reason: 'not-available', detail };
  }
  return undefined;
}
