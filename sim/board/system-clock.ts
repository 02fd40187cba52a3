// SPDX-License-Identifier: MIT
// The system clock of a board: what getTime shows and, on the real interpreter, what timers follow.
// It runs with the world's time until somebody sets it, steps it or makes it drift.
// Not for: which of them timers really follow (bugs.ts), the world's time (clock/).

/** A settable clock with a rate of its own. */
export interface SystemClock {
  /** What it shows at a moment of the world, ms since 1970. */
  at(worldMs: number): number;
  /** How long the world takes while it advances by so much, ms. */
  worldMsFor(ms: number): number;
  /** Makes it show `ms` at this moment of the world. */
  set(ms: number, worldMs: number): void;
  /** Lets it run fast (positive) or slow from this moment on; 0 ends that without a step back. */
  setDrift(ppm: number, worldMs: number): void;
}

/** Creates a clock that shows the world's time. */
export function createSystemClock(): SystemClock {
  // Both 0 until it is touched, so that the sum is the world's time to the last bit.
  let baseMs = 0;
  let baseWorldMs = 0;
  let rate = 1;
  const at = (worldMs: number): number => baseMs + (worldMs - baseWorldMs) * rate;
  const set = (ms: number, worldMs: number): void => {
    baseMs = ms;
    baseWorldMs = worldMs;
  };
  return {
    at,
    worldMsFor: (ms) => ms / rate,
    set,
    setDrift: (ppm, worldMs) => {
      set(at(worldMs), worldMs);
      rate = 1 + ppm / 1e6;
    },
  };
}
