// SPDX-License-Identifier: MIT
// An ordered record of what happened, and waiters on it. Every wait has a bound and says what it
// was waiting for when the bound is reached.
import { AppError } from "../lib/errors.ts";

/**
 * A wait is counted in pieces of this length, ms. One that ends more than another such piece late is
 * not counted: this machine stood still then, and what the board said meanwhile is not read yet.
 */
const PIECE_MS = 250;

/** A record of things that happened. */
export interface Feed<Item> {
  readonly items: readonly Item[];
  push(item: Item): void;
  /** Everybody who waits, and who will, fails with this error. */
  fail(error: Error): void;
  /**
   * Resolves with the first item from index `from` (default: from now on) that matches.
   * Rejects with `E_SCENARIO_TIMEOUT` after `timeoutMs` in which this process ran, or with the
   * error of `fail`.
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
        let leftMs = timeoutMs;
        let timer: NodeJS.Timeout;
        function wait(): void {
          const pieceMs = Math.min(leftMs, PIECE_MS);
          const dueMs = performance.now() + pieceMs;
          timer = setTimeout(() => {
            if (performance.now() - dueMs < PIECE_MS) leftMs -= pieceMs;
            if (leftMs > 0) return wait();
            const sec = Math.round(timeoutMs / 100) / 10;
            waiter.fail(new AppError("E_SCENARIO_TIMEOUT", `no ${what} within ${sec} s`));
          }, pieceMs);
        }
        function end(settle: () => void): void {
          clearTimeout(timer);
          waiters.delete(waiter);
          settle();
        }
        wait();
        waiters.add(waiter);
      });
    },
  };
}
