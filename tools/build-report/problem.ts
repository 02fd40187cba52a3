// SPDX-License-Identifier: MIT
// A reason to stop the build, and its one-line form.
import path from "node:path";

/** Something in the firmware that must not reach a board. */
export interface BuildProblem {
  /** Source file, absolute or relative to the project; empty when no source is to blame. */
  file: string;
  /** Line, from 1. */
  line: number;
  /** Column, from 1. */
  column: number;
  /** Name of the construct, for example `destructuring`. */
  construct: string;
  message: string;
}

/** Formats a problem as `file:line:column: construct: message`, the file relative to `root`. */
export function formatProblem(problem: BuildProblem, root: string): string {
  const file = path.isAbsolute(problem.file)
    ? path.relative(root, problem.file).split(path.sep).join("/")
    : problem.file;
  return `${file}:${problem.line}:${problem.column}: ${problem.construct}: ${problem.message}`;
}
