// SPDX-License-Identifier: MIT
// Checks the sizes of the last build against the ceilings in budget.json: each bundle, and each
// module, which counts what it has in the bundle where it is largest. Run it after a build.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bundleFiles } from "./bundle.ts";
import { entriesOf } from "./entries.ts";
import { runCheck } from "./run-check.ts";
import type { SizeReport } from "./size.ts";

/** What something may take, and why that much. */
export interface Ceiling {
  ceilingBytes: number;
  reason: string;
}

/** Contents of `budget.json`. */
export interface Budget {
  /** By name of the bundle. */
  bundles: { [name: string]: Ceiling };
  /** By path relative to the project, as in the size table. */
  modules: { [file: string]: Ceiling };
  /** By name of the folder in examples/devices; held by their tests, because only those build them. */
  devices: { [name: string]: Ceiling };
}

const BUDGET = "tools/build-report/budget.json";

function problemOf(what: string, bytes: number, ceiling: Ceiling | undefined): string | undefined {
  if (!ceiling) return `${what} has ${bytes} bytes and no ceiling in ${BUDGET}`;
  const overBytes = bytes - ceiling.ceilingBytes;
  if (overBytes <= 0) return undefined;
  return `${what} has ${bytes} bytes, ${overBytes} above the ceiling of ${ceiling.ceilingBytes} in ${BUDGET}`;
}

/**
 * Compares a build with its budget; one line per ceiling that is broken, missing or of no use.
 * @param reports sizes by name of the bundle.
 */
export function findSizeProblems(
  reports: { [name: string]: SizeReport },
  budget: Pick<Budget, "bundles" | "modules">,
): string[] {
  const problems: (string | undefined)[] = [];
  const bytesOf = new Map<string, number>();
  for (const [name, report] of Object.entries(reports)) {
    problems.push(problemOf(`the bundle ${name}`, report.minifiedBytes, budget.bundles[name]));
    for (const { file, bytes } of report.modules)
      bytesOf.set(file, Math.max(bytes, bytesOf.get(file) ?? 0));
  }
  for (const [file, bytes] of bytesOf) problems.push(problemOf(file, bytes, budget.modules[file]));
  for (const file of Object.keys(budget.modules))
    if (!bytesOf.has(file)) problems.push(`${file} has a ceiling in ${BUDGET} and is in no bundle`);
  return problems.filter((problem) => problem !== undefined);
}

runCheck(import.meta.url, () => {
  const read = (relative: string): string =>
    readFileSync(new URL(relative, import.meta.url), "utf8");
  const reports: { [name: string]: SizeReport } = {};
  for (const { name } of entriesOf(fileURLToPath(new URL("../../", import.meta.url))))
    reports[name] = JSON.parse(read(`../../dist/firmware/${bundleFiles(name).size}`)) as SizeReport;
  return findSizeProblems(reports, JSON.parse(read("./budget.json")) as Budget);
});
