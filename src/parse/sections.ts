/**
 * Loose files: what a ticket carries beside an archive. A file may hold several outputs, each below the command line that made it,
 * between fences or titles; each is recognised on its own, by its content first, then by its command.
 */
import type { Artifact } from './artifact.ts';
import { type CommandLine, commandOfName, paramsOfCommand, readCommandLine } from './command-line.ts';
import { type Recoder, recoderFor } from './encoding.ts';
import { cutsOf } from './glued.ts';
import type { Parser, ReadContext, Reader, SourceFile } from './reader.ts';
import { clusterInfoDump } from './readers/cluster-info-dump.ts';
import { knownFile } from './readers/known-file.ts';
import { readerOfCommand } from './readers/of-command.ts';
import { recogniseByContent } from './recognise.ts';
import { withLines } from './shift-lines.ts';

/** How a reader was chosen: by the path in a known layout, by content, or by the command the file or section is named after. */
export type ChosenBy = 'path' | 'content' | 'name' | 'none';

/** What a loose file was taken for; several readers where it holds several outputs. */
export interface Taken {
  readonly readers: readonly Reader[];
  readonly by: ChosenBy;
}

/** A parser of a loose file, and what it found the file to be once it has ended. */
export interface LooseParser extends Parser {
  taken(): Taken;
}

/** Enough to see a list's first item behind a long licence header. */
const headNeeded = 64 * 1024;
/** Outputs without commands are told apart in files of this size; larger ones are one output. */
const gluedBytes = 2 ** 20;
/** What somebody writes between outputs is no longer than this. */
const asideBytes = 8 * 1024;
/** Lines of this much are looked at for any command; beyond it only for those of kubectl and istioctl. People paste less. */
const pastedBytes = 4 * 2 ** 20;
/** A longer line is no command line and no title. */
const longestMark = 2000;
const newline = 10;
const backtick = 0x60;
const nothing = Buffer.alloc(0);

/** A line between outputs. `command` is undefined for fences, titles and idle prompts. */
interface Mark {
  readonly text: string;
  readonly command: CommandLine | undefined;
}

interface Section {
  readonly command: CommandLine | undefined;
  /** Lines of the file before it. */
  readonly offset: number;
  readonly head: Uint8Array[];
  headBytes: number;
  /** Words between outputs, by where they stand: nobody expects a format of them. */
  readonly aside: boolean;
  /** Its first 64 KiB were looked at for a log. */
  looked: boolean;
  /** The reader was chosen, if there is one. */
  decided: boolean;
  /** The reader has what was held for it. */
  opened: boolean;
  parser: Parser | undefined;
  reader: Reader | undefined;
}

