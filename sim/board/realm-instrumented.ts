// SPDX-License-Identifier: MIT
// A board's realm whose scripts are rewritten before they run, so that they get the interpreter's
// numbers, names, errors and limits, and can be stopped. It costs time: for one board that somebody
// looks at, not for fleets.
// Not for: the rewriting (instrument.ts) and what it calls (instrument-runtime.ts).
import { types } from "node:util";
import { Script } from "node:vm";
import { Abort, passingAbort } from "./abort.ts";
import { consoleText, isNative } from "./format.ts";
import { installBuiltins } from "./instrument-builtins.ts";
import { functionNumbers, instrument } from "./instrument.ts";
import type { Instrumented } from "./instrument.ts";
import type { Refused } from "./instrument-node.ts";
import { installRuntime } from "./instrument-runtime.ts";
import type { Runtime } from "./instrument-runtime.ts";
import { createIntrinsics } from "./intrinsics.ts";
import type { Intrinsics } from "./intrinsics.ts";
import { createKeyOrder } from "./key-order.ts";
import { installLanguage } from "./language.ts";
import { typeName } from "./promises.ts";
import type { LanguageHost, Realm } from "./realm.ts";
import { refusalOf } from "./refusals.ts";

/** Limits of the board that a realm is for. */
export interface InstrumentedOptions {
  /** Stack, see instrument-functions.ts. */
  stackBytes: number;
  /** Memory of scripts. */
  memoryBytes: number;
  /** The board's time, ms. */
  now(): number;
  /** How often the script has looked at a clock. */
  looks(): number;
  /** Aborts for want of memory. */
  outOfMemory(): never;
  /** Aborts a loop that never ends. */
  endless(): never;
}

/** Objects of the interpreter that are functions there. */
const LIBRARIES = ["E", "Math", "process", "console", "JSON", "Modules", "url"];

/** Rounds of loops and calls in one callback before it counts as endless: minutes on a board. */
const MAX_STEPS = 2_000_000;
/** A callback that waits for the clock may take this long. */
const MAX_WAIT_MS = 60_000;
const MAX_SCRIPTS = 500;

interface Loaded extends Instrumented {
  source: string;
  script: Script;
  fileName: string;
}

/**
 * The scripts of one realm, rewritten.
 *
 * @param refuse throws for a text that cannot be run at all
 */
function createLoader(refuse: (message: string) => never): {
  load(source: string, fileName: string, isLocal: boolean): Loaded;
  byId(id: number): Loaded | undefined;
} {
  const loaded = new Map<string, Loaded>();
  const byId = new Map<number, Loaded>();
  const rewrite = (source: string, fileName: string, isLocal: boolean): Loaded => {
    try {
      const rewritten = instrument(source, { isLocal });
      const script = new Script(rewritten.text, { filename: fileName });
      return { ...rewritten, source, script, fileName };
    } catch (error) {
      return refuse((error as Error).message);
    }
  };
  return {
    load: (source, fileName, isLocal) => {
      const key = `${String(isLocal)} ${fileName}\n${source}`;
      const known = loaded.get(key);
      if (known) return known;
      const made = rewrite(source, fileName, isLocal);
      if (loaded.size >= MAX_SCRIPTS) {
        const [oldest] = loaded;
        if (oldest) {
          loaded.delete(oldest[0]);
          byId.delete(oldest[1].id);
        }
      }
      loaded.set(key, made);
      byId.set(made.id, made);
      return made;
    },
    byId: (id) => byId.get(id),
  };
}

/** Line and column from 1 of an offset. */
function placeOf(source: string, offset: number): { line: number; column: number } {
  const before = source.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1) as string).length + 1 };
}

/** Tells a callback that waits for the clock from one that goes round for nothing. */
function createPatience(options: InstrumentedOptions): (callback: number) => boolean {
  let current = -1;
  let startMs = 0;
  let looks = 0;
  return (callback) => {
    const isFirst = callback !== current;
    if (isFirst) {
      current = callback;
      startMs = options.now();
    }
    const hasLooked = options.looks() > looks;
    looks = options.looks();
    return isFirst || (hasLooked && options.now() - startMs < MAX_WAIT_MS);
  };
}

const isStackOverflow = (error: unknown): boolean =>
  types.isNativeError(error) && error.message.startsWith("Maximum call stack size");

/** The interpreter's name for what a value is, in its errors. */
function kindOf(value: unknown): string {
  if (typeof value === "boolean") return "Number";
  return ArrayBuffer.isView(value) ? value.constructor.name : typeName(value);
}

