// SPDX-License-Identifier: MIT
// Time as the simulator sees it. Everything that waits takes a clock, so that the same board can
// run on the host's time or on time that a test advances.
// Not for: a board's own timers (board/loop.ts), which it keeps on top of one clock timer.

/** Handle of an armed clock timer; each clock knows its own. */
export type ClockTimer = object;

/** A clock with one-shot timers. */
export interface SimClock {
  /** Milliseconds since 1970-01-01 UTC, fractional; never goes backwards. */
  now(): number;
  /** Calls `fn` once, never before `delayMs` has passed and never from within this call. */
  setTimer(fn: () => void, delayMs: number): ClockTimer;
  /** Disarms a timer; one that has fired is no error. */
  clearTimer(timer: ClockTimer): void;
}
