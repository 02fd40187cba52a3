// SPDX-License-Identifier: MIT
// on, emit and their kin, which every object of the interpreter has. Listeners are kept in the
// object itself under `#on<name>`, where scripts see them. `emit` only queues.
import { endAbort } from "./abort.ts";
import type { Loop } from "./loop.ts";
import type { Realm } from "./realm.ts";
import type { Intrinsics } from "./intrinsics.ts";

/** Sends events to listeners that scripts registered. */
export interface Events {
  /** Queues an event for an object's listeners of this name, as `emit` does. */
  emit(target: object, name: string, args: readonly unknown[]): void;
  /**
   * Calls them now.
   * @returns the last thing that one of them threw, null when none did, false without listeners
   */
  callNow(
    target: object,
    name: string,
    args: readonly unknown[],
  ): { thrown: unknown } | null | false;
  /** True when the object has a listener of this name. */
  has(target: object, name: string): boolean;
  /** Calls `fn` whenever a script has added a listener. */
  watch(fn: (target: object, name: string) => void): void;
  /** Makes the listeners behind the running one not be called. */
  stopPropagation(): void;
  /** Registers a listener, as `on` and `prependListener` do. */
  add(target: object, name: unknown, listener: unknown, place: "first" | "last"): void;
}

const PREFIX = "#on";

// Most events have a few names; to join the key anew each time is what costs most in them.
const listenerKeys = new Map<string, string>();
const MAX_KEYS = 256;

function keyOf(name: string): string {
  let key = listenerKeys.get(name);
  if (key === undefined) {
    key = PREFIX + name;
    if (listenerKeys.size < MAX_KEYS) listenerKeys.set(name, key);
  }
  return key;
}

function listenersOf(target: object, name: string): unknown {
  const key = keyOf(name);
  return Object.hasOwn(target, key) ? (target as Record<string, unknown>)[key] : undefined;
}

/** Number of listeners that an object has, of all events. */
export function listenerCount(target: object): number {
  let count = 0;
  for (const [key, list] of Object.entries(target) as [string, unknown][]) {
    if (key.startsWith(PREFIX)) count += Array.isArray(list) ? list.length : 1;
  }
  return count;
}

/**
 * Creates the events of one board.
 *
 * @param isQueued false for a board whose `emit` calls the listeners at once
 */
export function createEvents(
  realm: Realm,
  loop: Loop,
  runText: (code: string) => unknown,
  isQueued: boolean,
): Events {
  let isStopped = false;
  let isHandling = false;
  const watchers: ((target: object, name: string) => void)[] = [];

  const callOne = (
    target: object,
    listener: unknown,
    args: readonly unknown[],
  ): { thrown: unknown } | null => {
    let last: { thrown: unknown } | null = null;
    try {
      if (typeof listener === "function") listener.apply(target, args);
      else if (typeof listener === "string") runText(listener);
    } catch (thrown) {
      last = { thrown };
    }
    const abort = endAbort();
    return abort ? { thrown: abort } : last;
  };
  const callAll = (
    target: object,
    listeners: unknown,
    args: readonly unknown[],
  ): { thrown: unknown } | null => {
    let last: { thrown: unknown } | null = null;
    isStopped = false;
    isHandling = true;
    if (!Array.isArray(listeners)) last = callOne(target, listeners, args);
    // Removing works on this very array, so a listener removed meanwhile is not called.
    for (let i = 0; Array.isArray(listeners) && i < listeners.length; i++) {
      last = callOne(target, listeners[i], args) ?? last;
      if (isStopped) break;
    }
    isHandling = false;
    return last;
  };
  const emit = (target: object, name: string, args: readonly unknown[]): void => {
    const listeners = listenersOf(target, name);
    if (listeners === undefined) return;
    const deliver = (): void => {
      const last = callAll(target, listeners, args);
      if (last) loop.raise(last.thrown);
    };
    if (isQueued) loop.enqueue(deliver);
    else deliver();
  };

  const add: Events["add"] = (target, name, listener, place) => {
    if (typeof listener !== "function" && typeof listener !== "string") {
      realm.fail("TypeError", "Second argument must be a function or a String");
    }
    const event = realm.text(name);
    const key = PREFIX + event;
    const old = listenersOf(target, event);
    const list = old === undefined ? [] : Array.isArray(old) ? (old as unknown[]) : [old];
    // A new array: an event that is already queued keeps the listeners it had.
    const next = place === "first" ? [listener, ...list] : [...list, listener];
    (target as Record<string, unknown>)[key] = realm.arrayOf(next);
    for (const fn of watchers) fn(target, event);
  };
  return {
    emit,
    callNow: (target, name, args) => {
      const listeners = listenersOf(target, name);
      const hasSome = Array.isArray(listeners) ? listeners.length > 0 : listeners !== undefined;
      return hasSome && callAll(target, listeners, args);
    },
    has: (target, name) => listenersOf(target, name) !== undefined,
    watch: (fn) => {
      watchers.push(fn);
    },
    stopPropagation: () => {
      if (!isHandling) {
        realm.fail("Error", "E.stopEventPropagation() called when not handling events");
      }
      isStopped = true;
    },
    add,
  };
}

/**
 * Installs the methods in a realm.
 *
 * @param events those of the board that runs
 */
export function installEventMethods(realm: Intrinsics, events: () => Events): void {
  realm.define(realm.objectPrototype, {
    on(this: object, name: unknown, listener: unknown) {
      events().add(this, name, listener, "last");
    },
    addListener(this: object, name: unknown, listener: unknown) {
      events().add(this, name, listener, "last");
    },
    prependListener(this: object, name: unknown, listener: unknown) {
      events().add(this, name, listener, "first");
    },
    emit(this: object, name: unknown, ...args: unknown[]) {
      if (typeof name === "string") events().emit(this, name, args);
      else realm.fail("TypeError", "First argument must be String");
    },
    removeListener(this: object, name: unknown, listener: unknown) {
      const key = PREFIX + realm.text(name);
      const list = listenersOf(this, realm.text(name));
      if (Array.isArray(list)) {
        const at = Array.prototype.indexOf.call(list, listener);
        if (at >= 0) Array.prototype.splice.call(list, at, 1);
      } else if (list === listener) {
        delete (this as Record<string, unknown>)[key];
      }
    },
    removeAllListeners(this: object, name?: unknown) {
      const keys =
        name === undefined
          ? Object.keys(this).filter((key) => key.startsWith(PREFIX))
          : [PREFIX + realm.text(name)];
      for (const key of keys) delete (this as Record<string, unknown>)[key];
    },
  });
}