/** Name of the global that holds the class of a value. */
function globalClassName(value: object, { global, objectPrototype }: Intrinsics): string | null {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || prototype === objectPrototype) return null;
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
  if (typeof constructor !== "function") return null;
  const isIt = (name: string): boolean =>
    Object.getOwnPropertyDescriptor(global, name)?.value === constructor;
  return Object.getOwnPropertyNames(global).find(isIt) ?? null;
}

/** Prototypes whose members for...in does not show. */
function builtInPrototypes(global: object): Set<object> {
  const found = new Set<object>();
  for (const value of Object.values(Object.getOwnPropertyDescriptors(global))) {
    const { prototype } = Object(value.value) as { prototype?: object };
    for (let p: unknown = prototype; typeof p === "object" && p !== null;) {
      found.add(p);
      p = Object.getPrototypeOf(p);
    }
  }
  return found;
}

/** Creates a realm for one board. */
export function createInstrumentedRealm(options: InstrumentedOptions): Realm {
  const intrinsics = createIntrinsics();
  const { global, fail } = intrinsics;
  const { load, byId } = createLoader((message) => fail("SyntaxError", message));
  const shown = new WeakMap<object, string>();
  intrinsics.sourceOf = (fn) => {
    const own = shown.get(fn);
    if (own !== undefined) return own;
    const text = Function.prototype.toString.call(fn);
    const numbers = functionNumbers(text);
    return (numbers && byId(numbers.script)?.functionText(numbers.number)) ?? text;
  };
  const order = createKeyOrder();
  intrinsics.keysOf = order.keysOf;
  intrinsics.noteKey = order.note;
  installBuiltins(intrinsics, order);
  const builtIn = builtInPrototypes(global);
  const isWaiting = createPatience(options);
  const run = (loaded: Loaded): unknown => {
    const { fileName, script } = loaded;
    intrinsics.addFile(fileName, (frame) => ({
      ...frame,
      column: loaded.sourceColumn(frame.line, frame.column),
    }));
    runtime.begin();
    return script.runInContext(global);
  };
  const runtime: Runtime = installRuntime(
    global,
    {
      fail,
      text: intrinsics.text,
      number: (text) => (global["Number"] as (text: string) => number)(text),
      typeName: kindOf,
      overflow: () => {
        throw new Abort("stack");
      },
      outOfMemory: options.outOfMemory,
      spent: (callback) => {
        if (!isWaiting(callback)) options.endless();
      },
      caught: (error) => {
        const abort = passingAbort();
        if (abort) throw abort;
        if (isStackOverflow(error)) throw new Abort("stack");
        return intrinsics.adopt(error);
      },
      lives: () => passingAbort() === null,
      refuse: (id, number, isUnknown) => {
        const { source, fileName, refused } = byId(id) as Loaded;
        const { finding, name } = refused[number] as Refused;
        const { type, message } =
          name !== null && isUnknown && !Object.hasOwn(global, name)
            ? { type: "ReferenceError" as const, message: `"${name}" is not defined` }
            : refusalOf(finding);
        const place = placeOf(source, finding.start);
        return intrinsics.throwHere(type, message, { file: fileName, ...place });
      },
      code: (code) => (typeof code === "string" ? load(code, "", true).text : code),
      noteKey: order.note,
      noteKeys: order.noteAll,
      keysOf: (value) => (typeof value === "string" ? Object.keys(value) : order.keysOf(value)),
      typeOf: (value) => {
        if (intrinsics.pinName(value) !== null) return "number";
        return isNative(value) || LIBRARIES.some((name) => global[name] === value)
          ? "function"
          : "object";
      },
      isPin: (value) => intrinsics.pinName(value) !== null,
      isBuiltIn: (prototype) => builtIn.has(prototype),
      isNative: (fn) => isNative(fn as object),
      showAs: (fn, source) => shown.set(fn as object, source),
    },
    { stackBytes: options.stackBytes, memoryBytes: options.memoryBytes, steps: MAX_STEPS },
  );
  const EngineFunction = global["Function"] as { prototype: object };
  const makeFunction = intrinsics.native(function (...args: unknown[]) {
    const body = args.length > 0 ? intrinsics.text(args.pop()) : "";
    return run(load(`(function(${args.map(intrinsics.text).join()}){${body}\n})`, "", false));
  });
  Object.defineProperty(makeFunction, "prototype", { value: EngineFunction.prototype });
  Object.defineProperty(EngineFunction.prototype, "constructor", { value: makeFunction });
  global["Function"] = makeFunction;

  const realm: Realm = {
    ...intrinsics,
    className: (value) => globalClassName(value, intrinsics),
    show: (value) => consoleText(value, realm),
    run: (source, fileName) => run(load(source, fileName, false)),
    attach: (host: LanguageHost) => installLanguage(intrinsics, () => host),
    enter: (fn) => fn(),
  };
  return realm;
}
