// SPDX-License-Identifier: MIT
// The project's linter on a planted folder, for the tests of its rules.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { PROJECT } from "./planted.ts";

/** Runs the linter in a folder; one finding each as `file:line rule(name)`, in its own words. */
export function lintFolder(root: string): string[] {
  const bin = path.join(PROJECT, "node_modules/.bin/oxlint");
  const result = spawnSync(bin, ["--format", "json"], { cwd: root, encoding: "utf8" });
  const report = JSON.parse(result.stdout) as {
    diagnostics: { code: string; filename: string; labels: { span: { line: number } }[] }[];
  };
  return report.diagnostics.map(
    ({ filename, code, labels }) => `${filename}:${labels[0]?.span.line ?? 0} ${code}`,
  );
}
