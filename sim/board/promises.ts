// SPDX-License-Identifier: MIT
// Promise as the interpreter has it: reactions run from the idle loop's queue, between events and
// after timers, never as microtasks; only then, catch, resolve, reject and all exist.
import { remainsOf } from "./abort.ts";
import type { Loop } from "./loop.ts";
import type { Intrinsics } from "./intrinsics.ts";

interface Reaction {
  onFulfilled: unknown;
  onRejected: unknown;
  next: object;
}
interface State {
  status: "pending" | "fulfilled" | "rejected";
  value: unknown;
  reactions: Reaction[];
  /** Reactions have been queued: a later one queues itself. */
  isDelivered: boolean;
  isHandled: boolean;
}
type AnyFunction = (...args: unknown[]) => unknown;

const isFunction = (value: unknown): value is AnyFunction => typeof value === "function";

/**
 * Installs Promise in a realm.
 *
 * @param loop that of the board that runs
 */
export function installPromise(realm: Intrinsics, loop: Pick<Loop, "enqueue" | "raise">): void {
  const states = new WeakMap<object, State>();
  const prototype = realm.object();

  const create = (): object => {
    const promise = Object.create(prototype) as object;
    states.set(promise, {
      status: "pending",
      value: undefined,
      reactions: [],
      isDelivered: false,
      isHandled: false,
    });
    return promise;
  };
  const stateOf = (promise: object): State => states.get(promise) as State;

  /** Queues the reactions to a settled promise. */
  const deliver = (state: State): void => {
    state.isDelivered = true;
    if (state.status === "rejected" && !state.isHandled) {
      const text = realm.describe(state.value).text;
      loop.raise(realm.error("Error", `Unhandled promise rejection: ${text}`));
    }
    for (const reaction of state.reactions) loop.enqueue(() => react(state, reaction));
    state.reactions = [];
  };
  // What a script settles is delivered in a turn of the queue of its own; what the end of a
  // reaction settles is delivered at once. So a first `then` runs behind an event that was emitted
  // after it, and each further one a single turn later.
  let isReacting = false;
  const settle = (promise: object, status: "fulfilled" | "rejected", value: unknown): void => {
    const state = stateOf(promise);
    if (state.status !== "pending") return;
    state.status = status;
    state.value = value;
    if (isReacting) deliver(state);
    else loop.enqueue(() => deliver(state));
  };
  const reject = (promise: object, reason: unknown): void => settle(promise, "rejected", reason);
  const finish = (
    how: (promise: object, value: unknown) => void,
    next: object,
    value: unknown,
  ): void => {
    isReacting = true;
    how(next, value);
    isReacting = false;
  };
  function react(state: State, { onFulfilled, onRejected, next }: Reaction): void {
    const handler = state.status === "fulfilled" ? onFulfilled : onRejected;
    if (!isFunction(handler)) {
      return finish(state.status === "fulfilled" ? resolve : reject, next, state.value);
    }
    let result: unknown;
    try {
      result = handler(state.value);
    } catch (error) {
      // Out of memory leaves nothing: the promise is fulfilled.
      const left = remainsOf(error, realm);
      if (left) return finish(reject, next, realm.adopt(left.thrown));
    }
    finish(resolve, next, result);
  }
  /** The pair of functions that an executor or a thenable gets: the first call decides. */
  const pair = (promise: object): { resolve: AnyFunction; reject: AnyFunction } => {
    let isDecided = false;
    const once =
      (fn: (promise: object, value: unknown) => void) =>
      (value?: unknown): void => {
        if (isDecided) return;
        isDecided = true;
        fn(promise, value);
      };
    return { resolve: realm.native(once(resolve)), reject: realm.native(once(reject)) };
  };
  function resolve(promise: object, value: unknown): void {
    if ((typeof value === "object" && value !== null) || typeof value === "function") {
      const functions = pair(promise);
      try {
        const { then } = value as { then?: unknown };
        if (isFunction(then)) {
          then.call(value, functions.resolve, functions.reject);
          return;
        }
      } catch (error) {
        const left = remainsOf(error, realm);
        if (left) settle(promise, "rejected", left.thrown);
        return;
      }
    }
    settle(promise, "fulfilled", value);
  }
  const then = (promise: object, onFulfilled: unknown, onRejected: unknown): object => {
    const state = states.get(promise);
    if (!state) return realm.fail("Error", "Not a promise");
    const next = create();
    const reaction = { onFulfilled, onRejected, next };
    state.isHandled = true;
    if (state.isDelivered) loop.enqueue(() => react(state, reaction));
    else state.reactions.push(reaction);
    return next;
  };

  const make = realm.native(function (executor?: unknown) {
    if (executor === undefined) {
      realm.fail("Error", "Function required in promise constructor");
    }
    const promise = create();
    const functions = pair(promise);
    try {
      if (!isFunction(executor)) {
        realm.fail("Error", `Expecting function, got ${typeName(executor)}`);
      } else {
        executor(functions.resolve, functions.reject);
      }
    } catch (error) {
      const left = remainsOf(error, realm);
      if (left) functions.reject(realm.adopt(left.thrown));
    }
    return promise;
  });
  Object.defineProperty(make, "name", { value: "Promise", configurable: true });
  Object.defineProperty(make, "prototype", { value: prototype });
  Object.defineProperty(prototype, "constructor", { value: make, configurable: true });
  realm.define(prototype, {
    // oxlint-disable-next-line unicorn/no-thenable -- this is what makes a promise one
    then(this: object, onFulfilled?: unknown, onRejected?: unknown) {
      return then(this, onFulfilled, onRejected);
    },
    catch(this: object, onRejected?: unknown) {
      return then(this, undefined, onRejected);
    },
  });
  realm.define(make, {
    resolve(value?: unknown) {
      if (typeof value === "object" && value !== null && states.has(value)) return value;
      const promise = create();
      resolve(promise, value);
      return promise;
    },
    reject(reason?: unknown) {
      const promise = create();
      reject(promise, reason);
      return promise;
    },
    all(items?: unknown) {
      const list = Array.isArray(items) ? (items as unknown[]) : [];
      const promise = create();
      const values = realm.arrayOf(list);
      let waiting = list.length;
      list.forEach((item, i) => {
        const isPromise = typeof item === "object" && item !== null && states.has(item);
        if (!isPromise) {
          waiting--;
          return;
        }
        const collect = (value: unknown): void => {
          values[i] = value;
          if (--waiting === 0) resolve(promise, values);
        };
        then(item, collect, (reason: unknown) => reject(promise, reason));
      });
      if (waiting === 0) resolve(promise, values);
      return promise;
    },
  });
  realm.global["Promise"] = make;
}

/** The interpreter's name for the type of a value. */
export function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "Array";
  const type = typeof value;
  return type === "undefined" ? type : type.charAt(0).toUpperCase() + type.slice(1);
}
