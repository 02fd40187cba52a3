// SPDX-License-Identifier: MIT
// Looks at finished bundles with the simulator's syntax check and says which TypeScript line is to
// blame. The check itself is handed in: the simulator owns it, so that board and build agree.
import { TraceMap, originalPositionFor } from "@jridgewell/trace-mapping";
import type { SourceMapInput } from "@jridgewell/trace-mapping";
import path from "node:path";
import type { BuildProblem } from "./problem.ts";

/** What the check says about one place of a script; line and column from 1. */
export interface SyntaxProblem {
  line: number;
  column: number;
  construct: string;
  kind: "refused" | "wrong";
  message: string;
}

/** The simulator's `checkSyntax`. */
export type CheckSyntax = (source: string, fileName: string) => SyntaxProblem[];

/** A finished script with its source map, whose sources are relative to `dir`. */
export interface FinishedScript {
  name: string;
  code: string;
  map: SourceMapInput;
  /** Absolute folder that the sources of the map are relative to. */
  dir: string;
}

/**
 * Checks scripts and maps each finding back to its source. A finding in several scripts at the
 * same source place is told once; one without a source names the place in the script, unless the same
 * construct has a source.
 */
export function findSyntaxProblems(
  scripts: readonly FinishedScript[],
  checkSyntax: CheckSyntax,
): BuildProblem[] {
  const found = new Map<string, BuildProblem>();
  for (const script of scripts) {
    const map = new TraceMap(script.map);
    for (const problem of checkSyntax(script.code, script.name)) {
      const origin = originalPositionFor(map, {
        line: problem.line,
        column: problem.column - 1,
      });
      const place =
        origin.source === null
          ? { file: script.name, line: problem.line, column: problem.column }
          : {
              file: path.resolve(script.dir, origin.source),
              line: origin.line,
              column: origin.column + 1,
            };
      const { construct, message } = problem;
      // Babel's helpers have no source; they are in each of the scripts.
      const key = origin.source === null ? construct : `${place.file}:${place.line}:${construct}`;
      if (!found.has(key)) found.set(key, { ...place, construct, message });
    }
  }
  const sourced = new Set<string>();
  for (const { file, construct } of found.values())
    if (path.isAbsolute(file)) sourced.add(construct);
  return [...found.values()].filter(
    ({ file, construct }) => path.isAbsolute(file) || !sourced.has(construct),
  );
}
