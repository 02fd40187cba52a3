// SPDX-License-Identifier: MIT
// How a check of `npm run check` ends: silent when all is well, else one line per problem on stderr
// and exit code 1.
import process from "node:process";
import { pathToFileURL } from "node:url";

/**
 * Runs a check when its file is the program that was started, not when a test imports it.
 * @param moduleUrl `import.meta.url` of the check.
 * @param find gives one line per problem.
 */
export function runCheck(moduleUrl: string, find: () => string[]): void {
  if (!process.argv[1] || moduleUrl !== pathToFileURL(process.argv[1]).href) return;
  const problems = find();
  for (const problem of problems) process.stderr.write(problem + "\n");
  if (problems.length) process.exitCode = 1;
}
