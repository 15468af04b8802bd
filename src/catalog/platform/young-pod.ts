import type { Pod } from '../../parse/facts.ts';

/** A pod that was created less than a minute before the archive was made may just be starting. */
export const isYoungPod = ({ meta }: Pod, now: string | undefined): boolean =>
  now !== undefined && meta.created !== undefined && Date.parse(now) - Date.parse(meta.created) < 60_000;
