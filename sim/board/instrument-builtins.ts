// SPDX-License-Identifier: MIT
// Built-in functions of a realm with rewritten scripts, where the engine's own behave differently in
// ways that fleets can live with: order of keys, properties that are writable, callbacks that must
// be functions, holes, regular expressions.
// Not for: what every realm has (realm-methods.ts).
import type { Intrinsics } from "./intrinsics.ts";
import type { KeyOrder } from "./key-order.ts";
import { installRegex } from "./regex-methods.ts";

type AnyFunction = (...args: unknown[]) => unknown;

/** Methods of arrays that take a function. */
const WITH_CALLBACK = ["forEach", "map", "filter", "some", "every", "find", "findIndex", "reduce"];

function installObject({ arrayOf, define, global }: Intrinsics, order: KeyOrder): void {
  const read = (object: unknown, key: string): unknown => (object as Record<string, unknown>)[key];
  const keysOf = (value: unknown): string[] =>
    typeof value === "object" && value !== null ? order.keysOf(value) : Object.keys(Object(value));
  define(global["Object"] as object, {
    keys: (object: unknown) => arrayOf(keysOf(object)),
    values: (object: unknown) => arrayOf(keysOf(object).map((key) => read(object, key))),
    entries: (object: unknown) =>
      arrayOf(keysOf(object).map((key) => arrayOf([key, read(object, key)]))),
    assign: (target: object, ...sources: unknown[]) => {
      for (const source of sources) {
        for (const key of keysOf(source)) {
          order.note(target, key);
          (target as Record<string, unknown>)[key] = read(source, key);
        }
      }
      return target;
    },
    defineProperty: (object: object, name: string, descriptor: PropertyDescriptor) => {
      const isValue = !descriptor.get && !descriptor.set;
      return Object.defineProperty(object, name, {
        enumerable: isValue,
        configurable: true,
        ...(isValue && { writable: true }),
        ...descriptor,
      });
    },
  });
}

function installArray({ arrayOf, define, fail, global }: Intrinsics): void {
  const { prototype } = global["Array"] as { prototype: Record<string, AnyFunction> };
  for (const name of WITH_CALLBACK) {
    const own = prototype[name] as AnyFunction;
    define(prototype, {
      [name](this: unknown[], ...args: unknown[]) {
        if (typeof args[0] !== "function") fail("Error", "First argument must be a function");
        const result: unknown = own.apply(this, args);
        // Holes are not called for, and not kept.
        const hasHoles = name === "map" && Array.isArray(result);
        return hasHoles ? arrayOf(result.filter(() => true)) : result;
      },
    });
  }
}

/** Replaces them. */
export function installBuiltins(intrinsics: Intrinsics, order: KeyOrder): void {
  installObject(intrinsics, order);
  installArray(intrinsics);
  installRegex(intrinsics);
}
