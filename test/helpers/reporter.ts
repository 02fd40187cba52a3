// SPDX-License-Identifier: MIT
// What a run must say besides vitest's own report: its seed, the reason of each skipped test, and,
// alone on the last line, the counts in the plain form that machines read.
import type { Reporter, SerializedError, TestModule, TestRunEndReason } from "vitest/node";
import { SEED } from "./seeds.ts";

/** Counts of a finished run. A file that could not be loaded counts as one failure. */
export interface RunCounts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Formats counts as the closing line, `N passed, N failed, N skipped`. */
export function formatCounts(counts: RunCounts): string {
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
}

/** Vitest reporter for the lines that vitest itself does not print. */
export class PlainReporter implements Reporter {
  onTestRunStart(): void {
    console.log(`seed ${SEED} (repeat with SEED=${SEED})`);
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    errors: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    const counts: RunCounts = { passed: 0, failed: errors.length, skipped: 0 };
    for (const module of modules) {
      counts.failed += module.errors().length;
      // A hook that throws: its tests are told as skipped.
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === "passed") counts.passed++;
        else if (result.state === "failed") counts.failed++;
        else if (result.state === "skipped") {
          counts.skipped++;
          console.log(`skipped: ${test.fullName}: ${result.note ?? "no reason given"}`);
        }
      }
    }
    if (counts.failed) console.log(`failed with seed ${SEED}: repeat with SEED=${SEED}`);
    if (reason === "interrupted") console.log("interrupted");
    console.log(formatCounts(counts));
  }
}
