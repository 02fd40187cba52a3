// SPDX-License-Identifier: MIT
// An estimate of what objects take that can be reached from a board's global variables. Variables of
// functions cannot be looked at, so what only they hold is not counted; nor is the code of functions
// (memory-code.ts).
import { types } from "node:util";
import { VARS, bytesVars, nameVars, numberVars, textVars } from "./memory-costs.ts";

/** Objects that are looked at, at most: more are as many as a board could hold anyway. */
const MAX_OBJECTS = 20_000;

/** What an object takes itself, without what it refers to; 0 for a function. */
function bodyVars(value: object): number {
  if (typeof value === "function") return 0;
  if (ArrayBuffer.isView(value)) return bytesVars(value.byteLength);
  if (types.isAnyArrayBuffer(value)) return bytesVars(value.byteLength) - 1;
  if (types.isDate(value)) return VARS.date;
  if (types.isRegExp(value)) return VARS.regex;
  if (types.isNativeError(value)) return VARS.error;
  const prototype: unknown = Object.getPrototypeOf(value);
  const hasClass = prototype !== null && Object.getPrototypeOf(prototype) !== null;
  return VARS.object + (hasClass && !Array.isArray(value) ? VARS.prototypeLink : 0);
}

/** What a value takes that is no object, in a slot of an array or of a name. */
function plainVars(value: unknown, isElement: boolean): number {
  if (typeof value === "number") return numberVars(value);
  if (typeof value === "string") return textVars(value.length);
  return value === undefined || (isElement && typeof value === "boolean") ? 0 : 1;
}

/**
 * Counts the variables of values and of everything that they refer to, each object once. Members
 * that are computed by a function are left out.
 */
export function heapVars(values: Iterable<unknown>): number {
  const seen = new Set<object>();
  const queue: object[] = [];
  let vars = 0;
  const add = (value: unknown, isElement: boolean): void => {
    if ((typeof value !== "object" && typeof value !== "function") || value === null) {
      vars += plainVars(value, isElement);
    } else if (!seen.has(value) && seen.size < MAX_OBJECTS) {
      seen.add(value);
      queue.push(value);
    }
  };
  for (const value of values) add(value, false);
  for (let object = queue.pop(); object; object = queue.pop()) {
    vars += bodyVars(object);
    if (ArrayBuffer.isView(object)) continue;
    if (Array.isArray(object)) {
      for (const item of object as unknown[]) {
        vars++;
        add(item, true);
      }
      continue;
    }
    for (const name of Object.keys(object)) {
      // Without running a getter.
      const value: unknown = Object.getOwnPropertyDescriptor(object, name)?.value;
      if (value === undefined) continue;
      vars += nameVars(name);
      add(value, false);
    }
  }
  return vars;
}
