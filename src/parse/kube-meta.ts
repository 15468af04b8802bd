import type { Condition, ObjectMeta } from './facts.ts';
import { maskNamed } from './mask-values.ts';
import { numberOf, present, recordOf, recordsOf, setOwn, textMapOf, textOf, type UntypedRecord } from './untyped.ts';

/** Longest annotation, variable or message that is kept. */
export const longestText = 2048;

/** `metadata` of any object. */
export function metaOf(object: UntypedRecord): ObjectMeta {
  const metadata = recordOf(object['metadata']);
  return {
    name: textOf(metadata['name']) ?? '',
    namespace: textOf(metadata['namespace']) ?? '',
    labels: textMapOf(metadata['labels']),
    annotations: annotationsOf(metadata['annotations']),
    owners: recordsOf(metadata['ownerReferences']).map((owner) => ({
      kind: textOf(owner['kind']) ?? '',
      name: textOf(owner['name']) ?? '',
    })),
    ...present({
      created: textOf(metadata['creationTimestamp']),
      deleted: textOf(metadata['deletionTimestamp']),
      resourceVersion: textOf(metadata['resourceVersion']),
      generation: numberOf(metadata['generation']),
      uid: textOf(metadata['uid']),
      changed: lastChange(metadata['managedFields']),
    }),
  };
}

/** Annotations, masked and cut. What `kubectl apply` keeps for itself repeats the object, secrets included. */
export function annotationsOf(value: unknown): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  for (const [key, text] of Object.entries(textMapOf(value))) {
    if (key === 'kubectl.kubernetes.io/last-applied-configuration') continue;
    setOwn(kept, key, maskNamed(key, text).slice(0, longestText));
  }
  return kept;
}

/** The newest write that `managedFields` tells of; kubectl has hidden the field since 1.21. */
function lastChange(value: unknown): { readonly time: string; readonly by: string } | undefined {
  let last: { readonly time: string; readonly by: string } | undefined;
  for (const entry of recordsOf(value)) {
    const time = textOf(entry['time']);
    if (time !== undefined && (last === undefined || time > last.time))
      last = { time, by: textOf(entry['manager']) ?? '' };
  }
  return last;
}

/** `status.conditions`. */
export function conditionsOf(value: unknown): readonly Condition[] {
  return recordsOf(value).map((condition) => ({
    type: textOf(condition['type']) ?? '',
    status: textOf(condition['status']) ?? '',
    ...present({
      reason: textOf(condition['reason']),
      message: shortText(condition['message']),
      since: textOf(condition['lastTransitionTime']),
    }),
  }));
}

/** A message people read, masked and cut. */
export function shortText(value: unknown): string | undefined {
  const text = textOf(value);
  return text === undefined ? undefined : maskNamed('message', text).slice(0, longestText);
}
