// SPDX-License-Identifier: MIT
// Calls of a board's scripts into its platform: they are counted, and one of them can be made to run
// out of memory. What counts is a native function that belongs to the board (timers, print, E, all
// modules and their objects) or JSON; methods of strings, arrays and the like do not.
// Not for: what running out of memory does to a board (board.ts).
import { passingAbort } from "./abort.ts";
import type { Native, Realm } from "./realm.ts";

/** The calls of one board, over all its restarts. */
export interface PlatformCalls {
  /** Calls so far. */
  readonly count: number;
  /** Lets the n-th call from now fail; 1 is the next one. */
  failAt(n: number): void;
  /** Lets every call fail for as long as this is true. */
  failWhile(isStarved: () => boolean): void;
  /** Counts one. @throws what `fail` throws; the abort that a script has caught and must not */
  called(): void;
}

/** Creates the counter of a board; `fail` throws. */
export function createPlatformCalls(fail: () => never): PlatformCalls {
  let count = 0;
  let failsAt = Infinity;
  let starving: (() => boolean) | null = null;
  /** The next call that must be looked at. */
  let looksAt = Infinity;
  const look = (): void => {
    if (starving && !starving()) starving = null;
    const mustFail = starving !== null || count >= failsAt;
    if (count >= failsAt) failsAt = Infinity;
    looksAt = starving ? 0 : failsAt;
    if (mustFail) fail();
  };
  return {
    get count() {
      return count;
    },
    failAt: (n) => {
      failsAt = count + n;
      looksAt = Math.min(looksAt, failsAt);
    },
    failWhile: (isStarved) => {
      starving = isStarved;
      looksAt = 0;
    },
    called: () => {
      const abort = passingAbort();
      if (abort) throw abort;
      if (++count >= looksAt) look();
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
