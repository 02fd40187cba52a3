// SPDX-License-Identifier: MIT
// What rewritten scripts call, installed in their realm: the quick part is code of the realm's own
// context, where the engine can inline it; what is rare, and every error, goes through the host.
// Not for: that code (instrument-runtime-source.ts); where the calls come from (instrument.ts).
import { Script } from "node:vm";
import { RUNTIME_SOURCE } from "./instrument-runtime-source.ts";

/** The slow part of the runtime. */
export interface RuntimeHost {
  /** Throws an error of the realm. */
  fail(type: "Error" | "TypeError" | "SyntaxError" | "ReferenceError", message: string): never;
  /** Text of an object, or of a number with a fraction. */
  text(value: unknown): string;
  /** A number read from text, which must be a number and nothing else. */
  number(text: string): number;
  /** The interpreter's name for the type of a value. */
  typeName(value: unknown): string;
  /** Throws because the stack is full. */
  overflow(): never;
  /** Throws because memory is full. */
  outOfMemory(): never;
  /**
   * Throws because a loop never ends, unless the script waits for the clock.
   *
   * @param callback number of the running callback
   */
  spent(callback: number): void;
  /** What a catch clause gets; throws what cannot be caught. */
  caught(error: unknown): unknown;
  /** False while something that cannot be caught passes through. */
  lives(): boolean;
  /** Throws for a refused statement; `isUnknown`: its first word is no name of the script. */
  refuse(script: number, number: number, isUnknown: boolean): never;
  /** Rewritten text for a direct eval. */
  code(text: unknown): unknown;
  /** Notes that a key is about to be set. */
  noteKey(object: object, key: unknown): void;
  /** Notes the order of a literal's keys; gives the object. */
  noteKeys(object: object, keys: readonly string[]): object;
  /** Own enumerable keys in the interpreter's order. */
  keysOf(value: object | string): readonly string[];
  /** `typeof` of an object: pins and libraries are none on the interpreter. */
  typeOf(value: object): string;
  /** True for pins, which are numbers except beside text and pins. */
  isPin(value: unknown): boolean;
  /** True for prototypes of the language. */
  isBuiltIn(prototype: object): boolean;
  /** True for functions that are not a script's. */
  isNative(fn: unknown): boolean;
  /** Makes a function show this as its source. */
  showAs(fn: unknown, source: string): void;
}

/** Budgets of one board. */
export interface RuntimeLimits {
  /** Stack in the bytes of instrument-functions.ts. */
  stackBytes: number;
  /** Rounds of loops and calls in one callback. */
  steps: number;
  /** Memory of the script: no single text and no typed array is longer. */
  memoryBytes: number;
}

/** Handle on the runtime of one realm. */
export interface Runtime {
  /** Begins a callback with a full budget of steps. */
  begin(): void;
}

type Install = (host: RuntimeHost, limits: RuntimeLimits, methods: object) => Runtime;

let script: Script | undefined;

/** Installs the runtime in a realm's global object. */
export function installRuntime(global: object, host: RuntimeHost, limits: RuntimeLimits): Runtime {
  script ??= new Script(RUNTIME_SOURCE, { filename: "lubdub:runtime" });
  const own = global as Record<string, { prototype: object }>;
  const sized = new Set(
    [
      "ArrayBuffer",
      "Uint8Array",
      "Int8Array",
      "Uint16Array",
      "Int16Array",
      "Uint32Array",
      "Int32Array",
      "Float32Array",
      "Float64Array",
      "Uint8ClampedArray",
    ].map((name) => own[name]),
  );
  return (script.runInContext(global) as Install)(host, limits, {
    getPrototypeOf: Object.getPrototypeOf,
    create: Object.create,
    defineProperty: Object.defineProperty,
    getOwnPropertyDescriptor: Object.getOwnPropertyDescriptor,
    getOwnPropertyDescriptors: Object.getOwnPropertyDescriptors,
    hasOwn: Object.hasOwn,
    values: Object.values,
    get: Reflect.get,
    apply: Reflect.apply,
    isArray: Array.isArray,
    isView: ArrayBuffer.isView,
    isBuffer: (value: unknown) => Object.prototype.toString.call(value) === "[object ArrayBuffer]",
    isSized: (fn: unknown) => sized.has(fn as { prototype: object }),
    iterator: Symbol.iterator,
    Function: own["Function"]?.prototype,
    Object: own["Object"]?.prototype,
    String: own["String"]?.prototype,
    Number: own["Number"]?.prototype,
  });
}
