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

// One callback runs at a time in this process, so there is one at most.
let passing: Abort | null = null;

/** Thrown through a script's callback; see {@link AbortKind}. */
export class Abort extends Error {
  readonly kind: AbortKind;
  constructor(kind: AbortKind) {
    super(`the callback was cut off: ${kind}`);
    this.kind = kind;
    // oxlint-disable-next-line typescript/no-this-alias -- the one that passes, not another name
    passing = this;
  }
}

/** The abort on its way out of the running callback: a script must not go on meanwhile. */
export function passingAbort(): Abort | null {
  return passing;
}

/**
 * Ends the passing of an abort, where a callback was called.
 *
 * @returns the abort, also when the script has caught it
 */
export function endAbort(): Abort | null {
  const ended = passing;
  passing = null;
  return ended;
}

/**
 * What is left of something that was thrown through a callback, for whoever called it.
 *
 * @returns null when the callback was cut off and leaves no error
 */
export function remainsOf(
  thrown: unknown,
  realm: { errorOf(abort: Abort): object | null },
): { thrown: unknown } | null {
  const abort = endAbort();
  if (!abort) return { thrown };
  const left = realm.errorOf(abort);
  return left && { thrown: left };
}
