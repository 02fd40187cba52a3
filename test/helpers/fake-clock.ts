// SPDX-License-Identifier: MIT
// A clock for firmware tests: nothing moves unless the test says so. Timers run in the order in
// which they are due. Handles are given out as the interpreter does it, lowest free number after the
// last live one, so cancelling a handle of a timer that has fired hits a stranger here too.
import type { Timer } from "../../firmware/platform/board.ts";

/** Wall clock at the start of each test, epoch ms. */
export const START_WALL_MS = Date.UTC(2026, 6, 1, 12, 0, 0, 0);

/** Most callbacks in one `advance`: more is a loop that never ends. */
const CALLS_MAX = 100_000;

/** A clock that is moved by hand. */
export interface FakeClock {
  /** Monotonic milliseconds since the start. */
  nowMs(): number;
  /** Epoch milliseconds. */
  wallMs(): number;
  after(delayMs: number, fn: () => void): Timer;
  cancel(timer: Timer): void;
  /** Lets time pass and runs what falls due. */
  advance(ms: number): void;
  /** Lets time pass with nothing running, as a blocking call does. */
  block(ms: number): void;
  /** Lets `nowMs` fall behind the timers, as after a step back that nobody has seen. */
  stepBack(ms: number): void;
  /** Steps the wall clock only. */
  setWall(wallMs: number): void;
  /** Milliseconds until each live timer is due, soonest first. */
  pendingMs(): number[];
}

interface LiveTimer {
  id: Timer;
  dueMs: number;
  fn: () => void;
}

/** Creates a clock at 0 ms whose wall clock is believed. */
export function createFakeClock(): FakeClock {
  let timers: LiveTimer[] = [];
  let nowMs = 0;
  let backMs = 0;
  let wallOffsetMs = START_WALL_MS;

  function nextDue(untilMs: number): LiveTimer | undefined {
    let next: LiveTimer | undefined;
    for (const timer of timers)
      if (timer.dueMs <= untilMs && (!next || timer.dueMs < next.dueMs)) next = timer;
    return next;
  }

  return {
    nowMs: () => nowMs - backMs,
    wallMs: () => nowMs + wallOffsetMs,
    after: (delayMs, fn) => {
      if (Number.isNaN(delayMs)) throw new Error("a timer without a delay");
      const id = (timers.at(-1)?.id ?? 0) + 1;
      timers.push({ id, dueMs: nowMs + Math.max(0, delayMs), fn });
      return id;
    },
    cancel: (id) => {
      // The interpreter throws for undefined, too.
      if (typeof id !== "number") throw new Error("cancel of no timer");
      timers = timers.filter((timer) => timer.id !== id);
    },
    advance: (ms) => {
      const untilMs = nowMs + ms;
      let calls = 0;
      for (let timer = nextDue(untilMs); timer; timer = nextDue(untilMs)) {
        if (++calls > CALLS_MAX) throw new Error(`more than ${CALLS_MAX} timers in one advance`);
        // The interpreter's times are whole here, a delay need not be.
        nowMs = Math.max(nowMs, Math.ceil(timer.dueMs));
        // A timer is removed when its callback has ended, so its number is not free before.
        const fired = timer;
        fired.dueMs = Infinity;
        try {
          fired.fn();
        } finally {
          timers = timers.filter((other) => other !== fired);
        }
      }
      nowMs = Math.max(nowMs, untilMs);
    },
    stepBack: (ms) => {
      backMs += ms;
    },
    block: (ms) => {
      nowMs += ms;
    },
    setWall: (wallMs) => {
      wallOffsetMs = wallMs - nowMs;
    },
    pendingMs: () => timers.map((timer) => timer.dueMs - nowMs).sort((a, b) => a - b),
  };
}