/** Opens a file whose path tells no reader. */
export function openLoose(file: SourceFile, context: ReadContext, emit: (artifact: Artifact) => void): LooseParser {
  const nameCommand = commandOfName(file.path);
  const readers: Reader[] = [];
  const strange: number[] = [];
  let named = false;
  let marks = 0;

  let recoder: Recoder | undefined;
  let recoded = false;
  const raw: Uint8Array[] = [];
  let rawBytes = 0;

  let line = 0;
  let seen = 0;
  /** The beginning of a line whose end has not come. */
  let held: Buffer = nothing;
  let inLongLine = false;
  let continued: string | undefined;
  let inDumpedLog = false;
  let inFence = false;
  let section = newSection(nameCommand, 0, nameCommand === undefined);

  /** Chooses the reader by what is there of the section: its first 64 KiB or all of it. */
  function decide(complete: boolean): void {
    section.decided = true;
    const head = Buffer.concat(section.head);
    const blank = complete && head.every((byte) => byte <= 32);
    if (blank && marks > 0) return;
    const { reader, byName } = choose(head.subarray(0, headNeeded), section.command, complete);
    section.reader = reader;
    if (reader !== undefined) {
      if (!readers.includes(reader)) readers.push(reader);
      if (byName) named = true;
    } else if (!section.aside || section.headBytes > asideBytes || marks === 0) strange.push(section.offset + 1);
  }

  function open(): void {
    section.opened = true;
    const held = section.head.splice(0);
    if (section.reader === undefined) return;
    const params = { ...file.params, ...(section.command === undefined ? {} : paramsOfCommand(section.command)) };
    const { offset } = section;
    section.parser = section.reader.open(
      { ...file, params, size: marks > 0 ? -1 : file.size },
      context,
      offset === 0 ? emit : (artifact) => emit(inFile(artifact, offset)),
    );
    for (const chunk of held) section.parser.push(chunk);
  }

  function give(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (section.opened) {
      section.parser?.push(bytes);
      return;
    }
    section.head.push(bytes);
    section.headBytes += bytes.length;
    if (!section.decided && section.command !== undefined && section.headBytes >= headNeeded) decide(false);
    if (!section.decided && section.headBytes < gluedBytes && !isLong()) return;
    if (!section.decided) decide(false);
    open();
  }

  /** Logs and dumps of a cluster go on as one for any length, and what they print begins no other output. */
  function isLong(): boolean {
    if (section.looked || section.headBytes < headNeeded) return false;
    section.looked = true;
    const reader = recogniseByContent(Buffer.concat(section.head).subarray(0, headNeeded));
    return reader !== undefined && (reader === clusterInfoDump || reader.name.endsWith('-log'));
  }

  function close(complete: boolean): void {
    if (!section.opened && section.command === undefined) {
      const bytes = Buffer.concat(section.head);
      const { offset } = section;
      const cuts = cutsOf(bytes);
      for (const [index, { from }] of cuts.entries()) {
        if (index > 0) section = newSection(undefined, offset + (cuts[index]?.line ?? 0), false);
        const part = bytes.subarray(from, cuts[index + 1]?.from);
        section.head.splice(0, section.head.length, part);
        section.headBytes = part.length;
        finish(index < cuts.length - 1 || complete);
      }
      return;
    }
    finish(complete);
  }

  function finish(complete: boolean): void {
    if (!section.decided) decide(true);
    if (!section.opened) open();
    section.parser?.end(complete);
  }

  /** The mark that a whole line is; undefined when it belongs to the output. */
  function markIn(bytes: Buffer): Mark | undefined {
    const text = bytes.toString().trimEnd();
    // `kubectl cluster-info dump` puts logs between marks of its own: what they print is no output of another command.
    const [, border] = dumpedLog.exec(text) ?? [];
    if (border !== undefined) inDumpedLog = border === 'START';
    if (border !== undefined || inDumpedLog) return undefined;
    return continued === undefined ? markOf(text) : { text, command: undefined };
  }

  /** Ends a section at a mark and begins the one behind it; a command may go on in the next line. */
  function apply({ text, command }: Mark): void {
    const goesOn = /[\\`^]$/.test(text) && text.length > 3 && !/`.*`$/.test(text);
    if (continued !== undefined) {
      const joined = `${continued.replace(/[\\`^]$/, '')} ${text.trim()}`;
      continued = goesOn && joined.length < longestMark ? joined : undefined;
      section = newSection(readCommandLine(joined), line, false);
      return;
    }
    marks++;
    close(true);
    // Outside of fences, and behind an idle prompt, people write to each other.
    inFence = fence.test(text) ? !inFence : inFence;
    section = newSection(command, line, command === undefined && !inFence && !title.test(text));
    continued = command !== undefined && goesOn ? text : undefined;
  }

  /** Whether a line of these bytes may be a mark at all: most lines of a log are passed by on their first byte. */
  function mayBeMark(bytes: Buffer): boolean {
    if (continued !== undefined) return true;
    if (bytes.length < 3 || bytes.length > longestMark) return false;
    const first = bytes[0] ?? 0;
    if (first === backtick || first === 0x3d) return true;
    // Blocks of YAML and of descriptions are indented: what they quote is no command of the file.
    if (first === 32 || first === 9 || first === 0x7b || first === 0x22) return false;
    return seen < pastedBytes || bytes.includes('ctl ');
  }

  function take(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let from = 0;
    let kept = 0;
    while (from < bytes.length) {
      const stop = bytes.indexOf(newline, from);
      if (stop < 0) break;
      const piece = bytes.subarray(from, stop);
      const whole = held.length > 0 ? Buffer.concat([held, piece]) : piece;
      line++;
      const mark = !inLongLine && mayBeMark(whole) ? markIn(whole) : undefined;
      if (mark !== undefined) {
        // What is held is the beginning of the mark itself.
        if (held.length === 0) give(bytes.subarray(kept, from));
        apply(mark);
        kept = stop + 1;
      } else give(held);
      held = nothing;
      inLongLine = false;
      seen += stop + 1 - from;
      from = stop + 1;
    }
    // Whole lines behind the last mark go on together.
    const rest = bytes.subarray(from);
    give(bytes.subarray(kept, from));
    if (inLongLine || held.length + rest.length > longestMark) {
      give(held);
      held = nothing;
      inLongLine = true;
      give(rest);
    } else if (rest.length > 0) held = held.length > 0 ? Buffer.concat([held, rest]) : rest;
  }

  /** The first bytes tell the encoding. */
  function start(): void {
    recoded = true;
    const head = Buffer.concat(raw.splice(0));
    recoder = recoderFor(head);
    if (recoder !== undefined) take(recoder.push(head));
  }

  return {
    push(chunk) {
      if (recoded) {
        if (recoder !== undefined) take(recoder.push(chunk));
        return;
      }
      raw.push(chunk);
      rawBytes += chunk.length;
      if (rawBytes >= 4096) start();
    },
    end(complete) {
      if (!recoded) start();
      if (recoder !== undefined) {
        take(recoder.end());
        if (held.length > 0) {
          line++;
          const mark = mayBeMark(held) ? markIn(held) : undefined;
          if (mark === undefined) give(held);
          else apply(mark);
        }
        close(complete);
      }
      if (readers.length === 0) {
        if (marks > 0 && strange.length === 0) readers.push(onlyCommands);
        return;
      }
      for (const at of strange) {
        emit({
          kind: 'gap',
          value: {
            file: file.path,
            reason: 'unrecognised',
            detail: 'no reader knows this part of the file by its content or the command above it',
            line: at,
          },
        });
      }
    },
    taken: () => ({ readers, by: readers.length === 0 ? 'none' : named ? 'name' : 'content' }),
  };
}

const onlyCommands = knownFile('command-lines', 'command lines without output');

const newSection = (command: CommandLine | undefined, offset: number, aside: boolean): Section => ({
  command,
  offset,
  aside,
  head: [],
  headBytes: 0,
  looked: false,
  decided: false,
  opened: false,
  parser: undefined,
  reader: undefined,
});

/** The reader of an output: its content decides, but where a command says which log it asked for. */
function choose(
  head: Uint8Array,
  command: CommandLine | undefined,
  whole: boolean,
): { readonly reader: Reader | undefined; readonly byName: boolean } {
  const content = recogniseByContent(head);
  const ofCommand = command && readerOfCommand(command, Buffer.from(head).toString(), content, whole);
  return { reader: ofCommand ?? content, byName: ofCommand !== undefined && ofCommand !== content };
}

const dumpedLog = /^==== (START|END) logs for container \S+ of pod \S+ ====$/;
const fence = /^`{3,}\w*$/;
const title = /^(?:==> (\S.{0,300}?) <==|(?:={3,}|-{3,}|#{3,}|\*{3,}) (\S.{0,300}?) (?:={3,}|-{3,}|#{3,}|\*{3,}))$/;
const idlePrompt =
  /^(?:(?:PS )?[A-Z]:\\[^>]{0,200}>|[\w.-]{1,64}@[\w.-]{1,64}[: ][^>]{0,200}[$#%]|\[[\w.-]{1,64}@[^\]]{1,200}\][$#])$/;

function markOf(text: string): Mark | undefined {
  // Headings of `istioctl proxy-config all` and `ztunnel-config all`: one output of one proxy.
  if (/^-{6} \w+ INFO -{6}$/i.test(text)) return undefined;
  const [, file, words] = title.exec(text) ?? [];
  const named = file ?? words;
  if (named !== undefined) return { text, command: readCommandLine(named) ?? commandOfName(named) };
  const command = readCommandLine(text);
  if (command !== undefined) return { text, command };
  return fence.test(text) || idlePrompt.test(text) ? { text, command: undefined } : undefined;
}

/** A fact of a section with its place in the file: a pointer is one into what begins on the section's first line. */
function inFile(artifact: Artifact, offset: number): Artifact {
  const moved = withLines(artifact, (at) => at + offset);
  const { value } = moved;
  if (!('at' in value) || !('pointer' in value.at) || 'line' in value.at) return moved;
  const line = offset + 1;
  if (moved.kind === 'cluster') {
    const endpoints = moved.value.endpoints.map((endpoint) => ({ ...endpoint, at: { ...endpoint.at, line } }));
    return { kind: 'cluster', value: { ...moved.value, endpoints, at: { ...moved.value.at, line } } };
  }
  return { ...moved, value: { ...value, at: { ...value.at, line } } } as Artifact;
}
