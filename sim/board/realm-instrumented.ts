// SPDX-License-Identifier: MIT
// A board's realm whose scripts are rewritten before they run, so that they get the interpreter's
// numbers, names, errors and limits, and can be stopped. It costs time: for one board that somebody
// looks at, not for fleets.
// Not for: the rewriting (instrument.ts) and what it calls (instrument-runtime.ts).
import { types } from "node:util";
import { Abort, passingAbort } from "./abort.ts";
import { consoleText, isNative } from "./format.ts";
import { installBuiltins } from "./instrument-builtins.ts";
import { createLoader, placeOf } from "./instrument-loader.ts";
import type { Loaded, Loader } from "./instrument-loader.ts";
import type { Refused } from "./instrument-node.ts";
import { installRuntime } from "./instrument-runtime.ts";
import type { RuntimeHost } from "./instrument-runtime.ts";
import { createIntrinsics } from "./intrinsics.ts";
import type { Intrinsics } from "./intrinsics.ts";
import { createKeyOrder } from "./key-order.ts";
import type { KeyOrder } from "./key-order.ts";
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

/** What a rewritten script asks of its host. */
function createRuntimeHost(
  intrinsics: Intrinsics,
  loader: Loader,
  order: KeyOrder,
  options: InstrumentedOptions,
): RuntimeHost {
  const { fail, global, pinName } = intrinsics;
  const builtIn = builtInPrototypes(global);
  const isWaiting = createPatience(options);
  const natives = new WeakMap<object, boolean>();
  const isPin = (value: unknown): boolean => pinName(value) !== null;
  const isKnownNative = (fn: object): boolean => {
    const known = natives.get(fn) ?? isNative(fn);
    natives.set(fn, known);
    return known;
  };
  return {
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
      const { source, fileName, refused } = loader.byId(id) as Loaded;
      const { finding, name } = refused[number] as Refused;
      const { type, message } =
        name !== null && isUnknown && !Object.hasOwn(global, name)
          ? { type: "ReferenceError" as const, message: `"${name}" is not defined` }
          : refusalOf(finding);
      const place = placeOf(source, finding.start);
      return intrinsics.throwHere(type, message, { file: fileName, ...place });
    },
    code: (code) => (typeof code === "string" ? loader.load(code, "", true).text : code),
    noteKey: order.note,
    noteKeys: order.noteAll,
    keysOf: (value) => (typeof value === "string" ? Object.keys(value) : order.keysOf(value)),
    typeOf: (value) => {
      const isLibrary = isKnownNative(value) || LIBRARIES.some((name) => global[name] === value);
      return isPin(value) ? "number" : isLibrary ? "function" : "object";
    },
    isPin,
    isBuiltIn: (prototype) => builtIn.has(prototype),
    isNative: (fn) => isKnownNative(fn as object),
    showAs: (fn, source) => loader.showAs(fn as object, source),
  };
}

/** Replaces the constructor Function by one whose functions are rewritten. */
function installFunction(
  { global, native, text }: Intrinsics,
  run: (code: string) => unknown,
): void {
  const { prototype } = global["Function"] as { prototype: object };
  const make = native(function (...args: unknown[]) {
    const body = args.length > 0 ? text(args.pop()) : "";
    return run(`(function(${args.map(text).join()}){${body}\n})`);
  });
  Object.defineProperty(make, "prototype", { value: prototype });
  Object.defineProperty(prototype, "constructor", { value: make });
  global["Function"] = make;
}

/** Creates a realm for one board. */
export function createInstrumentedRealm(options: InstrumentedOptions): Realm {
  const intrinsics = createIntrinsics();
  const { global } = intrinsics;
  const loader = createLoader((message) => intrinsics.fail("SyntaxError", message));
  const order = createKeyOrder();
  intrinsics.sourceOf = loader.sourceOf;
  intrinsics.keysOf = order.keysOf;
  intrinsics.noteKey = order.note;
  installBuiltins(intrinsics, order);
  const runtime = installRuntime(global, createRuntimeHost(intrinsics, loader, order, options), {
    stackBytes: options.stackBytes,
    memoryBytes: options.memoryBytes,
    steps: MAX_STEPS,
  });
  const run = (source: string, fileName: string): unknown => {
    const loaded = loader.load(source, fileName, false);
    intrinsics.addFile(fileName, (frame) => ({
      ...frame,
      column: loaded.sourceColumn(frame.line, frame.column),
    }));
    runtime.begin();
    return loaded.script.runInContext(global);
  };
  installFunction(intrinsics, (code) => run(code, ""));

  const realm: Realm = {
    ...intrinsics,
    className: (value) => globalClassName(value, intrinsics),
    show: (value) => consoleText(value, realm),
    run,
    attach: (host: LanguageHost) => installLanguage(intrinsics, () => host),
    enter: (fn) => fn(),
  };
  return realm;
}
