// SPDX-License-Identifier: MIT
// setWatch and clearWatch: callbacks for edges of pins. An edge is an event with its time; events
// wait in a bounded queue and are handled in front of the timers of a pass. With debounce, the
// callback comes when the level has stood for that long, and its time is that of the last edge.
//
//   wire  __|‾|_|‾‾‾‾‾‾‾‾   debounce 25 ms: one callback, 25 ms after the last edge
//
// Not for: levels (wires.ts); functions compiled for interrupts (`irq`), which boards refuse here.
import type { ErrorFlags } from "./error-flags.ts";
import type { Loop, LoopModule } from "./loop.ts";
import type { PinObjects } from "./pin-objects.ts";
import type { Realm } from "./realm.ts";
import type { Level } from "./wires.ts";

/** Edges that may wait: the board's event buffer of 4,096 bytes, six a piece. */
const MAX_EVENTS = 682;
/** What a button gets unless the script says otherwise. */
const BUTTON_DEBOUNCE_MS = 25;

/** The watches of one board. */
export interface Watches {
  set(callback: unknown, pin: unknown, options?: unknown): number | undefined;
  /** Ends one, or all of them without an argument. */
  clear(args: readonly unknown[]): void;
  /** Takes an edge. */
  edge(pin: number, state: Level): void;
  count(): number;
}

/** What the watches need. */
export interface WatchHost {
  realm: Realm;
  loop: Loop;
  pins: PinObjects;
  errorFlags: ErrorFlags;
  /** Prepares a pin for being watched; false when it cannot be. */
  prepare(pin: number): boolean;
  isButton(pin: number): boolean;
  /** Level as the script sees it. */
  read(pin: number): Level;
  /** Seconds since 1970, without taking time. */
  wallSec(): number;
  run(callback: unknown, event: object): void;
  write(text: string): void;
}

interface Watch {
  id: number;
  pin: number;
  callback: unknown;
  isRecurring: boolean;
  debounceMs: number;
  /** 1 rising, -1 falling, 0 both. */
  edge: number;
  state: Level;
  lastSec: number | undefined;
  pending: { timer: number; state: Level; atSec: number } | null;
}

/** Creates the watches of one board. */
export function createWatches(host: WatchHost): Watches {
  const { realm, loop, pins, errorFlags, write } = host;
  let watches: Watch[] = [];
  let waiting: { pin: number; state: Level; atSec: number }[] = [];

  const optionsOf = (pin: number, given: unknown) => {
    const isButton = host.isButton(pin);
    const options = {
      isRecurring: Boolean(given),
      irq: false,
      debounceMs: isButton ? BUTTON_DEBOUNCE_MS : 0,
      edge: isButton ? 1 : 0,
    };
    if (typeof given !== "object" || given === null) return options;
    const { repeat, debounce, edge, irq } = given as Record<string, unknown>;
    options.isRecurring = Boolean(repeat);
    if (debounce !== undefined) options.debounceMs = Math.max(0, Number(debounce) || 0);
    const named = { rising: 1, falling: -1, both: 0 }[String(edge)];
    if (typeof edge === "number") options.edge = Math.sign(edge) || 0;
    else if (named !== undefined) options.edge = named;
    else if (edge !== undefined) {
      const expected = "1, -1, 0, 'rising', 'falling' or 'both'";
      realm.fail("TypeError", `'edge' in setWatch should be ${expected}`);
    }
    return { ...options, irq: Boolean(irq) };
  };
  const remove = (watch: Watch): void => {
    watches = watches.filter((other) => other !== watch);
    if (watch.pending) loop.clearTimer(watch.pending.timer);
    watch.pending = null;
  };
  /** Calls back for an edge that counts. */
  const fire = (watch: Watch, state: Level, atSec: number): void => {
    const { lastSec, edge } = watch;
    watch.lastSec = atSec;
    if (edge !== 0 && edge !== (state === 1 ? 1 : -1)) return;
    const event = realm.objectOf({
      state: state === 1,
      lastTime: lastSec,
      time: atSec,
      pin: pins.get(watch.pin),
    });
    if (!watch.isRecurring) remove(watch);
    host.run(watch.callback, event);
  };
  const debounced = (watch: Watch): void => {
    const { pending } = watch;
    watch.pending = null;
    if (!pending || pending.state === watch.state) return;
    watch.state = pending.state;
    fire(watch, pending.state, pending.atSec);
  };
  const handle = (watch: Watch, state: Level, atSec: number): void => {
    if (watch.debounceMs <= 0) {
      watch.state = state;
      return fire(watch, state, atSec);
    }
    if (watch.pending) loop.clearTimer(watch.pending.timer);
    else if (state === watch.state) return;
    const lateMs = (host.wallSec() - atSec) * 1000;
    const timer = loop.setTimer(() => debounced(watch), watch.debounceMs - lateMs, {
      repeats: false,
    });
    watch.pending = { timer, state, atSec };
  };

  const module: LoopModule = {
    input: () => {
      const edges = waiting;
      waiting = [];
      for (const { pin, state, atSec } of edges) {
        for (const watch of watches.filter((w) => w.pin === pin)) {
          try {
            handle(watch, state, atSec);
          } catch (error) {
            loop.raise(error);
          }
        }
      }
    },
    // A button may be pressed at any time.
    isOpen: () => watches.length > 0,
  };
  let isListening = false;
  return {
    set: (callback, given, repeat) => {
      const pin = pins.numberOf(given);
      if (pin === null) {
        write("ERROR: Invalid pin\n");
        return undefined;
      }
      if (!watches.some((watch) => watch.pin === pin) && !host.prepare(pin)) {
        const why = "You may already have a watch on a pin with the same number (eg. A0 and B0)";
        write(`WARNING: Unable to set watch. ${why},\nor this pin cannot be used with watch\n`);
        return undefined;
      }
      const { irq, ...options } = optionsOf(pin, repeat);
      if (typeof callback !== "function" && typeof callback !== "string") {
        realm.fail("Error", "Function or String not supplied!");
      }
      if (!isListening) loop.addModule(module);
      isListening = true;
      const id = (watches.at(-1)?.id ?? 0) + 1;
      const state = host.read(pin);
      watches.push({ ...options, id, pin, callback, state, lastSec: undefined, pending: null });
      // The watch is there all the same.
      if (irq) realm.fail("Error", "irq=true set, but function is not a native function");
      return id;
    },
    clear: (args) => {
      if (args.length === 0) return [...watches].forEach(remove);
      if (args[0] === undefined) {
        realm.fail("Error", "clearWatch(undefined) not allowed. Use clearWatch() instead");
      }
      const watch = watches.find(({ id }) => id === Number(args[0]));
      if (watch) remove(watch);
      else realm.fail("Error", `Unknown Watch ${realm.text(args[0])}`);
    },
    edge: (pin, state) => {
      if (!watches.some((watch) => watch.pin === pin)) return;
      if (waiting.length < MAX_EVENTS) waiting.push({ pin, state, atSec: host.wallSec() });
      else errorFlags.raise("FIFO_FULL");
      loop.wake();
    },
    count: () => watches.length,
  };
}
