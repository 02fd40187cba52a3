// SPDX-License-Identifier: MIT
// Classes of the interpreter whose objects its modules hand out: Socket, httpCRq and their kin.
import type { Native, Realm } from "../realm.ts";

/** An object that scripts see. */
export type ScriptObject = Record<string, unknown>;

/**
 * Makes a class and its global name.
 *
 * @returns the prototype; `Object.create(prototype)` is an instance
 */
export function createClass(realm: Realm, name: string, methods: Record<string, Native>): object {
  const prototype = realm.object();
  realm.define(prototype, methods);
  // Scripts may say `new Socket()`: they get an instance that nothing stands behind.
  const constructor = realm.native(function () {});
  Object.defineProperty(constructor, "name", { value: name, configurable: true });
  Object.defineProperty(constructor, "prototype", { value: prototype });
  Object.defineProperty(prototype, "constructor", { value: constructor, configurable: true });
  Object.defineProperty(realm.global, name, {
    value: constructor,
    writable: true,
    configurable: true,
  });
  return prototype;
}

/** A new instance. */
export function instanceOf(prototype: object): ScriptObject {
  return Object.create(prototype) as ScriptObject;
}
