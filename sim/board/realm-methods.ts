// SPDX-License-Identifier: MIT
// Built-in methods that the interpreter has but runs differently from the host's engine: byte
// strings, text of numbers, plain replacements, typed arrays that give plain ones.
// Not for: deleting what it has not (intrinsics.ts) and what the engine cannot change, such as `+`
// between numbers and text (see sim/README.md).
import { types } from "node:util";
import { STATICS } from "./builtins.ts";
import { jsonText } from "./format.ts";
import { parseJson } from "./json.ts";
import { fixedText, numberText, parseDecimal } from "./numbers.ts";
import type { Intrinsics } from "./intrinsics.ts";

const WHITE = /^[\t\n\v\f\r ]+|[\t\n\v\f\r ]+$/g;

function lower(text: string): string {
  return text.replace(/[A-Z]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 32));
}

function upper(text: string): string {
  return text.replace(/[a-z]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 32));
}

/** The interpreter knows $1 to $9 and nothing else; "$$" stays as it is. */
function expand(template: string, groups: readonly (string | undefined)[]): string {
  return template.replace(/\$([1-9])/g, (all, n: string) => groups[Number(n)] ?? all);
}

/**
 * Place of the first `part` from a place on. Where the end of the text is the beginning of the part
 * counts, too, as long as the part is not longer than the whole text.
 */
function indexIn(self: string, part: string, from: unknown): number {
  if (part.length > self.length) return -1;
  const last = self.length - part.length;
  const begin = typeof from === "number" ? Math.min(Math.max(Math.trunc(from), 0), last + 1) : 0;
  if (begin >= self.length) return -1;
  const at = self.indexOf(part, begin);
  if (at >= 0) return at;
  for (let tail = Math.max(begin, last + 1); tail < self.length; tail++)
    if (part.startsWith(self.slice(tail))) return tail;
  return -1;
}

function installString(realm: Intrinsics): void {
  const { global, text } = realm;
  const EngineString = global["String"] as StringConstructor;
  const { prototype } = EngineString;
  const asRegExp = (value: unknown): RegExp | null => (types.isRegExp(value) ? value : null);

  const replace = (self: string, what: unknown, by: unknown, all: boolean): string => {
    const pattern = asRegExp(what);
    if (pattern) {
      const fn = typeof by === "function" ? (by as (...args: unknown[]) => unknown) : null;
      const template = fn ? "" : text(by);
      return self.replace(pattern, (...args: unknown[]) => {
        if (fn) return text(fn(...args));
        const groups = args.slice(
          0,
          args.findIndex((arg) => typeof arg === "number"),
        );
        return expand(template, groups as (string | undefined)[]);
      });
    }
    const plain = text(by);
    const part = text(what);
    let done = "";
    let from = 0;
    let at = indexIn(self, part, 0);
    while (at >= 0) {
      done += self.slice(from, at) + plain;
      from = at + part.length;
      at = all && part && from < self.length ? indexIn(self, part, from) : -1;
    }
    return done + self.slice(from);
  };

  realm.define(prototype, {
    toUpperCase(this: unknown) {
      return upper(text(this));
    },
    toLowerCase(this: unknown) {
      return lower(text(this));
    },
    trim(this: unknown) {
      return text(this).replace(WHITE, "");
    },
    concat(this: unknown, ...parts: unknown[]) {
      return text(this) + parts.map((part) => (part === undefined ? "" : text(part))).join("");
    },
    split(this: unknown, by?: unknown) {
      const self = text(this);
      if (by === undefined) return realm.arrayOf([self]);
      const pattern = asRegExp(by);
      if (!pattern) return realm.arrayOf(self.split(text(by)));
      // What groups caught is not part of the interpreter's result.
      const groups = (new RegExp(`${pattern.source}|`).exec("")?.length ?? 1) - 1;
      return realm.arrayOf(self.split(pattern).filter((_, i) => i % (groups + 1) === 0));
    },
    indexOf(this: unknown, part: unknown, from?: unknown) {
      return indexIn(text(this), text(part), from);
    },
    includes(this: unknown, part: unknown, from?: unknown) {
      return indexIn(text(this), text(part), from) >= 0;
    },
    replace(this: unknown, what: unknown, by: unknown) {
      return replace(text(this), what, by, false);
    },
    replaceAll(this: unknown, what: unknown, by: unknown) {
      return replace(text(this), what, by, true);
    },
  });

  const make = realm.native(function (this: unknown, value?: unknown) {
    return arguments.length === 0 ? "" : text(value);
  });
  Object.defineProperty(make, "name", { value: "String", configurable: true });
  Object.defineProperty(make, "prototype", { value: prototype });
  Object.defineProperty(prototype, "constructor", { value: make, configurable: true });
  realm.define(make, {
    fromCharCode(...codes: unknown[]) {
      if (codes.length === 1) return String.fromCharCode(Number(codes[0]) & 255);
      return String.fromCharCode(...codes.map((code) => Number(code) & 255));
    },
  });
  global["String"] = make;
}

