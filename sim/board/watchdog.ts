// SPDX-License-Identifier: MIT
// The watchdog of the board's processor: it resets the chip when it was not kicked in time. In
// automatic mode the idle loop kicks it once a pass, so only a call that blocks for longer, or a
// loop that never ends, brings it up; otherwise the script has to kick.
//
//   kick        kick             (nothing)   reset
//    |-- t < limit --|---------- limit --------|
//
// It is part of the chip: a restart of the interpreter leaves it on, a reset of the chip ends it.
import type { ClockTimer, SimClock } from "../clock/clock.ts";

/** The watchdog of one board. */
export interface Watchdog {
  /** Starts it, or gives it another limit; seconds are rounded to whole ones. */
  enable(limitSec: number, isAuto: boolean): void;
  kick(): void;
  /**
   * Tells that the board stands still from now until then.
   * @returns when the chip is reset before, world time in ms; null when it is not
   */
  resetWithin(untilMs: number): number | null;
  /** When the chip is reset unless something kicks, world time in ms; null while it is off. */
  readonly resetAtMs: number | null;
  disable(): void;
}

/**
 * Creates a watchdog; it is off.
 *
 * @param nowMs the board's own time
 * @param reset called when nothing has kicked in time
 */
export function createWatchdog(clock: SimClock, nowMs: () => number, reset: () => void): Watchdog {
  let limitMs: number | null = null;
  let isAuto = true;
  let kickedAtMs = 0;
  let timer: ClockTimer | null = null;

  const resetAt = (): number | null => {
    if (limitMs === null) return null;
    // The loop has kicked when it began the pass that runs now.
    return (isAuto ? clock.now() : kickedAtMs) + limitMs;
  };
  const disarm = (): void => {
    if (timer) clock.clearTimer(timer);
    timer = null;
  };
  // Kicks leave the timer armed: it looks when it fires, and is armed anew for what is left.
  const arm = (): void => {
    const atMs = resetAt();
    if (timer || isAuto || atMs === null) return;
    timer = clock.setTimer(() => {
      timer = null;
      const dueMs = resetAt();
      if (dueMs !== null && !isAuto && clock.now() >= dueMs) reset();
      else arm();
    }, atMs - clock.now());
  };
  return {
    enable: (seconds, automatic) => {
      limitMs = Math.floor((seconds >= 0 ? seconds : 1) + 0.5) * 1000;
      isAuto = automatic;
      kickedAtMs = nowMs();
      disarm();
      arm();
    },
    kick: () => {
      kickedAtMs = nowMs();
    },
    resetWithin: (untilMs) => {
      const atMs = resetAt();
      return atMs !== null && atMs < untilMs ? atMs : null;
    },
    get resetAtMs() {
      return resetAt();
    },
    disable: () => {
      limitMs = null;
      disarm();
    },
  };
}
