// SPDX-License-Identifier: MIT
// The `lubdub` command. One line per program; each lives in a folder of its own and adds its own
// options. Run through tools/lubdub.js.
import { createRootCommand, quietPipes, runCommand } from "./lib/cli.ts";
import { registerBuild } from "./build/main.ts";
import { registerCommand } from "./command/main.ts";
import { registerDemo } from "./demo/main.ts";
import { registerHil } from "./hil/main.ts";
import { registerImage } from "./image/main.ts";
import { registerRun } from "./run/main.ts";
import { registerSim } from "./sim/main.ts";
import { registerUpdate } from "./update/main.ts";

const PROGRAMS = [
  registerBuild,
  registerDemo,
  registerSim,
  registerRun,
  registerHil,
  registerImage,
  registerUpdate,
  registerCommand,
];

quietPipes();
const root = createRootCommand(
  "Heartbeat firmware for Espruino, and what a person needs around it.",
);
for (const register of PROGRAMS) register(root);
process.exitCode = await runCommand(root, process.argv.slice(2));
