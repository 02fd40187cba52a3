// SPDX-License-Identifier: MIT
// What ends a running callback of a script at once and cannot be caught there: on the interpreter
// out of memory, a full stack or Ctrl-C set a flag that makes everything return, try or not.
// Not for: errors of scripts, which are objects of their own world (realm.ts).

/** Why a callback was cut off. */
export type AbortKind =
  | "out-of-memory"
  | "stack" // the stack is full
  | "endless" // a loop that never ends
  | "interrupted" // Ctrl-C on the console
  | "power-off"; // the board is gone while it ran

/** Thrown through a script's callback; see {@link AbortKind}. */
export class Abort extends Error {
  readonly kind: AbortKind;
  constructor(kind: AbortKind) {
    super(`the callback was cut off: ${kind}`);
    this.kind = kind;
  }
}
