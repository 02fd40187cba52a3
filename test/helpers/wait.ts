// SPDX-License-Identifier: MIT
// Bounded waits for tests that run in real time.

const POLL_MS = 10;

/** Waits `ms`. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Waits until `look` gives something that is not undefined or false.
 * @param boundMs after this the wait fails
 * @param what what is waited for, for the message; a function is asked when it fails
 */
export async function waitFor<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  boundMs: number,
  what: string | (() => string),
): Promise<T> {
  const endMs = performance.now() + boundMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > endMs) {
      const text = typeof what === "string" ? what : what();
      throw new Error(`after ${boundMs} ms still waiting for ${text}`);
    }
    await delay(POLL_MS);
  }
}
