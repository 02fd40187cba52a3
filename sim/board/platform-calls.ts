// SPDX-License-Identifier: MIT
// Calls of a board's scripts into its platform: they are counted, and one of them can be made to run
// out of memory. What counts is a native function that belongs to the board (timers, print, E, all
// modules and their objects) or JSON; methods of strings, arrays and the like do not.
// Not for: what running out of memory does to a board (board.ts).
import type { Native, Realm } from "./realm.ts";

/** The calls of one board, over all its restarts. */
export interface PlatformCalls {
  /** Calls so far. */
  readonly count: number;
  /** Lets the n-th call from now fail; 1 is the next one. */
  failAt(n: number): void;
  /** Counts one. @throws what `fail` throws */
  called(): void;
}

/** Creates the counter of a board; `fail` throws. */
export function createPlatformCalls(fail: () => never): PlatformCalls {
  let count = 0;
  let failsAt = Infinity;
  return {
    get count() {
      return count;
    },
    failAt: (n) => {
      failsAt = count + n;
    },
    called: () => {
      if (++count < failsAt) return;
      failsAt = Infinity;
      fail();
    },
  };
}

/** A realm whose native functions count their calls from now on. */
export function withCounting(realm: Realm, called: () => void): Realm {
  const counted = (fn: Native): Native =>
    function (...args) {
      called();
      return fn.apply(this, args);
    };
  return {
    ...realm,
    define: (target, members) => {
      const entries = Object.entries(members);
      realm.define(target, Object.fromEntries(entries.map(([name, fn]) => [name, counted(fn)])));
    },
  };
}
