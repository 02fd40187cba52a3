// SPDX-License-Identifier: MIT
// A realm whose objects of the language are those of all boards of this kind: for fleets. Objects and
// prototypes of the language are the same for all; globals of the interpreter (timers, E, process,
// print) and what scripts put into global scope belong to each board. A script is compiled once,
// whatever the number of boards that run it.
//
// A name finds the board's own global in one of two ways: as a parameter of the compiled script
// (those that exist when it starts, and that it does not assign), or through a proxy behind the
// realm's global object, which looks into the globals of the board that runs.
//
// What differs from a realm of one's own: a script that assigns a member of an object of the
// language is refused; a built-in that the script has used by name stays the one it started with
// if something else replaces it later; `this` of a plain call is not `global`, though it has the
// same members.
import { compileFunction } from "node:vm";
import { consoleText } from "./format.ts";
import { installLanguage } from "./language.ts";
import type { Frame, LanguageHost, Realm } from "./realm.ts";
import { bodyOf, DECLARE, readScript } from "./shared-script.ts";
import type { ScriptBody, ScriptParts } from "./shared-script.ts";
import { checkSyntax } from "./syntax.ts";
import type { SyntaxProblem } from "./syntax.ts";
import { classNameOf, createIntrinsics } from "./intrinsics.ts";
import type { Intrinsics } from "./intrinsics.ts";

type Globals = Record<string, unknown>;

/** One board of the shared realm. */
interface Inhabitant {
  global: Globals;
  host: LanguageHost | null;
}

interface SharedIntrinsics extends Intrinsics {
  /** Runs a function as code of a board. */
  enter<T>(board: Inhabitant, fn: () => T): T;
}

function createSharedIntrinsics(): SharedIntrinsics {
  const intrinsics = createIntrinsics();
  let current: Inhabitant | null = null;
  const own = (name: string | symbol): name is string =>
    current !== null && typeof name === "string" && Object.hasOwn(current.global, name);
  const objectPrototype = intrinsics.objectPrototype as Record<string | symbol, unknown>;
  const behind = new Proxy(Object.create(null) as Globals, {
    has: (_, name) => own(name),
    get: (_, name) => (own(name) ? current?.global[name] : objectPrototype[name]),
    set: (_, name, value: unknown, receiver: object) => {
      // The realm's own global object stands for that of the board that runs.
      const target = receiver === intrinsics.global ? current?.global : receiver;
      if (target === undefined) return false;
      // Past the proxy when it is there: what a script declared is set by its accessor.
      if (Object.hasOwn(target, name)) return Reflect.set(target, name, value);
      const member = { value, writable: true, enumerable: true, configurable: true };
      return Reflect.defineProperty(target, name, member);
    },
  });
  Object.setPrototypeOf(intrinsics.global, behind);
  installLanguage(intrinsics, () => {
    if (!current?.host) throw new Error("no board of the shared realm is running");
    return current.host;
  });
  return {
    ...intrinsics,
    enter: (board, fn) => {
      const before = current;
      current = board;
      try {
        return fn();
      } finally {
        current = before;
      }
    },
  };
}

type Compiled = (this: Globals, ...args: unknown[]) => unknown;

/** A script that was read once, and its compiled forms. */
interface SharedScript {
  refused: SyntaxProblem | undefined;
  parts: ScriptParts | null;
  /** By the names of their parameters. */
  forms: Map<string, { fn: Compiled; parameters: readonly string[] }>;
}

const MAX_SCRIPTS = 32;
/** By file name, then by source. */
const scripts = new Map<string, Map<string, SharedScript>>();
let sharedIntrinsics: SharedIntrinsics | undefined;

function scriptOf(intrinsics: SharedIntrinsics, source: string, fileName: string): SharedScript {
  let ofFile = scripts.get(fileName);
  if (!ofFile) scripts.set(fileName, (ofFile = new Map()));
  let script = ofFile.get(source);
  if (!script) {
    let refused = checkSyntax(source, fileName).find((p) => p.kind === "refused");
    const isShared = (name: string): boolean => Object.hasOwn(intrinsics.global, name);
    const parts = refused ? null : readScript(source, fileName, isShared);
    refused ??= parts?.sharedChange;
    script = { refused, parts, forms: new Map() };
    if (ofFile.size >= MAX_SCRIPTS) ofFile.delete(ofFile.keys().next().value as string);
    ofFile.set(source, script);
  }
  return script;
}

/** Takes back what was inserted into a line in front of a place. */
function placeInScript({ inserted }: ScriptBody): (frame: Frame) => Frame {
  return (frame) =>
    inserted && frame.line === inserted.line && frame.column > inserted.column
      ? { ...frame, column: frame.column - inserted.length }
      : frame;
}

/** Creates the realm of one board in the shared realm. */
export function createSharedRealm(): Realm {
  const intrinsics = (sharedIntrinsics ??= createSharedIntrinsics());
  const { objectPrototype } = intrinsics;
  const global = Object.create(intrinsics.global) as Globals;
  const board: Inhabitant = { global, host: null };
  const declare = (members: object): void => {
    const descriptors = Object.entries(Object.getOwnPropertyDescriptors(members));
    for (const [name, member] of descriptors) Object.defineProperty(global, name, member);
  };

  const formOf = (
    script: SharedScript,
    parts: ScriptParts,
    fileName: string,
  ): { fn: Compiled; parameters: readonly string[] } => {
    const { variableNames, functionNames, constantNames } = parts.declared;
    const names = [...variableNames, ...functionNames, ...constantNames];
    const isAgain = names.some((name) => Object.hasOwn(global, name));
    if (isAgain) {
      for (const name of variableNames) if (!Object.hasOwn(global, name)) global[name] = undefined;
    }
    const parameters = [...parts.reads].filter((name) => Object.hasOwn(global, name));
    const key = `${isAgain} ${parameters.join()}`;
    let form = script.forms.get(key);
    if (!form) {
      const body = bodyOf(parts, { isAgain });
      const fn = compileFunction(body.text, [DECLARE, ...parameters], {
        filename: fileName,
        columnOffset: -body.prefixLength,
        parsingContext: intrinsics.global,
      }) as Compiled;
      intrinsics.addFile(fileName, placeInScript(body));
      form = { fn, parameters };
      script.forms.set(key, form);
    }
    return form;
  };

  const realm: Realm = {
    ...intrinsics,
    global,
    className: (value) => classNameOf(value, objectPrototype, (name) => global[name]),
    show: (value) => intrinsics.enter(board, () => consoleText(value, realm)),
    describe: (thrown) => intrinsics.enter(board, () => intrinsics.describe(thrown)),
    run: (source, fileName) => {
      const script = scriptOf(intrinsics, source, fileName);
      const { refused, parts } = script;
      if (refused || !parts) return intrinsics.refuse(refused as SyntaxProblem);
      const { fn, parameters } = formOf(script, parts, fileName);
      const values = parameters.map((name) => global[name]);
      return intrinsics.enter(board, () => fn.call(global, declare, ...values));
    },
    attach: (host) => {
      board.host = host;
    },
    enter: (fn) => intrinsics.enter(board, fn),
  };
  return realm;
}
