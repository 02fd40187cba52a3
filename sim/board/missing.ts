// SPDX-License-Identifier: MIT
// What the host's JavaScript engine has and the interpreter has not: one table, used twice. The
// syntax check names a use that is visible in the source; the realm deletes the rest, so that a
// script meets the same "undefined" it would meet on the board.
// Not for: what the interpreter has and the engine has not (globals.ts adds that).

/** Global names that the interpreter does not define. */
export const MISSING_GLOBALS: readonly string[] = [
  "AggregateError",
  "Atomics",
  "BigInt",
  "BigInt64Array",
  "BigUint64Array",
  "EvalError",
  "FinalizationRegistry",
  "Intl",
  "Iterator",
  "Map",
  "Proxy",
  "RangeError",
  "Reflect",
  "Set",
  "SharedArrayBuffer",
  "SuppressedError",
  "Symbol",
  "URIError",
  "WeakMap",
  "WeakRef",
  "WeakSet",
  "WebAssembly",
  "escape",
  "unescape",
];

/** Names that a host such as Node or a browser adds; the interpreter has none of them. */
export const MISSING_HOST_GLOBALS: readonly string[] = [
  "Buffer",
  "TextDecoder",
  "TextEncoder",
  "URL",
  "URLSearchParams",
  "clearImmediate",
  "document",
  "fetch",
  "performance",
  "queueMicrotask",
  "setImmediate",
  "structuredClone",
  "window",
];

/** Functions of a built-in constructor itself (`Math.trunc`) that the interpreter lacks. */
export const MISSING_STATICS: Readonly<Record<string, readonly string[]>> = {
  Array: ["from", "fromAsync", "of"],
  Date: ["UTC"],
  Error: ["captureStackTrace", "stackTraceLimit"],
  Math: [
    "acosh",
    "asinh",
    "atanh",
    "cbrt",
    "clz32",
    "cosh",
    "expm1",
    "fround",
    "hypot",
    "imul",
    "log10",
    "log1p",
    "log2",
    "sinh",
    "tanh",
    "trunc",
  ],
  Number: [
    "EPSILON",
    "MAX_SAFE_INTEGER",
    "MIN_SAFE_INTEGER",
    "isFinite",
    "isInteger",
    "isNaN",
    "isSafeInteger",
    "parseFloat",
    "parseInt",
  ],
  Object: [
    "freeze",
    "getOwnPropertySymbols",
    "groupBy",
    "hasOwn",
    "is",
    "isExtensible",
    "isFrozen",
    "isSealed",
    "preventExtensions",
    "seal",
  ],
  Promise: ["allSettled", "any", "race", "withResolvers"],
  String: ["fromCodePoint", "raw"],
};
