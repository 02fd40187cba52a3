// SPDX-License-Identifier: MIT
// JSON text of what the host's engine and the interpreter write alike: objects of whole numbers,
// plain text, booleans and such objects again. Most of what boards send is this, and the engine is
// ten times as fast.
// Not for: everything else (format.ts).

/** Text that stands between quotes as it is. */
export const PLAIN_TEXT = /^[ !#-[\]-~]*$/;

const MAX_DEPTH = 16;
const { __lookupGetter__: getterOf } = Object.prototype as unknown as {
  __lookupGetter__(this: object, name: string): unknown;
};

function isAlike(value: unknown, objectPrototype: object, depth: number): boolean {
  switch (typeof value) {
    case "string":
      return PLAIN_TEXT.test(value);
    case "number":
      return Number.isSafeInteger(value);
    case "boolean":
    case "undefined":
      return true;
    case "object":
      if (value === null) return true;
      if (depth > MAX_DEPTH || Object.getPrototypeOf(value) !== objectPrototype) return false;
      for (const name of Object.keys(value)) {
        // The interpreter leaves accessors out.
        if (!PLAIN_TEXT.test(name) || getterOf.call(value, name) !== undefined) return false;
        if (!isAlike((value as Record<string, unknown>)[name], objectPrototype, depth + 1)) {
          return false;
        }
      }
      return true;
    default:
      return false;
  }
}

/**
 * Text of an object, null when it is not one of those.
 *
 * @param objectPrototype prototype of the realm's plain objects
 */
export function plainJson(value: object, objectPrototype: object): string | null {
  return isAlike(value, objectPrototype, 0) ? JSON.stringify(value) : null;
}
