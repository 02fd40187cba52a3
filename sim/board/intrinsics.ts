// SPDX-License-Identifier: MIT
// A vm context prepared as the interpreter: intrinsics of its own, from which everything is
// deleted that the interpreter lacks, and in which the built-ins behave as the interpreter's do
// where a script can see it: text of numbers, byte strings, errors without a name.
// A vm context separates worlds, it is no sandbox: run only scripts that you would run with Node.
// Not for: running scripts (realm-context.ts, realm-shared.ts), what a board adds (globals.ts).
import { types } from "node:util";
import { createContext, runInContext, constants } from "node:vm";
import { GLOBALS, MEMBERS, STATICS, TYPED_ARRAYS, TYPED_ARRAY_MEMBERS } from "./builtins.ts";
import { consoleText, functionText, markNative } from "./format.ts";
import { installMethods } from "./realm-methods.ts";
import { pinNameOf } from "./pin-objects.ts";
import type { ErrorType, Frame, Realm } from "./realm.ts";
import type { SyntaxProblem } from "./syntax.ts";

/** Prepared intrinsics: a realm without the parts that tell boards apart. */
export interface Intrinsics extends Omit<Realm, "run" | "attach" | "enter"> {
  /**
   * Marks a file as one of scripts: frames in it are shown.
   *
   * @param place gives the place in the script for one in the code that was compiled
   */
  addFile(name: string, place?: (frame: Frame) => Frame): void;
  /** An error that the engine threw, worded as the interpreter's; other values as they are. */
  adopt(thrown: unknown): unknown;
  /** Throws an error of the script's running function, at a place in it. */
  throwHere(type: ErrorType, message: string, place: Omit<Frame, "functionName">): never;
  /** Throws the SyntaxError for a construct that the interpreter refuses. */
  refuse(problem: SyntaxProblem): never;
}

/** The one of the engine's TypeErrors that is one on the interpreter too. */
const CONST_ASSIGNED = "Assignment to constant variable.";

/** Text of the engine's own errors, as the interpreter words them. */
const MESSAGES: readonly (readonly [RegExp, (...groups: string[]) => string])[] = [
  [
    /^Cannot (?:read|set) properties of (undefined|null) \((?:reading|setting) '(.*)'\)$/s,
    (of = "", name = "") => `Can't read property '${name}' of ${of}`,
  ],
  [/^(?:[\w$.]+\.)?([\w$]+) is not defined$/, (name = "") => `"${name}" is not defined`],
  [/^Cannot access '([\w$]+)' before initialization$/, (name = "") => `"${name}" is not defined`],
  [/^Assignment to constant variable\.$/, () => "Assignment to a constant"],
  [/^(?:[^]*\.)([\w$]+) is not a function$/, (name = "") => `Function "${name}" not found!`],
  [/^([\w$]+) is not a function$/, () => "Expecting function, got Object"],
  [/^Invalid count value/, () => "Invalid count value"],
  [/^Reduce of empty array/, () => "Used on empty array with no initial value"],
  [/^Maximum call stack size/, () => "Too much recursion - the stack is about to overflow"],
];

function translated(message: string): string {
  for (const [pattern, make] of MESSAGES) {
    const match = pattern.exec(message);
    if (match) return make(...match.slice(1));
  }
  return message;
}

/**
 * Name of the class whose instance a value is, if it is found in global scope under this name.
 *
 * @param find looks a global name up; may throw
 */
export function classNameOf(
  value: object,
  objectPrototype: object,
  find: (name: string) => unknown,
): string | null {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (typeof prototype !== "object" || prototype === null || prototype === objectPrototype) {
    return null;
  }
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
  if (typeof constructor !== "function" || !/^[A-Za-z_$][\w$]*$/.test(constructor.name)) {
    return null;
  }
  const { name } = constructor;
  try {
    return find(name) === constructor ? name : null;
  } catch {
    return null;
  }
}

/** Bytes that are written one by one in less time than by the host's Buffer. */
const FEW_BYTES = 64;

