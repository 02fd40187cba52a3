// SPDX-License-Identifier: MIT
// One fault, seen once on the real interpreter.

/** What is shown, and how. */
export interface FaultCase {
  /** Name of the fault, as in plans. */
  fault: string;
  /** What the interpreter is seen to do, a fact in the present tense. */
  shows: string;
  /** Why it cannot be shown on this machine; undefined when it can. */
  reasonToSkip?: string | undefined;
  run(): Promise<void>;
}
