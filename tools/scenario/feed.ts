// SPDX-License-Identifier: MIT
// An ordered record of what happened, and waiters on it. Every wait has a bound and says what it
// was waiting for when the bound is reached.
import { AppError } from "../lib/errors.ts";

/** A record of things that happened. */
export interface Feed<Item> {
  readonly items: readonly Item[];
  push(item: Item): void;
  /** Everybody who waits, and who will, fails with this error. */
  fail(error: Error): void;
  /**
   * Resolves with the first item from index `from` (default: from now on) that matches.
   * Rejects with `E_SCENARIO_TIMEOUT` after `timeoutMs`, or with the error of `fail`.
   */
  next<Match extends Item>(
    isMatch: (item: Item) => item is Match,
    what: string,
    timeoutMs: number,
    from?: number,
  ): Promise<Match>;
}

/** Creates an empty feed. */
export function createFeed<Item>(): Feed<Item> {
  const items: Item[] = [];
  const waiters = new Set<{ see(item: Item): void; fail(error: Error): void }>();
  let failure: Error | undefined;

  return {
    items,
    push: (item) => {
      items.push(item);
      for (const waiter of waiters) waiter.see(item);
    },
    fail: (error) => {
      failure ??= error;
      for (const waiter of waiters) waiter.fail(failure);
    },
    next: <Match extends Item>(
      isMatch: (item: Item) => item is Match,
      what: string,
      timeoutMs: number,
      from = items.length,
    ) => {
      const found = items.slice(from).find(isMatch);
      if (found !== undefined) return Promise.resolve(found);
      if (failure) return Promise.reject(failure);
      return new Promise<Match>((resolve, reject) => {
        const waiter = {
          see: (item: Item): void => {
            if (isMatch(item)) end(() => resolve(item));
          },
          fail: (error: Error): void => end(() => reject(error)),
        };
        const timer = setTimeout(() => {
          const sec = Math.round(timeoutMs / 100) / 10;
          waiter.fail(new AppError("E_SCENARIO_TIMEOUT", `no ${what} within ${sec} s`));
        }, timeoutMs);
        function end(settle: () => void): void {
          clearTimeout(timer);
          waiters.delete(waiter);
          settle();
        }
        waiters.add(waiter);
      });
    },
  };
}
