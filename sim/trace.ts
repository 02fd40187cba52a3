// SPDX-License-Identifier: MIT
// The ordered record of what happened in a world. Its rows and their canonical bytes are described
// in docs/reference/trace.md; two runs are the same when their hashes are.
// Not for: what a person reads (tools/sim shows that).
import { createHash } from "node:crypto";

/** Value of a row's member: integers only, so that no engine's rounding is in the bytes. */
export type TraceValue = string | number | boolean | null;

/** One thing that happened. */
export interface TraceRow {
  /** Microseconds since the world's start, an integer. */
  t: number;
  /** Who: `board/<name>`, `net`, `broker/<name>`, `fault`, `world`. */
  on: string;
  /** What, such as `print` or `boot`. */
  ev: string;
  /** Further members of this event. */
  [member: string]: TraceValue;
}

/** The record of one world. */
export interface Trace {
  /** Records one event; members must not be called t, on or ev. */
  add(on: string, ev: string, members?: Readonly<Record<string, TraceValue>>): void;
  /** Rows so far, oldest first; empty unless they are kept. */
  readonly rows: readonly TraceRow[];
  /** Number of rows so far, kept or not. */
  readonly count: number;
  /** SHA-256 of the canonical bytes of all rows so far, hex. */
  hash(): string;
}

/** What a trace does with its rows besides the hash. */
export interface TraceOptions {
  /** Microseconds since the world's start. */
  nowUs(): number;
  /** Keeps rows in memory. */
  keepRows: boolean;
  /** Gets each canonical line, with its line end. */
  onLine?: ((line: string) => void) | undefined;
}

/** Characters gathered before they are hashed: many small updates cost more than the hash. */
const BATCH_CHARS = 65_536;

/** Text that JSON puts between quotes as it is. */
const PLAIN_TEXT = /^[ !#-[\]-~]*$/;

function jsonOf(value: TraceValue): string {
  if (typeof value === "string" && PLAIN_TEXT.test(value)) return `"${value}"`;
  return JSON.stringify(value);
}

type Members = Readonly<Record<string, TraceValue>>;

/** Members of the last row of each kind, in order: the next one most often has the same. */
const namesByEvent = new Map<string, readonly string[]>();

function sortedNames(ev: string, members: Members): readonly string[] {
  const known = namesByEvent.get(ev) ?? [];
  let count = 0;
  for (const name in members) if (Object.hasOwn(members, name)) count++;
  if (count === known.length && known.every((name) => Object.hasOwn(members, name))) return known;
  const names = Object.keys(members).sort();
  namesByEvent.set(ev, names);
  return names;
}

function lineOf(t: number, on: string, ev: string, members: Members): string {
  let line = `{"t":${t},"on":${jsonOf(on)},"ev":${jsonOf(ev)}`;
  for (const name of sortedNames(ev, members)) {
    line += `,${jsonOf(name)}:${jsonOf(members[name] as TraceValue)}`;
  }
  return line + "}\n";
}

/** The canonical line of a row: t, on, ev, then the other members by name; JSON; a line feed. */
export function traceLine({ t, on, ev, ...members }: TraceRow): string {
  return lineOf(t, on, ev, members);
}

/** Creates an empty trace. */
export function createTrace({ nowUs, keepRows, onLine }: TraceOptions): Trace {
  const rows: TraceRow[] = [];
  const sha256 = createHash("sha256");
  let batch = "";
  let count = 0;

  const flush = (): void => {
    sha256.update(batch, "utf8");
    batch = "";
  };
  return {
    rows,
    get count() {
      return count;
    },
    add: (on, ev, members = {}) => {
      const t = nowUs();
      const line = lineOf(t, on, ev, members);
      count++;
      if (keepRows) rows.push({ t, on, ev, ...members });
      onLine?.(line);
      batch += line;
      if (batch.length > BATCH_CHARS) flush();
    },
    hash: () => {
      flush();
      return sha256.copy().digest("hex");
    },
  };
}
