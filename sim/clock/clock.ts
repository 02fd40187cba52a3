// SPDX-License-Identifier: MIT
// Time as the simulator sees it. Everything that waits takes a clock, so that the same board can
// run on the host's time or on time that a test advances.
// Not for: a board's own timers (board/loop.ts), which it keeps on top of one clock timer.

/** Handle of an armed clock timer; each clock knows its own. */
export type ClockTimer = object;

/** A timer that is armed again and again with the same function. */
export interface Alarm {
  /** Arms it, or arms it anew: it fires once, never before `delayMs` has passed. */
  set(delayMs: number): void;
  /** Disarms it. */
  clear(): void;
}

/** A clock with one-shot timers. */
export interface SimClock {
  /** Milliseconds since 1970-01-01 UTC, fractional; never goes backwards. */
  now(): number;
  /** Calls `fn` once, never before `delayMs` has passed and never from within this call. */
  setTimer(fn: () => void, delayMs: number): ClockTimer;
  /** Disarms a timer; one that has fired is no error. */
  clearTimer(timer: ClockTimer): void;
  /** Makes an alarm, where arming one often costs less than as many timers. */
  createAlarm?(fn: () => void): Alarm;
}

/** Makes an alarm of any clock. */
export function alarmOf(clock: SimClock, fn: () => void): Alarm {
  if (clock.createAlarm) return clock.createAlarm(fn);
  let timer: ClockTimer | null = null;
  const clear = (): void => {
    if (timer) clock.clearTimer(timer);
    timer = null;
  };
  return {
    set: (delayMs) => {
      clear();
      timer = clock.setTimer(() => {
        timer = null;
        fn();
      }, delayMs);
    },
    clear,
  };
}
