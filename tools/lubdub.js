#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// Launcher of the `lubdub` command: teaches Node to load TypeScript, then hands over to cli.ts.
import process from "node:process";

const tsx = await import("tsx/esm/api").catch(() => undefined);
if (tsx) {
  tsx.register();
  await import("./cli.ts");
} else {
  process.stderr.write("lubdub: packages are missing: run `npm ci` first\n");
  process.exitCode = 1;
}