function installNumber(realm: Intrinsics): void {
  const { global, text } = realm;
  const EngineNumber = global["Number"] as NumberConstructor;
  const { prototype } = EngineNumber;
  realm.define(prototype, {
    toString(this: unknown, radix?: unknown) {
      const base = Number(radix ?? 10);
      return numberText(Number(this), base >= 2 && base <= 36 ? base : 10);
    },
    toFixed(this: unknown, count?: unknown) {
      return fixedText(Number(this), Math.min(Math.max(Number(count ?? 0) || 0, 0), 100));
    },
  });
  const make = realm.native(function (this: unknown, value?: unknown) {
    if (arguments.length === 0) return 0;
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return NaN;
    if (typeof value !== "string") return EngineNumber(value);
    // Text must be a number and nothing else, not even white space around it.
    return value === "" || /^[-+]?(\d|\.\d|Infinity$)/.test(value) ? strictNumber(value) : NaN;
  });
  const strictNumber = (value: string): number =>
    /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d*)?$/i.test(value)
      ? parseDecimal(value)
      : /\s/.test(value)
        ? NaN
        : Number(value);
  for (const name of STATICS["Number"] ?? []) {
    Object.defineProperty(make, name, { value: EngineNumber[name as "NaN"], configurable: true });
  }
  // The least number with all its digits; the engine's has lost most of them.
  Object.defineProperty(make, "MIN_VALUE", { value: 2.2250738585072014e-308 });
  Object.defineProperty(make, "prototype", { value: prototype });
  Object.defineProperty(prototype, "constructor", { value: make, configurable: true });
  global["Number"] = make;

  realm.define(global["Math"] as object, {
    round(value: unknown) {
      const number = Number(value);
      return number < 0 ? -Math.floor(-number + 0.5) : Math.floor(number + 0.5);
    },
    clip(value: unknown, least: unknown, most: unknown) {
      return Math.min(Math.max(Number(value), Number(least)), Number(most));
    },
    wrap(value: unknown, range: unknown) {
      const size = Number(range);
      return ((Number(value) % size) + size) % size;
    },
  });
  realm.define(global, {
    parseInt(value: unknown, radix?: unknown) {
      const number = parseInt(text(value), Number(radix));
      if (Number.isNaN(number) || Math.abs(number) < 2 ** 63) return number;
      const digits = /^\s*([-+]?)(\d+)/.exec(text(value));
      if (!digits) return number;
      const [, sign, whole = ""] = digits;
      // Integers have 64 bits.
      return Number(BigInt.asIntN(64, sign === "-" ? -BigInt(whole) : BigInt(whole)));
    },
    parseFloat(value: unknown) {
      if (/^\s*[-+]?0[xb]/i.test(text(value))) return parseInt(text(value));
      const match = /^\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)/.exec(text(value));
      return match ? parseDecimal(match[1] as string) : NaN;
    },
    encodeURIComponent(value: unknown) {
      return text(value).replace(/[^A-Za-z0-9\-_.!~*'()]/g, (c) => {
        const code = c.charCodeAt(0) & 255;
        // The first digit of bytes from 0x80 up is wrong on the interpreter: "/", then 0 to 6.
        const high = code < 128 ? code >> 4 : (code >> 4) - 9;
        return `%${high < 0 ? "/" : high}${(code & 15).toString(16).toUpperCase()}`;
      });
    },
    decodeURIComponent(value: unknown) {
      return text(value).replace(/%([0-9a-fA-F]{2})/g, (_, code: string) =>
        String.fromCharCode(parseInt(code, 16)),
      );
    },
  });
}

function installArrays(realm: Intrinsics): void {
  const { global, text } = realm;
  const joined = (items: ArrayLike<unknown>, by: unknown): string => {
    const parts: string[] = [];
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      parts.push(item === undefined || item === null ? "" : text(item));
    }
    return parts.join(by === undefined ? "," : text(by));
  };
  const methods = {
    join(this: ArrayLike<unknown>, by?: unknown) {
      return joined(this, by);
    },
    toString(this: ArrayLike<unknown>) {
      return joined(this, ",");
    },
  };
  realm.define((global["Array"] as ArrayConstructor).prototype, methods);

  const typed = Object.getPrototypeOf(global["Uint8Array"]) as { prototype: Uint8Array };
  const filter = typed.prototype.filter;
  realm.define(typed.prototype, {
    ...methods,
    slice(this: Uint8Array, from?: number, to?: number) {
      return realm.arrayOf(Array.from(this).slice(from, to));
    },
    filter(this: Uint8Array, test: (item: number) => unknown) {
      return realm.arrayOf(Array.from(filter.call(this, test)));
    },
    set(this: Uint8Array, source: ArrayLike<number>, offset?: number) {
      const start = offset ?? 0;
      const copy = Array.from(source);
      for (let i = 0; i < copy.length && start + i < this.length; i++) {
        this[start + i] = copy[i] as number;
      }
    },
  });
}

function installJson(realm: Intrinsics): void {
  realm.define(realm.global["JSON"] as object, {
    stringify(value: unknown, _replacer?: unknown, space?: unknown) {
      return jsonText(value, realm, space);
    },
    parse(source: unknown) {
      return parseJson(realm.text(source), realm);
    },
  });
}

/** Replaces the methods of new intrinsics. */
export function installMethods(realm: Intrinsics): void {
  installNumber(realm);
  installString(realm);
  installArrays(realm);
  installJson(realm);
}
