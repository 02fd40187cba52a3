// SPDX-License-Identifier: MIT
// How many of its variables a board has in use. Exact: timers, sockets, bytes that wait in them. An
// estimate: code and objects, by what such things take on the interpreter. Objects are looked at
// when a script asks for memory for the first time and whenever it asks for a collection; code is
// counted once for all boards that run it.
// Not for: what happens when there is none left (board.ts).
import { codeSize } from "./memory-code.ts";
import type { CodePlace, CodeSize } from "./memory-code.ts";
import { VARS, nameVars, textBytesIn } from "./memory-costs.ts";
import { heapVars } from "./memory-heap.ts";

/** What the board knows of itself. */
export interface MemoryHost {
  totalVars: number;
  /** Timers that are armed, sockets that are open, bytes that wait in those. */
  counts(): { timers: number; sockets: number; bufferedBytes: number };
  /** The global object, and whether a script has put a name there. */
  globals(): Record<string, unknown>;
  isGlobalOfScript(name: string): boolean;
  /** Objects of the platform to which scripts add members. */
  platformObjects: readonly object[];
}

/** The memory of one board, from one boot to the next. */
export interface Memory {
  /** Tells of a script that has run; the same text again is no further one. */
  addCode(source: string, place: CodePlace): void;
  /** Variables in use; `collects` looks at all objects. */
  used(options: { collects: boolean }): number;
  /** Bytes of text for which there is room. */
  textRoom(): number;
}

const MAX_SIZES = 32;
const sizes: Record<CodePlace, Map<string, CodeSize>> = { flash: new Map(), ram: new Map() };

function sizeOf(source: string, place: CodePlace): CodeSize {
  const known = sizes[place];
  let size = known.get(source);
  if (!size) {
    if (known.size >= MAX_SIZES) known.delete(known.keys().next().value as string);
    known.set(source, (size = codeSize(source, place)));
  }
  return size;
}

/** Creates the count of a board that has just booted. */
export function createMemory(host: MemoryHost): Memory {
  const sources = new Map<string, CodePlace>();
  let code: (Omit<CodeSize, "lexicalNames"> & { lexicalNames: ReadonlySet<string> }) | null = null;
  let heap: number | null = null;

  const codeNow = (): NonNullable<typeof code> => {
    if (!code) {
      const all = [...sources].map(([source, place]) => sizeOf(source, place));
      code = {
        vars: all.reduce((sum, size) => sum + size.vars, 0),
        globalFunctions: new Map(all.flatMap((size) => [...size.globalFunctions])),
        lexicalNames: new Set(all.flatMap((size) => size.lexicalNames)),
      };
    }
    return code;
  };
  const look = (): number => {
    const { globalFunctions, lexicalNames } = codeNow();
    const globals = host.globals();
    // The engine has a variable from the start of its script on, the interpreter once it is declared.
    const names = Object.keys(globals).filter(
      (name) =>
        host.isGlobalOfScript(name) && !lexicalNames.has(name) && globals[name] !== undefined,
    );
    const values = names.map((name) => globals[name]);
    const slots = names.reduce((sum, name) => sum + nameVars(name), 0);
    let deleted = 0;
    for (const [name, vars] of globalFunctions) if (globals[name] === undefined) deleted += vars;
    const platform = host.platformObjects;
    const objects = heapVars([...values, ...platform]) - platform.length * VARS.object;
    return slots + objects - deleted;
  };
  const used: Memory["used"] = ({ collects }) => {
    if (collects || heap === null) heap = look();
    const { timers, sockets, bufferedBytes } = host.counts();
    const buffered = textVarsOf(bufferedBytes);
    return (
      VARS.idle + codeNow().vars + heap + timers * VARS.timer + sockets * VARS.socket + buffered
    );
  };
  return {
    addCode: (source, place) => {
      if (sources.has(source)) return;
      sources.set(source, place);
      code = null;
    },
    used,
    textRoom: () => textBytesIn(host.totalVars - used({ collects: false })),
  };
}

/** Variables of bytes that wait, in however many pieces. */
function textVarsOf(bytes: number): number {
  return Math.ceil(bytes / textBytesIn(1));
}
