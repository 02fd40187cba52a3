// SPDX-License-Identifier: MIT
// `require` and the object Modules. A module is looked for among those that have run, then among
// the native ones, then in Storage. It runs when it is added or first required, is kept even when it
// throws, and is not known to itself while it runs: modules that require each other never end.
// Not for: what the native modules are (modules/).
import { markNative } from "./format.ts";
import { typeName } from "./promises.ts";
import type { Realm } from "./realm.ts";

/** What the loader needs from its board. */
export interface ModuleLoaderHost {
  realm: Realm;
  /** Makes a native module, undefined for an unknown one. */
  makeNative(name: string): unknown;
  /** Text of a file of Storage. */
  readFile(name: string): string | undefined;
  /** Notes code that is kept in memory or executed from flash. */
  addCode(code: string, where: "ram" | "flash"): void;
}

/** `exports` and `module.exports` are one variable: who writes last decides. */
const BEFORE =
  "(function(exports){var module={get exports(){return exports},set exports(to){exports=to}};";
const BEHIND = "return exports})";

type AnyFunction = (...args: unknown[]) => unknown;

/** The modules of one board. */
export interface ModuleLoader {
  /** `require` of a script. */
  require(name: unknown): unknown;
  /** What modules that have run export. */
  loaded(): Iterable<unknown>;
}

/** Installs the global Modules. */
export function installModules(host: ModuleLoaderHost): ModuleLoader {
  const { realm } = host;
  const loaded = new Map<string, unknown>();

  /** A function takes `exports` and `module` from global scope. */
  const runFunction = (code: AnyFunction, exports: object): unknown => {
    const { global } = realm;
    const module = realm.objectOf({ exports });
    Object.assign(global, { exports, module });
    try {
      code.call(exports, exports, module);
      return global["exports"] === exports ? module["exports"] : global["exports"];
    } finally {
      delete global["exports"];
      delete global["module"];
    }
  };
  const run = (name: string, code: string | AnyFunction): unknown => {
    const exports = realm.object();
    // What it has so far is kept when it throws.
    loaded.set(name, exports);
    const made =
      typeof code === "string"
        ? (realm.run(`${BEFORE}${code}\n${BEHIND}`, name) as AnyFunction).call(exports, exports)
        : runFunction(code, exports);
    loaded.set(name, made);
    return made;
  };

  const Modules = realm.object();
  realm.define(Modules, {
    addCached: (name: unknown, code: unknown) => {
      const isCode = typeof code === "string" || typeof code === "function";
      if (typeof name !== "string" || !isCode) {
        return realm.fail("Error", "args must be addCached(string, string|function)");
      }
      if (typeof code === "string") host.addCode(code, "ram");
      run(name, code as string | AnyFunction);
      return undefined;
    },
    removeCached: (name: unknown) => {
      const text = realm.text(name);
      if (!loaded.delete(text)) realm.fail("Error", `Module "${text}" not found`);
    },
    removeAllCached: () => loaded.clear(),
    getCached: () => realm.arrayOf([...loaded.keys()]),
  });
  Object.defineProperty(realm.global, "Modules", { value: Modules, configurable: true });

  const require = (name: unknown): unknown => {
    if (typeof name !== "string") {
      const message = `Expecting module name as a string, got ${typeName(name)}`;
      return realm.fail("TypeError", message);
    }
    if (loaded.has(name)) return loaded.get(name);
    const native = host.makeNative(name);
    if (native !== undefined) {
      markNative(native as object);
      loaded.set(name, native);
      return native;
    }
    const code = host.readFile(name);
    if (code === undefined) return realm.fail("Error", `Module "${name}" not found`);
    host.addCode(code, "flash");
    return run(name, code);
  };
  return { require, loaded: () => loaded.values() };
}
