// SPDX-License-Identifier: MIT
// Checks that package-lock.json names no address: a `resolved` entry ties everybody who installs to
// the registry of whoever ran `npm install` last. Integrity hashes pin the contents instead.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runCheck } from "./run-check.ts";

/** Lists the packages of a lock file that have an address or lack an integrity hash. */
export function findLockProblems(lockText: string): string[] {
  const lock = JSON.parse(lockText) as {
    packages: { [path: string]: { resolved?: string; integrity?: string; link?: boolean } };
  };
  const problems: string[] = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path === "") continue;
    if (entry.resolved !== undefined)
      problems.push(`package-lock.json: ${path} has an address; remove its "resolved"`);
    if (entry.integrity === undefined && !entry.link)
      problems.push(`package-lock.json: ${path} has no "integrity"`);
  }
  return problems;
}

runCheck(import.meta.url, () => {
  const file = fileURLToPath(new URL("../../package-lock.json", import.meta.url));
  return findLockProblems(readFileSync(file, "utf8"));
});
