// SPDX-License-Identifier: MIT
// Which of the engine's own names the interpreter (2v29) has too, listed by asking it. Used twice:
// the realm deletes what is not here, so that a script meets the same "undefined" as on the board,
// and the syntax check names a use of what is missing where the source shows it.
// Not for: what the interpreter has and the engine has not (globals.ts adds that).

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Globals of the language that the interpreter has. */
export const GLOBALS: ReadonlySet<string> = new Set(
  words(`
    Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Date
    Promise RegExp Error ReferenceError SyntaxError TypeError globalThis JSON Math ArrayBuffer
    Uint8Array Int8Array Uint16Array Int16Array Uint32Array Int32Array Float32Array Float64Array
    Uint8ClampedArray DataView decodeURIComponent encodeURIComponent eval isFinite isNaN`),
);

/** Names that the language or a host such as Node has and the interpreter has not. */
export const MISSING_GLOBALS: ReadonlySet<string> = new Set(
  words(`
    AggregateError Atomics BigInt BigInt64Array BigUint64Array EvalError FinalizationRegistry Intl
    Iterator Map Proxy RangeError Reflect Set SharedArrayBuffer Symbol URIError WeakMap WeakRef
    WeakSet WebAssembly decodeURI encodeURI escape unescape
    Buffer TextDecoder TextEncoder URL URLSearchParams clearImmediate document fetch performance
    queueMicrotask setImmediate structuredClone window`),
);

/** Functions and constants of the constructors themselves. */
export const STATICS: Readonly<Record<string, readonly string[] | undefined>> = {
  Object: words(`assign getOwnPropertyDescriptor getOwnPropertyDescriptors getOwnPropertyNames
    create defineProperties defineProperty getPrototypeOf setPrototypeOf keys entries fromEntries
    values`),
  Array: words("isArray"),
  String: words("fromCharCode"),
  Number: words("MAX_VALUE MIN_VALUE NaN NEGATIVE_INFINITY POSITIVE_INFINITY"),
  Boolean: [],
  Function: [],
  Date: words("now parse"),
  // The engine takes stack traces only while this member of its own is there.
  Error: words("stackTraceLimit"),
  Promise: words("all resolve reject"),
  ArrayBuffer: [],
  Math: words(`abs acos asin atan atan2 ceil clip cos exp floor log max min pow randInt random
    round sign sin sqrt tan wrap E LN10 LN2 LOG10E LOG2E PI SQRT1_2 SQRT2`),
  JSON: words("parse stringify"),
};

/** Members of instances. */
export const MEMBERS: Readonly<Record<string, readonly string[] | undefined>> = {
  Object: words("constructor hasOwnProperty toString valueOf __proto__"),
  Array: words(`length constructor concat fill find findIndex pop push reverse shift unshift slice
    sort splice includes indexOf join forEach filter map every some reduce toString`),
  String: words(`length constructor charAt charCodeAt concat endsWith includes indexOf lastIndexOf
    match padEnd padStart repeat replace replaceAll slice split substr substring startsWith toString
    trim toLowerCase toUpperCase valueOf`),
  Number: words("constructor toFixed toString valueOf"),
  Boolean: words("constructor toString valueOf"),
  Function: words("constructor apply bind call toString"),
  Error: words("constructor message toString"),
  ArrayBuffer: words("constructor byteLength"),
  DataView: words(`constructor buffer byteLength byteOffset getInt8 setInt8 getUint8 setUint8
    getInt16 setInt16 getUint16 setUint16 getInt32 setInt32 getUint32 setUint32 getFloat32
    setFloat32 getFloat64 setFloat64`),
};

/** Members of all typed arrays. */
export const TYPED_ARRAY_MEMBERS: readonly string[] = words(`constructor buffer byteLength
  byteOffset length every fill filter find findIndex forEach includes indexOf join map reverse
  reduce set slice some sort subarray toString`);

/**
 * Methods of instances that the language has and the interpreter has on none of its values. Left out
 * is `search`, which its OneWire has.
 */
export const MISSING_METHODS: ReadonlySet<string> = new Set(
  words(`
    at codePointAt isWellFormed localeCompare matchAll normalize toLocaleLowerCase toLocaleUpperCase
    toWellFormed trimEnd trimLeft trimRight trimStart
    copyWithin entries findLast findLastIndex flat flatMap keys reduceRight toReversed toSorted
    toSpliced values with
    isPrototypeOf propertyIsEnumerable toExponential toLocaleString toPrecision finally
    getYear setUTCDate setUTCFullYear setUTCHours setUTCMilliseconds setUTCMinutes setUTCMonth
    setUTCSeconds setYear toDateString toLocaleDateString toLocaleTimeString toTimeString`),
);

/** The typed arrays that the interpreter shares with the language. */
export const TYPED_ARRAYS: readonly string[] = words(`Uint8Array Int8Array Uint16Array Int16Array
  Uint32Array Int32Array Float32Array Float64Array Uint8ClampedArray`);
