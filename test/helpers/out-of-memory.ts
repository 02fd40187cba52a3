// SPDX-License-Identifier: MIT
// An out-of-memory cannot be caught on the interpreter: it ends the callback that runs, at any call
// into the platform, and the program goes on with the next one. Here a thrown error takes its place.
import type { FakeBoard } from "./fake-board.ts";

class OutOfMemory extends Error {}

/** Calls into the platform, counted, one of which ends. */
export interface Abort {
  /** Calls until one ends; 0: none does. */
  countdown: number;
  calls: number;
  /** Runs what the interpreter would call: an abort ends that alone. */
  guarded(fn: () => void): void;
}

/** Lets calls of a board end. */
export function spoil(board: FakeBoard): Abort {
  // Nobody can catch it: until the interpreter has control again, every call ends.
  let isEnding = false;
  const abort: Abort = {
    countdown: 0,
    calls: 0,
    guarded: (fn) => {
      try {
        fn();
      } catch (error) {
        if (!(error instanceof OutOfMemory)) throw error;
        isEnding = false;
      }
    },
  };
  for (const name of [
    "print",
    "random",
    "collect",
    "sha256",
    "after",
    "nowMs",
    "wallMs",
    "arm",
    "connect",
  ] as const) {
    const real = board[name] as (...args: unknown[]) => unknown;
    Object.assign(board, {
      [name]: (...args: unknown[]) => {
        abort.calls++;
        if (--abort.countdown === 0) isEnding = true;
        if (isEnding) throw new OutOfMemory();
        return real(...args);
      },
    });
  }
  return abort;
}
