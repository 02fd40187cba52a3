// SPDX-License-Identifier: MIT
// Prints results as lines and as a matrix of scenarios and targets.
import type { ScenarioResult } from "../scenario/result.ts";

/** One line for one result, e.g. `pass  first-beats on virtual (3.1 s) beats=5`. */
export function resultLine(result: ScenarioResult): string {
  const evidence = Object.entries(result.evidence).map(([name, value]) => ` ${name}=${value}`);
  const seconds = (result.durationMs / 1000).toFixed(1);
  const head = `${result.verdict.padEnd(5)} ${result.scenario} on ${result.target} (${seconds} s)`;
  return head + (result.reason ? `: ${result.reason}` : "") + evidence.join("");
}

/** The matrix: one row a scenario, one column a target. */
export function matrixLines(results: readonly ScenarioResult[]): string[] {
  const unique = (values: string[]): string[] => [...new Set(values)];
  const scenarios = unique(results.map(({ scenario }) => scenario));
  const targets = unique(results.map(({ target }) => target));
  const verdictOf = (scenario: string, target: string): string =>
    results.find((r) => r.scenario === scenario && r.target === target)?.verdict ?? "-";
  const rows = [
    ["", ...targets],
    ...scenarios.map((scenario) => [
      scenario,
      ...targets.map((target) => verdictOf(scenario, target)),
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
