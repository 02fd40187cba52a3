// SPDX-License-Identifier: MIT
// The host's time. Monotonic: a step of the host's wall clock while the process runs is not seen.
import type { ClockTimer, SimClock } from "./clock.ts";

interface RealTimer {
  immediate?: NodeJS.Immediate;
  timeout?: NodeJS.Timeout;
}

// setTimeout takes at most 2^31-1 ms; a longer wait is made of several.
const LONGEST_MS = 0x7fffffff;

/** Creates a clock on the host's time. Armed timers keep the process alive. */
export function createRealClock(): SimClock {
  const now = (): number => performance.timeOrigin + performance.now();
  const arm = (timer: RealTimer, fn: () => void, dueMs: number): void => {
    const waitMs = dueMs - now();
    if (waitMs <= 0) {
      // An immediate lets sockets and other boards have their turn, and costs no millisecond.
      timer.immediate = setImmediate(fn);
    } else {
      const again = (): void => (now() < dueMs ? arm(timer, fn, dueMs) : fn());
      timer.timeout = setTimeout(again, Math.min(waitMs, LONGEST_MS));
    }
  };
  return {
    now,
    setTimer: (fn, delayMs) => {
      const timer: RealTimer = {};
      arm(timer, fn, now() + Math.max(0, delayMs));
      return timer;
    },
    clearTimer: (timer: ClockTimer) => {
      const { immediate, timeout } = timer as RealTimer;
      if (immediate) clearImmediate(immediate);
      if (timeout) clearTimeout(timeout);
    },
  };
}
