// SPDX-License-Identifier: MIT
// A state cell: the one place where a state machine's state is assigned. States are integer
// constants; the table says which may follow which, and a step that is not in it is logged as a
// fault of ours instead of passing silently.
import type { Logger } from "./logger.ts";

/** State of one machine. */
export interface State {
  /** Current state. */
  now: number;
  /** Moves on, logs it once; setting the current state again is nothing. */
  set(next: number, reason: string): void;
  /** Name of the current state. */
  text(): string;
}

/**
 * Creates a cell in state 0.
 * @param names name of each state
 * @param table for each state the digits of those that may follow, e.g. `"12"`
 */
export function createState(log: Logger, scope: string, names: string[], table: string[]): State {
  const state: State = {
    now: 0,
    set: (next, reason) => {
      const from = state.now;
      if (next === from) return;
      if ((table[from] as string).indexOf("" + next) < 0)
        log.error(scope, "illegal-step", "from=" + names[from] + " to=" + names[next]);
      state.now = next;
      log.info(scope, names[next] as string, reason);
    },
    text: () => names[state.now] as string,
  };
  return state;
}
