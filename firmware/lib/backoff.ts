// SPDX-License-Identifier: MIT
// Delay before the next attempt: full jitter, uniform in a window that starts at the configured
// spread and doubles after every fourth failure up to a cap. The window does not start near zero,
// because the usual cause is a broker that went away from a whole fleet at the same instant.

/** Cap of the window, ms. */
export const BACKOFF_MAX_MS = 300000;

/** Shortest delay, ms: a refusing peer on the same host must not be hammered. */
export const BACKOFF_MIN_MS = 100;

/** Failures until the window doubles. */
export const BACKOFF_STEP = 4;

/**
 * Draws a delay.
 * @param spreadMs first window, ms
 * @param failures attempts in a row that failed, from 0
 * @param random uniform number in [0, 1)
 * @returns delay in ms, between BACKOFF_MIN_MS and BACKOFF_MAX_MS
 */
export function backoffMs(spreadMs: number, failures: number, random: number): number {
  const doublings = Math.min(Math.floor(failures / BACKOFF_STEP), 16);
  const windowMs = Math.min(spreadMs * Math.pow(2, doublings), BACKOFF_MAX_MS);
  return Math.max(BACKOFF_MIN_MS, Math.floor(random * windowMs));
}
