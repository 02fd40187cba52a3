// SPDX-License-Identifier: MIT
// The objects that scripts call D0, D1 and so on. On the interpreter a pin is a value of a type of
// its own: text "D3" when written, 3 in arithmetic. Here it is an object that does both, as far as
// the language asks which it wants.
import type { Native, Realm } from "./realm.ts";

/** A pin as scripts hold it. */
export type Pin = object;

const names = new WeakMap<object, string>();

/** Text of a pin, null for anything else. */
export function pinNameOf(value: unknown): string | null {
  return typeof value === "object" && value !== null ? (names.get(value) ?? null) : null;
}

/** The pins of one board's world. */
export interface PinObjects {
  get(pin: number): Pin;
  /**
   * Number of a pin given as scripts may: a pin, its name, a number.
   * @returns null for what is none
   */
  numberOf(value: unknown): number | null;
}

/**
 * Makes the class Pin and the global pins.
 *
 * @param count how many there are
 * @param aliases further names, such as LED1
 */
export function createPinObjects(
  realm: Realm,
  count: number,
  aliases: Readonly<Record<string, number>>,
  methods: Record<string, Native>,
): PinObjects {
  const { global } = realm;
  const numbers = new WeakMap<object, number>();
  const pins: Pin[] = [];
  const given = (value: unknown): unknown => {
    if (typeof value === "object" && value !== null) return numbers.get(value);
    if (typeof value === "string") return /^D\d{1,2}$/.test(value) ? Number(value.slice(1)) : null;
    return typeof value === "boolean" ? Number(value) : value;
  };
  const numberOf: PinObjects["numberOf"] = (value) => {
    const number = given(value);
    const isPin = typeof number === "number" && Number.isInteger(number);
    return isPin && number >= 0 && number < count ? number : null;
  };

  const prototype = realm.object();
  realm.define(prototype, {
    ...methods,
    toString(this: object) {
      return names.get(this) ?? "undefined";
    },
    valueOf(this: object) {
      return numbers.get(this);
    },
  });
  // Joined to text far more often than added to.
  const toPrimitive = function (this: object, hint: string): unknown {
    return hint === "number" ? numbers.get(this) : names.get(this);
  };
  Object.defineProperty(prototype, Symbol.toPrimitive, { value: realm.native(toPrimitive) });
  const constructor = realm.native(function (value?: unknown) {
    const number = numberOf(value);
    return number === null ? undefined : pins[number];
  });
  Object.defineProperty(constructor, "name", { value: "Pin", configurable: true });
  Object.defineProperty(constructor, "prototype", { value: prototype });
  Object.defineProperty(prototype, "constructor", { value: constructor, configurable: true });

  const named: Record<string, unknown> = { Pin: constructor };
  for (let number = 0; number < count; number++) {
    const pin = Object.create(prototype) as Pin;
    names.set(pin, `D${number}`);
    numbers.set(pin, number);
    // Members cannot be added to a pin.
    pins.push(Object.preventExtensions(pin));
    named[`D${number}`] = pin;
  }
  for (const [alias, number] of Object.entries(aliases)) named[alias] = pins[number];
  for (const [name, value] of Object.entries(named)) {
    Object.defineProperty(global, name, { value, writable: true, configurable: true });
  }
  return { get: (pin) => pins[pin] as Pin, numberOf };
}
