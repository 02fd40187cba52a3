// SPDX-License-Identifier: MIT
// Prints results as lines and as a matrix of scenarios, targets and carriers.
import type { ScenarioResult } from "../scenario/result.ts";

/** One line for one result, e.g. `pass  first-beats on virtual over ws (3.1 s) beats=5`. */
export function resultLine(result: ScenarioResult): string {
  const evidence = Object.entries(result.evidence).map(([name, value]) => ` ${name}=${value}`);
  const seconds = (result.durationMs / 1000).toFixed(1);
  const head =
    `${result.verdict.padEnd(5)} ${result.scenario} on ${result.target} over ${result.carrier} ` +
    `(${seconds} s)`;
  return head + (result.reason ? `: ${result.reason}` : "") + evidence.join("");
}

/** The matrix: one row a scenario, one column a target and carrier. */
export function matrixLines(results: readonly ScenarioResult[]): string[] {
  const unique = (values: string[]): string[] => [...new Set(values)];
  const columnOf = ({ target, carrier }: ScenarioResult): string => `${target} ${carrier}`;
  const scenarios = unique(results.map(({ scenario }) => scenario));
  const columns = unique(results.map(columnOf));
  const verdictOf = (scenario: string, column: string): string =>
    results.find((r) => r.scenario === scenario && columnOf(r) === column)?.verdict ?? "-";
  const rows = [
    ["", ...columns],
    ...scenarios.map((scenario) => [
      scenario,
      ...columns.map((column) => verdictOf(scenario, column)),
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
