// SPDX-License-Identifier: MIT
// Checks the sizes of the last build against the ceilings in budget.json. Run it after a build.
import { readFileSync } from "node:fs";
import { runCheck } from "./run-check.ts";
import type { SizeReport } from "./size.ts";

/** Contents of `budget.json`: ceilings, each with its reason. */
export interface Budget {
  minified: { ceilingBytes: number; reason: string };
}

/** Compares a build with its budget; one line per ceiling that is broken. */
export function findSizeProblems(report: SizeReport, budget: Budget): string[] {
  const { ceilingBytes } = budget.minified;
  const overBytes = report.minifiedBytes - ceilingBytes;
  if (overBytes <= 0) return [];
  return [
    `dist/firmware/lubdub.min.js has ${report.minifiedBytes} bytes, ${overBytes} above the ` +
      `ceiling of ${ceilingBytes} in tools/build-report/budget.json`,
  ];
}

runCheck(import.meta.url, () => {
  const read = (relative: string): string =>
    readFileSync(new URL(relative, import.meta.url), "utf8");
  const report = JSON.parse(read("../../dist/firmware/size.json")) as SizeReport;
  const budget = JSON.parse(read("./budget.json")) as Budget;
  return findSizeProblems(report, budget);
});
