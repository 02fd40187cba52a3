// SPDX-License-Identifier: MIT
// What a board printed, line by line, to be looked at and waited for.
import { waitFor } from "./wait.ts";

/** The console of one board over all its starts. */
export interface ConsoleLog {
  /** Complete lines, oldest first. */
  readonly lines: readonly string[];
  /** Adds one line. */
  add(line: string): void;
  /** Every match of a pattern, one per line at most, from line `from` on. */
  all(pattern: RegExp, from?: number): RegExpExecArray[];
  /**
   * Waits for `count` lines that match, from line `from` on.
   * @returns the last of them
   */
  waitFor(
    pattern: RegExp,
    boundMs: number,
    options?: { from?: number; count?: number },
  ): Promise<RegExpExecArray>;
  /** Lines that show an exception, an interpreter error or a fault of the firmware's own. */
  faults(): string[];
}

// The Linux build prints `ERROR: Connect failed` for each refused connection before it throws.
const FAULT =
  /Uncaught|Execution Interrupted|OUT OF MEMORY|MEMORY_BUSY|STACK|^ERROR: (?!Connect failed)| app fault | illegal-step /;

/** Creates an empty log. */
export function createConsoleLog(): ConsoleLog {
  const lines: string[] = [];

  function all(pattern: RegExp, from = 0): RegExpExecArray[] {
    const found: RegExpExecArray[] = [];
    for (let i = from; i < lines.length; i++) {
      const match = pattern.exec(lines[i] as string);
      if (match) found.push(match);
    }
    return found;
  }

  return {
    lines,
    add: (line) => void lines.push(line),
    all,
    waitFor: (pattern, boundMs, { from = 0, count = 1 } = {}) =>
      waitFor(
        () => all(pattern, from)[count - 1],
        boundMs,
        () =>
          `${count} x ${pattern} on the console, which ends with\n${lines.slice(-30).join("\n")}`,
      ),
    faults: () => lines.filter((line) => FAULT.test(line)),
  };
}
