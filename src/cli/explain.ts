import { builtInRules } from '../catalog/index.ts';
import { renderRule } from '../report/render.ts';
import { unknownRule } from './analyze.ts';

/** `explain RULE`: prints a rule's page. */
export function runExplain(id: string): number {
  const rule = builtInRules.find((candidate) => candidate.id === id);
  if (!rule) {
    throw unknownRule(
      id,
      builtInRules.map((candidate) => candidate.id),
    );
  }
  process.stdout.write(renderRule(rule));
  return 0;
}
