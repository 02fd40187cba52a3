// SPDX-License-Identifier: MIT
// The order of an object's keys on the interpreter: as they were set. The engine puts keys that are
// written like an index first, so their place is noted for the objects that have some.
// Not for: arrays, whose order is the engine's own.

/** Orders of objects. */
export interface KeyOrder {
  /** Call before a key is set. */
  note(object: object, key: unknown): void;
  /** Notes the keys of a new object; gives the object. */
  noteAll<T extends object>(object: T, keys: readonly string[]): T;
  /** Own enumerable keys in order. */
  keysOf(object: object): string[];
}

/** Beyond this many keys the order is the engine's: finding it would take too long. */
const MAX_KEYS = 1000;

const isIndex = (key: string): boolean => /^(?:0|[1-9]\d{0,9})$/.test(key);

/** Creates the orders of one realm. */
export function createKeyOrder(): KeyOrder {
  const orders = new WeakMap<object, string[]>();
  const keysOf = (object: object): string[] => {
    const keys = Object.keys(object);
    const order = orders.get(object);
    if (!order) return keys;
    const present = new Set(keys);
    const known = new Set(order);
    return [...order.filter((key) => present.has(key)), ...keys.filter((key) => !known.has(key))];
  };
  return {
    note: (object, key) => {
      const name = String(key);
      if (!isIndex(name) || Object.hasOwn(object, name)) return;
      const keys = keysOf(object);
      if (keys.length < MAX_KEYS) orders.set(object, [...keys, name]);
    },
    noteAll: (object, keys) => {
      orders.set(object, [...new Set(keys)]);
      return object;
    },
    keysOf,
  };
}
