import type { Artifact } from '../artifact.ts';
import type { Parser, Reader } from '../reader.ts';
import { withLines } from '../shift-lines.ts';
import { containerLog } from './container-log.ts';
import { kubeObjects } from './kube-objects.ts';

const newline = 10;
const mark = Buffer.from('==== ');
const start = /^==== START logs for container (\S+) of pod ([^\s/]+)\/(\S+) ====$/;
const end = /^==== END logs for container \S+ of pod \S+ ====$/;

/** No name of a pod and a container makes a longer one. */
const longestMark = 1024;

/** What a dump lists of each namespace in it, whether there is one or not. */
const listed = ['Pod', 'Service', 'Deployment', 'ReplicaSet', 'DaemonSet', 'ReplicationController', 'Event'];

/**
 * `kubectl cluster-info dump`: as one stream, lists of objects in JSON one after the other and then the logs of each container
 * between `==== START logs for container C of pod NS/POD ====` and its `END`; with `--output-directory` the logs of one
 * pod (`logs.txt`) have the same form (kubectl pkg/cmd/clusterinfo/clusterinfo_dump.go).
 */
export const clusterInfoDump: Reader = {
  name: 'cluster-info-dump',
  title: 'kubectl cluster-info dump',
  open(file, context, emit) {
    let objects: Parser | undefined;
    let objectBytes = false;
    let log: Parser | undefined;
    let logAt = 0;
    let logs = 0;
    let line = 1;
    /** Beginning of a line that may be a mark: held back until its end is seen. */
    let held: Buffer = Buffer.alloc(0);
    let holding = false;
    let atStart = true;
    let inObjects = false;

    const namespaces = new Set<string>();
    let whole = true;
    const fromObjects = (artifact: Artifact): void => {
      if (artifact.kind === 'gap') whole = false;
      else if ('meta' in artifact.value && artifact.kind !== 'namespace') namespaces.add(artifact.value.meta.namespace);
      emit(artifact);
    };
    const fromLog = (artifact: Artifact): void => {
      // A container that printed nothing, or of which kubectl could not get the log, has an empty block.
      if (artifact.kind !== 'gap' || artifact.value.reason !== 'unrecognised') emit(artifact);
    };
    const toObjects = (bytes: Uint8Array): void => {
      objects ??= kubeObjects.open(file, context, fromObjects);
      objects.push(bytes);
    };
    const give = (bytes: Buffer): void => {
      if (bytes.length === 0) return;
      if (log !== undefined) {
        log.push(bytes);
        // Lines of logs are blank lines to the objects: their own keep the numbers they have in the file.
        let count = 0;
        for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) count++;
        if (inObjects && count > 0) toObjects(Buffer.alloc(count, newline));
        return;
      }
      if (!objectBytes && bytes.some((byte) => byte > 32)) objectBytes = true;
      inObjects = true;
      toObjects(bytes);
    };
    const closeLog = (complete: boolean): void => {
      log?.end(complete);
      log = undefined;
    };
    /** A whole line without its end; true when it is a mark. */
    const isMark = (text: string, at: number): boolean => {
      const begun = start.exec(text);
      if (begun === null && !(log !== undefined && end.test(text))) return false;
      // Without its END the log before was cut by kubectl itself.
      closeLog(begun === null);
      if (inObjects) toObjects(Buffer.of(newline));
      if (begun === null) return true;
      const [, container = '', namespace = '', pod = ''] = begun;
      logs++;
      logAt = at;
      log = containerLog.open(
        { ...file, size: -1, params: { ...file.params, namespace, pod, container } },
        context,
        (artifact) => fromLog(withLines(artifact, (number) => number + at)),
      );
      return true;
    };

    const take = (chunk: Buffer): void => {
      let from = 0;
      /** Bytes from here on were not given to anybody yet. */
      let kept = 0;
      while (from < chunk.length) {
        if (!holding && atStart) {
          const rest = chunk.subarray(from, from + mark.length);
          if (rest.equals(mark.subarray(0, rest.length))) {
            give(chunk.subarray(kept, from));
            holding = true;
            held = Buffer.alloc(0);
            kept = from;
          }
        }
        const stop = chunk.indexOf(newline, from);
        if (holding) {
          const piece = chunk.subarray(from, stop < 0 ? chunk.length : stop + 1);
          held = Buffer.concat([held, piece]);
          from += piece.length;
          kept = from;
          const whole = stop >= 0;
          const possible = held.subarray(0, mark.length).equals(mark.subarray(0, Math.min(held.length, mark.length)));
          if (whole || !possible || held.length > longestMark) {
            holding = false;
            atStart = whole;
            const text = held.toString().trimEnd();
            if (!isMark(text, line)) give(held);
            held = Buffer.alloc(0);
            if (whole) line++;
          } else atStart = false;
          continue;
        }
        if (stop < 0) {
          atStart = false;
          break;
        }
        line++;
        atStart = true;
        from = stop + 1;
      }
      give(chunk.subarray(kept));
    };

    return {
      push: (chunk) => take(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)),
      end(complete) {
        if (held.length > 0 && !isMark(held.toString().trimEnd(), line)) give(held);
        if (log !== undefined) {
          emit({
            kind: 'gap',
            value: { file: file.path, reason: 'truncated', detail: 'the log here has no end', line: logAt },
          });
        }
        closeLog(true);
        if (objects !== undefined && (objectBytes || logs === 0)) objects.end(complete);
        else if (!complete)
          emit({ kind: 'gap', value: { file: file.path, reason: 'truncated', detail: 'the file is cut short' } });
        if (!complete || !whole) return;
        for (const namespace of namespaces) {
          if (namespace === '') continue;
          for (const kind of listed) emit({ kind: 'listing', value: { kind, namespace, at: { file: file.path } } });
        }
      },
    };
  },
};

/** Whether the first bytes of a file are such a dump: it begins with the nodes as a typed list, which `kubectl get` never prints. */
export const isClusterInfoDump = (head: string): boolean =>
  /^==== START logs for container \S+ of pod \S+\/\S+ ====$/m.test(head) || /^\s*\{\s*"kind": ?"NodeList",/.test(head);
