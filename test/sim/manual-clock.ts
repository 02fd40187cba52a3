// SPDX-License-Identifier: MIT
// A clock that stands still until the test moves it. Timers fire in order of time, then of arming.
import type { ClockTimer, SimClock } from "../../sim/index.ts";

/** A clock that a test moves. */
export interface ManualClock extends SimClock {
  /** Fires what is due at this moment, and what that arms for the same moment. */
  settle(): void;
  /** Moves the clock without firing anything, as a blocked process does. */
  block(ms: number): void;
  /** Moves the clock, firing what becomes due on the way. */
  advance(ms: number): void;
  /** Number of armed timers. */
  armed(): number;
}

interface Entry {
  atMs: number;
  fn: () => void;
}

const START_MS = 1_800_000_000_000;
const MAX_STEPS = 100_000;

/** Creates a clock. */
export function createManualClock(): ManualClock {
  let nowMs = START_MS;
  let entries: Entry[] = [];
  let steps = 0;
  const next = (untilMs: number): Entry | undefined =>
    entries
      .filter((entry) => entry.atMs <= untilMs)
      .reduce<Entry | undefined>((a, b) => (a && a.atMs <= b.atMs ? a : b), undefined);
  const fireUntil = (untilMs: number): void => {
    for (let entry = next(untilMs); entry; entry = next(untilMs)) {
      if (++steps > MAX_STEPS) throw new Error("the manual clock does not come to rest");
      entries = entries.filter((other) => other !== entry);
      nowMs = Math.max(nowMs, entry.atMs);
      entry.fn();
    }
  };
  return {
    now: () => nowMs,
    setTimer: (fn, delayMs) => {
      const entry = { atMs: nowMs + Math.max(0, delayMs), fn };
      entries.push(entry);
      return entry;
    },
    clearTimer: (timer: ClockTimer) => {
      entries = entries.filter((entry) => entry !== timer);
    },
    settle: () => fireUntil(nowMs),
    block: (ms) => {
      nowMs += ms;
    },
    advance: (ms) => {
      const untilMs = nowMs + ms;
      fireUntil(untilMs);
      nowMs = untilMs;
    },
    armed: () => entries.length,
  };
}