/** Creates them. */
export function createIntrinsics(): Intrinsics {
  const global = createContext(constants.DONT_CONTEXTIFY) as Record<string, unknown>;
  const intrinsic = runInContext(
    `({ Object, Array, Function, Error, TypeError, ReferenceError, SyntaxError, RangeError,
        EvalError, URIError, Uint8Array, ArrayBuffer, Promise })`,
    global,
  ) as Record<string, new (...args: unknown[]) => object>;
  const prototypeOf = (name: string): Record<string, unknown> =>
    (intrinsic[name] as { prototype: Record<string, unknown> }).prototype;
  const objectPrototype = prototypeOf("Object");
  const functionPrototype = prototypeOf("Function");
  const files = new Map<string, ((frame: Frame) => Frame) | undefined>();

  const native: Realm["native"] = (fn) => {
    Object.setPrototypeOf(fn, functionPrototype);
    markNative(fn);
    return fn;
  };
  const define: Realm["define"] = (target, members) => {
    for (const [name, fn] of Object.entries(members)) {
      Object.defineProperty(target, name, {
        value: native(fn),
        writable: true,
        configurable: true,
        enumerable: false,
      });
    }
  };

  // ------------------------------------------------------------------------------- errors
  /** @param isRaw true for the engine's own text: places in compiled code, not in scripts */
  const frames = (stack: unknown, isRaw: boolean): Frame[] => {
    if (typeof stack !== "string") return [];
    const found: Frame[] = [];
    for (const line of stack.split("\n")) {
      const match = /^ +at (?:(?:new |async )?(.*?) \()?(.*?):(\d+):(\d+)\)?$/.exec(line);
      if (match && files.has(match[2] as string)) {
        const [, functionName = "", file = "", atLine, atColumn] = match;
        const frame = {
          functionName: /^[\w$.]+$/.test(functionName) ? functionName.replace(/^.*\./, "") : "",
          file,
          line: Number(atLine),
          column: Number(atColumn),
        };
        found.push((isRaw && files.get(file)?.(frame)) || frame);
      }
    }
    return found;
  };
  const stackText = (list: readonly Frame[]): string =>
    list.map((f) => `    at ${f.functionName} (${f.file}:${f.line}:${f.column})\n`).join("");

  const errorPrototypes: Record<string, object> = {};
  const error: Realm["error"] = (type, message) => {
    // The engine's error is taken for its trace only: the interpreter's are plain objects.
    const stack = stackText(frames(new Error("trace").stack, true));
    const made = Object.create(errorPrototypes[type] as object) as object;
    return Object.assign(made, message === "" ? { type, stack } : { message, type, stack });
  };
  const fail = (type: ErrorType, message: string): never => {
    // What a script can catch must be an error of its own realm.
    // oxlint-disable-next-line typescript/only-throw-error
    throw error(type, message);
  };

  const installErrors = (): void => {
    const toText = native(function (this: { type?: unknown; message?: unknown }) {
      const type = text(this.type ?? "Error");
      const message = this.message === undefined ? "" : text(this.message);
      return message === "" ? type : `${type}: ${translated(message)}`;
    });
    // What the engine throws for a missing field or function is a plain Error on the interpreter,
    // so the engine's TypeError is dressed as one and scripts get a TypeError of their own.
    const dress = (prototype: Record<string, unknown>, type: string, base: object | null): void => {
      delete prototype["name"];
      Object.defineProperty(prototype, "type", {
        get(this: { message?: unknown }) {
          return this.message === CONST_ASSIGNED ? "TypeError" : type;
        },
        set(this: object, value: unknown) {
          Object.defineProperty(this, "type", { value, writable: true, configurable: true });
        },
        configurable: true,
      });
      Object.defineProperty(prototype, "toString", {
        value: toText,
        writable: true,
        configurable: true,
      });
      if (base) Object.setPrototypeOf(prototype, base);
    };
    const errorPrototype = prototypeOf("Error");
    dress(errorPrototype, "Error", null);
    delete errorPrototype["message"];
    for (const name of ["TypeError", "RangeError", "EvalError", "URIError"]) {
      dress(prototypeOf(name), "Error", null);
    }
    for (const name of ["ReferenceError", "SyntaxError"]) {
      dress(prototypeOf(name), name, objectPrototype);
    }
    const own = (): Record<string, unknown> => objectOf({});
    for (const type of [
      "Error",
      "TypeError",
      "SyntaxError",
      "ReferenceError",
      "InternalError",
    ] as const) {
      const isEngines = type !== "TypeError" && type !== "InternalError";
      const prototype = isEngines ? prototypeOf(type) : own();
      if (!isEngines) dress(prototype, type, null);
      errorPrototypes[type] = prototype;
      const make = native(function (message?: unknown) {
        return error(type, message === undefined ? "" : text(message));
      });
      Object.defineProperty(make, "name", { value: type, configurable: true });
      Object.defineProperty(make, "prototype", { value: prototype });
      Object.defineProperty(prototype, "constructor", {
        value: make,
        writable: true,
        configurable: true,
      });
      global[type] = make;
    }
    for (const name of ["TypeError", "RangeError", "EvalError", "URIError"]) {
      Object.defineProperty(prototypeOf(name), "constructor", { value: global["Error"] });
    }
  };

  // --------------------------------------------------------------------------------- text
  function text(value: unknown): string {
    switch (typeof value) {
      case "string":
        return value;
      case "number":
        return numberToText.call(value);
      case "object":
      case "function": {
        if (value === null) return "null";
        const { toString } = value;
        const result: unknown = typeof toString === "function" ? toString.call(value) : "";
        return typeof result === "object" ? "" : text(result);
      }
      default:
        return String(value);
    }
  }
  const className = (value: object): string | null =>
    classNameOf(value, objectPrototype, (name) => global[name]);

  // -------------------------------------------------------------------------------- values
  const arrayOf = (items: readonly unknown[]): unknown[] => {
    const array = new (intrinsic["Array"] as ArrayConstructor)() as unknown[];
    // Not by the realm's own methods: a script may have replaced them.
    for (let i = 0; i < items.length; i++) array[i] = items[i];
    return array;
  };
  const EngineObject = intrinsic["Object"] as new () => Record<string, unknown>;
  const objectOf = (members: object): Record<string, unknown> =>
    Object.assign(new EngineObject(), members);
  const EngineBytes = intrinsic["Uint8Array"] as Uint8ArrayConstructor;
  // By the host's `set`: that of scripts is the interpreter's.
  const copyInto = Uint8Array.prototype.set;
  const uint8 = (bytes: Uint8Array): Uint8Array => {
    const array = new EngineBytes(bytes.length);
    copyInto.call(array, bytes);
    return array;
  };
  const EngineBuffer = intrinsic["ArrayBuffer"] as ArrayBufferConstructor;
  const buffer = (bytes: Uint8Array): ArrayBuffer => {
    const made = new EngineBuffer(bytes.length);
    new Uint8Array(made).set(bytes);
    return made;
  };
  const bufferOf = (latin1: string): ArrayBuffer => {
    const made = new EngineBuffer(latin1.length);
    if (latin1.length > FEW_BYTES) Buffer.from(made).write(latin1, "latin1");
    else {
      const bytes = new Uint8Array(made);
      for (let i = 0; i < latin1.length; i++) bytes[i] = latin1.charCodeAt(i);
    }
    return made;
  };
  const ownObject = (members: object): Record<string, unknown> =>
    Object.setPrototypeOf(members, objectPrototype) as Record<string, unknown>;

  const deleteMissing = (): void => {
    const keep = (target: object, names: Iterable<string>): void => {
      const known = new Set(names);
      for (const name of Object.getOwnPropertyNames(target)) {
        if (!known.has(name)) Reflect.deleteProperty(target, name);
      }
    };
    for (const [name, members] of Object.entries(STATICS)) {
      const target = global[name] as object;
      keep(target, [...(members as readonly string[]), "prototype", "length", "name"]);
    }
    for (const [name, members] of Object.entries(MEMBERS)) {
      keep((global[name] as { prototype: object }).prototype, members as readonly string[]);
    }
    const typedArray = Object.getPrototypeOf(global["Uint8Array"]) as { prototype: object };
    keep(typedArray.prototype, TYPED_ARRAY_MEMBERS);
    for (const name of TYPED_ARRAYS) {
      keep((global[name] as { prototype: object }).prototype, ["constructor"]);
    }
    for (const name of Object.getOwnPropertyNames(global)) {
      if (!GLOBALS.has(name)) Reflect.deleteProperty(global, name);
    }
  };

  const intrinsics: Intrinsics = {
    global,
    objectPrototype,
    native,
    define,
    error,
    fail,
    text,
    className,
    arrayOf,
    objectOf,
    uint8,
    object: () => objectOf({}),
    array: () => arrayOf([]),
    syntaxError: (message) => error("SyntaxError", message),
    ownObject,
    buffer,
    bufferOf,
    show: (value) => consoleText(value, intrinsics),
    hasOwnText: (value) =>
      (value as { toString?: unknown }).toString !== objectPrototype["toString"],
    pinName: pinNameOf,
    keysOf: Object.keys,
    noteKey: () => {},
    sourceOf: (fn) => Function.prototype.toString.call(fn),
    addFile: (name, place) => files.set(name, place),
    adopt: (thrown) => {
      if (!types.isNativeError(thrown) || thrown instanceof Error) return thrown;
      const made = thrown as { message: string; type?: unknown };
      const isConst = made.message === CONST_ASSIGNED;
      const message = translated(made.message);
      if (message === made.message) return thrown;
      made.message = message;
      if (isConst) Object.setPrototypeOf(made, errorPrototypes["TypeError"] as object);
      return thrown;
    },
    throwHere: (type, message, place) => {
      const made = error(type, message) as { stack: string };
      const [inner = { functionName: "" }, ...outer] = frames(made.stack, false);
      made.stack = stackText([{ ...inner, ...place }, ...outer]);
      // oxlint-disable-next-line typescript/only-throw-error
      throw made;
    },
    refuse: ({ file, line, column, construct, message }) => {
      const said = construct === "syntax error" ? message : `${construct}: ${message}`;
      return intrinsics.throwHere("SyntaxError", said, { file, line, column });
    },
    errorOf: (abort) => {
      if (abort.kind !== "stack") return null;
      const message = "Too much recursion - the stack is about to overflow";
      const made = error("Error", message) as { stack: string };
      made.stack = stackText(frames(abort.stack, true));
      return made;
    },
    describe: (thrown) => {
      const isObject = typeof thrown === "object" && thrown !== null;
      let shown: string;
      try {
        shown = text(thrown);
      } catch {
        // A toString of the script that throws itself.
        shown = "[object Object]";
      }
      return {
        text: shown,
        frames: isObject
          ? frames((thrown as { stack?: unknown }).stack, types.isNativeError(thrown))
          : [],
      };
    },
  };

  installErrors();
  deleteMissing();
  installMethods(intrinsics);
  const numberToText = (global["Number"] as { prototype: { toString(): string } }).prototype
    .toString;
  define(functionPrototype, {
    toString(this: unknown) {
      return functionText(this as object, intrinsics);
    },
  });
  return intrinsics;
}
